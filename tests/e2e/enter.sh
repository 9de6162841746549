#!/bin/bash
# enter.sh -- a process is entered and left again, while its threads are busy or asleep, and is afterwards what it was; whoever enters may be killed
. "$(dirname "$0")/lib.sh"

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

enters() { # enters MODE THREADS TIMES [kill]: of a checker
	local wait_for
	coproc "$TARGETS/checker" "$1" "$2"
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
