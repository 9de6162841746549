#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""oracle.py -- compares what a trace says with what a target, a library beneath the agent or the kernel counted.

    oracle.py tally TRACE TALLY [BASE-TRACE BASE-TALLY]   per thread and function: the target's own counts (tests/targets/tally.h).
                                                          BASE is a run in which the threads called nothing: what libc itself
                                                          calls for a thread is taken from there.
    oracle.py count TRACE TALLY                           per function: what arrived in libcount beneath the agent
    oracle.py meter TRACE JSON                            malloc, calloc, realloc, free... : uprobe counts (meter.c)
    oracle.py live TRACE MARK                             the live set and the allocator's figure (libmark.c), identity 4
    oracle.py killed TRACE TALLY                          after a SIGKILL: returned <= committed <= entered; prints the calls
    oracle.py churn TRACE JSON                            one account, one malloc and one free for each of the threads
    oracle.py signals TRACE TALLY                         loops interrupted by handlers that allocate or jump (signals.c)
    oracle.py history TRACE                               replays the order itself; prints hand-offs and reordered

Prints what it compared, one line; on a difference every one of them, and exits 1. HEAPTAP is the program to ask.
"""
import collections
import json
import os
import struct
import subprocess
import sys

FUNCTIONS = """none malloc calloc realloc reallocarray free posix_memalign aligned_alloc memalign valloc pvalloc free_sized
free_aligned_sized new new[] new(nothrow) new[](nothrow) new(align) new[](align) new(align,nothrow) new[](align,nothrow) delete
delete[] delete(nothrow) delete[](nothrow) delete(size) delete[](size) delete(align) delete[](align) delete(size,align)
delete[](size,align) delete(align,nothrow) delete[](align,nothrow)""".split()
MASK = (1 << 64) - 1
EXTRAS = 16  # calls of libc itself at the end of a thread, at most
MARK = 0xFEEDFACE00000001
TCACHE_BYTES, ARENA_BYTES = 656, 2256  # chunk of a thread cache; what an arena costs in its first heap

differences = []


def expect(what, got, wanted):
    if got != wanted:
        differences.append(f"{what}: trace {got}, oracle {wanted}")


def heaptap(*args, may_fail=False):
    done = subprocess.run([os.environ["HEAPTAP"], *args], stdout=subprocess.PIPE, check=False)
    if done.returncode not in ((0, 1, 4) if may_fail else (0,)):
        sys.exit(f"heaptap {' '.join(args)}: exit {done.returncode}")
    return json.loads(done.stdout)


def events(trace):
    """The lines of script --json, one dict each."""
    with subprocess.Popen([os.environ["HEAPTAP"], "script", "--json", trace], stdout=subprocess.PIPE) as child:
        for line in child.stdout:
            yield json.loads(line)
    if child.returncode not in (0, 4):
        sys.exit(f"heaptap script: exit {child.returncode}")


def name(event):
    return event["function"].replace(" ", "")


def acquired(event):
    """The address that became live, or None: (address, size asked for)."""
    if event["event"] == "alloc":
        return event["address"], event["size"]
    if event["event"] == "realloc":
        return event["new_address"], event["new_size"]
    return None


def released(event):
    """The address that went away, or None. A realloc that gave nothing for a size released nothing."""
    if event["event"] == "free":
        return event["address"]
    if event["event"] == "realloc" and not (event["new_address"] is None and event["new_size"]):
        return event["old_address"]
    return None


class Tally:
    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        self.pid, count, self.done = struct.unpack_from("<3Q", data, 8)
        self.threads = []
        for i in range(count):
            at = 512 * (i + 1)
            keys = "tid entered returned null_releases failures address_sum size_sum longest_gap_ns last_ns".split()
            t = dict(zip(keys, struct.unpack_from("<9Q", data, at)))
            t["calls"] = {FUNCTIONS[n]: v for n, v in enumerate(struct.unpack_from("<33Q", data, at + 72)) if v}
            self.threads.append(t)


def by_tid(verify):
    """The accounts of each thread id that appears once."""
    return {t["tid"]: t for t in verify["threads"]}


def thread_extras(trace, tally):
    """What libc calls by itself in a thread: {(entered, counted_only)} over all threads of a run without calls."""
    verify = by_tid(heaptap("verify", "--json", trace))
    none = {"entered": 0, "counted_only": 0}
    found = {(verify.get(t["tid"], none)["entered"], verify.get(t["tid"], none)["counted_only"]) for t in Tally(tally).threads}
    if len(found) != 1:
        sys.exit(f"idle threads differ: {found}")
    return found.pop()


def do_tally(trace, tally, *base):
    """Every worker thread: entered, counted_only, calls by function, sums of addresses and sizes, failures."""
    confession = Tally(tally)
    extra_entered, extra_counted = thread_extras(*base) if base else (0, 0)
    verify = heaptap("verify", "--json", trace)
    accounts = by_tid(verify)
    numbers = {a["thread"]: tid for tid, a in accounts.items()}
    calls = collections.defaultdict(collections.Counter)
    sums = collections.defaultdict(lambda: [0, 0, 0])
    for e in events(trace):
        tid = numbers[e["thread"]]
        calls[tid][name(e)] += 1
        got = acquired(e)
        if got:
            address, size = got
            sums[tid][0] += int(address, 16) if address else 0
            sums[tid][1] += size
            sums[tid][2] += not address
    total = 0
    for t in confession.threads:
        tid, who = t["tid"], f"thread {t['tid']}"
        account = accounts.get(tid)
        if not account:
            differences.append(f"{who}: not in the trace")
            continue
        expect(f"{who} entered", account["entered"], t["entered"] + extra_entered)
        expect(f"{who} counted_only", account["counted_only"], t["null_releases"] + extra_counted)
        expect(f"{who} lost", account["lost"], 0)
        wanted = dict(t["calls"])
        releases = [f for f in wanted if f == "free" or f.startswith("delete")]
        stored_releases = sum(calls[tid][f] for f in releases)
        expect(f"{who} releases", stored_releases, sum(wanted[f] for f in releases) - t["null_releases"]
               + extra_entered - extra_counted)
        for f in wanted:
            if f not in releases:
                expect(f"{who} {f}", calls[tid][f], wanted[f])
        expect(f"{who} address sum", sums[tid][0] & MASK, t["address_sum"])
        expect(f"{who} size sum", sums[tid][1] & MASK, t["size_sum"])
        expect(f"{who} failures", sums[tid][2], t["failures"])
        total += t["entered"]
    print(f"{len(confession.threads)} threads, {total} calls confessed, all equal by function, address and size")


def reaching(calls, counted_only):
    """What the family of libc functions sees of these calls (libstdc++ turns operators into malloc, aligned_alloc, free)."""
    plain = [f for f in calls if f.startswith("new") and "align" not in f]
    over = [f for f in calls if f.startswith("new") and "align" in f]
    gone = [f for f in calls if f.startswith("delete")]
    return {
        "malloc": calls["malloc"] + sum(calls[f] for f in plain),
        "aligned_alloc": calls["aligned_alloc"] + sum(calls[f] for f in over),
        "free": calls["free"] + sum(calls[f] for f in gone) + counted_only,
        **{f: calls[f] for f in ("calloc", "realloc", "reallocarray", "posix_memalign", "memalign", "valloc", "pvalloc")},
    }


def do_count(trace, tally):
    """A failing new(nothrow) of libstdc++ throws and catches inside: the exception's block comes and goes within the one call."""
    calls, caught = collections.Counter(), 0
    for e in events(trace):
        calls[name(e)] += 1
        caught += name(e) in ("new(nothrow)", "new[](nothrow)") and e["address"] is None
    seen = reaching(calls, heaptap("verify", "--json", trace)["counted_only"])
    seen["malloc"] += caught
    seen["free"] += caught
    below = Tally(tally).threads[0]["calls"]
    for f, n in seen.items():
        expect(f, n, below.get(f, 0))
    print(f"{sum(below.values())} calls reached the allocator, all equal: "
          + " ".join(f"{f} {n}" for f, n in below.items()))


