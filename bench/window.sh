#!/bin/bash
# window.sh -- what a one-second window of a long recording costs: bench/window.sh [SECONDS]
#
# Records a program that builds and drops a heap of strings for SECONDS (120), adds checkpoints to one copy of the trace, and asks both copies
# about one second at several places. Printed: the size of the trace and of its checkpoints; of each window, what share of the file was
# read (rchar of /proc/self/io, everything else that heaptap reads included) and how long it took, with and without checkpoints. The answers
# must be equal. Status 1 if one is not, or a window with checkpoints read 2 % or more.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
heaptap=${O:-$top/build}/heaptap
seconds=${1:-120}
work=$(mktemp -d "${TMPDIR:-/tmp}/heaptap-window.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"

"$heaptap" record -o plain.htap -- perl -e '
	my ($end, @kept) = (time + shift);
	while (time < $end) {
		my @brief = map { "x" x (1 + $_ % 700) } 1 .. 20000;
		push @kept, splice @brief, 0, 50;
		select undef, undef, undef, 0.05;
	}' "$seconds"
cp plain.htap with.htap
"$heaptap" checkpoint with.htap
"$heaptap" info --json plain.htap >info.json
exec /usr/bin/python3 - "$heaptap" <<'PY'
import json, os, subprocess, sys, time
heaptap = sys.argv[1]
def read():
    return int(next(line.split()[1] for line in open("/proc/self/io") if line.startswith("rchar")))
def ask(path, begin):
    before, start = read(), time.monotonic()
    answer = subprocess.run([heaptap, "report", "--json", "-n", "0", "--no-symbols", "--from=%dns" % begin, "--to=%dns" % (begin + 10**9), path],
                            stdout=subprocess.PIPE, check=True).stdout
    return answer, read() - before, time.monotonic() - start
info = json.load(open("info.json"))
size, plain = os.path.getsize("with.htap"), os.path.getsize("plain.htap")
print("%d events in %.0f s, %.1f MB; with checkpoints %.1f MB" % (info["events"], info["duration_ns"] / 1e9, plain / 1e6, size / 1e6))
bad = 0
for part in (5, 25, 50, 75, 95):
    begin = info["duration_ns"] * part // 100
    (got, took, lasted), (expected, took_all, lasted_all) = ask("with.htap", begin), ask("plain.htap", begin)
    verdict = "" if got == expected else "  ANOTHER ANSWER"
    bad |= got != expected or took * 50 >= size
    print("at %2d %%: %.2f %% of the file read, %.3f s; without checkpoints %.0f %%, %.3f s%s"
          % (part, 100 * took / size, lasted, 100 * took_all / plain, lasted_all, verdict))
sys.exit(bad)
PY
