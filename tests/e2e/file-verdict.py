#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""file-verdict.py -- a complete trace, and traces that lack one thing each: none of these may be called complete

Run by file-verdict.sh in a scratch folder; $HEAPTAP is the program. One thread, two calls, written by the golden
encoder; what differs from case to case is one argument of trace(). docs/trace-format.md, section 8, has the reasons.
"""
import os
import sys

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
sys.path[:0] = [os.path.join(TESTS, "decoder"), os.path.join(TESTS, "golden")]
import decode  # pylint: disable=wrong-import-position
import make  # pylint: disable=wrong-import-position
from both import Both  # pylint: disable=wrong-import-position


def trace(account=(2, 2, 0, 0), first_seq=0, loss=None, free_at=0x1000, leave_out=None, damage=None):
    """account: entered, recorded, counted_only, lost. A block of kind `leave_out` gets an unknown kind instead, so that
    its number is not missed; one of kind `damage` is hit."""
    writer = make.Writer()
    writer.opening(0, ((0, 0),), ((1, 42, b"main"),))
    writer.events(
        1, first_seq, (make.ALLOC, 10, make.M, 0x1000, 16, 1, 0), (make.FREE, 20, make.F, free_at, None, 1, 0)
    )
    writer.block(make.MARK, b"not for us")
    if loss:
        writer.records(make.LOSS, loss)
    writer.records(make.ACCOUNT, (1, 30) + account + (0, 0))
    writer.footer(30, 2)
    ends = writer.starts[1:] + [len(writer.data)]
    data = b""
    for (start, kind, *_), end in zip(writer.entries, ends):
        block = bytearray(writer.data[start:end])
        if kind == damage:
            block[88] ^= 1
        if kind == leave_out:
            block[10:12] = (999).to_bytes(2, "little")
            block[80:88] = make.xxhash.xxh3_64_intdigest(bytes(block[:80])).to_bytes(8, "little")
        data += block
    return data


CASES = (
    # what, complete, trace
    ("nothing lacks", True, trace()),
    ("in flight: one call", True, trace(account=(3, 2, 0, 0))),
    ("calls without rows", True, trace(account=(9, 2, 7, 0))),
    ("no INDEX", True, trace(leave_out=make.INDEX)),
    ("in flight: two calls", False, trace(account=(4, 2, 0, 0))),
    ("in flight: less than none", False, trace(account=(1, 2, 0, 0))),
    ("more recorded than there is", False, trace(account=(3, 3, 0, 0))),
    ("less recorded than there is", False, trace(account=(1, 1, 0, 0))),
    ("lost, by the account alone", False, trace(account=(3, 2, 0, 1))),
    ("lost, by the LOSS record alone", False, trace(loss=(1, 2, 1, 20, 30, 1))),
    ("lost without a place", False, trace(loss=(0, 0, 1, 20, 30, 1))),
    ("sequence numbers missing", False, trace(first_seq=1)),
    ("violation", False, trace(free_at=0x2000)),
    ("no END", False, trace(leave_out=make.END)),
    ("no ACCOUNT", False, trace(leave_out=make.ACCOUNT)),
    ("no SESSION", False, trace(leave_out=make.SESSION)),
    ("damage where nobody reads", False, trace(damage=make.MARK)),
    ("damaged INDEX", False, trace(damage=make.INDEX)),
)


def main():
    both = Both()
    for what, complete, data in CASES:
        both.compare(what, data)
        status = both.ask(data, "verify").returncode
        if status != (0 if complete else 1) or decode.verdict(decode.Trace(data))["complete"] != complete:
            both.complain(what, "verify exits with %d" % status)
    return both.complaints != 0


if __name__ == "__main__":
    sys.exit(main())
