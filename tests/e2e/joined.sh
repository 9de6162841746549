#!/bin/bash
# joined.sh -- a process that runs is recorded, many times, while its threads are busy or asleep: each trace is whole, and afterwards the process is what it was
#
# The process checks what it writes into its blocks; mappings, text, descriptors, threads and signal masks are compared by enter.c.
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

write_once

joined() { # joined MODE THREADS TIMES [OPTION...]
	local pid
	coproc "${checker:-$TARGETS/checker}" "$1" "$2"
	pid=$COPROC_PID
	exec 5<&"${COPROC[0]}" 6>&"${COPROC[1]}"
	eval "exec ${COPROC[0]}<&- ${COPROC[1]}>&-"
	read -r -u 5
	"$O/e2e/enter" "$pid" "$3" by ./once "$pid" "${@:4}" >says || fail "$*: $(tail -n 60 says)"
	exec 6>&-
	cat <&5 >confession
	wait "$pid" || fail "$*: the program ended with $?: $(cat confession)"
	exec 5<&-
	grep -q 'nothing wrong' confession || fail "$*: $(cat confession)"
	echo "$*: $(tr '\n' ' ' <says)"
}

joined busy 1 3
joined busy 10 3
joined busy 10 2 --no-stacks
joined asleep 1 2
joined asleep 10 2
joined asleep 50 2
for name in jemalloc tcmalloc mimalloc; do
	library=$(allocator $name)
	[ -n "$library" ] || continue
	LD_PRELOAD=$library joined busy 2 2
done
flags=(-O1 -g -fno-builtin -pthread -I"$TOP/src" -D_GNU_SOURCE -w "$TOP/tests/targets/checker.c")
gcc -static -o static "${flags[@]}" || fail "no static program"
checker=./static joined busy 4 2
if command -v musl-gcc >/dev/null; then
	musl-gcc -o musl "${flags[@]}" || fail "no program of musl"
	checker=./musl joined busy 4 2
	musl-gcc -static -o musl-static "${flags[@]}" || fail "no static program of musl"
	checker=./musl-static joined busy 4 2
fi
