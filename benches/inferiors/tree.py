"""WORKERS forked processes, asleep eleven frames deep.  usage: tree.py WORKERS"""
import multiprocessing
import sys
import threading


def level(left, arrived, settings):
    if left > 0:
        level(left - 1, arrived, settings)
    arrived.release()
    threading.Event().wait()


def worker(rank, arrived):
    level(10, arrived, {"rank": rank, "rate": 0.1, "shape": (3, 224, 224)})


def main():
    workers = int(sys.argv[1])
    context = multiprocessing.get_context("fork")
    arrived = context.Semaphore(0)
    for rank in range(workers):
        context.Process(target=worker, args=(rank, arrived), daemon=True).start()
    for _ in range(workers):
        arrived.acquire()
    print("ready", *(child.pid for child in multiprocessing.active_children()), flush=True)
    sys.stdin.read()


main()
