#!/usr/bin/python3
"""area_reading.py -- what it costs to read a trace again: heaptap's replay (verify) against heaptrack_print, over the same program"""
import glob
import os
import shutil
import statistics
import subprocess

import workloads


def timed(argv):
    """(CPU seconds, peak MB, None if it failed)"""
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000) if p.returncode == 0 else None


class Area:
    title = "Reading"

    def __init__(self, runner, scratch, _pairs):
        self.runner, self.scratch = runner, scratch
        wanted = ("sqlite3", "python3", "perl", "cc1plus")
        self.work = [w for w in workloads.programs(runner.build, scratch) if w.name in wanted]
        self.found = {w.name: {"heaptap": [], "heaptrack": []} for w in self.work}

    def round(self):
        for w in self.work:
            ours, theirs = self.runner.stacks(w), self.runner.heaptrack(w) if shutil.which("heaptrack_print") else None
            if not ours:
                continue
            self.note(w, "heaptap", ours, timed([self.runner.heaptap, "verify", os.path.join(self.scratch, "t.htap")]))
            if theirs:
                self.note(w, "heaptrack", ours, timed(["heaptrack_print", *glob.glob(os.path.join(self.scratch, "ht.*"))]))

    def note(self, w, who, ours, took):
        if took:
            self.found[w.name][who].append((took[0] * 1e6 / ours["events"], took[1]))

    def page(self):
        def mid(name, who, i):
            values = [v[i] for v in self.found[name][who]]
            return f"{statistics.median(values):.2f}" if values else "–"

        lines = ["### CPU seconds for a million events, and peak memory in MB", "",
                 "| workload | heaptap verify, s | MB | heaptrack_print, s | MB |", "|---|---|---|---|---|"]
        lines += [f"| {n} | {mid(n, 'heaptap', 0)} | {mid(n, 'heaptap', 1)} | {mid(n, 'heaptrack', 0)} | {mid(n, 'heaptrack', 1)} |"
                  for n in self.found]
        return "\n".join(lines)

    def goals(self):
        return [(f"{n}, replay, CPU s per million events", 0.05, statistics.median(v[0] for v in who["heaptap"]))
                for n, who in self.found.items() if who["heaptap"]]
