#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""same.py -- are two files of JSON values, one a line, the same values?

  same.py EXPECTED GOT    silent and 0 if so; else the first line that differs, and 1

Called by agree.sh and tests/e2e/file-golden.sh, its difference() by both.py. Numbers are integers of any size;
the order of keys does not matter; keys that only GOT has are additions and no difference.
"""
import json
import sys


def lines(path):
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return [line for line in file if line.strip()]


def difference(expected, got, where):
    """The first place where they differ, or None."""
    if isinstance(expected, dict) and isinstance(got, dict):
        for key in expected:
            if key not in got:
                return "%s.%s is missing" % (where, key)
            found = difference(expected[key], got[key], "%s.%s" % (where, key))
            if found:
                return found
        return None
    if isinstance(expected, list) and isinstance(got, list) and len(expected) == len(got):
        found = (difference(e, g, "%s[%d]" % (where, i)) for i, (e, g) in enumerate(zip(expected, got)))
        return next(filter(None, found), None)
    if type(expected) is type(got) and expected == got:
        return None
    return "%s: expected %s, got %s" % (where, json.dumps(expected), json.dumps(got))


def main(arguments):
    expected, got = lines(arguments[1]), lines(arguments[2])
    for number, (line, other) in enumerate(zip(expected, got), 1):
        found = None if line == other else difference(json.loads(line), json.loads(other), "line %d" % number)
        if found:
            print("%s\n  expected: %s  got:      %s" % (found, line, other), end="")
            return 1
    if len(expected) != len(got):
        print("expected %d lines, got %d" % (len(expected), len(got)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
