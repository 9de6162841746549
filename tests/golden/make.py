#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make.py -- writes the golden traces and the answers a right reader gives, both from docs/trace-format.md alone

  make.py DIR    writes NAME.htap, NAME.script.jsonl, NAME.verify.json and NAME.info.json into DIR

Called by hand into tests/golden when the format changes, and by tests/e2e/file-golden.sh into a scratch folder, which
must come out equal to what is committed. tests/e2e/file-random.py borrows the Writer.
Nothing here reads a trace: the bytes are made from the page, and the answers are literals worked out by hand from the
rows above them, never taken from a reader.

    rows, records --Writer--> bytes          (a zstd frame is written by hand too: one raw block, RFC 8878)
    answers: alloc(), free(), realloc() spell a script line; verify() and info() the objects
"""
import json
import os
import struct
import sys

import xxhash

MASK = (1 << 64) - 1
SESSION, IMAGE, MODULE, THREAD, CONTEXT, CLOCK, EVENTS, LOSS, ACCOUNT, END, INDEX, CHECKPOINT, KERNEL, MARK = range(
    1, 15
)
PROCESS = 15
ALLOC, ALLOC_FAILED, FREE, BEGIN, MOVED, FREED, FAILED, EXISTING = range(1, 9)
SESSION_ID = 0x1122334455667788

# Contexts every golden file has. M: malloc called from 0x401000; F: free from there; R: realloc, caller unknown;
# C: calloc from 0x7fff12345678, beyond which the stack could not be followed; N: new, not followed at all;
# D: delete[](align, nothrow) from the interrupted instruction 0x55.
CALLER, M, F, R, STOP, AWAY, C, N, EXACT, D = 1, 2, 3, 4, 5, 6, 7, 8, 100000, 50
CONTEXTS = (
    (CALLER, 0, 0, 0, 0x401000),
    (M, CALLER, 1, 0, 1),
    (F, CALLER, 1, 0, 5),
    (R, 0, 1, 0, 3),
    (STOP, 0, 3, 0, 2),
    (AWAY, STOP, 0, 1, 0x7FFF12345678),
    (C, AWAY, 1, 0, 2),
    (N, STOP, 1, 0, 13),
    (EXACT, 0, 2, 0, 0x55),
    (D, EXACT, 1, 0, 32),
)


# ---- bytes ----


def varint(n):
    out = b""
    while n > 127:
        out += bytes((n & 127 | 128,))
        n >>= 7
    return out + bytes((n,))


def zigzag(n):
    return (n << 1 ^ n >> 63) & MASK


def record(*fields):
    return b"".join(varint(len(f)) + f if isinstance(f, bytes) else varint(f) for f in fields)


def address_steps(addresses):
    out, previous = b"", 0
    for address in addresses:
        step = (address - previous) & MASK
        step -= (step >> 63) << 64
        previous = address
        if step % 16 == 0:
            out += varint(zigzag(step // 16) << 1)
        elif zigzag(step) << 1 | 1 <= MASK:
            out += varint(zigzag(step) << 1 | 1)
        else:
            out += varint(1) + struct.pack("<Q", address)
    return out


def zstd_frame(plain):
    """One segment with its size in four bytes, one raw block, which is the last."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(plain)) + struct.pack("<I", len(plain) << 3 | 1)[:3] + plain


