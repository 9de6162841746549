#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""views.py -- the oracle of tests/e2e/views.sh

  views.py window EVENTS                    prints FROM TO in ns: the two failed allocations that phases.c marks its phase with
  views.py tree FLAT < TREE                 the branches are the sums of the flat report's whole stacks
  views.py group WHAT FLAT < GROUPS         function, library: likewise, by the innermost frame
  views.py events WHAT TRACE < GROUPS       thread, size, allocator-function (all --by=allocated): as the second decoder's events add up

FLAT is a report --json -n 0, by the same measure. Silent and 0 if so; else what differs, and 1.
"""
import collections
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))


def window(path):
    with open(path, encoding="utf-8") as file:
        times = [e["time_ns"] for e in map(json.loads, file) if e["event"] == "alloc" and e["address"] is None and e["size"] >> 61]
    print(*times)


def name(frame):
    return None if frame is None else (frame["function"], frame["file"], frame["module"], frame["inlined"])


def branches_of(nested, path=(), found=None):
    """{path of names: [bytes, count, own_bytes, own_count]}; functions without a name are one here, as in the flat report."""
    found = collections.defaultdict(lambda: [0, 0, 0, 0]) if found is None else found
    weight = None
    for branch in nested:
        here = path + (name(branch["frame"]),)
        assert here not in found or any(n is None or n[0] is None for n in here), "twice: %s" % (here,)
        for at, key in enumerate(("bytes", "count", "own_bytes", "own_count")):
            found[here][at] += branch[key]
        assert weight is None or weight >= abs(branch["bytes"]), "not in order: %s" % (here,)
        weight = abs(branch["bytes"])
        branches_of(branch["children"], here, found)
    return found


def tree(flat, report):
    """Both hold all branches; stacks without any caller, and those cut short, are not in the comparison."""
    expected = collections.defaultdict(lambda: [0, 0, 0, 0])
    for site in flat["sites"]:
        names = [name(frame) for frame in site["stack"]]
        if report["tree"] == "top-down":
            names.reverse()
        for depth in range(1, len(names) + 1):
            sums = expected[tuple(names[:depth])]
            for at, figure in enumerate((site["bytes"], site["count"])):
                sums[at] += figure
                sums[at + 2] += figure if depth == len(names) else 0
    got = branches_of(report["branches"])
    return ["%s: %s, expected %s" % (key, got.get(key), expected.get(key)) for key in set(got) | set(expected)
            if got.get(key, [0, 0, 0, 0]) != expected.get(key, [0, 0, 0, 0])]


def compare(expected, report, key_of):
    got = collections.defaultdict(lambda: [0, 0])
    for site in report["sites"]:  # functions without a name are several groups, and one key
        got[key_of(site)][0] += site["bytes"]
        got[key_of(site)][1] += site["count"]
    return ["%s: %s, expected %s" % (key, got.get(key), expected.get(key)) for key in set(got) | set(expected)
            if got.get(key) != expected.get(key)]


def group(what, flat, report):
    expected = collections.defaultdict(lambda: [0, 0])
    for site in flat["sites"]:
        frame = site["stack"][0]
        key = frame["module"] if what == "library" else (frame["function"], frame["module"])
        expected[key][0] += site["bytes"]
        expected[key][1] += site["count"]
    return compare(expected, report, lambda s: s["module"] if what == "library" else (s["function"], s["module"]))


def events(what, path, report):
    import decode

    expected = collections.defaultdict(lambda: [0, 0])
    for event in decode.Replay(decode.load(path)).events():
        if event["event"] not in ("alloc", "realloc") or event.get("failed"):
            continue
        size = event["size"] if event["event"] == "alloc" else event["new_size"]
        if (event["address"] if event["event"] == "alloc" else event["new_address"]) is None:
            continue
        top = 1
        while top < size:
            top *= 2
        key = {"thread": event["thread"], "allocator-function": event["function"], "size": top if size else 0}[what]
        expected[key][0] += size
        expected[key][1] += 1
    return compare(expected, report, lambda s: s[{"thread": "thread", "size": "to_bytes"}.get(what, "function")])


def main(arguments):
    question = arguments[1:2]
    if question == ["window"] and len(arguments) == 3:
        return window(arguments[2])
    if question == ["tree"] and len(arguments) == 3:
        with open(arguments[2], encoding="utf-8") as file:
            wrong = tree(json.load(file), json.load(sys.stdin))
    elif question == ["group"] and len(arguments) == 4:
        with open(arguments[3], encoding="utf-8") as file:
            wrong = group(arguments[2], json.load(file), json.load(sys.stdin))
    elif question == ["events"] and len(arguments) == 4:
        wrong = events(arguments[2], arguments[3], json.load(sys.stdin))
    else:
        print("usage: views.py window EVENTS | tree FLAT | group WHAT FLAT | events WHAT TRACE", file=sys.stderr)
        return 2
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
