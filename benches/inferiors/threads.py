"""THREADS sleeping threads of DEPTH frames with variables, and the main thread measuring for how long at a
time this process stands still.  usage: threads.py THREADS DEPTH CLOCK_FILE

The file holds two doubles, in seconds: the longest gap between two readings of the clock, and the sum of all
gaps above half a millisecond. Whoever writes zeros there starts a new measurement.
"""
import mmap
import sys
import threading
import time


class Settings:
    def __init__(self, number):
        self.name = "worker-%d" % number
        self.rate = 0.25 * number
        self.tags = ["a", "b", str(number)]


def level(left, settings, table, arrived):
    label, total, pair = "frame %d" % left, left * 3.5, (left, left + 1)
    items = [left, label, None, True, {"k": left, "nested": [1, 2, 3]}]
    if left > 1:
        level(left - 1, settings, table, arrived)
        return label, total, pair, items
    arrived.wait()
    threading.Event().wait()


def watch_the_clock(path):
    with open(path, "r+b") as file:
        longest_and_sum = memoryview(mmap.mmap(file.fileno(), 16)).cast("d")
    now = time.monotonic
    last = now()
    while True:
        reading = now()
        gap, last = reading - last, reading
        if gap > 0.0005:
            longest_and_sum[1] += gap
            if gap > longest_and_sum[0]:
                longest_and_sum[0] = gap


def main():
    threads, depth, path = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    arrived = threading.Barrier(threads + 1)
    for number in range(threads):
        table = {key: str(key) for key in range(100)}
        arguments = (depth, Settings(number), table, arrived)
        threading.Thread(target=level, args=arguments, daemon=True).start()
    arrived.wait()
    print("ready", flush=True)
    watch_the_clock(path)


main()