class Writer:
    def __init__(self):
        self.data = b""
        self.number = 0
        self.entries = []  # of the index
        self.starts = []  # offset of each block, for those who cut and damage

    def block(
        self, kind, plain, rows=1, *, stream=0, first_seq=0, times=(0, 0), zstd=False, session=SESSION_ID, number=None
    ):
        stored = zstd_frame(plain) if zstd else plain
        head = b"\x89HTAP\r\n\x1a" + struct.pack(
            "<HHIQQIIQQQIIQ",
            1,
            kind,
            1 if zstd else 0,
            session,
            self.number if number is None else number,
            stream,
            rows,
            first_seq,
            times[0],
            times[1],
            len(stored),
            len(plain),
            xxhash.xxh3_64_intdigest(stored),
        )
        head += struct.pack("<Q", xxhash.xxh3_64_intdigest(head))
        self.starts.append(len(self.data))
        self.entries.append((len(self.data), kind, stream, rows) + tuple(times))
        self.data += head + stored + bytes(-len(stored) % 8)
        self.number += 1

    def records(self, kind, *records, zstd=False):
        self.block(kind, b"".join(record(*r) for r in records), len(records), zstd=zstd)

    def contexts(self, nodes=CONTEXTS):
        plain, previous = b"", 0
        for node in nodes:
            plain += varint(zigzag(node[0] - previous)) + record(*node[1:])
            previous = node[0]
        self.block(CONTEXT, plain, len(nodes))

    def events(self, stream, first_seq, *rows, **options):
        """Rows are (kind, ticks, context, address or None, size or None, heap, source)."""
        columns = [
            bytes(r[0] for r in rows),
            b"",
            b"".join(varint(r[2]) for r in rows),
            address_steps([r[3] for r in rows if r[3] is not None]),
            b"".join(varint(r[4]) for r in rows if r[4] is not None),
            bytes(r[5] | r[6] << 4 for r in rows),
        ]
        ticks = rows[0][1]
        for r in rows:
            columns[1] += varint(r[1] - ticks)
            ticks = r[1]
        plain = struct.pack("<6I", *map(len, columns)) + b"".join(columns)
        self.block(EVENTS, plain, len(rows), stream=stream, first_seq=first_seq, times=(rows[0][1], ticks), **options)

    def index(self):
        plain, previous = varint(len(self.entries)), 0
        for offset, *rest in self.entries:
            plain += record((offset - previous) // 8, *rest)
            previous = offset
        plain += bytes(-len(plain) % 8) + struct.pack("<Q", len(self.data)) + b"HTAPEND1"
        self.block(INDEX, plain)

    def footer(self, ticks, rows, forked=0, left_out=0):
        self.records(END, (ticks, 1, 0, forked, 0, 0, rows, 0, left_out))
        self.index()

    def opening(self, start_ticks, clocks, threads, before=0, why=b""):
        """SESSION, CLOCK, IMAGE, THREAD, CONTEXT: blocks 0 to 4. A thread is (stream, tid, name)."""
        command = b"./prog\0a b\0"
        self.records(SESSION, (1, start_ticks, 1700000000000000000, 1, 3, 42, b"1.0", b"host", command))
        self.records(CLOCK, *((t, n, n + 1700000000000000000) for t, n in clocks))
        self.records(IMAGE, (1, start_ticks, 1, 42, 1, 1, 0, 0, before, b"/usr/bin/prog", b"/usr/lib/libc.so.6", command, why))
        self.records(THREAD, *((stream, tid, 1, start_ticks, name) for stream, tid, name in threads))
        self.contexts()


# ---- answers ----

# The function, the callers from the innermost outwards, and why there are no more of them.
PLACES = {
    M: ("malloc", ["0x401000"], None),
    F: ("free", ["0x401000"], None),
    R: ("realloc", [], None),
    C: ("calloc", ["0x7fff12345678"], "no_unwind"),
    N: ("new", [], "no_unwind"),
    D: ("delete[](align, nothrow)", ["0x55"], None),
    0: (None, [], None),
}


def simple(event, time, thread, context, heap, size, address, source, places=PLACES):
    function, stack, cut = places[context]
    return {
        "time_ns": time,
        "thread": thread,
        "event": event,
        "function": function,
        "heap": heap,
        "size": size,
        "address": address,
        "source": source,
        "caller": stack[0] if stack else None,
        "stack": stack,
        "stack_cut": cut,
    }


def alloc(*fields):
    return simple("alloc", *fields)


def free(*fields):
    return simple("free", *fields)


def realloc(begin, time, thread, old, new, heap=None, source=0, failed=False):
    """old and new are (address, size)."""
    return {
        "time_ns": time,
        "begin_ns": begin,
        "thread": thread,
        "event": "realloc",
        "function": "realloc",
        "heap": heap,
        "source": source,
        "old_address": old[0],
        "old_size": old[1],
        "new_address": new[0],
        "new_size": new[1],
        "failed": failed,
        "caller": None,
        "stack": [],
        "stack_cut": None,
    }


def verify(totals, threads, complete, reordered=0, violations=0, unknown=0, damaged=0, missing=0):
    """totals: entered, recorded, counted_only, lost, in_flight; a thread: number, tid, name and the same five."""
    figures = ("entered", "recorded", "counted_only", "lost", "in_flight")
    answer = dict(zip(figures, totals))
    answer.update(
        reordered=reordered,
        history_violations=violations,
        unknown_releases=unknown,
        damaged_blocks=damaged,
        missing_sequences=missing,
        unrecorded_images=0,
        complete=complete,
    )
    answer["threads"] = [dict(zip(("thread", "tid", "name") + figures, thread)) for thread in threads]
    return answer


def info(allocs, frees, reallocs, threads, contexts=10, images=1, forked=0, left_out=0):
    return {
        "events": allocs + frees + reallocs,
        "allocs": allocs,
        "frees": frees,
        "reallocs": reallocs,
        "threads": threads,
        "contexts": contexts,
        "images": images,
        "modules_left_out": left_out,
        "forked_children": forked,
    }


# ---- the traces ----


def clean():
    """Complete: every way a row can look. 3 ticks a nanosecond up to tick 6000 (1000 ns), from there on 1."""
    w = Writer()
    w.opening(3000, ((3000, 1000000), (6000, 1001000), (7000, 1002000)), ((1, 42, b"main"), (2, 43, b"")))
    w.events(
        1,
        0,
        (EXISTING, 3000, 0, 0x10000, 7, 0, 0),
        (ALLOC, 3010, M, 0x20000, 100, 1, 1),
        (ALLOC, 3011, C, 0x20001, 0, 2, 4),
        (ALLOC, 3012, N, 0xFFFFFFFFFFFFFFF0, MASK, 0, 5),
        (ALLOC, 3013, M, 0x7000000000000003, 1, 1, 2),  # a step that does not fit: stored whole
        (ALLOC_FAILED, 3020, M, None, 1 << 63, 0, 0),
        (FREE, 3030, D, 0x20001, None, 2, 3),
        (BEGIN, 3040, R, 0x20000, None, 0, 0),
        zstd=True,
    )
    w.events(
        1,
        8,  # the pair continues in another block
        (MOVED, 3050, R, 0x30000, 200, 1, 4),
        (BEGIN, 3060, R, 0x30000, None, 0, 0),
        (FAILED, 3061, R, None, 1 << 62, 0, 0),
        (BEGIN, 3070, R, 0x30000, None, 0, 0),
        (FREED, 3080, R, None, None, 0, 0),
        (ALLOC, 5990, M, 0x40000, 64, 1, 0),
        (FREE, 6500, F, 0x10000, None, 1, 0),
        (ALLOC, 6600, M, 0x50000, 9, 1, 0),  # live: the free of stream 2 is exactly 1000 ns behind
        (FREE, 8000, F, 0x40000, None, 1, 0),
        (ALLOC, 8150, M, 0x70000, 33, 1, 0),
    )  # live: the realloc of stream 2 has just begun
    w.events(
        2,
        0,
        (ALLOC, 6000, M, 0x50000, 8, 1, 0),
        (ALLOC, 6700, M, 0x60000, 16, 1, 0),
        (FREE, 7600, F, 0x50000, None, 1, 0),
        (FREE, 8000, F, 0x60000, None, 1, 0),
        (ALLOC, 8100, M, 0x70000, 32, 1, 0),
        (BEGIN, 8200, R, 0x70000, None, 0, 0),
        (MOVED, 8300, R, 0x80000, 64, 1, 0),
        (BEGIN, 9000, R, 0x80000, None, 0, 0),
        zstd=True,
    )  # stopped inside the call
    w.records(ACCOUNT, (1, 9000, 17, 14, 3, 0, 5, 77), (2, 9000, 7, 6, 0, 0, 0, 0))
    w.footer(9000, 26, forked=2, left_out=3)
    script = [
        simple("existing", 0, 1, 0, None, 7, "0x10000", 0),
        alloc(3, 1, M, "main", 100, "0x20000", 1),
        alloc(3, 1, C, "other", 0, "0x20001", 4),
        alloc(4, 1, N, None, 18446744073709551615, "0xfffffffffffffff0", 5),
        alloc(4, 1, M, "main", 1, "0x7000000000000003", 2),
        alloc(6, 1, M, None, 9223372036854775808, None, 0),
        free(10, 1, D, "other", 0, "0x20001", 3),
        realloc(13, 16, 1, ("0x20000", 100), ("0x30000", 200), "main", 4),
        realloc(20, 20, 1, ("0x30000", 200), (None, 4611686018427387904), failed=True),
        realloc(23, 26, 1, ("0x30000", 200), (None, 0)),
        alloc(996, 1, M, "main", 64, "0x40000", 0),
        alloc(1000, 2, M, "main", 8, "0x50000", 0),
        free(1500, 1, F, "main", 7, "0x10000", 0),
        free(2600, 2, F, "main", 8, "0x50000", 0),
        alloc(1600, 1, M, "main", 9, "0x50000", 0),
        alloc(1700, 2, M, "main", 16, "0x60000", 0),
        free(3000, 1, F, "main", 64, "0x40000", 0),
        free(3000, 2, F, "main", 16, "0x60000", 0),
        alloc(3100, 2, M, "main", 32, "0x70000", 0),
        alloc(3150, 1, M, "main", 33, "0x70000", 0),
        realloc(3200, 3300, 2, ("0x70000", 32), ("0x80000", 64), "main", 0),
    ]
    threads = [(1, 42, "main", 17, 14, 3, 0, 0), (2, 43, "", 7, 6, 0, 0, 1)]
    return w, script, verify((24, 20, 3, 0, 1), threads, True, reordered=2), info(11, 5, 4, 2, forked=2, left_out=3)


def every():
    """Every block kind, small, for cutting and flipping. A tick is a nanosecond."""
    w = Writer()
    w.opening(100, ((100, 5000),), ((1, 42, b"main"), (2, 43, b"two")))
    w.records(MODULE, (1, 100, 0, 1, 0x400000, 0x500000, 0, b"/usr/bin/prog", b"\xaa\xbb\xcc"))
    w.events(1, 0, (ALLOC, 110, M, 0x1000, 16, 1, 0), (FREE, 120, F, 0x1000, None, 1, 0))
    w.block(CHECKPOINT, record(1, zigzag(0x5000), 24, 5, 0, 2, M), 1, times=(120, 120))
    w.block(KERNEL, b"\xff" * 20, 1, stream=7)
    w.block(MARK, b"", 0)
    w.block(999, b"nobody knows\0\0\0\0", 1)
    w.records(LOSS, (1, 2, 3, 120, 150, 1))
    w.events(1, 5, (FREE, 150, F, 0x2000, None, 1, 0), (ALLOC, 160, M, 0x3000, 32, 1, 0), zstd=True)
    w.events(2, 0, (ALLOC, 115, M, 0x5000, 24, 2, 0), (FREE, 170, F, 0x5000, None, 2, 0))
    w.records(ACCOUNT, (1, 180, 8, 4, 1, 3, 0, 0), (2, 180, 2, 2, 0, 0, 0, 0))
    w.footer(180, 6, forked=1)
    script = [
        alloc(10, 1, M, "main", 16, "0x1000", 0),
        alloc(15, 2, M, "other", 24, "0x5000", 0),
        free(20, 1, F, "main", 16, "0x1000", 0),
        free(50, 1, F, "main", None, "0x2000", 0),
        alloc(60, 1, M, "main", 32, "0x3000", 0),
        free(70, 2, F, "other", 24, "0x5000", 0),
    ]
    threads = [(1, 42, "main", 8, 4, 1, 3, 0), (2, 43, "two", 2, 2, 0, 0, 0)]
    return w, script, verify((10, 6, 1, 3, 0), threads, False, unknown=1), info(3, 3, 0, 2, forked=1)


def violation():
    """A history no program can have. A tick is a nanosecond, no CLOCK record says so."""
    w = Writer()
    w.opening(0, (), ((1, 42, b"main"), (2, 43, b"two")))
    w.events(
        1,
        0,
        (ALLOC, 10, M, 0x1000, 1, 1, 0),
        (ALLOC, 20, M, 0x1000, 2, 1, 0),  # 1: live; the free of its own stream is no excuse
        (FREE, 30, F, 0x1000, None, 1, 0),
        (FREE, 40, F, 0x2000, None, 1, 0),  # 2: never was
        (MOVED, 50, R, 0x3000, 3, 1, 0),  # 3: no begin
        (BEGIN, 60, R, 0x3000, None, 0, 0),
        (ALLOC, 70, M, 0x4000, 4, 1, 0),  # 4: where is the end?
        (FREE, 80, F, 0x3000, None, 1, 0),  # 5: the begin took it
        (BEGIN, 90, R, 0x4000, None, 0, 0),
        (FAILED, 5000, R, None, 9, 0, 0),  # 6: stream 2 has it
        (ALLOC, 6000, M, 0x5000, 6, 1, 0),
    )  # 7: the free of stream 2 is 1001 ns behind
    w.events(
        2, 0, (ALLOC, 100, M, 0x4000, 5, 1, 0), (ALLOC, 5500, M, 0x5000, 5, 1, 0), (FREE, 7001, F, 0x5000, None, 1, 0)
    )
    w.records(ACCOUNT, (1, 9000, 9, 9, 0, 0, 0, 0), (2, 9000, 3, 3, 0, 0, 0, 0))
    w.footer(9000, 14)
    script = [
        alloc(10, 1, M, "main", 1, "0x1000", 0),
        alloc(20, 1, M, "main", 2, "0x1000", 0),
        free(30, 1, F, "main", 2, "0x1000", 0),
        free(40, 1, F, "main", None, "0x2000", 0),
        realloc(None, 50, 1, (None, None), ("0x3000", 3), "main", 0),
        alloc(70, 1, M, "main", 4, "0x4000", 0),
        free(80, 1, F, "main", None, "0x3000", 0),
        alloc(100, 2, M, "main", 5, "0x4000", 0),
        realloc(90, 5000, 1, ("0x4000", 4), (None, 9), failed=True),
        alloc(5500, 2, M, "main", 5, "0x5000", 0),
        alloc(6000, 1, M, "main", 6, "0x5000", 0),
        free(7001, 2, F, "main", 6, "0x5000", 0),
    ]
    threads = [(1, 42, "main", 9, 9, 0, 0, 0), (2, 43, "two", 3, 3, 0, 0, 0)]
    return w, script, verify((12, 12, 0, 0, 0), threads, False, violations=7), info(6, 4, 2, 2)


def losses():
    """Lost calls in the middle of a realloc pair, and threads without a place."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"),))
    w.events(
        1,
        0,
        (ALLOC, 10, M, 0x1000, 16, 1, 0),
        (FREE, 19, F, 0x9000, None, 1, 0),  # a violation: nothing was lost before
        (BEGIN, 20, R, 0x1000, None, 0, 0),
    )
    w.records(LOSS, (1, 3, 2, 20, 40, 1), (0, 0, 5, 30, 60, 1))
    w.events(1, 5, (FREED, 40, R, None, None, 0, 0), (FREE, 50, F, 0x9000, None, 1, 0))
    w.records(ACCOUNT, (1, 60, 6, 4, 0, 2, 0, 0), (0, 60, 5, 0, 0, 5, 0, 0))
    w.footer(60, 5)
    script = [
        alloc(10, 1, M, "main", 16, "0x1000", 0),
        free(19, 1, F, "main", None, "0x9000", 0),
        realloc(None, 40, 1, (None, None), (None, 0)),
        free(50, 1, F, "main", None, "0x9000", 0),
    ]
    threads = [(0, None, None, 5, 0, 0, 5, 0), (1, 42, "main", 6, 4, 0, 2, 0)]
    return w, script, verify((11, 4, 0, 7, 0), threads, False, violations=1, unknown=1), info(1, 2, 1, 1)


def execs():
    """Two images with the same addresses, each with its own blocks, though a thread of the first is late; another gets a name."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"sh"), (3, 44, b"helper")))
    w.events(1, 0, (ALLOC, 10, M, 0x1000, 16, 1, 0))
    w.records(IMAGE, (2, 50, 1, 42, 0, 1, 0, 0, 0, b"/usr/bin/next", b"", b"next\0", b""), zstd=True)
    w.records(THREAD, (2, 42, 2, 50, b"next"), (3, 44, 1, 0, b"renamed\x1b[1m"))
    w.events(2, 0, (ALLOC, 50, M, 0x1000, 32, 0, 0), (FREE, 60, F, 0x1000, None, 0, 0))
    w.events(3, 0, (ALLOC, 55, M, 0x2000, 8, 1, 0))
    w.records(ACCOUNT, (1, 40, 1, 1, 0, 0, 0, 0), (2, 70, 2, 2, 0, 0, 0, 0), (3, 56, 1, 1, 0, 0, 0, 0))
    w.footer(70, 4)
    script = [
        alloc(10, 1, M, "main", 16, "0x1000", 0),
        alloc(50, 2, M, None, 32, "0x1000", 0),
        alloc(55, 3, M, "main", 8, "0x2000", 0),
        free(60, 2, F, None, 32, "0x1000", 0),
    ]
    threads = [(1, 42, "sh", 1, 1, 0, 0, 0), (2, 42, "next", 2, 2, 0, 0, 0), (3, 44, "renamed\x1b[1m", 1, 1, 0, 0, 0)]
    return w, script, verify((4, 4, 0, 0, 0), threads, True), info(3, 1, 0, 3, images=2)


def entered():
    """A process that was running: its blocks from before, two that are wrong about it, and a third that is too many."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"), (2, 0, b"before")), before=2, why=b"an arena is locked")
    w.events(2, 0, (EXISTING, 0, 0, 0x1000, 24, 1, 0), (EXISTING, 0, 0, 0x2000, 40, 1, 0))
    w.events(
        1,
        0,
        (FREE, 10, F, 0x1000, None, 1, 0),
        (FREE, 20, F, 0x5000, None, 1, 0),  # nobody knew of it
        (ALLOC, 30, M, 0x2000, 32, 1, 0),  # its free had begun before
        (FREE, 40, F, 0x6000, None, 1, 0),  # one more than there may be
    )
    w.records(ACCOUNT, (1, 50, 4, 4, 0, 0, 0, 0), (2, 50, 0, 0, 0, 0, 0, 0))
    w.footer(50, 6)
    script = [
        simple("existing", 0, 2, 0, "main", 24, "0x1000", 0),
        simple("existing", 0, 2, 0, "main", 40, "0x2000", 0),
        free(10, 1, F, "main", 24, "0x1000", 0),
        free(20, 1, F, "main", None, "0x5000", 0),
        alloc(30, 1, M, "main", 32, "0x2000", 0),
        free(40, 1, F, "main", None, "0x6000", 0),
    ]
    threads = [(1, 42, "main", 4, 4, 0, 0, 0), (2, 0, "before", 0, 0, 0, 0, 0)]
    return w, script, verify((4, 4, 0, 0, 0), threads, False, violations=1, unknown=2), info(1, 3, 0, 2)


def tree():
    """Process 1 forks 2, which executes another program, and 3, which has the pid of 2 again."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"), (2, 43, b"helper")))
    w.records(PROCESS, (1, 0, 42, 41, 0, 0, 0, 0, b"prog", b"./prog\0"))
    w.events(1, 0, (ALLOC, 10, M, 0x1000, 100, 1, 0), (ALLOC, 12, M, 0x2000, 50, 1, 0))
    w.events(
        2,
        0,
        (ALLOC, 15, M, 0x4000, 10, 1, 0),
        (FREE, 22, F, 0x4000, None, 1, 0),  # 2 is forked at 20 and heard of from 30 on: it may have seen this, or not
        (ALLOC, 25, M, 0x5000, 7, 1, 0),
    )
    w.records(IMAGE, (2, 30, 1, 44, 1, 2, 1, 20, 0, b"", b"", b"", b""))
    w.records(THREAD, (3, 44, 2, 30, b"main"))
    w.events(
        3,
        0,
        (FREE, 35, F, 0x4000, None, 1, 0),  # so it had not
        (FREE, 36, F, 0x5000, None, 1, 0),  # but this it had
        (FREE, 38, F, 0x1000, None, 1, 0),  # its copy
        (ALLOC, 39, M, 0x1000, 30, 1, 0),
    )
    w.events(1, 2, (ALLOC, 40, M, 0x3000, 8, 1, 0), (FREE, 60, F, 0x1000, None, 1, 0))
    w.records(IMAGE, (3, 70, 1, 44, 1, 2, 0, 0, 0, b"/usr/bin/next", b"", b"next\0", b""))
    w.records(THREAD, (4, 44, 3, 70, b"next"))
    w.events(4, 0, (ALLOC, 72, M, 0x1000, 5, 1, 0))
    w.records(IMAGE, (4, 100, 1, 44, 1, 3, 1, 90, 0, b"", b"", b"", b""))
    w.records(THREAD, (5, 44, 4, 100, b"main"))
    w.events(5, 0, (FREE, 105, F, 0x2000, None, 1, 0), (ALLOC, 106, M, 0x1000, 3, 1, 0))
    w.records(
        PROCESS,
        (2, 1, 44, 42, 20, 80, 1, 0, b"next", b"next\0"),
        (3, 1, 44, 42, 90, 0, 0, 0, b"prog", b"./prog\0"),
        (1, 0, 42, 41, 0, 130, 2, 9, b"prog", b"./prog\0"),
    )
    calls = ((1, 4), (2, 3), (3, 4), (4, 1), (5, 2))
    w.records(ACCOUNT, *((stream, 130, n, n, 0, 0, 0, 0) for stream, n in calls))
    w.footer(130, 14)
    script = [
        alloc(10, 1, M, "main", 100, "0x1000", 0),
        alloc(12, 1, M, "main", 50, "0x2000", 0),
        alloc(15, 2, M, "main", 10, "0x4000", 0),
        free(22, 2, F, "main", 10, "0x4000", 0),
        alloc(25, 2, M, "main", 7, "0x5000", 0),
        free(35, 3, F, "main", 10, "0x4000", 0),
        free(36, 3, F, "main", 7, "0x5000", 0),
        free(38, 3, F, "main", 100, "0x1000", 0),
        alloc(39, 3, M, "main", 30, "0x1000", 0),
        alloc(40, 1, M, "main", 8, "0x3000", 0),
        free(60, 1, F, "main", 100, "0x1000", 0),
        alloc(72, 4, M, "main", 5, "0x1000", 0),
        free(105, 5, F, "main", 50, "0x2000", 0),
        alloc(106, 5, M, "main", 3, "0x1000", 0),
    ]
    for line, process in zip(script, (1, 1, 1, 1, 1, 2, 2, 2, 2, 1, 1, 2, 3, 3)):
        line["process"] = process
    names = {1: "main", 2: "helper", 3: "main", 4: "next", 5: "main"}
    threads = [(n, 42 + min(n - 1, 2), names[n], calls_of, calls_of, 0, 0, 0) for n, calls_of in calls]
    verdict = verify((14, 14, 0, 0, 0), threads, True)
    verdict.update(live_blocks=5, live_bytes=50 + 8 + 7 + 5 + 3)
    contents = info(8, 6, 0, 5, images=4)
    contents.update(peak_bytes=195, peak_blocks=5, peak_ns=40, unfreed_bytes=73, unfreed_blocks=5)
    keys = ("process", "pid", "allocated_bytes", "peak_bytes", "peak_blocks", "peak_ns", "unfreed_bytes", "unfreed_blocks")
    contents["processes"] = [
        dict(zip(keys, figures))
        for figures in (
            (1, 42, 175, 165, 4, 40, 65, 3),  # 157 and 8 at 40 ns
            (2, 44, 35, 30, 1, 39, 5, 1),  # what its first program held is gone
            (3, 44, 3, 3, 1, 106, 3, 1),
        )
    ]
    return w, script, verdict, contents


