#!/bin/bash
# enter.sh -- a process is entered and left again, while its threads are busy or asleep, and is afterwards what it was; whoever enters may be killed
. "$(dirname "$0")/lib.sh"

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

enters() { # enters MODE THREADS TIMES [kill]: of a checker
	local wait_for
	coproc "${checker:-$TARGETS/checker}" "$1" "$2"
	wait_for=$COPROC_PID
	exec 5<&"${COPROC[0]}" 6>&"${COPROC[1]}"
	eval "exec ${COPROC[0]}<&- ${COPROC[1]}>&-"
	read -r -u 5
	"$O/e2e/enter" "$wait_for" "${@:3}" >says || fail "$*: $(tail -n 60 says)"
	exec 6>&-
	cat <&5 >confession
	wait "$wait_for" || fail "$*: the program ended with $?: $(cat confession)"
	exec 5<&-
	grep -q 'nothing wrong' confession || fail "$*: $(cat confession)"
	awk '$1 == "entries" { entries = $2 } $1 == "in" { went = $2 } END { exit !(entries >= 5 && went == '"$3"') }' says ||
		fail "$*: $(cat says)"
	echo "$*: $(tr '\n' ' ' <says)"
}

enters busy 1 5
enters asleep 1 5
enters busy 10 5
enters asleep 10 5
enters asleep 50 2
enters busy 10 20 kill
enters asleep 1 20 kill
[ "$(awk '$1 == "killed" { print $2 }' says)" -gt 0 ] || fail "nobody was killed: $(cat says)"

for name in jemalloc tcmalloc mimalloc; do
	library=$(allocator $name)
	[ -n "$library" ] || continue
	LD_PRELOAD=$library enters busy 2 2
done

# Static programs, and musl's: what they export nothing of, their file names.
flags=(-O1 -g -fno-builtin -pthread -I"$TOP/src" -D_GNU_SOURCE -w "$TOP/tests/targets/checker.c")
gcc -static -o static "${flags[@]}" 2>/dev/null || fail "no static program"
checker=./static enters busy 10 5
strip -o stripped static
coproc ./stripped busy 1
read -r <&"${COPROC[0]}"
"$O/e2e/enter" "$COPROC_PID" 1 | head -n 1 >says
kill "$COPROC_PID"
[ "$(cat says)" = "entries 0" ] || fail "a stripped static program: $(cat says)"
if command -v musl-gcc >/dev/null; then
	musl-gcc -o musl "${flags[@]}" || fail "no program of musl"
	checker=./musl enters busy 10 5
	musl-gcc -static -o musl-static "${flags[@]}" || fail "no static program of musl"
	checker=./musl-static enters busy 10 5
else
	echo "musl-gcc is not installed: its programs were not entered"
fi
