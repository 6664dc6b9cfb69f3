"""50 short-lived workers, ten at a time, beside one that computes.  usage: short_lived.py fork|spawn|forkserver"""
import multiprocessing
import sys


def square(number):
    return number * number


def compute():
    total = 0
    for i in range(3_000_000):
        total += i & 7
    return total


def main():
    context = multiprocessing.get_context(sys.argv[1])
    computing = context.Process(target=compute)
    computing.start()
    for _ in range(5):
        workers = [context.Process(target=square, args=(number,)) for number in range(10)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    computing.join()
    print("done", computing.exitcode)


if __name__ == "__main__":
    main()