def unfinished():
    """The recorder died: no account, no END, no INDEX; and two sequence numbers of stream 2 are nowhere."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"),))
    w.events(1, 0, (ALLOC, 10, M, 0x1000, 16, 1, 0), (FREE, 20, F, 0x8000, None, 1, 0))
    w.events(2, 2, (FREED, 30, R, None, None, 0, 0), (ALLOC, 40, M, 0x2000, 8, 1, 0))
    script = [
        alloc(10, 1, M, "main", 16, "0x1000", 0),
        free(20, 1, F, "main", None, "0x8000", 0),
        realloc(None, 30, 2, (None, None), (None, 0)),
        alloc(40, 2, M, "main", 8, "0x2000", 0),
    ]
    threads = [(1, 42, "main", 2, 2, 0, 0, 0), (2, None, None, 2, 2, 0, 0, 0)]
    return w, script, verify((4, 4, 0, 0, 0), threads, False, unknown=1, missing=2), info(2, 1, 1, 1)


def truncated():
    """The file ends inside the second EVENTS block, in its last byte."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"),))
    w.events(1, 0, (ALLOC, 10, M, 0x1000, 16, 1, 0))
    w.events(1, 1, (FREE, 20, F, 0x1000, None, 1, 0))
    w.data = w.data[: w.starts[-1] + 88 + 24 + 6 - 1]  # 6 column bytes: 1 kind, 1 time, 1 context, 2 address, 1 place
    script = [alloc(10, 1, M, "main", 16, "0x1000", 0)]
    threads = [(1, 42, "main", 1, 1, 0, 0, 0)]
    return w, script, verify((1, 1, 0, 0, 0), threads, False, damaged=1), info(1, 0, 0, 1)


