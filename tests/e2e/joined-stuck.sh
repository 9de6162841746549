#!/bin/bash
# joined-stuck.sh -- a thread that waits inside the allocator keeps the recorder's code in the process: that is told, does no harm, keeps nobody from recording again, and ends
# long
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

mkfifo in out
"$TARGETS/stuck" <in >out 2>&1 &
pid=$!
exec 6>in 5<out

said() { # said WORD
	local line
	read -r -t 30 -u 5 line && [ "$line" = "$1" ] || fail "not '$1' but: $line"
}

tell() { # tell WORD
	echo "$1" >&6
	said "$1"
}

footholds() {
	grep -c 'r-xp 00000000 00:00 0 *$' "/proc/$pid/maps"
}

is_asleep_inside() { # in its malloc's read
	grep -q '^0 ' "/proc/$pid/task"/*/syscall 2>/dev/null && [ "$(grep -h '^0 ' "/proc/$pid/task"/*/syscall | grep -vc '^0 0x0 ')" = 1 ]
}

said ready
"$HEAPTAP" record -p "$pid" -d 2s -o first.htap 2>said 5<&- 6>&- &
recorder=$!
until [ "$(footholds)" = 1 ] && awk '$2 ~ /^r/ { code = $2 == "r-xp" && $6 ~ /^\// } $1 == "Anonymous:" && code && $2 > 0 { found = 1 } END { exit !found }' "/proc/$pid/smaps"; do
	kill -0 $recorder || fail "it did not enter: $(cat said)"
done
tell in
until is_asleep_inside; do :; done
wait $recorder || fail "exit $?: $(cat said)"
grep -q "stays there and does nothing" said || fail "that it stays was not told: $(cat said)"
[ "$(footholds)" = 1 ] || fail "its code was taken away under a thread"
tell call

rm -f said
"$HEAPTAP" record -p "$pid" -d 300ms -o second.htap 2>said 5<&- 6>&- &
recorder=$!
while kill -0 $recorder 2>/dev/null; do tell call; done
wait $recorder || fail "the second recording: exit $?: $(cat said)"
[ ! -s said ] || fail "the second recording: $(cat said)"
verified second.htap
[ "$(footholds)" = 1 ] || fail "the second recording left its code"

tell out
tell call
"$HEAPTAP" detach "$pid" >said || fail "detach: exit $?: $(cat said)"
grep -q 'is gone' said || fail "detach: $(cat said)"
[ "$(footholds)" = 0 ] && ! grep 'memfd:heaptap' "/proc/$pid/maps" || fail "something is left"
tell call
exec 6>&-
said "nothing wrong"
wait "$pid" || fail "it ended with $?"
