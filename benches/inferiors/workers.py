"""A process with as many workers as it is told, each with some data of its own, all waiting."""
import os
import signal
import sys
from multiprocessing import shared_memory


def work(number, segment):
    batch = {f"sample {index}": [index * number, str(index)] for index in range(5_000)}
    os.write(1, b".")
    while batch and segment:
        signal.pause()


segment = shared_memory.SharedMemory(create=True, size=8 << 20)
segment.buf[:] = b"\7" * segment.size
workers = []
for number in range(int(sys.argv[1])):
    workers.append(os.fork())
    if workers[-1] == 0:
        work(number, segment)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
try:
    while True:
        signal.pause()
finally:
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    segment.unlink()