def damaged():
    """Seven damages, each of another sort; what is whole is read."""
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"),))  # 0 to 4
    w.events(1, 0, (ALLOC, 10, M, 0x1000, 16, 1, 0))  # 5
    w.events(1, 1, (ALLOC, 20, M, 0x2000, 16, 1, 0))  # 6: payload hit (damage 1)
    w.events(1, 2, (ALLOC, 30, M, 0x3000, 16, 1, 0))  # 7: header hit (2); it explains the missing number
    w.events(1, 3, (ALLOC, 40, M, 0x4000, 16, 1, 0))  # 8
    w.events(1, 3, (ALLOC, 40, M, 0x4000, 16, 1, 0), number=8)  # seen before (3)
    w.events(1, 9, (ALLOC, 45, M, 0x9000, 16, 1, 0), number=9, session=SESSION_ID + 1)  # of another session (4)
    w.events(1, 5, (ALLOC, 60, M, 0x6000, 16, 1, 0), number=10)  # 9 is missing before it (5)
    w.events(1, 4, (ALLOC, 50, M, 0x5000, 16, 1, 0), number=9)  # out of order (6), and used
    w.events(1, 6, (9, 70, M, None, None, 1, 0), number=11)  # sums right, no such row kind (7)
    w.number = 12
    w.records(ACCOUNT, (1, 80, 7, 7, 0, 0, 0, 0))
    w.footer(80, 7)
    data = bytearray(w.data)
    data[w.starts[6] + 88 + 24] ^= 1
    data[w.starts[7] + 24] ^= 1
    w.data = bytes(data)
    script = [
        alloc(t, 1, M, "main", 16, a, 0) for t, a in ((10, "0x1000"), (40, "0x4000"), (50, "0x5000"), (60, "0x6000"))
    ]
    threads = [(1, 42, "main", 7, 7, 0, 0, 0)]
    return w, script, verify((7, 7, 0, 0, 0), threads, False, damaged=7, missing=2), info(4, 0, 0, 1)