def do_meter(trace, path):
    """Formulas: fault catalogue, section 2. realloc(NULL, n) passes malloc inside libc, realloc(p, 0) passes free."""
    calls, counted_only = collections.Counter(), heaptap("verify", "--json", trace)["counted_only"]
    from_null = to_zero = 0
    for e in events(trace):
        calls[name(e)] += 1
        if name(e).startswith("realloc"):
            from_null += e["event"] == "alloc"
            to_zero += e["event"] == "realloc" and e["new_address"] is None and not e["new_size"]
    seen = reaching(calls, counted_only)
    seen = {"malloc": seen["malloc"] + from_null, "calloc": seen["calloc"], "realloc": seen["realloc"] + seen["reallocarray"],
            "free": seen["free"] + to_zero, "posix_memalign": seen["posix_memalign"],
            "memalign": seen["memalign"] + seen["aligned_alloc"]}
    with open(path, encoding="ascii") as f:
        kernel = json.load(f)
    for f, n in kernel.items():
        expect(f, seen[f], n)
    print(f"{sum(kernel.values())} uprobe hits, all equal: " + " ".join(f"{f} {n}" for f, n in kernel.items()))


def live_at_mark(trace):
    """A realloc stands at its end but lets the old address go when it begins: an address that is handed out meanwhile is the new
    block's from then on, and the release that is still to come is the old block's."""
    live, owed = {}, collections.Counter()
    for e in events(trace):
        if e["event"] == "alloc" and e["size"] == MARK:
            return live
        gone, got = released(e), acquired(e)
        if gone and owed[gone]:
            owed[gone] -= 1
        elif gone:
            live.pop(gone, None)
        if got and got[0]:
            owed[got[0]] += got[0] in live
            live[got[0]] = got[1]
    sys.exit("the mark is not in the trace")


