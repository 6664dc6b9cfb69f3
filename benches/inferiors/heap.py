"""A heap of MEBIBYTES and a dictionary of 700,000 entries that every frame refers to; eight threads of 31
frames. Dies of SIGABRT, for a core.  usage: heap.py MEBIBYTES"""
import os
import sys
import threading


def level(left, blocks, table, arrived):
    label, items, first = "frame %d" % left, [left, None, {"k": left}], blocks[0]
    if left > 0:
        level(left - 1, blocks, table, arrived)
        return label, items, first
    arrived.wait()
    if threading.current_thread() is threading.main_thread():
        os.abort()
    threading.Event().wait()


def main():
    size = int(sys.argv[1]) << 20
    blocks = [bytearray(os.urandom(1 << 20) * (size // 8 >> 20)) for _ in range(8)]
    table = {key: [str(key), (key, key + 1)] for key in range(700_000)}
    arrived = threading.Barrier(8)
    for _ in range(7):
        threading.Thread(target=level, args=(30, blocks, table, arrived), daemon=True).start()
    level(30, blocks, table, arrived)


main()
