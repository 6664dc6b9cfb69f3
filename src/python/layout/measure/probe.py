"""Measures structures that no header declares, by looking at live objects of the interpreter that runs this.

An offset is found by putting an object or a number that occurs nowhere else into the structure and searching the
structure's memory for it; each search must find exactly one place, or this fails. Prints "name offset" lines.
Runs on every CPython from 3.8 on. Nothing here is read through a pointer without the kernel's check: all reads go
through /proc/self/mem, so that a wrong guess is an error and not a crash.
"""

import asyncio
import collections
import datetime
import os
import re
import struct
import sys
import threading
import types

MEMORY = os.open("/proc/self/mem", os.O_RDONLY)
WORD = 8


def read(address, size):
    """What is there of `size` bytes: nothing where nothing is mapped."""
    try:
        return os.pread(MEMORY, size, address) if 0 < address < 1 << 47 else b""
    except OSError:
        return b""


def word(address):
    data = read(address, WORD)
    return struct.unpack("<Q", data)[0] if len(data) == WORD else None


def words(address, count):
    return [word(address + WORD * i) for i in range(count)]


def size_of(thing):
    """The object itself, without the collector's header before it."""
    return type(thing).__basicsize__


def places(thing, value, size=None):
    """Byte offsets of the pointer or number `value` in `thing`, behind its header of reference count and type."""
    count = (size or size_of(thing)) // WORD
    return [WORD * i for i in range(2, count) if word(id(thing) + WORD * i) == value]


def only(name, found):
    found = sorted(set(found))
    if len(found) != 1:
        raise SystemExit("%s: expected one place, found %r" % (name, found))
    print(name, found[0])
    return found[0]


def pointer(name, thing, target, size=None):
    return only(name, places(thing, id(target), size))


class Marker:
    pass


def probe_dict():
    """PyDictKeysObject of 3.8 to 3.10 (Objects/dict-common.h): hash table of dk_size slots, entries of 3 words."""
    def keys_of(count):
        made = {}
        for i in range(count):
            made["key%d" % i] = i
        return made

    # The table doubles when it is two thirds full.
    cases = [(keys_of(5), 5, 8), (keys_of(9), 9, 16), (keys_of(20), 20, 32), (keys_of(40), 40, 64)]
    keys_at = 32
    tables = [(word(id(d) + keys_at), entries, size) for d, entries, size in cases]
    only("keys_size", [o for o in range(8, 64, WORD) if all(word(t + o) == size for t, _, size in tables)])
    only("keys_nentries", [o for o in range(8, 64, WORD) if all(word(t + o) == n for t, n, _ in tables)])
    # Entry 0 is hash, key, value; it follows `size` one-byte indices.
    first = [(t, size, hash("key0") & (1 << 64) - 1) for t, _, size in tables]
    only("keys_indices", [o for o in range(8, 80, WORD) if all(word(t + o + size) == h for t, size, h in first)])
    # A split table: ma_values points straight at the values.
    thing = Marker()
    thing.first, thing.second = one, two = Marker(), Marker()
    values = word(id(thing.__dict__) + 40)
    only("values_items", [o for o in range(0, 24, WORD) if words(values + o, 2) == [id(one), id(two)]])


def probe_values_order():
    """The bytes before PyDictValues of 3.11 and 3.12 (Include/internal/pycore_dict.h): in which order values were set."""
    class Ordered:
        pass

    first, thing = Ordered(), Ordered()
    first.a, first.b, first.c = 1, 2, 3
    thing.c, thing.a, thing.b = c, a, b = Marker(), Marker(), Marker()
    links = [word(id(thing) - WORD * i) for i in range(1, 6)]
    tables = [link + tag for link in links if link for tag in (0, 1)]
    values = next(table for table in tables if words(table, 3) == [id(a), id(b), id(c)])
    before = read(values - 16, 16)[::-1]
    only("values_order_first", [i + 1 for i in range(14) if before[i:i + 3] == bytes([2, 0, 1])])
    only("values_order_size", [i + 1 for i in range(16) if before[i] == 3])


def probe_descriptors():
    mapping = {"a": 1}
    pointer("proxy_mapping", types.MappingProxyType(mapping), mapping)

    def getter():
        pass

    pointer("property_get", property(getter), getter)
    places_of = [places(kind(getter), id(getter)) for kind in (classmethod, staticmethod)]
    # From 3.10 on, `__wrapped__` and others are copied into the instance's dict, not beside the pointer.
    assert places_of[0] == places_of[1], places_of
    only("wrapped_callable", places_of[0])
    number = 1 << 70
    pointer("wrapper_self", number.__add__, number)
    pointer("wrapper_descr", number.__add__, int.__dict__["__add__"])


