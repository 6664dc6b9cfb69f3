"""numpy at work in several threads, with callbacks into Python."""
import threading

import numpy


def work(seed):
    numbers = numpy.random.default_rng(seed).random((200, 200))
    while True:
        product = numbers @ numbers.T
        numpy.linalg.svd(product[:60, :60])
        numpy.sort(product, axis=None)
        numpy.apply_along_axis(lambda row: row.sum(), 1, product)
        numpy.vectorize(lambda number: number + 1)(product[:20])


for seed in range(3):
    threading.Thread(target=work, args=(seed,), daemon=True).start()
print("ready", flush=True)
work(9)
