#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""answers.py -- what the answering commands must say about a trace, worked out over the second decoder

  answers.py QUESTION FILE [WORD...]    prints the object of `heaptap QUESTION --json FILE WORD...`, as far as it is known
                                        here; status 77 with the reason if it is not

Written from the man pages and docs/trace-format.md, with other means than heaptap: every event is kept, every past is
searched from its beginning, nothing is bounded. So it is slow, and simple enough to be right.

    decode.Replay --> History: steps with their ticks and contexts, blocks with birth and end --> one function per question
"""
import json
import sys

import decode


class Unclear(Exception):
    """Two blocks have one address at a time: this oracle looks too simply at blocks to follow that."""


class History(decode.Replay):
    """All steps of a trace in replay order: dicts as script prints them, and what script does not show.

    A block is named by the row that made it: (thread, seq). `gaps` has what happens between the steps: (how many steps were
    before, name, why, ticks) for each block that leaves without one.
    """

    def __init__(self, trace):
        super().__init__(trace)
        self.steps, self.gaps = [], []
        for step in self.events():
            block = self.released
            step["block"] = (block.stream, block.seq) if block else None
            step["own"] = bool(block) and block.image == step["image"]
            self.steps.append(step)

    def gone(self, space, block, why, ticks):
        self.gaps.append((len(self.steps), (block.stream, block.seq), why, ticks))

    def walk(self):
        """Steps and gaps in their order: ("step", number from 1, step) and ("gap", why, name, ticks)."""
        at = 0
        for number, step in enumerate(self.steps):
            while at < len(self.gaps) and self.gaps[at][0] <= number:
                yield ("gap", self.gaps[at][2], self.gaps[at][1], self.gaps[at][3])
                at += 1
            yield ("step", number + 1, step, None)
        for _, name, why, ticks in self.gaps[at:]:
            yield ("gap", why, name, ticks)

    def more(self, step, stream, row):
        step["ticks"], step["context"], step["seq"] = row[2], row[3], row[0]
        step["image"] = self.trace.image_of(stream.number)
        step["name"] = stream.number, row[0]
        return step

    def simple(self, stream, row, event, size, address):
        return self.more(super().simple(stream, row, event, size, address), stream, row)

    def realloc(self, stream, row, begin):
        step = self.more(super().realloc(stream, row, begin), stream, row)
        step["begin_ticks"] = begin[0][2] if begin else None
        return step

    def gives(self, step):
        """(address, size) of the block this step makes, or None."""
        if step["event"] in ("alloc", "existing") and step["address"]:
            return step["address"], step["size"]
        if step["event"] == "realloc" and step["new_address"]:
            return step["new_address"], step["new_size"]
        return None

    def takes(self, step):
        """(address, size or None) of the block this step releases or tries to, or None."""
        if step["event"] == "free":
            return step["address"], step["size"]
        if step["event"] == "realloc" and step["old_address"]:
            return step["old_address"], step["old_size"]
        return None


def call(step, begin=False):
    if step is None:
        return None
    return {
        "time_ns": step["begin_ns"] if begin and step["event"] == "realloc" else step["time_ns"],
        "thread": step["thread"],
        "function": step["function"],
        "caller": step["caller"],
    }


# ---- errors ----


def family(function):
    if function is None:
        return None
    if not function.startswith(("new", "delete")):
        return "c"
    return ("[]" in function, "align" in function)


def release_ticks(step):
    return step["begin_ticks"] if step["event"] == "realloc" else step["ticks"]


def past(history, at, births):
    """Why the release in step `at` is wrong: kind, the step of the block's birth, the step of the release before."""
    address, _ = history.takes(history.steps[at])
    number, born, released, around = int(address, 16), None, None, None
    for step in history.steps[:at]:
        if step["image"] != history.steps[at]["image"]:
            continue
        taken, given = history.takes(step), history.gives(step)
        if taken and taken[1] is not None and not step.get("failed"):
            if taken[0] == address and not step["own"]:
                born = births[step["block"]]
            if taken[0] == address and born is not None:
                released = step
            if around and history.gives(around)[0] == taken[0]:
                around = None
        if given:
            start = int(given[0], 16)
            if start == number:
                born, released, around = step, None, None
            elif start < number < start + given[1]:
                around = step
    if around:
        return "free-inside-block", around, None
    if released:
        return "double-free", born, released
    return "free-of-unknown", None, None