def probe_small_objects():
    start, step = 1 << 80, 3 << 80
    stop = start + 5 * step
    made = range(start, stop, step)
    pointer("range_start", made, start)
    pointer("range_stop", made, stop)
    pointer("range_step", made, step)
    # Small ints are shared, so 5 is the same object wherever it is.
    pointer("range_length", made, 5)
    module = types.ModuleType("probed")
    pointer("module_dict", module, module.__dict__)
    factory = Marker
    pointer("defaultdict_factory", collections.defaultdict(factory), factory)
    offset, name = datetime.timedelta(hours=3), "zone" + str(os.getpid())
    zone = datetime.timezone(offset, name)
    pointer("timezone_offset", zone, offset)
    pointer("timezone_name", zone, name)


def probe_match():
    """MatchObject, Modules/_sre/sre.h: where a match begins and ends, in characters."""
    found = re.compile("b+").search("a" * 12345 + "b" * 6789 + "c")
    size = size_of(found) + 4 * WORD
    only("match_marks", [at for at in places(found, 12345, size) if word(id(found) + at + WORD) == 12345 + 6789])


def probe_locks():
    """lockobject and rlockobject, Modules/_threadmodule.c."""
    held, free = ([threading.Lock() for _ in range(20)] for _ in range(2))
    for lock in held:
        lock.acquire()

    def all_have(locks, at, byte):
        return all(read(id(lock) + at, 1) == byte for lock in locks)

    size = size_of(held[0])
    only("lock_locked", [at for at in range(16, size) if all_have(held, at, b"\1") and all_have(free, at, b"\0")])
    again = threading.RLock()
    for _ in range(7):
        again.acquire()
    only("rlock_owner", places(again, threading.get_ident()))
    counts = [(at, 7 - from_) for from_ in (6, 7) for at in places(again, from_)]
    only("rlock_count", [at for at, _ in counts])
    # From 3.14 on, 0 means that it is held once.
    print("rlock_count_from", counts[0][1])


def probe_deque():
    """dequeobject and its blocks, Modules/_collectionsmodule.c."""
    items = [Marker() for _ in range(300)]
    made = collections.deque(items, 12345)
    only("deque_maxlen", places(made, 12345))
    blocks = []
    for at in range(2 * WORD, size_of(made), WORD):
        block = word(id(made) + at)
        inside = words(block, 70) if block and block % WORD == 0 and word(block) is not None else []
        if id(items[0]) in inside:
            blocks.append((at, block, inside.index(id(items[0]))))
    only("deque_left_block", [at for at, _, _ in blocks])
    left, block, first_word = blocks[0]
    # A block is: left link, items, right link.
    inside = words(block, 70)
    run = 0
    while inside[first_word + run] == id(items[run]):
        run += 1
    following = words(inside[first_word + run], 70)
    items_at = following.index(id(items[run]))
    length = 0
    while following[items_at + length] == id(items[run + length]):
        length += 1
    print("deque_block_items", items_at * WORD)
    print("deque_block_length", length)
    right_at = items_at + length
    assert first_word + run == right_at, (first_word, run, right_at)
    print("deque_block_right", right_at * WORD)
    left_index = first_word - items_at
    only("deque_left_index", places(made, left_index))


def probe_ordered_dict():
    """PyODictObject and its nodes, Objects/odictobject.c."""
    keys = ["odict" + c for c in "abc"]
    made = collections.OrderedDict((k, None) for k in keys)
    found = []
    for at in range(2 * WORD, size_of(made), WORD):
        node = word(id(made) + at)
        inside = words(node, 5) if node and node % WORD == 0 and word(node) is not None else []
        if id(keys[0]) in inside:
            key_at = inside.index(id(keys[0]))
            for next_at, link in enumerate(inside):
                if link not in (None, node) and word(link + key_at * WORD) == id(keys[1]):
                    found.append((at, key_at * WORD, next_at * WORD))
    # The dict's own entries are elsewhere: only the list of nodes is linked.
    only("odict_first", [f[0] for f in found])
    only("odict_node_key", [f[1] for f in found])
    only("odict_node_next", [f[2] for f in found])


def probe_futures(loop):
    """FutureObj, Modules/_asynciomodule.c."""
    def future():
        return asyncio.Future(loop=loop)

    def callback(_):
        pass

    pending, cancelled, finished, failed = future(), future(), future(), future()
    pointer("future_loop", pending, loop)
    pending.add_done_callback(callback)
    pointer("future_callback0", pending, callback)
    pending.add_done_callback(callback)
    callbacks = [
        at for at in range(2 * WORD, size_of(pending), WORD)
        if word((word(id(pending) + at) or 0) + WORD) == id(list)
    ]
    only("future_callbacks", callbacks)
    result, error = Marker(), ValueError("probed")
    cancelled.cancel()
    finished.set_result(result)
    failed.set_exception(error)
    pointer("future_result", finished, result)
    pointer("future_exception", failed, error)
    failed.exception()
    values = [(pending, 0), (cancelled, 1), (finished, 2), (failed, 2)]
    states = []
    for at in range(2 * WORD, size_of(pending), 4):
        if all(struct.unpack("<i", read(id(f) + at, 4))[0] == value for f, value in values):
            states.append(at)
    only("future_state", states)


