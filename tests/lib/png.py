"""PNGs of 8 and 16 bits as arrays (Pillow has those of 16 as 8), and what is said
of them."""
import functools
import struct
import zlib

import numpy as np


def paeth(a, b, c):
    x, y, z = abs(b - c), abs(a - c), abs(a + b - 2 * c)
    return a if x <= y and x <= z else b if y <= z else c


def unfilter(kind, line, above, pixel):
    """A row's bytes behind `pixel` zeros, as a list."""
    row = [0] * pixel + list(line)
    if kind == 1:
        for i in range(pixel, len(row)):
            row[i] = (row[i] + row[i - pixel]) & 255
    elif kind == 2:
        row = [(a + b) & 255 for a, b in zip(row, above)]
    elif kind == 3:
        for i in range(pixel, len(row)):
            row[i] = (row[i] + (row[i - pixel] + above[i]) // 2) & 255
    elif kind == 4:
        for i in range(pixel, len(row)):
            row[i] = (row[i] + paeth(row[i - pixel], above[i], above[i - pixel])) & 255
    return row


@functools.lru_cache(None)
def read(path):
    """[height, width, channels], uint8 or uint16."""
    data = open(path, "rb").read()
    width, height, bits, colour = struct.unpack(">16xIIBB", data[:26])
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    packed, at = b"", 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += 12 + length
    pixel = channels * bits // 8
    stored, length = zlib.decompress(packed), width * pixel + 1
    row, values = [0] * (length + pixel), b""
    for first in range(0, height * length, length):
        row = unfilter(stored[first], stored[first + 1:first + length], row, pixel)
        values += bytes(row[pixel:])
    kind = np.uint8 if bits == 8 else np.dtype(">u2")
    return np.frombuffer(values, kind).astype(
        np.uint16 if bits == 16 else np.uint8).reshape(height, width, channels)


def unit(path):
    """In [0,1]."""
    values = read(path)
    return values / (255 if values.dtype == np.uint8 else 65535)


def ok(good, what):
    print(("" if good else "not ") + "ok - " + what)
