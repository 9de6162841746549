#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""report.py -- the oracle of tests/e2e/report.sh

  report.py confession FILE MODULE < REPORTS    the places of MODULE in the reports (one JSON object a line, one for each
                                                measure) are exactly those of the confession
  report.py totals TRACE < REPORT               the totals are those of the second decoder's events
  report.py temporary NS < EVENTS               prints how many blocks, and bytes, were freed by the thread's next call or within
                                                NS (0: only the former), by what `script --json` says of one process

Silent and 0 if so; else what differs, and 1.
"""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))


def confession(path, module):
    expected = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            measure, size, count, *frames = line.split()
            expected.setdefault(measure, []).append((int(size), int(count), tuple(frames)))
    wrong = []
    for line in sys.stdin:
        report = json.loads(line)
        wanted = expected.pop(report["by"])
        got = []
        for site in report["sites"]:
            if not os.path.basename(site["stack"][0]["module"] or "").startswith(module):
                continue
            depth = max(k for k in range(1, len(site["stack"]) + 1) if all(f["inlined"] for f in site["stack"][: k - 1]))
            frames = ["%s:%s" % (f["function"].split("(")[0].split()[-1], f["line"]) for f in site["stack"][:depth]]
            got.append((site["bytes"], site["count"], tuple(frames)))
        if sorted(wanted) != sorted(got):
            wrong.append("by %s: confessed %s, reported %s" % (report["by"], sorted(wanted), sorted(got)))
        figures = [(s["bytes"], s["count"]) for s in report["sites"]]
        if report["by"] in ("calls", "temporary"):
            figures = [(count, size) for size, count in figures]
        if figures != sorted(figures, reverse=True):
            wrong.append("by %s: not sorted" % report["by"])
    return wrong + ["not asked: %s" % measure for measure in expected]


def totals(path):
    import decode

    trace = decode.load(path)
    last = max((t for stream in trace.streams.values() for part in stream.parts for t in part.times), default=0)
    got = json.load(sys.stdin)["totals"]
    live, left = {}, {}  # (thread, sequence number) of the row that made it -> size

    now, peak, at, size, count = 0, 0, 0, 0, 0

    class Ends(decode.Replay):
        def gone(self, space, block, why, ticks):
            nonlocal now
            name = block.stream, block.seq
            if why == "end":
                left[name] = block.size
            if why != "end" or ticks < last:
                now -= live.pop(name)

    replay = Ends(trace)
    for event in replay.events():
        block = replay.released
        if block and block.image == replay.space.image and not event.get("failed"):
            now -= live.pop((block.stream, block.seq))
        born = event["new_address"] if event["event"] == "realloc" else event.get("address")
        if event["event"] == "free" or born is None:
            continue
        made = replay.space.live[int(born, 16)]
        live[made.stream, made.seq] = made.size
        if event["event"] != "existing":
            size, count = size + made.size, count + 1
        now += made.size
        if now > peak:
            peak, at = now, event["time_ns"]
    expected = {"allocated_bytes": size, "allocated_count": count, "peak_bytes": peak, "peak_time_ns": at}
    got["left_bytes"], expected["left_bytes"] = got["leaked_bytes"] + got["runtime_bytes"], sum(left.values())
    got["left_count"], expected["left_count"] = got["leaked_count"] + got["runtime_count"], len(left)
    return ["%s: %d, expected %d" % (key, got[key], expected[key]) for key in expected if got[key] != expected[key]]


def temporary(limit_ns):
    born, last, count, size = {}, {}, 0, 0
    for number, line in enumerate(sys.stdin):
        event = json.loads(line)
        thread, what = event["thread"], event["event"]
        if what == "free" or (what == "realloc" and event["new_address"] is None and not event["failed"]):
            address = event["address"] if what == "free" else event["old_address"]
            at, made, asked = born.pop(address, (None, None, 0))
            if made is not None and (last.get(thread) == made or limit_ns and event["time_ns"] - at <= limit_ns):
                count, size = count + 1, size + asked
        elif what == "realloc" and not event["failed"]:
            born.pop(event["old_address"], None)
            born[event["new_address"]] = event["time_ns"], number, event["new_size"]
        elif what == "alloc" and event["address"] is not None:
            born[event["address"]] = event["time_ns"], number, event["size"]
        last[thread] = number
    print(count, size)


def main(arguments):
    question = arguments[1:2]
    if question == ["confession"] and len(arguments) == 4:
        wrong = confession(*arguments[2:])
    elif question == ["totals"] and len(arguments) == 3:
        wrong = totals(arguments[2])
    elif question == ["temporary"] and len(arguments) == 3:
        return temporary(int(arguments[2]))
    else:
        print("usage: report.py confession FILE MODULE | totals TRACE | temporary NS", file=sys.stderr)
        return 2
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