def inverted(history, at):
    """Another thread's allocation of the address follows within a microsecond: the stamps are inverted."""
    here = history.steps[at]
    address, _ = history.takes(here)
    for step in history.steps[at + 1 :]:
        given, taken = history.gives(step), history.takes(step)
        if given and given[0] == address and step["image"] == here["image"]:
            clock = history.trace.clock
            return step["thread"] != here["thread"] and clock.ns(step["ticks"]) - clock.ns(release_ticks(here)) <= 1000
        if taken and taken[0] == address and taken[1] is None and step["image"] == here["image"]:
            return False
    return False


def errors(history):
    answer = {"errors": 0, "judged": 0, "unjudged": 0, "inverted": 0, "places": []}
    places, births = {}, {}
    for at, step in enumerate(history.steps):
        taken, given = history.takes(step), history.gives(step)
        birth = births.get(step["block"])
        if given:
            births[step["name"]] = step
        if not taken:
            continue
        if release_ticks(step) >= history.trace.unknown_from:
            answer["unjudged"] += 1
            continue
        answer["judged"] += 1
        if taken[1] is None:
            if past(history, at, births)[0] == "free-of-unknown" and history.trace.before_of(step["image"]):
                answer["judged"] -= 1
                answer["unjudged"] += 1
                continue
            if inverted(history, at):
                answer["inverted"] += 1
                continue
            kind, born, before = past(history, at, births)
        elif birth and family(birth["function"]) and family(step["function"]) and family(birth["function"]) != family(step["function"]):
            kind, born, before = "mismatch", birth, None
        else:
            continue
        answer["errors"] += 1
        key = kind, step["context"], born and born["context"], before and before["context"]
        if key in places:
            places[key]["count"] += 1
            continue
        block = history.gives(born) if born else (None, None)
        places[key] = {
            "kind": kind,
            "count": 1,
            "address": taken[0],
            "block_address": block[0],
            "block_size": block[1],
            "here": call(step, True),
            "handed_out": call(born),
            "released": call(before, True),
            "order": (release_ticks(step), int(taken[0], 16)),
        }
    answer["places"] = sorted(places.values(), key=lambda p: p.pop("order"))
    return answer


# ---- block ----


def lifetimes(history):
    """Every block there was, in the order of their ends: dicts as `block --json` prints them, with the step of the birth."""
    done, live, places = [], {}, {}

    def end(name, how, step=None, to=None):
        life = live.pop(name)
        life["end"], life["to"], life["ended"] = how, to, call(step, True)
        life["lived_ns"] = max(0, life["ended"]["time_ns"] - life["handed_out"]["time_ns"]) if step else None
        done.append(life)

    for what, number, step, _ in history.walk():
        if what == "gap":
            end(step, {"end": "kept"}.get(number, number))
            continue
        taken, given = history.takes(step), history.gives(step)
        chain = None
        if step["block"] and step["own"] and not step.get("failed"):
            chain = live[step["block"]]["chain"]
            end(step["block"], "moved" if given else "freed", step, given and given[0])
        elif step["block"] and given:
            raise Unclear("a realloc of what was inherited")
        if given:
            place = step["image"], given[0]
            if places.get(place) in live:
                raise Unclear("%s is handed out while a realloc of it, or a lost free, is on its way" % given[0])
            places[place] = step["name"]
            live[step["name"]] = {
                "event": number,
                "address": given[0],
                "size": given[1],
                "from": taken and taken[0],
                "handed_out": call(step),
                "chain": chain or number,
            }
    return done


