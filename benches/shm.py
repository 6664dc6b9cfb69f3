"""How fast `pmdb shm show` goes through a segment, beside reading it and beside numpy, all in one run.

    python3 benches/shm.py [--pmdb PATH] [--mib 1024] [--rounds 5]

Needs numpy. Each figure is the best of the rounds, taken in turns: GB/s of the segment's bytes. "read" is the machine's bandwidth as as many
threads as there are processors get it with numpy.sum of 64-bit integers, which does least with what it reads, in a process that has the segment
mapped and has touched all of it. "anew" is the same for who has not: with pread(2), in pieces that stay in the cache. "CPU" is pmdb's processor
time, which tells more than the clock where the machine is busy.
"""
import argparse
import json
import mmap
import os
import resource
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import shared_memory

import numpy as np

PATTERNS = {
    "normal": lambda random, count: random.standard_normal(count),
    "some NaN": lambda random, count: np.where(random.random(count) < 1e-5, np.nan, random.standard_normal(count)),
    "half zeros": lambda random, count: np.where(random.random(count) < 0.5, 0.0, random.standard_normal(count)),
}


def taken(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def read(array):
    parts = np.array_split(array.view("i8"), os.cpu_count() * 4)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(np.sum, parts))


def read_anew(name, size, piece=128 << 10):
    """By who does not map it. A mapping begins at a page, and so the copy is as fast as it can be."""
    file = os.open("/dev/shm/" + name, os.O_RDONLY)

    def part(first):
        room = mmap.mmap(-1, piece)
        numbers = np.frombuffer(room, "i8")
        for offset in range(first, min(first + size // (os.cpu_count() * 4), size), piece):
            os.preadv(file, [room], offset)
            numbers.sum()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(part, range(0, size, size // (os.cpu_count() * 4))))
    os.close(file)


def processor_time(work):
    """Of the programs that it starts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def by_numpy(array):
    return array.min(), array.max(), array.mean(), array.std(), np.isnan(array).sum()


def by_pmdb(pmdb, name, more=()):
    command = [pmdb, "shm", "show", name, "--as", "f64", "--json", "--values", "0", *more]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def arming(pmdb, rounds, mib=64, workers=2):
    """Microseconds until a watch of so much is armed in so many processes."""
    segment = shared_memory.SharedMemory(create=True, size=mib << 20)
    segment.buf[:] = bytes([1]) * segment.size
    children = []
    try:
        for _ in range(workers):
            source, sink = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(sink)
                os.read(source, 1)
                os._exit(segment.buf[0] - 1)
            os.close(source)
            children.append((child, sink))
        command = [pmdb, "shm", "watch", segment.name, "--for", "50ms", "--json", "--engine", "protection"]
        answers = [subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout for _ in range(rounds)]
        return [json.loads(answer.splitlines()[0])["armed_us"] for answer in answers], workers + 1
    finally:
        # Those that were forked later have the ends of the earlier ones, too.
        for _, sink in children:
            os.close(sink)
        for child, _ in children:
            os.waitpid(child, 0)
        segment.close()
        segment.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pmdb", default="target/release/pmdb")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = options.mib << 20
    segment = shared_memory.SharedMemory(create=True, size=size)
    try:
        array = np.ndarray((size // 8,), "f8", segment.buf)
        print(f"{options.mib} MiB of float64, {os.cpu_count()} processors, numpy {np.__version__}; GB/s")
        for name, make in PATTERNS.items():
            for part in np.array_split(array, 64):
                part[:] = make(np.random.default_rng(1), part.size)
            times = {"read": [], "anew": [], "pmdb": [], "numpy": []}
            processor = []
            for _ in range(options.rounds):
                times["read"].append(taken(lambda: read(array)))
                times["anew"].append(taken(lambda: read_anew(segment.name, size)))
                # What it costs to start and to find the segment is no part of the speed.
                start = taken(lambda: by_pmdb(options.pmdb, segment.name, ["--no-statistics"]))
                times["pmdb"].append(taken(lambda: by_pmdb(options.pmdb, segment.name)) - start)
                processor.append(processor_time(lambda: by_pmdb(options.pmdb, segment.name)))
                times["numpy"].append(taken(lambda: by_numpy(array)))
            speed = {who: size / min(each) / 1e9 for who, each in times.items()}
            print(
                f"{name:12}  read {speed['read']:6.2f}   anew {speed['anew']:6.2f}   pmdb {speed['pmdb']:6.2f} ({speed['pmdb'] / speed['read']:.2f} of read,"
                f" {speed['pmdb'] / speed['anew']:.2f} of anew, CPU {min(processor) * 1000:.0f} ms)"
                f"   numpy {speed['numpy']:6.2f} (pmdb is {speed['pmdb'] / speed['numpy']:.1f} times as fast)"
            )
        times, count = arming(options.pmdb, options.rounds)
        print(f"arming a watch on 64 MiB in {count} processes: {min(times) / 1000:.2f} ms at best, {max(times) / 1000:.2f} at worst (goal 2)")
        own = by_pmdb(options.pmdb, segment.name)["statistics"]
        assert own["count"] == array.size and abs(own["mean"] - array.mean()) < 1e-12, own
    finally:
        del array
        segment.close()
        segment.unlink()


main()
