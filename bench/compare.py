#!/usr/bin/python3
"""compare.py -- runs the areas of the bench in turn, round after round, and writes the page docs/benchmarks.md

Run by bench/run.sh with the build directory. An area is a file bench/area_NAME.py with a class Area: `title`; __init__(runner, scratch, pairs);
round(), which measures everything once; page(), its part of the page in Markdown; goals(), a list of (what, goal, value), where less is better.
Areas are taken in the order of their names; all share the rounds, so that a noisy minute falls on all alike.
"""
import datetime
import glob
import importlib
import os
import platform
import subprocess
import sys
import tempfile

import measure

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGES = ["libc6", "gcc-12", "heaptrack", "liblttng-ust1", "lttng-tools", "sqlite3", "python3.11", "perl", "redis-server", "clang-14", "cppcheck",
            "git"]


def first_line(path, start, otherwise="unknown"):
    with open(path, encoding="utf-8") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith(start)), otherwise)


def versions():
    out = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\n", *PACKAGES], capture_output=True, text=True, check=False).stdout
    return ", ".join(out.splitlines()) or "unknown"


def tip():
    out = subprocess.run(["git", "-C", HERE, "log", "-1", "--format=%h of %cs"], capture_output=True, text=True, check=False).stdout
    return out.strip() or "unknown"


def head(rounds, began, load):
    minutes = (datetime.datetime.now() - began).total_seconds() / 60
    return f"""# Benchmarks

Written by `make bench`; do not edit. It measures heaptap and its peers on one machine, in one run, in rounds in which everything runs in turn.
Medians over the rounds, with the least and the most of them in brackets; – means that a run failed or a tool is not there.

* {began:%Y-%m-%d}, {rounds} rounds, {minutes:.0f} minutes; heaptap {tip()}
* {first_line("/proc/cpuinfo", "model name")}, {os.cpu_count()} processors, {int(first_line("/proc/meminfo", "MemTotal", "0 kB").split()[0]) >> 20} GiB, \
Linux {platform.release()}; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after
* {versions()}

CPU is user and system time. *Event*: one heap call that heaptap records (malloc, calloc, realloc, free of a block, new, delete)."""


def goals(areas):
    lines = ["## Goals", "", "| what | goal, at most | measured | |", "|---|---|---|---|"]
    for area in areas:
        for what, goal, value in area.goals():
            verdict = "not measured" if value is None else "met" if value <= goal else "**missed**"
            lines.append(f"| {what} | {goal} | {'–' if value is None else f'{value:.2f}'} | {verdict} |")
    return "\n".join(lines)


def main():
    rounds, pairs = int(os.environ.get("ROUNDS", "7")), int(os.environ.get("PAIRS", "1000000"))
    out = os.environ.get("OUT") or os.path.join(os.path.dirname(HERE), "docs", "benchmarks.md")
    wanted = os.environ.get("AREAS", "").split()
    names = [os.path.basename(p)[:-3] for p in sorted(glob.glob(os.path.join(HERE, "area_*.py")))]
    names = [n for n in names if not wanted or n[len("area_"):] in wanted]
    began, load = datetime.datetime.now(), os.getloadavg()
    with tempfile.TemporaryDirectory() as scratch:
        runner = measure.Runner(sys.argv[1], scratch)
        try:
            areas = [importlib.import_module(n).Area(runner, scratch, pairs) for n in names]
            for n in range(rounds):
                for area in areas:
                    area.round()
                    print(f"round {n + 1} of {rounds}: {area.title}", file=sys.stderr, flush=True)
        finally:
            runner.close()
    parts = [head(rounds, began, load), goals(areas)] + [f"## {a.title}\n\n{a.page()}" for a in areas]
    with open(out, "w", encoding="utf-8") as f:
        f.write("\n\n".join(parts) + "\n")
    print(out)


if __name__ == "__main__":
    main()
