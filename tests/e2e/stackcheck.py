#!/usr/bin/python3
"""stackcheck.py -- reads what libchkstack.so counted: stackcheck.py FILE [KEY OP NUMBER]...

Prints the counters of tests/targets/libchkstack.c as one line; then each condition, as `whole >= 1000` or `mismatches == 0`, must hold.
`cut` is the sum over all reasons, `cut_share` cut / (cut + whole). On a failure the first mismatches are printed; status 1.
"""
import operator
import os
import struct
import sys

NAMES = ["calls", "skipped", "whole", "frames", "mismatches", "gave_up", "deepest", "memo_same", "memo_other"]
OPS = {"==": operator.eq, ">=": operator.ge, "<=": operator.le}


def main():
    path, tests = sys.argv[1], sys.argv[2:]
    with open(path, "rb") as f:
        numbers = struct.unpack("<25Q", f.read())
    values = dict(zip(NAMES, numbers))
    reasons = {i: n for i, n in enumerate(numbers[len(NAMES):]) if n}
    values["cut"] = sum(reasons.values())
    values["cut_share"] = values["cut"] / max(1, values["cut"] + values["whole"])
    by_reason = "".join(f", reason {i}: {n}" for i, n in sorted(reasons.items()))
    print(f"{os.path.basename(path)}: " + ", ".join(f"{k} {values[k]}" for k in NAMES) + f", cut {values['cut']}{by_reason}")
    bad = 0
    for key, op, number in zip(tests[::3], tests[1::3], tests[2::3]):
        if not OPS[op](values[key], float(number)):
            print(f"not true: {key} {op} {number}: it is {values[key]}")
            bad = 1
    if bad and os.path.exists(path + ".bad"):
        with open(path + ".bad", encoding="utf-8") as f:
            print(f.read()[:8000])
    sys.exit(bad)


if __name__ == "__main__":
    main()
