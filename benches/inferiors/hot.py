"""Calls and loops, timed: usage `hot.py FIB LOOPS TURNS`. Waits for `armed` if a fourth word says so; then prints a line for each turn.

The seconds are processor time of the thread, which other work of the machine hardly changes.

`TIMES fib SECONDS loops SECONDS hits SECONDS COUNT`: the last is the time of a loop through a line that a breakpoint may be on.
"""
import sys
import time

armed = len(sys.argv) < 5


def never(x):
    y = x
    return y


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def loops(count):
    total = 0
    for i in range(count):
        total += i & 7
    return total


def hits(count):
    total = 0
    for i in range(count):
        total += i & 7
        total ^= 1
    return total


def turn(calls, count, few):
    times = []
    for work, size in ((fib, calls), (loops, count), (hits, few)):
        began = time.thread_time()
        work(size)
        times.append(time.thread_time() - began)
    print("TIMES fib %.6f loops %.6f hits %.6f %d" % (*times, few), flush=True)


def done():
    return 0


def main():
    if not armed:
        print("ready", flush=True)
    while not armed:
        time.sleep(0.001)
    # Whether the loops find free memory for their numbers in one place of CPython's heap or in two is chance, and a tenth of their time. These take what is free.
    kept = list(range(1 << 20, (1 << 20) + 1000))
    for _ in range(int(sys.argv[3])):
        turn(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[2]) // 20)
    done()
    kept.clear()


if __name__ == "__main__":
    main()