def do_live(trace, mark):
    chunks, figure, arenas = {}, 0, 0
    with open(mark, encoding="ascii") as f:
        for line in f:
            what, a, b = line.split()
            if what == "chunk":
                chunks[int(a, 16)] = int(b, 16)
            elif what == "arena":
                figure = int(a, 16) + int(b, 16)
            else:
                arenas = int(a, 16)
    live = {int(a, 16): size for a, size in live_at_mark(trace).items()}
    missing = [a for a in chunks if a not in live and chunks[a] != TCACHE_BYTES]
    caches = [a for a in chunks if a not in live and chunks[a] == TCACHE_BYTES]
    dead = [a for a in live if a not in chunks]
    for a in missing[:20]:
        differences.append(f"{a:#x}: in use ({chunks[a]} bytes), not live in the trace")
    for a in dead[:20]:
        differences.append(f"{a:#x}: live in the trace ({live[a]} bytes), not in use")
    for a, size in live.items():
        if chunks.get(a, size) < size:
            differences.append(f"{a:#x}: chunk of {chunks[a]} bytes for {size}")
    total = sum(chunks.get(a, 0) for a in live) + TCACHE_BYTES * len(caches) + ARENA_BYTES * arenas
    expect("bytes", total, figure)
    print(f"{len(live)} blocks live, {total} bytes with {len(caches)} thread caches and {arenas} arenas: "
          f"equal to the heap walk and to mallinfo2")


def do_killed(trace, tally):
    confession = Tally(tally)
    verify = heaptap("verify", "--json", trace, may_fail=True)
    accounts = by_tid(verify)
    calls = 0
    expect("damaged blocks", verify["damaged_blocks"], 0)
    expect("history violations", verify["history_violations"], 0)
    expect("lost", verify["lost"], 0)
    for t in confession.threads:
        account = accounts.get(t["tid"], {"recorded": 0, "counted_only": 0})
        committed = account["recorded"] + account["counted_only"]
        if not t["returned"] <= committed <= t["entered"]:
            differences.append(f"thread {t['tid']}: returned {t['returned']}, committed {committed}, entered {t['entered']}")
        calls += t["returned"]
    print(calls)