def changed(address, size, change):
    """The bytes that `change` changes in a structure: offset, before, after."""
    before = read(address, size)
    change()
    after = read(address, size)
    return [(at, one, other) for at, (one, other) in enumerate(zip(before, after)) if one != other]


async def probe_awaitables(loop):
    """What stands between a coroutine and what it awaits: Objects/genobject.c, Objects/iterobject.c, _asynciomodule.c."""
    async def stream():
        yield

    async def coroutine():
        pass

    source, made, future = stream(), coroutine(), loop.create_future()
    step = source.asend(None)
    pointer("asend_generator", step, source)
    pointer("athrow_generator", source.athrow(ValueError), source)
    pointer("coroutine_wrapper", made.__await__(), made)
    pointer("future_iter", future.__await__(), future)
    if sys.version_info >= (3, 10):
        # The object holds what `__anext__()` returned, another asend.
        awaitable = anext(source, None)
        found = [
            at for at in range(2 * WORD, size_of(awaitable), WORD)
            if word((word(id(awaitable) + at) or 0) + WORD) == id(type(step))
        ]
        only("anext_wrapped", found)
    step.close()
    made.close()


async def probe_suspended(loop):
    """How far below the top of its value stack a suspended coroutine has what it awaits (3.14+, where the top is a pointer)."""
    gate = loop.create_future()

    @types.coroutine
    def inner():
        yield gate

    async def outer():
        await generator

    generator = inner()
    made = outer()
    made.send(None)
    start, end = id(made), id(made) + size_of(made) + made.cr_code.co_nlocals * WORD + 20 * WORD
    slots = [at for at in range(start + 2 * WORD, end, WORD) if (word(at) or 0) & ~3 == id(generator)]
    distances = [
        top - slot for slot in slots
        for top in words(start, (end - start) // WORD) if top is not None and 0 < top - slot <= 3 * WORD
    ]
    if distances:
        only("awaited_below_top", distances)
    made.close()


async def probe_cancelling():
    """Where a task says that somebody cancels it."""
    loop = asyncio.get_running_loop()

    async def wait(future):
        while True:
            try:
                await future
            except asyncio.CancelledError:
                return

    async def swallow():
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                pass

    counted = []
    if sys.version_info >= (3, 11):
        # The number of requests: 1 after the first, 2 after another.
        task = loop.create_task(swallow())
        await asyncio.sleep(0)
        once = changed(id(task), size_of(task), task.cancel)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        twice = changed(id(task), size_of(task), task.cancel)
        counted = [at for at, _, now in once if now == 1 and (at, 1, 2) in twice]
        only("task_cancel_requests", counted)
    # A task that has not begun can only remember that it must be cancelled: a flag among others.
    task = loop.create_task(wait(loop.create_future()))
    if sys.version_info >= (3, 9):
        # So that cancelling changes no pointer.
        task._cancel_message = None
    flags = [(at, one ^ other) for at, one, other in changed(id(task), size_of(task), task.cancel) if at not in counted]
    only("task_must_cancel", [at for at, _ in flags])
    print("task_must_cancel_bit", flags[0][1])


async def probe_tasks():
    """TaskObj, Modules/_asynciomodule.c."""
    loop = asyncio.get_running_loop()
    gate = loop.create_future()

    async def inner():
        await gate

    async def outer(task):
        await task

    coroutine, name = inner(), "task" + str(os.getpid())
    task = loop.create_task(coroutine)
    task.set_name(name)
    waiter = loop.create_task(outer(task))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pointer("task_coro", task, coroutine)
    pointer("task_name", task, task.get_name())
    # In 3.14 on, what a future is awaited by is beside what a task waits for: different objects, no confusion.
    pointer("task_fut_waiter", task, gate)
    awaited_by = places(task, id(waiter))
    if awaited_by:
        only("future_awaited_by", awaited_by)
    # `struct llist_node`: the node of each task points at that of the next one.
    nodes = []
    for at in range(2 * WORD, size_of(task), WORD):
        if id(task) + at in words(id(waiter) + at, 2) and id(waiter) + at in words(id(task) + at, 2):
            nodes.append(at)
    if nodes:
        only("task_node", nodes)
    gate.set_result(None)
    await waiter


def main():
    if sys.version_info < (3, 11):
        probe_dict()
    elif sys.version_info < (3, 13):
        probe_values_order()
    probe_descriptors()
    probe_small_objects()
    probe_match()
    probe_locks()
    probe_deque()
    probe_ordered_dict()
    loop = asyncio.new_event_loop()
    probe_futures(loop)
    loop.run_until_complete(probe_tasks())
    loop.run_until_complete(probe_awaitables(loop))
    loop.run_until_complete(probe_suspended(loop))
    loop.run_until_complete(probe_cancelling())
    loop.close()


if __name__ == "__main__":
    main()
