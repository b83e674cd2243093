# SPDX-License-Identifier: Apache-2.0
"""Looks for secrets where none may be.

secrets.py watch BUILD DIR: until it is stopped, keeps in DIR/argv the command lines of all programs of BUILD and of whatever they
start, and in DIR/environ the environments of what they start. Processes that began before it did are not looked at.

secrets.py search SECRETS NAME=PATH...: SECRETS has lines "label TAB value", and "label TAB user TAB realm TAB ha1" for passwords
of which only that much is known: whatever has the shape of a password is tried. A value is looked for as it is and in base64.
PATH is a file, or a directory with all below it. Tells "label NAME" for all that is found.
"""
import base64
import hashlib
import os
import re
import sys
import time

PAUSE_S = 0.004
PASSWORD = re.compile(rb"[A-Za-z0-9$@!%*#?]{24,}")  # the server's AMT passwords: so long, and of these letters
PASSWORD_BYTES = 24


def read(path):
    try:
        with open(path, "rb") as f:
            return f.read()
    except OSError:
        return b""


class Watch:
    def __init__(self, build, to):
        self.build = os.path.realpath(build) + "/"
        self.first = os.getpid()
        self.ours = set()
        self.seen = {name: set() for name in ("argv", "environ")}
        self.files = {name: open(f"{to}/{name}", "ab", buffering=0) for name in self.seen}

    def keep(self, name, text):
        if text and text not in self.seen[name]:
            self.seen[name].add(text)
            self.files[name].write(text.replace(b"\0", b" ") + b"\n")

    def look(self):
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            if pid <= self.first:
                continue
            try:
                is_ours = os.readlink(f"/proc/{pid}/exe").startswith(self.build)
                parent = int(read(f"/proc/{pid}/stat").rpartition(b")")[2].split()[1])
            except (OSError, IndexError):
                continue
            is_child = parent in self.ours
            if is_ours or is_child:
                self.ours.add(pid)
                self.keep("argv", read(f"/proc/{pid}/cmdline"))
            if is_child:
                self.keep("environ", read(f"/proc/{pid}/environ"))


def in_base64(value):
    """What is in a base64 text wherever the value begins: the letters that its neighbours have no part in."""
    for before in range(3):
        text = base64.b64encode(b"\0" * before + value)
        yield text[(8 * before + 5) // 6:(8 * (before + len(value))) // 6]


def texts_of(path):
    if os.path.isdir(path):
        for folder, _, names in os.walk(path):
            for name in names:
                yield read(os.path.join(folder, name))
    else:
        yield read(path)


def search(secrets, corpora):
    values, digests = [], {}
    for line in read(secrets).splitlines():
        label, *rest = line.split(b"\t")
        if len(rest) == 1 and len(rest[0]) >= 6:
            values.append((label, [rest[0], *in_base64(rest[0])]))
        elif len(rest) == 3:
            digests.setdefault((rest[0], rest[1]), {})[rest[2]] = label
    found = set()
    for name, path in (c.split("=", 1) for c in corpora):
        for text in texts_of(path):
            found |= {(label, name) for label, forms in values if any(form in text for form in forms)}
            words = {run[i:i + PASSWORD_BYTES] for run in PASSWORD.findall(text) for i in range(len(run) - PASSWORD_BYTES + 1)}
            for (user, realm), known in digests.items():
                for word in words:
                    ha1 = hashlib.md5(b":".join((user, realm, word))).hexdigest().encode()
                    if ha1 in known:
                        found.add((known[ha1], name))
    for label, name in sorted(found):
        print(label.decode(), name)
    print(f"{len(values)} secrets, {sum(map(len, digests.values()))} digests", file=sys.stderr)


if sys.argv[1] == "watch":
    watch = Watch(sys.argv[2], sys.argv[3])
    while True:
        watch.look()
        time.sleep(PAUSE_S)
else:
    search(sys.argv[2], sys.argv[3:])
