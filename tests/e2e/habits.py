#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""habits.py -- the oracle of tests/e2e/habits.sh: what tests/targets/habits.c confesses, held against the answers

  habits.py CONFESSION MODULE < ANSWERS    the answers, one JSON object a line: info; lifetimes by brief within 1, 7 and 8 calls,
                                           by elsewhere, by kept; sizes by blocks, by copied

Of each confessed kind the places of MODULE must be exactly those, and no other. Silent and 0 if so; else what differs, and 1.
"""
import json
import os
import sys


def places(answer, module, figures):
    """{function: figures} of the places whose innermost frame is the program's own, added up over the lines of a function."""
    got = {}
    for site in answer["sites"]:
        frame = site["stack"][0] if site["stack"] else {"module": None}
        if os.path.basename(frame["module"] or "") != module:
            continue
        value = figures(site)
        known = got.get(frame["function"])
        got[frame["function"]] = value if known is None else [a + b for a, b in zip(known, value)]
    return got


def main(arguments):
    path, module = arguments[1:]
    confessed = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            what, *words = line.split()
            key = (what, words.pop(0)) if what == "within" else what
            confessed.setdefault(key, []).append(words)
    answers = [json.loads(line) for line in sys.stdin]
    tid = {t["thread"]: t["tid"] for t in answers.pop(0)["thread_list"]}
    wrong = []

    def check(what, expected, got):
        if expected != got:
            wrong.append("%s: confessed %s, answered %s" % (what, expected, got))

    def pairs(rows):
        return {row[0]: [int(n) for n in row[1:]] for row in rows}

    def tally(site):
        return [site["blocks"], site["bytes"]]

    for answer, within in zip(answers, ("1", "7", "8")):
        check("within " + within, pairs(confessed["within", within]), places(answer, module, tally))
        check("within", int(within), answer["within_calls"])
    elsewhere, kept, blocks, copied = answers[3:]
    check("elsewhere", pairs(confessed["elsewhere"]), places(elsewhere, module, tally))
    check("kept", pairs(confessed["kept"]), places(kept, module, tally))
    got = [[str(n) for n in (tid[h["from"]], tid[h["to"]], h["blocks"], h["bytes"])] for h in elsewhere["hand_overs"]]
    check("hand-overs", sorted(confessed["hand_over"]), sorted(got))
    for function in {words[0] for words in confessed["size"]}:
        sites = [s for s in blocks["sites"] if s["stack"] and s["stack"][0]["function"] == function]
        got = [[function] + [str(c[key]) for key in ("from", "to", "blocks")] for s in sites for c in s["by_size"]]
        check("sizes", [words for words in confessed["size"] if words[0] == function], got)
    names = ("chains", "grown", "most_grown", "moved", "copied_bytes")
    got = places(copied, module, lambda site: [site[name] for name in names])
    for function, value in got.items():  # of several lines not the sum
        value[2] = max(s["most_grown"] for s in copied["sites"] if s["stack"] and s["stack"][0]["function"] == function)
    check("chains", pairs(confessed["chains"]), got)
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
