#!/bin/bash
# blocking.sh -- sixteen calls in which programs sleep go on, and end as they would have, while their process is entered and left again and again
#
# CYCLES (8) of them during one call. A call whose limit began anew with each of them (that of a socket: docs/attach.md) tells how late that would be; the others
# are nowhere near. Then each by the only thread of a process, which has to be borrowed for it.
# long
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"
cycles=${CYCLES:-8}

begin() { # begin NAME LIMIT_MS [CALL]: pid, its output in NAME.said
	rm -f "$1.in" "$1.out"
	mkfifo "$1.in" "$1.out"
	"$TARGETS/blocking" "${@:2}" <"$1.in" >"$1.out" 6>&- &
	pid=$!
	exec 6>"$1.in" 5<"$1.out"
	read -r -u 5
	cat <&5 >"$1.said" 6>&- &
	exec 5<&-
}

recorded() { # recorded PID FILE
	"$HEAPTAP" record -p "$1" -d 10ms -o "$2" || fail "it was not recorded: exit $?"
	"$HEAPTAP" verify --json "$2" | jq -e '.complete and .history_violations == 0' >/dev/null || fail "$2: $("$HEAPTAP" verify "$2")"
}

begin all $((cycles * 500 + 1000))
for n in $(seq "$cycles"); do
	recorded "$pid" "trace.$n"
done
exec 6>&-
wait "$pid" || fail "the calls: $(cat all.said)"
awk '{ late[$1] = $2 } END {
	for (c in late) { printf "%s %d ms   ", c, late[c]; if (c != "SO_RCVTIMEO" && late[c] * 2 > late["SO_RCVTIMEO"]) bad++ }
	exit bad || length(late) != 11 }' all.said || fail "late: $(cat all.said)"

for call in nanosleep poll ppoll select epoll_wait epoll_pwait sigtimedwait semtimedop; do
	begin $call 1500 $call
	exec 6>&-
	recorded "$pid" $call.trace
	wait "$pid" || fail "$call, alone: $(cat $call.said)"
done