def do_churn(trace, path):
    """Thread n asked once for 1 + n bytes: as many accounts, sizes each once, every block freed by its own thread."""
    with open(path, encoding="ascii") as f:
        confession = json.load(f)
    wanted = confession["threads"]
    verify = heaptap("verify", "--json", trace)
    pid = heaptap("info", "--json", trace)["pid"]
    main_thread = next(t["thread"] for t in verify["threads"] if t["tid"] == pid)
    workers = [t for t in verify["threads"] if t["recorded"] and t["thread"] != main_thread]
    expect("threads", len(workers), wanted)
    expect("threads with another count than 2", sum(t["recorded"] != 2 for t in workers), 0)
    made, gone, total = {}, 0, 0
    for e in events(trace):
        if e["thread"] == main_thread:
            continue
        if e["event"] == "alloc":
            made[e["thread"]] = e["address"]
            total += e["size"]
        else:
            gone += made.get(e["thread"]) == e["address"]
    expect("threads that allocated", len(made), wanted)
    expect("blocks freed by their own thread", gone, wanted)
    expect("bytes", total, confession["bytes"])
    print(f"{wanted} threads, {total} bytes: each its account, its block and its free")


def do_signals(trace, tally):
    """A jump loses at most the call it left; whatever returned is recorded or counted. Thread 2n is a loop, 2n+1 its handler."""
    threads = Tally(tally).threads
    verify = heaptap("verify", "--json", trace, may_fail=True)
    accounts = by_tid(verify)
    last = {e["thread"] for e in events(trace) if e["event"] == "alloc" and e["size"] == 12345}
    for loop, handler in zip(threads[::2], threads[1::2]):
        account, who = accounts[loop["tid"]], f"thread {loop['tid']}"
        jumps = handler["failures"]
        known = account["recorded"] + account["counted_only"] + account["lost"]
        expect(f"{who}: calls in flight at its end", account["in_flight"], 0)
        if not loop["returned"] <= known:
            differences.append(f"{who}: {loop['returned']} calls returned, {known} known")
        if account["entered"] > loop["entered"] + handler["entered"] + EXTRAS:
            differences.append(f"{who}: entered {account['entered']}, the target {loop['entered']} + {handler['entered']}")
        if account["lost"] > jumps + handler["entered"]:
            differences.append(f"{who}: {account['lost']} lost by {jumps} jumps and {handler['entered']} calls of the handler")
        if account["thread"] not in last:
            differences.append(f"{who}: its last call is missing")
        print(f"{who}: {loop['entered']} calls, {handler['entered']} in handlers, {jumps} jumps, {account['lost']} lost")
    expect("history violations", verify["history_violations"], 0)


def early_release(pending, event):
    """A realloc of another thread that had begun (1 us of clock trouble allowed) when this address was handed out, but ends later."""
    for other in pending.get(acquired(event)[0], ()):
        if other["thread"] != event["thread"] and other["begin_ns"] <= event["time_ns"] + 1000:
            return other
    return None


def do_history(trace):
    """Every line in the order of the trace: nothing live is handed out, nothing dead is released. A realloc stands at its end but
    lets the old address go when it begins."""
    live, last_release, taken, pending = {}, {}, set(), collections.defaultdict(collections.deque)
    lines = list(events(trace))
    for e in lines:
        if e["event"] == "realloc" and released(e):
            pending[e["old_address"]].append(e)
    handoffs = 0
    for count, e in enumerate(lines, 1):
        gone, got = released(e), acquired(e)
        if gone:
            if e["event"] == "realloc":
                pending[gone].remove(e)
            if id(e) in taken:
                taken.remove(id(e))
            elif live.pop(gone, None) is None:
                differences.append(f"event {count}: {gone} released while dead")
            last_release[gone] = e["thread"]
        if got and got[0]:
            other = early_release(pending, e) if got[0] in live else None
            if other:
                taken.add(id(other))
                last_release[got[0]] = other["thread"]
            elif got[0] in live:
                differences.append(f"event {count}: {got[0]} handed out while live")
            live[got[0]] = e["thread"]
            handoffs += last_release.get(got[0], e["thread"]) != e["thread"]
    verify = heaptap("verify", "--json", trace, may_fail=True)
    expect("history violations", verify["history_violations"], 0)
    expect("complete", verify["complete"], True)
    print(f"{len(lines)} events, {handoffs} hand-offs, {verify['reordered']} reordered, {len(live)} live at the end")


def main():
    {"tally": do_tally, "count": do_count, "meter": do_meter, "live": do_live, "killed": do_killed,
     "churn": do_churn, "signals": do_signals, "history": do_history}[sys.argv[1]](*sys.argv[2:])
    if differences:
        print(*differences[:40], sep="\n")
        sys.exit(1)


main()
