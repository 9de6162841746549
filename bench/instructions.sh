#!/bin/bash
# instructions.sh -- counts the instructions that heaptap adds to an event, with callgrind: bench/instructions.sh BUILD SCRATCH
#
# Run by tests/e2e/budget.sh, which compares with bench/budget.txt; by hand after a change of the hot path. Each workload of bench/micro.c runs
# with 20 000 and with 40 000 pairs, bare and traced; what the second 20 000 take more is free of start-up. Instructions are the
# target's: the recorder is another process, and valgrind does not see it. Prints lines `name instructions-per-event`.
set -eu
out=$1 scratch=$2
mkdir -p "$out/bench"
[ "$out/bench/micro" -nt bench/micro.c ] ||
	gcc -O2 -g -Wall -Wextra -fno-builtin-malloc -fno-builtin-free -pthread -o "$out/bench/micro" bench/micro.c
pairs=20000

counted() { # counted WORKLOAD DEPTH PAIRS [COMMAND...]: instructions of the whole run, begun by COMMAND
	local workload=$1 depth=$2 n=$3
	shift 3
	"$@" valgrind --tool=callgrind --callgrind-out-file=/dev/null "$out/bench/micro" "$workload" "$depth" "$n" 2>&1 >/dev/null |
		awk '/Collected :/ { print $NF; found = 1 } { all = all $0 "\n" } END { if (!found) { printf "%s", all >"/dev/stderr"; exit 1 } }'
}

per_event() { # per_event WORKLOAD DEPTH [COMMAND...]
	local workload=$1 depth=$2 half whole
	shift 2
	half=$(counted "$workload" "$depth" $pairs "$@")
	whole=$(counted "$workload" "$depth" $((2 * pairs)) "$@")
	awk -v d=$((whole - half)) -v n=$((2 * pairs)) 'BEGIN { print d / n }'
}

recorded() { # recorded OPTION... -- CMD
	rm -f "$scratch/budget.htap"
	"$out/heaptap" record -o "$scratch/budget.htap" "$@"
}

added() { # added NAME WORKLOAD DEPTH COMMAND...
	local name=$1 workload=$2 depth=$3 with bare
	shift 3
	bare=$(per_event "$workload" "$depth" env)
	with=$(per_event "$workload" "$depth" "$@")
	awk -v name="$name" -v with="$with" -v bare="$bare" 'BEGIN { printf "%s %.1f\n", name, with - bare }'
}

added dormant loop 20 env LD_PRELOAD="$out/libheaptap-agent.so"
added no-stacks loop 20 recorded --no-stacks --
added loop-20 loop 20 recorded --
added loop-20-free-stacks loop 20 recorded --free-stacks --
added walk-26 walk 26 recorded --
added walk-26-free-stacks walk 26 recorded --free-stacks --
