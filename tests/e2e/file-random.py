#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""file-random.py -- traces of random histories, legal or not, that heaptap and the second decoder must replay alike

  file-random.py COUNT [SEED]    run by file-random.sh in a scratch folder; $HEAPTAP is the program

The golden encoder writes them. A few threads of one or more images use very few addresses, with times close together
and now and then out of order, and rows are lost, announced or not: so that reordering, violations, unknown releases and
realloc pairs torn apart all happen often. Half of them are trees of processes, that fork, exec and end at any time. The seed of a trace that fails is printed; `file-random.py 1 SEED`
makes it alone.
"""
import os
import random
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "decoder"), os.path.join(TESTS, "golden")]
import make  # pylint: disable=wrong-import-position
from both import Both  # pylint: disable=wrong-import-position

CALLS = (make.ALLOC, make.ALLOC_FAILED, make.FREE, make.MOVED, make.FREED, make.FAILED)


class Thread:
    """What one stream will write."""

    def __init__(self, dice, number, image):
        self.dice, self.number, self.image = dice, number, image
        self.seq = self.calls = self.lost = 0
        self.ticks = dice.choice((0, 10, 400))

    def row(self, kind, address, size):
        self.ticks += self.dice.choice((0, 10, 10, 400, 3000))
        self.calls += kind in CALLS
        context = self.dice.choice((make.M, make.F, make.R, make.C, make.N, make.D, 0))
        return kind, self.ticks, context, address, size, self.dice.randrange(4), self.dice.randrange(7)

    def call(self, addresses):
        dice, address, size = self.dice, self.dice.choice(addresses), self.dice.choice((0, 1, 24, 1 << 40, make.MASK))
        kind = dice.choices((make.ALLOC, make.FREE, make.BEGIN, make.ALLOC_FAILED, make.EXISTING), (8, 8, 4, 1, 1))[0]
        if kind != make.BEGIN:
            has_address, has_size = kind != make.ALLOC_FAILED, kind != make.FREE
            return [self.row(kind, address if has_address else None, size if has_size else None)]
        rows = [self.row(make.BEGIN, address, None)]
        end = dice.choice((make.MOVED, make.FREED, make.FAILED))
        if dice.random() < 0.95:
            rows.append(
                self.row(
                    end, dice.choice(addresses) if end == make.MOVED else None, None if end == make.FREED else size
                )
            )
        return rows

    def block(self, writer, addresses):
        rows = [row for _ in range(self.dice.randrange(1, 12)) for row in self.call(addresses)]
        if self.dice.random() < 0.2:
            rows.pop(0 if len(rows) > 1 and self.dice.random() < 0.5 else -1)
        if not rows:
            return
        writer.events(self.number, self.seq, *rows, zstd=self.dice.random() < 0.5)
        self.seq += len(rows)
        if self.dice.random() < 0.1 and writer.losing:
            count = self.dice.randrange(1, 5)
            if self.dice.random() < 0.8:
                writer.records(make.LOSS, (self.number, self.seq, count, self.ticks, self.ticks + 100, 1))
                self.lost += count
            self.seq += count
        if self.dice.random() < 0.1:
            self.ticks = max(0, self.ticks - 500)


def family(dice, writer):
    """Records of a few images and processes, whose parents and moments fit together or not; the images' numbers."""
    images = range(2, dice.randrange(3, 7))
    processes = {1}
    for image in images:
        process = dice.choice((1, image, dice.randrange(1, image + 1)))
        processes.add(process)
        forked_from = dice.choice((0, 1, image - 1, dice.randrange(0, image + 2)))
        fork_ticks = dice.randrange(6000)
        before = dice.choice((0, 0, 0, 1, 3, make.MASK))
        joined = fork_ticks + dice.choice((-300, 0, 0, 100, 100, 1500))
        writer.records(
            make.IMAGE,
            (image, max(0, joined), 1, 40 + process, 1, process, forked_from, fork_ticks, before, b"/bin/x", b"", b"x\0", b""),
        )
    for process in processes:
        if dice.random() < 0.8:
            end = dice.choice((0, dice.randrange(8000), 20000))
            writer.records(make.PROCESS, (process, 1, 40 + process, 41, 0, end, 1, 0, b"x", b"x\0"))
    return images


def trace(seed):
    dice = random.Random(seed)
    writer = make.Writer()
    writer.losing = dice.random() < 0.4
    clocks, ticks, nanoseconds = [], dice.randrange(500), dice.randrange(1 << 40)
    for _ in range(dice.randrange(5)):
        clocks.append((ticks, nanoseconds))
        ticks += dice.randrange(1, 20000)
        nanoseconds += dice.randrange(20000)
    threads = [Thread(dice, n, dice.choice((1, 1, 1, 2))) for n in range(1, dice.randrange(2, 6))]
    writer.opening(dice.randrange(1000), clocks, ())
    images = family(dice, writer) if dice.random() < 0.5 else ()
    for thread in threads if images else ():
        thread.image = dice.choice((1, *images))
    writer.records(make.THREAD, *((t.number, 40 + t.number, t.image, t.ticks, b"t%d" % t.number) for t in threads))
    addresses = [
        dice.choice((dice.randrange(1 << 20) * 16, dice.getrandbits(47), dice.getrandbits(64))) for _ in range(5)
    ]
    for _ in range(dice.randrange(1, 25)):
        dice.choice(threads).block(writer, addresses)
    writer.records(make.ACCOUNT, *((t.number, t.ticks, t.calls + t.lost, t.calls, 0, t.lost, 0, 0) for t in threads))
    writer.footer(ticks, 0)
    return writer.data


def main(arguments):
    both = Both()
    first = int(arguments[2]) if len(arguments) > 2 else 1
    for seed in range(first, first + int(arguments[1])):
        both.compare("seed %d" % seed, trace(seed))
    return both.complaints != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
