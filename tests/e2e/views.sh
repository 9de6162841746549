#!/bin/bash
# views.sh -- windows, groups, trees, suppressions and the tail of heaptap report: as a program confesses, and as its flat report adds up
. "$(dirname "$0")/lib.sh"
need jq
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
views() { /usr/bin/python3 "$TOP/tests/e2e/views.py" "$@"; }

HT_CONFESS=$TMP/confession record phases.htap "$TARGETS/phases" || fail "phases: exit $?"
"$HEAPTAP" script --json phases.htap >events || fail "script: exit $?"
read -r from to < <(views window events)
[ -n "$to" ] || fail "the phase was not found"
phase=(--from="${from}ns" --to="${to}ns")

# Every nature of a window, by place; without what libc allocates for a thread of its own.
for by in aifo aifi aofi aofo growth live peak allocated leaked; do
	"$HEAPTAP" report --json -n 0 --by=$by "${phase[@]}" phases.htap 2>says || fail "--by=$by: exit $?: $(cat says)"
done >reports
/usr/bin/python3 "$TOP/tests/e2e/report.py" confession confession phases <reports || fail "the phase is not as confessed"
head -n 1 reports | /usr/bin/python3 "$TOP/tests/e2e/windows.py" phases.htap --from="$from" --to="$to" || fail "the totals of the phase"
"$HEAPTAP" report --json -n 0 --at="${to}ns" phases.htap |
	jq -e '.by == "live" and ([.sites[] | select(.stack[0].function == "old")] | .[0].bytes == 10000 and .[0].count == 10)' >/dev/null ||
	fail "--at does not show what was live"
"$HEAPTAP" report "${phase[@]}" phases.htap >text || fail "the phase as text: exit $?"
grep -qE '^growth +-7\.2 KiB, \+9 blocks$' text || fail "the growth is not in the summary: $(cat text)"

# Groups and trees of two programs.
record perl.htap perl -e 'for $i (1 .. 200) { my @a = map { "x" x ($_ * 20) } 1 .. 5; push @k, "y" x $i; my %h = (b => [@a]) }' || fail "perl: exit $?"
for file in phases perl; do
	if [ $file = perl ]; then
		end=$("$HEAPTAP" info --json perl.htap | jq .duration_ns)
		phase=(--from=$((end / 3))ns --to=$((end * 9 / 10))ns)
	fi
	measures=allocated
	[ $file = perl ] || measures='allocated growth'
	for by in $measures; do
		"$HEAPTAP" report --json -n 0 --by=$by "${phase[@]}" $file.htap >flat || fail "$file: exit $?"
		for what in function library; do
			"$HEAPTAP" report --json -n 0 --by=$by --group=$what "${phase[@]}" $file.htap >got || fail "--group=$what: exit $?"
			views group $what flat <got || fail "$file: --group=$what --by=$by"
		done
		for way in top-down bottom-up; do
			"$HEAPTAP" report --json -n 0 --by=$by --tree=$way "${phase[@]}" $file.htap >got || fail "--tree=$way: exit $?"
			views tree flat <got || fail "$file: --tree=$way --by=$by"
		done
	done
	for what in thread size allocator-function; do
		"$HEAPTAP" report --json -n 0 --by=allocated --group=$what $file.htap >got || fail "--group=$what: exit $?"
		views events $what $file.htap <got || fail "$file: --group=$what"
	done
	# As text: 80 columns, from main inwards, the heaviest only.
	for way in top-down bottom-up; do
		"$HEAPTAP" report --by=allocated --tree=$way -n 7 $file.htap >text || fail "--tree=$way: exit $?"
		awk '!/^command/ && length > 80 { print; bad = 1 } END { exit bad }' text || fail "--tree=$way: wider than 80 columns"
		! grep -q __libc_start text || fail "--tree=$way shows what lies outside of main"
	done
done
"$HEAPTAP" report --by=allocated --tree=top-down phases.htap | grep -qE '23\.9 KiB +[0-9.]+ % +28  main +phases\.c$' ||
	fail "main is not one branch: $("$HEAPTAP" report --by=allocated --tree=top-down phases.htap)"

# Known leaks; the first suppression that matches has them.
leaked=$("$HEAPTAP" report --json phases.htap | jq .totals.leaked_bytes)
printf '# known\n\n  leak:^work*$\nleak:phases.c\nleak:libnothing\n' >known
"$HEAPTAP" report --json --suppressions=known phases.htap >got || fail "--suppressions: exit $?"
jq -e --argjson leaked "$leaked" '.totals.leaked_bytes + .totals.suppressed_bytes == $leaked and .totals.suppressed_count == 7 and
	(.suppressions | map([.bytes, .count])) == [[240, 6], [123, 1], [0, 0]]' got >/dev/null || fail "suppressed: $(cat got)"
"$HEAPTAP" report --suppressions=known phases.htap | grep -qE '^ +240 B +6  \^work\*\$$' || fail "suppressed sums are not shown"
printf 'leak:a\nrace:b\n' >wrong
"$HEAPTAP" report --suppressions=wrong phases.htap 2>says
[ $? = 2 ] || fail "another kind of suppression was taken"
grep -q 'wrong, line 2: neither leak:PATTERN nor a comment' says || fail "$(cat says)"
"$HEAPTAP" report --suppressions=nowhere phases.htap 2>says
[ $? = 3 ] || fail "suppressions that are not there"

# What was made too late is not leaked: of late() nothing is, once its time is in the tail.
late=$(jq -s 'map(select(.size == 123))[0].time_ns' events)
end=$("$HEAPTAP" info --json phases.htap | jq .duration_ns)
for cut in $((end - late + 1)) $((end - late - 1)); do
	"$HEAPTAP" report --json --tail-cut=${cut}ns phases.htap | jq -c '.totals | [.leaked_count, .late_count, .late_bytes]'
done >tails
[ "$(cat tails)" = "[6,1,123]
[7,0,0]" ] || fail "the tail: $(cat tails)"
"$HEAPTAP" report --json --tail-cut=100% phases.htap | jq -e '.totals.leaked_count == 0 and .totals.late_count == 8' >/dev/null || fail "--tail-cut=100%"

while IFS='|' read -r option text; do
	"$HEAPTAP" report "$option" phases.htap 2>says
	[ $? = 2 ] || fail "$option was taken"
	grep -q -- "$text" says || fail "$option: $(cat says)"
done <<'WORDS'
--by=size|--by=size: none of leaked, peak
--group=none|--group=none: none of stack, function
--tree=sideways|--tree=sideways: neither top-down nor bottom-up
--tail-cut=10|--tail-cut=10: not a time
--tail-cut=1h|the recording is only
--at=10h|the recording ends at
WORDS
"$HEAPTAP" report --tree=top-down --group=size phases.htap 2>says
[ $? = 2 ] || fail "a tree of sizes"
"$HEAPTAP" report --by=peak --min-lifetime=1ms phases.htap 2>says
[ $? = 2 ] || fail "a peak of lifetimes"
