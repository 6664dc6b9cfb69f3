"""Measures the structures of `decimal`, `array`, `mmap` and `ctypes`, by the means of probe.py: "name offset" lines."""

import array
import ctypes
import decimal
import mmap
import struct
import tempfile

from probe import WORD, only, places, read, size_of, word


def reaching(thing, start):
    """Offsets of pointers in `thing` to memory that begins with the bytes `start`."""
    return [
        at for at in range(2 * WORD, size_of(thing), WORD)
        if read(word(id(thing) + at) or 0, len(start)) == start
    ]


def equal_bytes(cases, size, mask=255):
    """Offsets of the byte that is, in each of the objects, the number that belongs to it, under a mask."""
    return [
        at for at in range(2 * WORD, size)
        if all(read(id(thing) + at, 1)[0] & mask == number for thing, number in cases)
    ]


def probe_decimal():
    """PyDecObject (Modules/_decimal/_decimal.c) and the mpd_t in it (Modules/_decimal/libmpdec/mpdecimal.h)."""
    low = 9123456789012345678
    made = decimal.Decimal((0, (1, 2, 3, 4) + tuple(map(int, str(low))), -12345))
    only("decimal_exponent", places(made, (1 << 64) - 12345))
    only("decimal_digits", places(made, 23))
    # Words of 19 decimal digits, the lowest first.
    only("decimal_data", reaching(made, struct.pack("<QQ", low, 1234)))
    # 77 digits are five words, more than lie in the object.
    long = decimal.Decimal((0, (7,) * 77, 0))
    only("decimal_words", [at for at in places(long, 5) if at in places(made, 2)])
    # MPD_NEG, MPD_INF, MPD_NAN, MPD_SNAN; the bits above say who owns the memory.
    texts = [("1", 0), ("-1", 1), ("Infinity", 2), ("-Infinity", 3), ("NaN", 4), ("sNaN", 8), ("-sNaN", 9)]
    only("decimal_flags", equal_bytes([(decimal.Decimal(text), flags) for text, flags in texts], size_of(made), 15))


def probe_array():
    """arrayobject and arraydescr, Modules/arraymodule.c."""
    made = array.array("q", [1234567890123456789, 5])
    only("array_items", reaching(made, struct.pack("<qq", *made)))
    # Its description begins with the type code, padded with zeros; an `int`, the size of an item, follows.
    only("array_description", reaching(made, b"q\0\0\0" + struct.pack("<i", 8)))


def probe_mmap():
    """mmap_object, Modules/mmapmodule.c."""
    offset, mark = 7 * mmap.ALLOCATIONGRANULARITY, b"marked memory"
    with tempfile.TemporaryFile() as file:
        file.seek(offset)
        file.write(mark.ljust(4321))
        file.flush()
        kinds = [mmap.ACCESS_DEFAULT, mmap.ACCESS_READ, mmap.ACCESS_WRITE, mmap.ACCESS_COPY]
        made = [mmap.mmap(file.fileno(), 4321, access=kind, offset=offset) for kind in kinds]
    for one in made:
        one.seek(1234)
    only("mmap_data", reaching(made[0], mark))
    only("mmap_size", places(made[0], 4321))
    only("mmap_position", places(made[0], 1234))
    only("mmap_offset", places(made[0], offset))
    # An `int`-sized enum.
    size = size_of(made[0])
    found = equal_bytes(list(zip(made, kinds)), size)
    only("mmap_access", [at for at in found if at % 4 == 0])


def probe_ctypes():
    """CDataObject and CFieldObject, Modules/_ctypes/ctypes.h."""
    made = (ctypes.c_short * 12345)()
    only("ctypes_data", [at for at in places(made, ctypes.addressof(made), 12 * WORD)][:1])
    only("ctypes_size", places(made, 2 * 12345))

    class Fields(ctypes.Structure):
        _fields_ = [("before", ctypes.c_char * 54321), ("probed", ctypes.c_char * 1234)]

    class Bits(ctypes.Structure):
        _fields_ = [("first", ctypes.c_uint, 5), ("second", ctypes.c_uint, 11), ("third", ctypes.c_uint, 13)]

    only("ctypes_field_offset", places(Fields.probed, 54321))
    at = only("ctypes_field_size", places(Fields.probed, 1234))
    bits = [(Bits.first, 5, 0), (Bits.second, 11, 5), (Bits.third, 13, 16)]
    # Up to 3.13 the size of a bit field is (bits << 16) + the first bit.
    if word(id(Bits.second) + at) != 11 << 16 | 5:
        size = size_of(Bits.second)
        only("ctypes_bits_count", equal_bytes([(field, count) for field, count, _ in bits], size))
        only("ctypes_bits_first", equal_bytes([(field, first) for field, _, first in bits], size))


probe_decimal()
probe_array()
probe_mmap()
probe_ctypes()
