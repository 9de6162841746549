#!/bin/bash
# attach.sh -- what it costs to enter a running process, and how others enter one; prints a table, keeps nothing
#
#   bench/attach.sh [RUNS]     default 40; build heaptap first (O= as for make)
#
# stands still: the longest time in which the process could not run, as it sees it itself (pause.c), from before the recording to after it; where nothing
# is done but waiting for as long, "nobody" says how long the machine alone keeps it from running. whole: wall clock of `heaptap record -p -d 10ms`: looking,
# entering, leaving, writing the file. gdb: its way is `call dlopen(...)`, of a library that is loaded already; that is what peers that attach do.
# Medians, and the ninth of ten in brackets.
set -u
cd "$(dirname "$0")/.." || exit 3
O=$(realpath -m "${O:-build}")
runs=${1:-40}
work=$(mktemp -d /tmp/heaptap-bench.XXXXXX)
trap 'kill "$pid" 2>/dev/null; rm -rf "$work"' EXIT
gcc -O2 -fno-builtin -pthread -o "$work/pause" bench/pause.c || exit 3

of() { sort -n "$1" | awk '{ a[NR] = $1 } END { printf "%s (%s)", a[int((NR + 1) / 2)], a[int((9 * NR + 9) / 10)] }'; }

ask() { # ask FILE: the answer of the process goes there
	echo >&"${PAUSE[1]}"
	read -r -u "${PAUSE[0]}" answer
	echo "$answer" >>"$1"
}

now_us() { echo $((${EPOCHREALTIME/./})); }

enter() { # enter NAME COMMAND...: how long it stood still, and how long it all took
	local since
	ask /dev/null
	since=$(now_us)
	"${@:2}" >/dev/null 2>&1 || echo "attach.sh: $1 failed" >&2
	echo $(($(now_us) - since)) >>"$work/$1.whole"
	ask "$work/$1.still"
}

record() {
	rm -f "$work/trace"
	"$O/heaptap" record -p "$pid" -d 10ms -o "$work/trace" "$@"
}

echo "$(nproc) processors, $(uname -r), $runs runs; microseconds"
for threads in 1 10 200; do
	rm -f "$work"/*.still "$work"/*.whole
	coproc PAUSE { exec "$work/pause" $threads; }
	pid=$PAUSE_PID
	sleep 0.2
	for _ in $(seq "$runs"); do
		enter nobody sleep 0.05
		enter heaptap record --no-census
		enter census record
		if command -v gdb >/dev/null; then
			enter gdb gdb -p "$pid" -batch -ex 'call (void *) dlopen("libc.so.6", 6)'
		fi
	done
	for who in nobody heaptap census gdb; do
		[ -e "$work/$who.still" ] || continue
		printf '%3d threads  %-8s stands still %s  whole %s\n' "$threads" $who "$(of "$work/$who.still")" "$(of "$work/$who.whole")"
	done
	kill "$pid"
	wait "$pid" 2>/dev/null
done
