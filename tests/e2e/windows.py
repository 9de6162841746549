#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""windows.py -- the oracle of tests/e2e/windows.sh: what a part of the blocks, in a part of the time, adds up to

  windows.py TRACE [--OPTION=VALUE...] < REPORT    the totals of the report (JSON, of heaptap report with the same options) are those
                                                   of the second decoder's events

Every block is kept with its birth and its end, so each figure is one line of arithmetic. Options: from, to, at, by (without meaning here), min-lifetime,
max-lifetime (in ns), min-size, max-size (in bytes), thread (a number). Silent and 0 if so; else what differs, and 1.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))


def blocks_of(trace):
    """[thread, size, born_ns, end_ns or None, existed], and the changes in replay order: (ns, block number, +1 or -1)."""
    import decode

    blocks, live, changes = [], {}, []

    def end(address, at):
        if address in live:
            number = live.pop(address)
            blocks[number][3] = at
            changes.append((at, number, -1))

    for event in decode.Replay(trace).events():
        now = event["time_ns"]
        if event["event"] == "free":
            end(event["address"], now)
            continue
        if event["event"] == "realloc" and not event["failed"]:
            end(event["old_address"], now)
        address = event["new_address"] if event["event"] == "realloc" else event["address"]
        if address is None or event.get("failed"):
            continue
        end(address, now)
        live[address] = len(blocks)
        changes.append((now, len(blocks), 1))
        size = event["new_size"] if event["event"] == "realloc" else event["size"]
        blocks.append([event["thread"], size, now, None, event["event"] == "existing"])
    return blocks, changes


def expected(trace, options):
    blocks, changes = blocks_of(trace)
    start = int(options.get("from", options.get("at", 0)))
    stop = int(options.get("to", options.get("at", 1 << 64)))
    last = max((b[3] or b[2] for b in blocks), default=0)

    def passes(b):
        thread, size, born, end, _ = b
        lived = (last if end is None else end) - born
        return (
            thread == int(options.get("thread", thread))
            and int(options.get("min-size", 0)) <= size <= int(options.get("max-size", 1 << 64))
            and lived >= int(options.get("min-lifetime", 0))
            and ("max-lifetime" not in options or (end is not None and lived <= int(options["max-lifetime"])))
        )

    sums = {}

    def add(name, size):
        total = sums.setdefault(name, [0, 0])
        total[0] += size
        total[1] += 1

    for b in filter(passes, blocks):
        _, size, born, end, existed = b
        if born > stop or (end is not None and end < start):
            continue
        before, inside = born < start, end is not None and end <= stop
        add("ao" if before else "ai", size)
        add(("aofi" if inside else "aofo") if before else ("aifi" if inside else "aifo"), size)
        if not before and not existed:
            add("allocated", size)
        if not before and end is None:
            add("left", size)
    live = peak = 0
    for now, number, sign in changes:
        if now >= start and live > peak:
            peak = live
        if now > stop:
            break
        if passes(blocks[number]):
            live += sign * blocks[number][1]
        if now >= start and live > peak:
            peak = live
    return sums, max(peak, live if not changes or changes[-1][0] < start else 0)


def main(arguments):
    import decode

    if len(arguments) < 2:
        print("usage: windows.py TRACE [--OPTION=VALUE...]", file=sys.stderr)
        return 2
    options = dict(word.lstrip("-").split("=") for word in arguments[2:])
    sums, peak = expected(decode.load(arguments[1]), options)
    totals = json.load(sys.stdin)["totals"]
    if totals["leaked_bytes"] is None:
        sums.pop("left", None)  # the window ends before the recording does, and leaks were not asked for
    for what in "bytes", "count":
        totals["left_" + what] = (totals["leaked_" + what] or 0) + (totals["runtime_" + what] or 0)
    sums["live"] = [x + y for x, y in zip(sums.get("aifo", [0, 0]), sums.get("aofo", [0, 0]))]
    wrong = []
    for name in ("allocated", "left", "aifo", "aifi", "aofi", "aofo", "live"):
        for what, figure in zip(("bytes", "count"), sums.get(name, [0, 0])):
            got = totals["%s_%s" % (name, what)]
            if got != figure:
                wrong.append("%s_%s: %s, expected %d" % (name, what, got, figure))
    if any("lifetime" in name for name in options):
        peak = None
    if totals["peak_bytes"] != peak:
        wrong.append("peak_bytes: %s, expected %s" % (totals["peak_bytes"], peak))
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