def stacks():
    """Stacks of many frames that share their outer ends, every way to end one early, and numbers that lead nowhere."""
    main, outer, inner, jit, signal = 11, 12, 13, 14, 15
    nodes = (
        (main, 0, 0, 1, 0x401000),
        (outer, main, 0, 1, 0x402000),
        (inner, outer, 4, 2, 0x7F0000001234),  # found by a frame pointer
        (jit, inner, 0, 0, 0xFFFFFFFF00000001),
        (signal, outer, 2, 1, 0x402055),
        (16, 0, 3, 0, 1),
        (17, 0, 3, 0, 3),
        (18, 0, 3, 0, 4),
        (19, 0, 3, 0, 9),  # a reason that does not exist yet
        (20, 16, 0, 1, 0x403000),
        (21, 17, 0, 1, 0x404000),
        (22, 77, 0, 1, 0x405000),  # 77 is nowhere
        (23, M, 0, 1, 0x406000),  # a function cannot call from the middle of a stack
        (24, 0, 7, 0, 0x407000),  # nor is there a kind 7
        (30, jit, 1, 0, 1),
        (31, inner, 1, 0, 1),
        (32, signal, 1, 0, 2),
        (33, 20, 1, 0, 1),
        (34, 21, 1, 0, 1),
        (35, 18, 1, 0, 1),
        (36, 19, 1, 0, 1),
        (37, 22, 1, 0, 1),
        (38, 23, 1, 0, 1),
        (39, 24, 1, 0, 1),
        (40, main, 1, 0, 99),  # a function without a name
    )
    deep = ["0x7f0000001234", "0x402000", "0x401000"]
    places = {
        30: ("malloc", ["0xffffffff00000001"] + deep, None),
        31: ("malloc", deep, None),
        32: ("calloc", ["0x402055", "0x402000", "0x401000"], None),
        33: ("malloc", ["0x403000"], "depth"),
        34: ("malloc", ["0x404000"], "bad_pointer"),
        35: ("malloc", [], "tree_full"),
        36: ("malloc", [], "unknown"),
        37: ("malloc", ["0x405000"], "unknown"),
        38: ("malloc", ["0x406000"], "unknown"),
        39: ("malloc", [], "unknown"),
        40: (None, ["0x401000"], None),
        inner: (None, [], "unknown"),  # not a function
        1234: (None, [], "unknown"),
    }
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"),))
    w.contexts(nodes)
    w.events(1, 0, *((ALLOC, 10 + i, context, 0x1000 + 16 * i, 8, 1, 0) for i, context in enumerate(places)))
    w.records(ACCOUNT, (1, 90, 13, 13, 0, 0, 0, 0))
    w.footer(90, 13)
    script = [
        simple("alloc", 10 + i, 1, context, "main", 8, hex(0x1000 + 16 * i), 0, places)
        for i, context in enumerate(places)
    ]
    threads = [(1, 42, "main", 13, 13, 0, 0, 0)]
    return w, script, verify((13, 13, 0, 0, 0), threads, True), info(13, 0, 0, 1, contexts=35)


TRACES = {
    "clean": clean,
    "every": every,
    "violation": violation,
    "losses": losses,
    "entered": entered,
    "exec": execs,
    "tree": tree,
    "unfinished": unfinished,
    "truncated": truncated,
    "damaged": damaged,
    "stacks": stacks,
}


def main(arguments):
    if len(arguments) != 2:
        print("usage: make.py DIR", file=sys.stderr)
        return 2
    for name, make in TRACES.items():
        writer, script, verdict, contents = make()
        contents["bytes_on_disk"] = len(writer.data)
        base = os.path.join(arguments[1], name)
        with open(base + ".htap", "wb") as file:
            file.write(writer.data)
        with open(base + ".script.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in script)
        for kind, answer in (("verify", verdict), ("info", contents)):
            with open("%s.%s.json" % (base, kind), "w", encoding="utf-8") as file:
                file.write(json.dumps(answer) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
