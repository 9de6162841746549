#!/usr/bin/python3
"""census.py -- the census of a stopped process against its own confession: census.py PROGRAM [THREADS [MIB]]

PROGRAM is tests/targets/heaps.c, in one form or another. Asserted, with every thread asleep:

  every block it confesses is in the census, once, with at least the bytes asked for and at most 48 more (its alignment and a page more, if it is mapped)
  what else is in the census was there before the program allocated anything by itself: the runtime's
  a header that is written over, a lost list, a wrong figure: none of them is called whole; put back, all is well again
"""
import os
import struct
import subprocess
import sys

census = os.environ["O"] + "/e2e/census"
gaps = os.environ.get("HEAPS_BREAK") == "moved"  # strangers in the middle of the heap, who look like blocks
visit = ["visit"] if os.environ.get("HEAPS_ASLEEP") else []  # its threads sleep with a time limit, and are left asleep
program, arguments = sys.argv[1], sys.argv[2:]


def take(pid):
    text = subprocess.run([census, str(pid)] + visit, capture_output=True, text=True, check=True).stdout
    fact, block = {}, {}
    for line in text.splitlines():
        word = line.split()
        if word[0] == "block":
            assert int(word[1], 16) not in block, "twice: " + line
            block[int(word[1], 16)] = (int(word[2]), int(word[3]))
        else:
            fact[word[0]] = word[1:]
    return fact, block


def expect_whole(pid):
    fact, block = take(pid)
    assert fact["verdict"] == ["whole"], fact
    return fact, block


class Spoiled:
    """A word of the target's memory that has another value for a while."""

    def __init__(self, pid, at, value):
        self.memory, self.at, self.value = open(f"/proc/{pid}/mem", "r+b", buffering=0), at, value

    def swap(self, value):
        self.memory.seek(self.at)
        before = self.memory.read(8)
        self.memory.seek(self.at)
        self.memory.write(value)
        return before

    def __enter__(self):
        self.before = self.swap(struct.pack("<Q", self.value))

    def __exit__(self, *_):
        self.swap(self.before)


def word_at(pid, at):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(at)
        return struct.unpack("<Q", memory.read(8))[0]


def spoil(pid, live, block):
    arena = [a for a in live if block[a][1] == 1]
    mapped = [a for a in live if block[a][1] == 0]
    for at, value in ((arena[len(arena) // 2] - 8, 0x4141414141414140), (arena[3] - 8, word_at(pid, arena[3] - 8) + 16),
                      (arena[5] - 8, 0x21 if block[arena[5]][0] > 64 else 0x111), (arena[7] - 8, 1), (mapped[0] - 8, 0)):
        with Spoiled(pid, at, value):
            fact, _ = take(pid)
            assert fact["verdict"][0] != "whole", (hex(at), hex(value), fact)
        expect_whole(pid)


target = subprocess.Popen([program, "confession"] + arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
assert target.stdout.readline() == "begun\n"
_, runtime = expect_whole(target.pid)
target.stdin.write("\n")
target.stdin.flush()
assert target.stdout.readline() == "ready\n"
fact, block = take(target.pid) if gaps else expect_whole(target.pid)
live = {}
for line in open("confession"):
    at, size = line.split()
    live[int(at, 16)] = int(size)
missing = [a for a in live if a not in block]
extra = [a for a in block if a not in live and a not in runtime]
wrong = [a for a in live if a in block and not 0 <= block[a][0] - live[a] <= (48 if block[a][1] else (4 << 20) + 4096)]
print(program, *arguments, "live", len(live), "of them mapped", sum(1 for a in live if block[a][1] == 0), "missing", len(missing),
      "extra", len(extra), "the runtime's", len(runtime), "caches", *fact["own"], "waiting", *fact["waiting"], "arenas", *fact["arenas"])
assert not missing and not wrong and (gaps or not extra), (missing[:5], extra[:5], wrong[:5])
assert int(fact["waiting"][0]) > 50 and len(live) > 1000
if gaps:
    assert fact["verdict"][0] == "partial" and "break," in fact["verdict"], fact
else:
    spoil(target.pid, sorted(live), block)
if visit:
    assert int(take(target.pid)[0]["asleep"][0]) == int(arguments[0]) - 1
target.stdin.write("\n")
target.stdin.flush()
assert target.wait() == 0
