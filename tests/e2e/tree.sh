#!/bin/bash
# tree.sh -- each process of a tree is what it confesses, and so is the peak of all together; answers of one process are its own
. "$(dirname "$0")/lib.sh"
need jq

for run in 1 2 3; do
	rm -f tree.htap confession*
	"$HEAPTAP" record --follow=all --wait=tree -o tree.htap -- "$TARGETS/tree" "$TMP/confession" || fail "run $run: exit $?"
	verified tree.htap
	"$HEAPTAP" info --json tree.htap >info || fail "info: exit $?"
	awk '$1 == 0 { print "all", $3 } $1 != 0' confession | sort >expected
	{
		jq -r '"all \(.peak_bytes)"' info
		jq -r '.processes[] | "\(.pid) \(.allocated_bytes) \(.peak_bytes) \(.unfreed_blocks) \(.unfreed_bytes)"' info
	} | sort >got
	diff expected got || fail "run $run: not as confessed"
	jq -e '[.processes[] | select(.traced and .exit == 0 and .end_ns != null and .comm != null)] | length == 7' info >/dev/null || fail "run $run: $(jq -c .processes info)"
	jq -e '.processes[0].pid as $root | [.processes[] | select(.ppid == $root)] | length == 4' info >/dev/null || fail "run $run: parents: $(jq -c .processes info)"
	agreed tree.htap
done
answered timeline tree.htap --points=30
[ "$("$HEAPTAP" timeline --json tree.htap | jq .peak_bytes)" = "$(jq .peak_bytes info)" ] || fail "timeline has another peak"
[ "$("$HEAPTAP" report --json tree.htap 2>says | jq .totals.peak_bytes)" = "$(jq .peak_bytes info)" ] || fail "report has another peak"

# Asked for one process, every answer is about that process alone.
while read -r pid allocated peak blocks bytes; do
	[ "$pid" != 0 ] || continue
	"$HEAPTAP" report --json -p "$pid" tree.htap 2>says | jq -r '.totals | "\(.allocated_bytes) \(.peak_bytes) \(.leaked_count) \(.leaked_bytes)"' >got
	[ "$(cat got)" = "$allocated $peak $blocks $bytes" ] || fail "report of $pid: $(cat got), confessed $allocated $peak $blocks $bytes"
	"$HEAPTAP" verify --json --process="$pid" tree.htap >got || fail "verify of $pid: exit $?"
	jq -e --argjson n "$blocks" '.complete and .live_blocks == $n' got >/dev/null || fail "verify of $pid: $(cat got)"
	[ "$("$HEAPTAP" script --json -p "$pid" tree.htap | jq -r .process | sort -u | wc -l)" = 1 ] || fail "script of $pid"
done <confession
sum() { # sum QUESTION KEY: over all processes
	local n
	for n in 1 2 3 4 5 6 7; do "$HEAPTAP" "$1" --json -p "#$n" tree.htap | jq "$2"; done | jq -s add
}
[ "$(sum verify .entered)" = "$("$HEAPTAP" verify --json tree.htap | jq .entered)" ] || fail "not all calls are some process's"
[ "$(sum info .events)" = "$(jq .events info)" ] || fail "not all events are some process's"

# The golden tree: by pid (two had it), number and name; each by hand.
tree=$TOP/tests/golden/tree.htap
asked() { # asked EXPECTED WORD...: the numbers of the processes that `script` shows, and the calls they made
	local expected=$1 got
	shift
	got=$("$HEAPTAP" script --json "$@" "$tree" | jq -r .process | sort | uniq -c | awk '{ printf "%s%s:%s", (NR > 1 ? " " : ""), $2, $1 }')
	[ "$got" = "$expected" ] || fail "script $*: $got, expected $expected"
}
asked "1:7 2:5 3:2"
asked "2:5 3:2" -p 44
asked "2:5" --process=#2
asked "2:5" --process=next
asked "1:7 3:2" --process=prog
[ "$("$HEAPTAP" timeline --json -p '#1' "$tree" | jq -c '[.peak_bytes, .peak_blocks, .peak_ns]')" = '[165,4,40]' ] || fail "timeline of process 1"
[ "$("$HEAPTAP" errors --json -p 44 "$tree" | jq -c '[.errors, .judged]')" = '[0,4]' ] || fail "errors of 44"
"$HEAPTAP" block -p '#2' "$tree" 0x1000 >got || fail "block: exit $?"
[ "$(grep -c 'at 0x1000, event' got)" = 2 ] && grep -q 'gone when the program was replaced' got || fail "block: $(cat got)"
for wrong in 9 44x '#4' '#' prog2 ''; do
	"$HEAPTAP" info --process="$wrong" "$tree" >got 2>says
	[ $? = 2 ] || fail "--process=$wrong: not refused: $(cat got)"
	grep -qF "there are 42 prog, 44 next, 44 prog" says || fail "--process=$wrong: $(cat says)"
done
exit 0