def block(history, word):
    lives = lifetimes(history)
    if word.startswith("0x"):
        at = int(word, 16)
        told = [x for x in lives if int(x["address"], 16) <= at < int(x["address"], 16) + max(x["size"], 1)]
    else:
        step = history.steps[int(word) - 1]
        taken = history.takes(step)
        mine = [x for x in lives if x["event"] == int(word)]
        if taken and taken[1] is not None and not step.get("failed"):
            mine = [
                x
                for x in lives
                if x["address"] == taken[0] and x["event"] < int(word) and x["ended"] == call(step, True)
            ]
        told = [x for x in lives if mine and x["chain"] == mine[0]["chain"]]
    told = [{key: x[key] for key in x if key != "chain"} for x in told]
    flags = history.trace.session["flags"] if history.trace.session else 0
    return {"free_stacks": bool(flags & 2), "lifetimes": told}


# ---- timeline ----


def timeline(history, option="--points=500"):
    """Every moment is worked out from the blocks that are alive then, step by step."""
    points = int(option.partition("=")[2])
    trace = history.trace
    rows = [t for stream in trace.streams.values() for part in stream.parts for t in part.times]
    step_ns = trace.clock.time_ns(max(rows, default=0)) // points + 1
    names = "bytes blocks most_bytes most_blocks allocs frees allocated_bytes released_bytes".split()
    steps = [dict.fromkeys(names, 0) for _ in range(points)]
    live, places, at, peak, last = {}, {}, 0, None, max(rows, default=0)

    def look():
        step, size = steps[at], sum(live.values())
        step["bytes"], step["blocks"] = size, len(live)
        step["most_bytes"], step["most_blocks"] = max(step["most_bytes"], size), max(step["most_blocks"], len(live))

    for what, why, event, ticks in history.walk():
        if what == "gap" and why == "end" and ticks >= last:
            continue
        time_ns = trace.clock.time_ns(ticks) if what == "gap" else event["time_ns"]
        while at + 1 < points and time_ns >= (at + 1) * step_ns:
            at += 1
            look()
        if what == "gap":
            live.pop(event)
            look()
            continue
        given = history.gives(event)
        if event["block"] and event["own"] and not event.get("failed"):
            steps[at]["frees"] += 1
            steps[at]["released_bytes"] += live.pop(event["block"])
        if given:
            if places.get((event["image"], given[0])) in live:
                raise Unclear(given[0])
            places[event["image"], given[0]] = event["name"]
            live[event["name"]] = given[1]
            if event["event"] != "existing":
                steps[at]["allocs"] += 1
                steps[at]["allocated_bytes"] += given[1]
            if peak is None or sum(live.values()) > peak[0]:
                peak = sum(live.values()), len(live), event["time_ns"]
        look()
    while at + 1 < points:
        at += 1
        look()
    answer = {"step_ns": step_ns, "points": [{"start_ns": i * step_ns, **step} for i, step in enumerate(steps)]}
    answer["peak_bytes"], answer["peak_blocks"], answer["peak_ns"] = peak or (0, 0, None)
    return answer


# ---- lifetimes and sizes ----


def ends(history):
    """Every block once: (step of its birth, how it ended, step of its end or None, ticks of that)."""
    live = {}
    for what, why, step, ticks in history.walk():
        if what == "gap":
            yield live.pop(step), why, None, ticks
            continue
        if step["block"] and step["own"] and not step.get("failed"):
            yield live.pop(step["block"]), "released", step, release_ticks(step)
        if history.gives(step):
            live[step["name"]] = step


