#!/bin/bash
# joined-ends.sh -- how the recording of a process that runs ends: asked, by time, by the file's limit, by the process's end; or the recorder is killed, and somebody cleans up
#
# long
#
# KILLS (12): recorders that are killed, each at another moment of its life. enter.c compares the process before and after.
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"
kills=${KILLS:-12}

begin() { # begin COMMAND...
	rm -f in out
	mkfifo in out
	"$@" <in >out 2>&1 &
	pid=$!
	exec 6>in 5<out
	read -r -t 20 -u 5 said && [ "$said" = ready ] || fail "$*: not ready: $said"
}

end() { # end WHAT
	exec 6>&-
	cat <&5 >confession
	exec 5<&-
	wait "$pid" || fail "$1: it ended with $?: $(cat confession)"
	grep -q 'nothing wrong' confession || fail "$1: $(cat confession)"
	echo "$1: well"
}

clean() { # clean WHAT
	grep -E 'memfd:heaptap|r-xp 00000000 00:00 0 *$' "/proc/$pid/maps" && fail "$1: memory is left in it"
}

start() { # start [OPTION...]: a recorder, until it has entered
	rm -f trace said
	"$HEAPTAP" record -p "$pid" -o trace "$@" >said 2>&1 5<&- 6>&- &
	recorder=$!
	until is_entered; do
		kill -0 $recorder 2>/dev/null || fail "it did not enter: $(cat said)"
	done
}

is_entered() { # pages of its text are not the file's any more
	awk '$2 ~ /^r/ { code = $2 == "r-xp" && $6 ~ /^\// } $1 == "Anonymous:" && code && $2 > 0 { found = 1 }
		END { exit !found }' "/proc/$pid/smaps"
}

ended() { # ended WHAT REASON
	wait $recorder || fail "$1: exit $?: $(cat said)"
	[ "$(jq -r .end_reason <<<"$("$HEAPTAP" info --json trace)")" = "$2" ] || fail "$1: not '$2': $("$HEAPTAP" info --json trace)"
}

begin "$TARGETS/checker" busy 4
start
"$HEAPTAP" record -p "$pid" -o other 2>said
[ $? = 125 ] && grep -q "recorded by process $recorder" said || fail "a second recorder: $(cat said)"
"$HEAPTAP" detach "$pid" 2>said
[ $? = 3 ] && grep -q "recorded by process $recorder" said || fail "detach under a recorder: $(cat said)"
until [ "$(stat -c %s trace 2>/dev/null || echo 0)" -gt 200000 ]; do :; done
kill -TERM $recorder
ended "asked" asked
verified trace
clean "asked"

start -d 100ms
ended "by time" asked
verified trace
clean "by time"

start --max-file=300K
ended "by the limit" limit
[ "$(stat -c %s trace)" -le 307200 ] || fail "the file is larger than its limit"
grep -q 'limit on the file' said || fail "the limit is not told: $(cat said)"
clean "by the limit"

"$HEAPTAP" detach "$pid" >said || fail "detach: exit $?"
grep -q 'nothing of a recorder' said || fail "detach, with nothing to do: $(cat said)"
end "asked, by time, by the limit"

# Its own end: how it ended is not known, that it did is.
begin "$TARGETS/checker" busy 4
start
until [ "$(stat -c %s trace 2>/dev/null || echo 0)" -gt 200000 ]; do :; done
end "its own end"
ended "its own end" gone
verified trace

# It becomes another program: from there on it is not recorded, and that is said.
begin bash -c 'echo ready; read -r; exec "$0" "nothing wrong"' "$(type -P echo)"
start
echo >&6
exec 6>&-
ended "exec" gone
wait "$pid" || fail "exec: it ended with $?"
exec 5<&-

# The agent that was loaded at the start is there already.
rm -f in out
mkfifo in out
"$HEAPTAP" record -o outer -- "$TARGETS/checker" busy 1 <in >out &
recorder=$!
exec 6>in 5<out
read -r -u 5
pid=$(cat "/proc/$recorder/task/$recorder/children") pid=${pid// /}
"$HEAPTAP" record -p "$pid" -o other 2>said
[ $? = 125 ] && grep -q 'agent is loaded' said || fail "the agent is there already: $(cat said)"
exec 6>&-
cat <&5 >/dev/null
wait $recorder || fail "the outer recording: exit $?"
exec 5<&-
verified outer

# Killed, and who enters for it too: the process goes on, and whoever comes next takes everything away.
cat >killed <<'E2'
#!/bin/bash
# killed PID: a recorder is killed, MICROSECONDS after it began; then another looks after the process
rm -f trace
setsid "$HEAPTAP" record -p "$1" -o trace 2>/dev/null &
recorder=$!
n=$(($(cat count 2>/dev/null || echo 0) + 1))
echo $n >count
sleep "$(printf '0.%06d' $((n * 7919 % 60000)))"
kill -KILL -- -$recorder 2>/dev/null || kill -KILL $recorder
wait $recorder
if [ $((n % 2)) = 0 ]; then
	rm -f next
	"$HEAPTAP" record -p "$1" -d 30ms -o next || exit 1
	"$HEAPTAP" verify --json next >verdict && jq -e '.complete' verdict >/dev/null || { cat verdict; exit 1; }
fi
"$HEAPTAP" detach "$1" >>left
E2
chmod +x killed
for mode in busy asleep; do
	begin "$TARGETS/checker" $mode 4
	"$O/e2e/enter" "$pid" "$kills" by ./killed "$pid" >says || fail "$mode, killed: $(tail -n 30 says)"
	end "$mode, $kills recorders killed"
done
sort left | uniq -c
