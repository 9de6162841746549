#!/bin/bash
# joined.sh -- a process that runs is recorded, many times, while its threads are busy or asleep: each trace is whole, and afterwards the process is what it was
#
# The process checks what it writes into its blocks; mappings, text, descriptors, threads and signal masks are compared by enter.c.
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

cat >once <<'E2'
#!/bin/bash
# once PID: one recording, whole or not
rm -f trace
"$HEAPTAP" record -p "$1" -d 60ms -o trace "${@:2}" 2>said || { cat said; exit 1; }
[ ! -s said ] || { cat said; exit 1; }
"$HEAPTAP" verify --json trace >verdict && jq -e '.complete and .history_violations == 0 and .lost == 0 and .recorded > 0' verdict >/dev/null && exit 0
cat verdict
exit 1
E2
chmod +x once

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
