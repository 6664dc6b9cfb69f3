"""One process without workers.  usage: alone.py compute|handled|handled-by-caller|start COUNT"""
import sys


def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def compute(count):
    for _ in range(count):
        fib(20)
        total = 0
        for i in range(100_000):
            total += i & 7


def handled(count):
    for i in range(count):
        try:
            raise ValueError(i)
        except ValueError:
            pass


def refuse(i):
    raise ValueError(i)


def handled_by_caller(count):
    for i in range(count):
        try:
            refuse(i)
        except ValueError:
            pass


def start(count):
    pass


globals()[sys.argv[1].replace("-", "_")](int(sys.argv[2]))
print("done")
