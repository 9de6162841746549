#!/bin/bash
# replay.sh -- reading a trace of sqlite3 against reading its peers' traces of the same work: [ROUNDS=5] bench/replay.sh
#
# sqlite3 does the same once under heaptap, once under heaptrack and once under LTTng-UST's libc wrapper, 2.3 million heap calls. Then the traces
# are read in turn, ROUNDS times: `report`, with and without names, and `verify`; heaptrack_print; babeltrace2, which only prints the events that
# it finds, and cannot say what was live. Printed: medians of CPU and elapsed seconds, the most memory, the size of the trace. Who is not
# installed is left out. Status 1 if `report` is not faster than heaptrack_print.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${O:-$top/build}
work=$(mktemp -d "${TMPDIR:-/tmp}/heaptap-replay.XXXXXX")
trap 'rm -rf "$work"' EXIT

cd "$work"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$top/bench /usr/bin/python3 - "$out/heaptap" "${ROUNDS:-5}" <<'PY'
import json, os, shutil, statistics, subprocess, sys, time
import measure, workloads

heaptap, rounds = sys.argv[1], int(sys.argv[2])
program = ["sqlite3", ":memory:", workloads.SQL.replace("200000", "470000")]
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

def size(at):
    return os.path.getsize(at) if os.path.isfile(at) else sum(os.path.getsize(os.path.join(d, f)) for d, _, files in os.walk(at) for f in files)

def timed(argv):
    begin = time.monotonic()
    child = subprocess.Popen(argv, **quiet)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit("%s: status %d" % (" ".join(argv), child.returncode))
    return used.ru_utime + used.ru_stime, time.monotonic() - begin, used.ru_maxrss / 1024

subprocess.run([heaptap, "record", "-o", "t.htap", "--", *program], check=True, **quiet)
events = json.loads(subprocess.run([heaptap, "info", "--json", "t.htap"], stdout=subprocess.PIPE, check=True).stdout)["events"]
readers = {"heaptap report": ([heaptap, "report", "t.htap"], "t.htap"), "heaptap report --no-symbols": ([heaptap, "report", "--no-symbols", "t.htap"], "t.htap"),
           "heaptap verify": ([heaptap, "verify", "t.htap"], "t.htap")}
if shutil.which("heaptrack") and shutil.which("heaptrack_print"):
    subprocess.run(["heaptrack", "-o", "ht", *program], check=True, **quiet)
    at = next(f for f in os.listdir(".") if f.startswith("ht."))
    readers["heaptrack_print"] = (["heaptrack_print", at], at)
lttng = None
if shutil.which("lttng-sessiond") and shutil.which("babeltrace2") and os.path.exists(measure.LTTNG_WRAPPER):
    lttng = measure.Lttng(os.getcwd())
    at = lttng.begin()
    subprocess.run(program, env=dict(os.environ, LD_PRELOAD=measure.LTTNG_WRAPPER, **lttng.env), check=True, **quiet)
    lttng.end()
    lttng.close()
    readers["babeltrace2"] = (["babeltrace2", at], at)

took = {name: [] for name in readers}
for _ in range(rounds):
    for name, (argv, _) in readers.items():
        took[name].append(timed(argv))
print("%d events, %d rounds" % (events, rounds))
print("| reader | CPU s | CPU s per million events | elapsed s | MB resident | trace, MB |")
print("|---|---|---|---|---|---|")
for name, values in took.items():
    cpu, elapsed = statistics.median(v[0] for v in values), statistics.median(v[1] for v in values)
    print("| %s | %.2f | %.3f | %.2f | %.0f | %.1f |" % (name, cpu, cpu * 1e6 / events, elapsed, max(v[2] for v in values), size(readers[name][1]) / 1e6))
if "heaptrack_print" in took:
    ours, theirs = (statistics.median(v[0] for v in took[name]) for name in ("heaptap report", "heaptrack_print"))
    sys.exit(ours >= theirs)
PY
