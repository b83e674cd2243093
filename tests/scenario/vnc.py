#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A VNC viewer that does what its input says, for what Debian's viewers do without a screen only in part.

Usage: vnc.py PORT. A line is an order: type TEXT, png FILE, quit. Each is answered with a line: ok, or why not.
The first answer is for the connection: open NAME, or refused REASON (RFC 6143 7.1)."""
import socket
import struct
import sys
import zlib


class Viewer:
    def __init__(self, port):
        self.peer = socket.create_connection(("127.0.0.1", port), 10)
        self.peer.settimeout(25)

    def take(self, form):
        size, data = struct.calcsize(form), b""
        while len(data) < size:
            more = self.peer.recv(size - len(data))
            if not more:
                raise EOFError("the server closed the connection")
            data += more
        values = struct.unpack(form, data)
        return values[0] if len(values) == 1 else values

    def take_text(self):
        return self.take(f"{self.take('>I')}s").decode("latin-1")

    def shake_hands(self):
        assert self.take("12s") == b"RFB 003.008\n"
        self.peer.sendall(b"RFB 003.008\n")
        types = self.take("B")
        if types == 0:
            return f"refused {self.take_text()}"
        assert 1 in self.take(f"{types}s"), "security None is not offered"
        self.peer.sendall(b"\1")
        if self.take(">I"):
            return f"refused {self.take_text()}"
        self.peer.sendall(b"\1")
        self.width, self.height = self.take(">HH16x")
        name = self.take_text()
        self.peer.sendall(struct.pack(">B3xBBBBHHHBBB3x", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))
        self.peer.sendall(struct.pack(">BxHii", 2, 2, 0, -223))
        return f"open {name}"

    def order_type(self, text):
        for c in text:
            self.peer.sendall(struct.pack(">BBxxIBBxxI", 4, 1, ord(c), 4, 0, ord(c)))

    def update(self):
        """One message of the server into the picture. The area of pixels that it brought."""
        kind, area = self.take("B"), 0
        if kind == 3:
            self.take("3x")
            self.take_text()
        if kind != 0:
            assert kind in (2, 3), f"message {kind}"
            return 0
        for _ in range(self.take(">xH")):
            x, y, w, h, encoding = self.take(">HHHHi")
            if encoding == -223:
                self.width, self.height, self.rows = w, h, [bytearray(4 * w) for _ in range(h)]
                continue
            assert encoding == 0, f"encoding {encoding}"
            pixels, area = self.take(f"{4 * w * h}s"), area + w * h
            for i in range(h if y + h <= len(self.rows) else 0):
                self.rows[y + i][4 * x:4 * (x + w)] = pixels[4 * w * i:4 * w * (i + 1)]
        return area

    def order_png(self, path):
        """A whole new picture: the update that is asked for is whole, so it is in when so many pixels are."""
        self.rows = [bytearray(4 * self.width) for _ in range(self.height)]
        self.peer.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        got = 0
        while got < self.width * self.height:
            got += self.update()
        rgb = b"".join(b"\0" + b"".join(bytes((row[i + 2], row[i + 1], row[i])) for i in range(0, len(row), 4)) for row in self.rows)
        chunks = ((b"IHDR", struct.pack(">IIBBBBB", self.width, self.height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rgb)), (b"IEND", b""))
        with open(path, "wb") as f:
            f.write(b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks))


def main():
    viewer = Viewer(int(sys.argv[1]))
    print(viewer.shake_hands(), flush=True)
    for line in sys.stdin:
        verb, _, rest = line.rstrip("\n").partition(" ")
        if verb == "quit":
            break
        try:
            getattr(viewer, f"order_{verb}")(rest)
            print("ok", flush=True)
        except (EOFError, OSError, AssertionError) as e:
            print(type(e).__name__, e, flush=True)


main()
