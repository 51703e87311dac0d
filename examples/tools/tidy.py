#!/usr/bin/env python3
"""Copies a pcapng file without what it says about the machine that recorded it.

Hardware and operating system are left out of section header and interfaces, and a comment is put
into the section header; each other block is copied as it is.

usage: tidy.py IN OUT COMMENT
"""

import struct
import sys

SECTION_HEADER, INTERFACE = 0x0A0D0D0A, 1
OPT_END, OPT_COMMENT = 0, 1
SHB_HARDWARE, SHB_OS = 2, 3
IF_OS, IF_HARDWARE = 12, 15


def option(code, value):
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)


def without(block, fixed_size, codes, comment=None):
    """The block without options of these codes, with a comment if one is given."""
    at = 8 + fixed_size
    body = block[8:at] + (option(OPT_COMMENT, comment.encode()) if comment else b"")
    while at + 4 <= len(block) - 4:
        code, size = struct.unpack_from("<HH", block, at)
        if code == OPT_END:
            break
        if code not in codes:
            body += option(code, block[at + 4 : at + 4 + size])
        at += 4 + size + -size % 4
    body += option(OPT_END, b"")
    size = struct.pack("<I", 12 + len(body))
    return block[:4] + size + body + size


def main():
    source, target, comment = sys.argv[1:]
    with open(source, "rb") as file:
        data = file.read()
    if data[8:12] != b"\x4d\x3c\x2b\x1a":
        sys.exit("tidy.py: not a little-endian pcapng file")
    out, at = b"", 0
    while at + 12 <= len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if size < 12 or at + size > len(data):
            sys.exit(f"tidy.py: block of {size} bytes at byte {at}")
        block = data[at : at + size]
        if kind == SECTION_HEADER:
            block = without(block, 16, (OPT_COMMENT, SHB_HARDWARE, SHB_OS), comment)
        elif kind == INTERFACE:
            block = without(block, 8, (IF_OS, IF_HARDWARE))
        out += block
        at += size
    with open(target, "wb") as file:
        file.write(out)


if __name__ == "__main__":
    main()