def size_class(n):
    """(least, most) of the class: 0, 1, 2, 3-4, 5-8, ..."""
    most = 1
    while most < n:
        most *= 2
    return (n, n) if n < 2 else (most // 2 + 1, min(most, (1 << 64) - 1))


def histogram(rows, keys):
    """rows: (key..., bytes). One dict for each key, in order, with blocks and bytes."""
    sums = {}
    for *key, size in rows:
        blocks, total = sums.get(tuple(key), (0, 0))
        sums[tuple(key)] = blocks + 1, total + size
    order = sorted(sums, key=lambda key: [(n is None, n) for n in key])
    return [{**dict(zip(keys, key)), "blocks": sums[key][0], "bytes": sums[key][1] % (1 << 64)} for key in order]


def lives(history, option="--within=10"):
    word = option.partition("=")[2]
    unit = {"n": 1, "u": 1000, "m": 1000000}.get(word[-2], 1000000000) if word.endswith("s") else None
    limit = int(word.rstrip("nums")) * (unit or 1)
    clock = history.trace.clock
    by_time, by_calls, pairs, sums = [], [], [], {name: [0, 0] for name in ("all", "brief", "elsewhere", "kept")}

    def count(name, size):
        sums[name] = sums[name][0] + 1, sums[name][1] + size

    for birth, how, step, ticks in ends(history):
        size, lived = history.gives(birth)[1], max(0, clock.ns(ticks) - clock.ns(birth["ticks"]))
        count("all", size)
        if how == "end":
            count("kept", size)
        if birth["event"] == "existing":
            by_time.append((None, None, 3, size))
            continue
        if how != "released":
            by_time.append((None, None, {"end": 0, "exec": 1, "forgotten": 2}[how], size))
            continue
        bound = 1000
        while lived >= bound and bound < 10**12:
            bound *= 10
        longest = bound >= 10**12
        by_time.append((0 if bound == 1000 else bound // 10, None if longest else bound, -1, size))
        own = birth["thread"] == step["thread"]
        distance = step["seq"] - (step["event"] == "realloc") - birth["seq"]
        if own:
            by_calls.append((*size_class(distance), size))
        else:
            count("elsewhere", size)
            pairs.append((birth["thread"], step["thread"], size))
        if lived <= limit if unit else own and distance <= limit:
            count("brief", size)
    answer = {"by_time": histogram(by_time, ("from_ns", "to_ns", "class")), "by_calls": histogram(by_calls, ("from", "to"))}
    for row in answer["by_time"]:
        row["class"] = ("kept", "replaced", "forgotten", "existed", "released")[row["class"]]
    answer["hand_overs"] = sorted(histogram(pairs, ("from", "to")), key=lambda h: -h["blocks"])
    answer["within_calls"], answer["within_ns"] = (None, limit) if unit else (limit, None)
    answer["blocks"], answer["bytes"] = sums["all"][0], sums["all"][1] % (1 << 64)
    for name in ("brief", "elsewhere", "kept"):
        answer[name + "_blocks"], answer[name + "_bytes"] = sums[name][0], sums[name][1] % (1 << 64)
    return answer


def sizes(history):
    rows, chains, done = [], {}, []
    for birth, how, step, _ in ends(history):
        size = history.gives(birth)[1]
        rows.append((*size_class(size), size))
        chain = chains.pop(birth["name"], None)
        if how != "released" or not history.gives(step):
            if chain:
                done.append(chain)
            continue
        chain = chain or [0, 0, 0]
        chain[0] += step["new_size"] > size
        if step["new_address"] != step["old_address"]:
            chain[1] += 1
            chain[2] += min(size, step["new_size"])
        chains[step["name"]] = chain
    answer = {"blocks": len(rows), "bytes": sum(row[-1] for row in rows) % (1 << 64)}
    answer["by_size"] = histogram(rows, ("from", "to"))
    names = "grown", "moved", "copied_bytes"
    answer["chains"], answer["most_grown"] = len(done), max((chain[0] for chain in done), default=0)
    answer.update({name: sum(chain[i] for chain in done) for i, name in enumerate(names)})
    growth = histogram(((*size_class(chain[0]), 0) for chain in done), ("from", "to"))
    answer["by_growth"] = [{"from": g["from"], "to": g["to"], "chains": g["blocks"]} for g in growth]
    return answer


QUESTIONS = {"block": block, "errors": errors, "lifetimes": lives, "sizes": sizes, "timeline": timeline}


def main(arguments):
    if len(arguments) < 3 or arguments[1] not in QUESTIONS:
        print("usage: answers.py %s FILE [WORD...]" % "|".join(QUESTIONS), file=sys.stderr)
        return 2
    history = History(decode.load(arguments[2]))
    try:
        print(json.dumps(QUESTIONS[arguments[1]](history, *arguments[3:])))
    except Unclear as why:
        print(why)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
