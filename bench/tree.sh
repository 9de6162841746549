#!/bin/bash
# tree.sh -- what it costs to record a tree of processes: the start of each, and a build; prints figures, keeps nothing
#
#   bench/tree.sh [PROCESSES] [RUNS]     default 1000 and 5; build heaptap first (O= as for make)
#
# Start: so many processes that do nothing, one after another, with and without heaptap. Build: `make -j2` of heaptap itself,
# beside what its events should cost: those of one cc1, recorded alone in the same minute, cost so much each. CPU time is that of all
# processes together, the recorder's included; the figures are medians.
set -u
cd "$(dirname "$0")/.." || exit 3
O=$(realpath -m "${O:-build}")
processes=${1:-1000} runs=${2:-5}
work=$(mktemp -d /tmp/heaptap-bench.XXXXXX)
trap 'rm -rf "$work"' EXIT
TIMEFORMAT='%R %U %S'
unset MAKEFLAGS MFLAGS

median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
timed() { # timed NAME CMD...: appends seconds of the clock to NAME.wall, of the processors to NAME.cpu
	local name=$1 took
	shift
	took=$({ time "$@" >/dev/null 2>&1; } 2>&1)
	awk '{ print $1 }' <<<"$took" >>"$work/$name.wall"
	awk '{ print $2 + $3 }' <<<"$took" >>"$work/$name.cpu"
}
recorded() { # recorded NAME CMD...
	local name=$1
	shift
	rm -f "$work/$name.htap"
	timed "$name" "$O/heaptap" record -o "$work/$name.htap" -- "$@"
}
of() { median <"$work/$1"; }
events() { "$O/heaptap" info --json "$work/$1.htap" | python3 -c 'import json, sys; print(json.load(sys.stdin)["events"])'; }

printf 'i=0; while [ $i -lt %d ]; do /bin/true; i=$((i + 1)); done\n' "$processes" >"$work/loop.sh"
gcc -E -Isrc -D_GNU_SOURCE src/inspect/replay.c -o "$work/unit.i" || exit 3
cc1=$(gcc -print-prog-name=cc1)
for _ in $(seq "$runs"); do
	timed start sh "$work/loop.sh"
	recorded start-recorded sh "$work/loop.sh"
	timed cc1 "$cc1" -quiet -O2 -g -fpreprocessed "$work/unit.i" -o "$work/unit.s"
	recorded cc1-recorded "$cc1" -quiet -O2 -g -fpreprocessed "$work/unit.i" -o "$work/unit.s"
	timed make make -j2 O="$work/plain-$RANDOM"
	recorded make-recorded make -j2 O="$work/recorded-$RANDOM"
done
awk -v n="$processes" -v wall="$(of start.wall)" -v wall_r="$(of start-recorded.wall)" -v cpu="$(of start.cpu)" -v cpu_r="$(of start-recorded.cpu)" \
	'BEGIN { printf "start: %.3f ms a process, %.3f ms of CPU (%.3f and %.3f without heaptap)\n",
		(wall_r - wall) * 1000 / n, (cpu_r - cpu) * 1000 / n, wall * 1000 / n, cpu * 1000 / n }'
awk -v one="$(of cc1.cpu)" -v one_r="$(of cc1-recorded.cpu)" -v one_n="$(events cc1-recorded)" -v cpu="$(of make.cpu)" -v cpu_r="$(of make-recorded.cpu)" \
	-v n="$(events make-recorded)" 'BEGIN {
	each = (one_r - one) / one_n
	printf "cc1: %d events, %.0f ns each\n", one_n, each * 1e9
	printf "make -j2: %.2f s of CPU, recorded %.2f s with %d events; predicted %.2f s: %+.1f %%\n", cpu, cpu_r, n, cpu + n * each,
		(cpu_r / (cpu + n * each) - 1) * 100 }'
"$O/heaptap" info --json "$work/make-recorded.htap" | python3 -c 'import json, sys
d = json.load(sys.stdin); p = d["processes"]
print("make -j2: %d processes, %d recorded, %d events, %.2f bytes each, %d lost" % (len(p), sum(x["traced"] for x in p), d["events"], d["bytes_on_disk"] / d["events"], d["lost"]))'
