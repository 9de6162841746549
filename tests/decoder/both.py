#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""both.py -- asks heaptap and the second decoder about the same bytes, many times in one process

Used by tests/e2e/file-surgery.py and file-random.py, which run in a scratch folder with the program in $HEAPTAP:

    bytes --> SCRATCH --> heaptap verify, script --json --+
          \\-> decode.py, called as a module -------------+--> complaints, at most 20, and how many events there are
"""
import json
import os
import subprocess
import sys

import decode
from same import difference

SCRATCH = "both.htap"
MOST = 20


class Both:
    def __init__(self):
        self.heaptap = os.environ["HEAPTAP"]
        self.complaints = 0

    def complain(self, what, says):
        self.complaints += 1
        print("%s: %s" % (what, says))
        if self.complaints == MOST:
            sys.exit(1)

    def ask(self, data, *words):
        with open(SCRATCH, "wb") as file:
            file.write(data)
        return subprocess.run([self.heaptap, *words, SCRATCH], capture_output=True, timeout=60, check=False)

    def compare(self, what, data, damages=None):
        """Heaptap must answer what the decoder answers, with so many damages; the number of events, 0 if no trace."""
        verify, script = self.ask(data, "verify", "--json"), self.ask(data, "script", "--json")
        try:
            trace = decode.Trace(data)
        except decode.Refusal:
            if (verify.returncode, script.returncode) != (3, 3):
                self.complain(what, "no trace, but exit %d and %d" % (verify.returncode, script.returncode))
            return 0
        expected = decode.verdict(trace)
        statuses = 0 if expected["complete"] else 1, 4 if trace.broken() else 0
        if (verify.returncode, script.returncode) != statuses:
            self.complain(
                what,
                "exit %d and %d, expected %d and %d: %s"
                % (verify.returncode, script.returncode, *statuses, verify.stderr + script.stderr),
            )
        try:
            got = json.loads(verify.stdout)
            events = [json.loads(line) for line in script.stdout.splitlines()]
        except ValueError as error:
            self.complain(what, "not JSON: %s" % error)
            return 0
        found = difference(expected, got, "verify") or difference(
            list(decode.Replay(decode.Trace(data)).events()), events, "script"
        )
        if found:
            self.complain(what, found)
        if damages is not None and expected["damaged_blocks"] != damages:
            self.complain(what, "%d damages, expected %d" % (expected["damaged_blocks"], damages))
        return len(events)
