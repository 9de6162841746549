#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""steps.py -- compares a trace of tests/targets/steps.cc with what the program says it did.

    steps.py return|jump TRACE CONFESSION

Every call that was interrupted and returned is in the trace, in order, with function's kind, addresses and size, whatever the handler did. A
handler's call is there too, or was lost. Nothing is damaged, nothing is unaccounted for. Prints how many instructions were tried.
"""
import collections
import json
import os
import struct
import subprocess
import sys

ENTERED, LEFT, ALLOC, FREE, REALLOC, NULL_RELEASE, HANDLER_ALLOC, HANDLER_FREE, PLACES = range(9)
HANDLER_SIZE = 24


def heaptap(*args):
    done = subprocess.run([os.environ["HEAPTAP"], *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if done.returncode not in (0, 1):
        sys.exit(f"heaptap {' '.join(args)}: exit {done.returncode}")
    return done.stdout.decode()


def number(address):
    return int(address, 16) if address else 0


def main():
    how, trace, path = sys.argv[1:]
    bad = []
    wanted, entered, places, jumps = collections.defaultdict(list), collections.Counter(), 0, 0
    handlers, handler_calls = set(), collections.Counter()
    with open(path, "rb") as f:
        data = f.read()
    for what, tid, address, old, size in struct.iter_unpack("<5Q", data):
        entered[tid] += what == ENTERED
        jumps += what == LEFT
        places += size if what == PLACES else 0
        if what in (ALLOC, FREE, REALLOC):
            wanted[tid].append((what, address, old, size))
        if what in (HANDLER_ALLOC, HANDLER_FREE):
            handlers.add(address)
            handler_calls[tid] += 1
    verify = json.loads(heaptap("verify", "--json", trace))
    threads = {t["thread"]: t for t in verify["threads"]}
    got, handled = collections.defaultdict(list), collections.Counter()
    for line in heaptap("script", "--json", trace).splitlines():
        e = json.loads(line)
        tid = threads[e["thread"]]["tid"]
        if e["event"] == "realloc":
            got[tid].append((REALLOC, number(e["new_address"]), number(e["old_address"]), e["new_size"]))
        elif number(e["address"]) in handlers:
            handled[tid] += 1
        elif e["event"] == "alloc":
            got[tid].append((ALLOC, number(e["address"]), 0, e["size"]))
        else:
            got[tid].append((FREE, number(e["address"]), 0, 0))
    for tid, calls in wanted.items():
        said = set(calls)
        seen = [e for e in got[tid] if e in said]
        if seen != calls:
            missing = [e for e in calls if e not in set(seen)]
            bad.append(f"thread {tid}: of {len(calls)} calls {len(missing)} are missing, or their order differs: {missing[:3]}")
        account = next((t for t in threads.values() if t["tid"] == tid), None)
        if not account:
            bad.append(f"thread {tid} is not in the trace")
            continue
        if account["in_flight"] or not account["closes"]:
            bad.append(f"thread {tid}: the account does not close: {account}")
    # A handler's call before the thread has its slot belongs to no thread.
    missing = sum(handler_calls.values()) - sum(handled.values())
    if not missing <= verify["lost"] <= missing + jumps:
        bad.append(f"{verify['lost']} lost; of the handlers' calls {missing} are not in the trace; {jumps} jumps")
    for name in ("damaged_blocks", "history_violations", "missing_sequences", "in_flight"):
        if verify[name]:
            bad.append(f"{name}: {verify[name]}")
    if json.loads(heaptap("info", "--json", trace)).get("damaged_streams"):
        bad.append("a damaged stream")
    print(f"{places} instructions, {sum(entered.values())} calls, {jumps} jumps, {verify['lost']} lost")
    print(*bad[:20], sep="\n")
    sys.exit(1 if bad or not places else 0)


main()
