"""A worker with much memory: HEAP_GIB of objects, SHARED_GIB in a named segment. A thread of it reads the clock in a loop.

Each line on its input is an order: "reset" forgets the longest time between two looks at the clock, "gap" prints it in milliseconds.
"""
import sys
import threading
import time
from multiprocessing import shared_memory

GIB = 1 << 30
PART = 1 << 20


class Clock(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.longest = 0

    def run(self):
        clock = time.monotonic_ns
        last = clock()
        while True:
            now = clock()
            if now - last > self.longest:
                self.longest = now - last
            last = now


def serve(samples, table, segment, view):
    clock = Clock()
    clock.start()
    print("ready", flush=True)
    for line in sys.stdin:
        if line.strip() == "reset":
            clock.longest = 0
        print(f"{clock.longest / 1e6:.3f}", flush=True)


def main(heap, shared):
    samples = [bytearray(b"%08d" % number * (PART // 8)) for number in range(int(heap * GIB) // PART)]
    table = {f"row {number}": [number, str(number), (number, number / 7)] for number in range(100_000)}
    segment = shared_memory.SharedMemory(create=True, size=max(int(shared * GIB), 4096))
    try:
        noise = bytes((7 * number * number + 11) % 251 for number in range(PART))
        for at in range(0, segment.size, PART):
            segment.buf[at : at + PART] = noise[: segment.size - at]
        view = segment.buf.cast("d")
        serve(samples, table, segment, view)
        del view
    finally:
        segment.unlink()


main(float(sys.argv[1]), float(sys.argv[2]))
