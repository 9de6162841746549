#!/bin/bash
# joined-before.sh -- what a process had when it was entered is in the trace, as it confesses itself; its releases are then known, and what cannot be known is said
#
# long
. "$(dirname "$0")/lib.sh"
need jq

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

said() { # said WORD: on the target's output
	local line
	read -r -t 60 -u 5 line && [ "$line" = "$1" ] || fail "the target did not say '$1': $line"
}

begin() { # begin COMMAND...
	rm -f in out
	mkfifo in out
	"$@" <in >out 2>&1 &
	pid=$!
	exec 6>in 5<out
}

record_it() { # record_it FILE [OPTION...]
	"$HEAPTAP" record -p "$pid" -d 50ms -o "$@" 2>said || fail "$1: exit $?: $(cat said)"
	[ ! -s said ] || fail "$1: $(cat said)"
	verified "$1"
}

existing() { # existing FILE: address and size of each block from before
	"$HEAPTAP" script --json "$1" | grep '"existing"' | jq -r '"\(.address) \(.size)"' | sort
}

unknown() { # unknown FILE: how many blocks of before may be unknown
	"$HEAPTAP" verify --json "$1" | jq .unknown_releases
}

# One that confesses its blocks, and sleeps.
begin "$TARGETS/heaps" confession 3 20
said begun
echo >&6
said ready
"$HEAPTAP" record -p "$pid" -d 50ms -o before.htap || fail "exit $?"
"$HEAPTAP" record -p "$pid" -d 50ms -o none.htap --no-census || fail "exit $?"
existing before.htap >existing
sort confession | join -a 1 - existing | awk 'NF == 2 { missing++ } NF == 3 && $3 < $2 { small++ }
	END { print NR " confessed, missing " missing + 0 ", too small " small + 0; exit !(NR > 1000 && !missing && !small) }' ||
	fail "the confession and the trace"
[ "$(existing none.htap | wc -l)" = 0 ] || fail "--no-census: a census was taken"
[ "$("$HEAPTAP" info --json before.htap | jq .existing)" -gt 1000 ] || fail "info: $("$HEAPTAP" info --json before.htap)"
echo >&6
wait "$pid" || fail "it ended with $?"
exec 5<&- 6>&-

# One whose heap changes all the time: frees of what it had before are all known.
begin "$TARGETS/checker" busy 1
said ready
whole=0
for _ in 1 2 3 4 5; do
	rm -f busy.htap
	record_it busy.htap
	[ "$(existing busy.htap | wc -l)" -gt 0 ] || fail "busy: no census"
	[ "$(unknown busy.htap)" -gt 0 ] || whole=$((whole + 1))
done
exec 6>&-
grep -q 'nothing wrong' <&5 || fail "the checker found something"
wait "$pid" || fail "it ended with $?"
exec 5<&-
[ $whole -gt 0 ] || fail "busy: no census of five was whole"
echo "busy: $whole of 5 whole"
