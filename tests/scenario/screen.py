#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What amtsim's screen shows in a PNG file, read pixel by pixel: size, colour bars, border, and the three lines of text.

Usage: screen.py FILE.png, from the top of the sources: the letters are those of src/sim/kvm_font.c."""
import re
import struct
import sys
import zlib

BARS = ["c0c0c0", "c0c000", "00c0c0", "00c000", "c000c0", "c00000", "0000c0", "101010"]
MARGIN, FONT_W, FONT_H, LINE_CHARS = 8, 6, 8, 36


def png_rows(data):
    """8 bits a channel, no palette, not interlaced: the rows as bytes, and how many of them are a pixel."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at, packed, (width, height, depth, colour, _, _, laced) = 8, b"", struct.unpack(">IIBBBBB", data[16:29])
    assert depth == 8 and colour in (2, 6) and laced == 0, f"depth {depth}, colour type {colour}"
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    raw, step = zlib.decompress(packed), 3 if colour == 2 else 4
    size, above, rows = width * step, bytearray(width * step), []
    for y in range(height):
        how, row = raw[y * (size + 1)], bytearray(raw[y * (size + 1) + 1:(y + 1) * (size + 1)])
        if how == 2:
            row = bytearray((v + u) & 255 for v, u in zip(row, above))
        elif how:
            for i, v in enumerate(row):
                left, up, corner = (row[i - step], above[i], above[i - step]) if i >= step else (0, above[i], 0)
                near = min((abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner))
                row[i] = v + {1: left, 3: (left + up) // 2, 4: near[2]}[how] & 255
        rows.append(row)
        above = row
    return width, height, step, rows


def is_colour(seen, rgb):
    """One colour, and that; or, as the firmware sends it to most viewers, the same in 5, 6 and 5 bits: a step of 255 is rounded there."""
    if len(seen) != 1:
        return False
    for got, want, bits in zip(bytes.fromhex(min(seen)), bytes.fromhex(rgb), (5, 6, 5)):
        if got != want and abs(got - (want >> (8 - bits)) * 255 / (2 ** bits - 1)) > 1:
            return False
    return True


def letters():
    with open("src/sim/kvm_font.c", encoding="ascii") as f:
        found = re.findall(r"\{((?:0x[0-9a-f]{2}(?:, )?){7})\}", f.read())
    assert len(found) == 95, f"{len(found)} letters"
    return {bytes(int(v, 16) for v in rows.split(", ")): chr(32 + i) for i, rows in enumerate(found)}


def main():
    with open(sys.argv[1], "rb") as f:
        width, height, step, rows = png_rows(f.read())
    k, known = 2 if width >= 1024 else 1, letters()

    def pixel(x, y):
        return rows[y][x * step:x * step + 3].hex()

    def line(n):
        left, top, text = MARGIN + k, MARGIN + n * (FONT_H + 2) * k + k, ""
        for c in range(LINE_CHARS - 1):
            cell = bytes(sum((pixel(left + (c * FONT_W + j) * k, top + i * k) != "000000") << (4 - j) for j in range(5)) for i in range(7))
            text += known.get(cell, "\ufffd")
        return text.rstrip()

    # a third down: below the text, above the moving block; a bar is one colour from edge to edge
    y = height // 3
    bars = [{pixel(x, y) for x in range(width * i // 8 + (i == 0), width * (i + 1) // 8 - (i == 7))} for i in range(8)]
    # the moving block may touch the border, in the middle of its height
    sides = [y for y in range(height) if abs(y - height // 2) > 24]
    border = {pixel(x, y) for x in range(width) for y in (0, height - 1)} | {pixel(x, y) for y in sides for x in (0, width - 1)}
    # the strip's third part has runs of any colour, its fourth none at all: a picture that is smeared has fewer
    strip = {pixel(x, height - height // 8) for x in range(width * 3 // 5, width * 4 // 5)}
    print(f"size {width}x{height}")
    print("bars", "right" if all(map(is_colour, bars, BARS)) else [sorted(b)[:4] for b in bars])
    print("border", "right" if border == {"ffffff"} else sorted(border)[:8])
    print("noise", "right" if len(strip) > (width // 5) * 9 // 10 else f"{len(strip)} colours")
    print("name", line(0))
    print("text", line(1))
    print("echo", line(2))


main()
