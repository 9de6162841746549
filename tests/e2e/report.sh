#!/bin/bash
# report.sh -- heaptap report names what a program confesses, by every measure, down to inlined functions and lines
#
# The totals are compared with those that the second decoder's events give. Built by gcc, by clang, and by gcc with the debug
# information in a file of its own.
. "$(dirname "$0")/lib.sh"
need jq objcopy
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"

judge() { # judge PROGRAM
	local name=${1##*/} by
	# A program that ends at once may be gone before its mappings are read; then there are no names to judge.
	for _ in {1..40}; do
		HT_CONFESS=$TMP/confession record "$name.htap" "$1" || fail "$name: exit $?"
		"$HEAPTAP" info --json "$name.htap" | jq -e --arg path "$1" 'any(.module_list[]; .path == $path)' >/dev/null && break
	done
	for by in leaked peak allocated calls temporary; do
		"$HEAPTAP" report --json -n 0 --by=$by "$name.htap" || fail "report --by=$by: exit $?"
	done >reports
	/usr/bin/python3 "$TOP/tests/e2e/report.py" confession confession "$name" <reports || fail "$name: not as confessed"
	head -n 1 reports | /usr/bin/python3 "$TOP/tests/e2e/report.py" totals "$name.htap" || fail "$name: totals"
	"$HEAPTAP" report -n 2 "$name.htap" | awk 'length > 80 { print; bad = 1 } END { exit bad }' || fail "$name: wider than 80 columns"
}

source=$TOP/tests/targets/confess.cc
judge "$TARGETS/confess"
objcopy --only-keep-debug "$TARGETS/confess" apart.debug
objcopy --strip-all --add-gnu-debuglink=apart.debug "$TARGETS/confess" apart
judge "$TMP/apart"
if command -v clang++ >/dev/null; then
	clang++ -O1 -g -fno-builtin -o clanged "$source" && judge "$TMP/clanged"
fi

# Traces without names: only the totals. Those of damaged ones are of what is intact; a history that cannot be has no peak to agree on.
for file in losses exec every unfinished damaged; do
	"$HEAPTAP" report --json -n 0 "$TOP/tests/golden/$file.htap" >got 2>says
	status=$?
	case $file in
	unfinished | damaged) [ $status = 4 ] || fail "$file: exit $status" ;;
	*) [ $status = 0 ] || fail "$file: exit $status" ;;
	esac
	/usr/bin/python3 "$TOP/tests/e2e/report.py" totals "$TOP/tests/golden/$file.htap" <got || fail "$file: totals"
done
"$HEAPTAP" report "$TOP/tests/golden/losses.htap" 2>&1 >/dev/null | grep -q 'calls were lost between' || fail "no warning of losses"

# What the name service keeps is the runtime's.
record names.htap "$TARGETS/names" || fail "names: exit $?"
"$HEAPTAP" report --json -n 0 names.htap >got || fail "report of names: exit $?"
jq -e '.totals | .leaked_count == 0 and .runtime_count > 0' got >/dev/null || fail "names: $(cat got)"

# Temporary by time, too: as the events say.
record brief.htap perl -e 'for $i (1 .. 3000) { my @a = map { "x" x ($_ * 20) } 1 .. 5; my %h = (a => [@a]); }' || fail "perl: exit $?"
"$HEAPTAP" script --json brief.htap >events || fail "script: exit $?"
before=-1
for time in 0 1us 20us 1ms 100s; do
	ns=${time/us/000} ns=${ns/ms/000000} ns=${ns/%s/000000000}
	option=()
	[ $time = 0 ] || option=("--temporary=$time")
	got=$("$HEAPTAP" report --json -n 1 "${option[@]}" brief.htap | jq -r '.totals | "\(.temporary_count) \(.temporary_bytes)"')
	expected=$(/usr/bin/python3 "$TOP/tests/e2e/report.py" temporary "$ns" <events) || fail "the oracle of --temporary=$time"
	[ "$got" = "$expected" ] || fail "--temporary=$time: $got, expected $expected"
	[ "${got% *}" -ge "$before" ] || fail "--temporary=$time: fewer than with less time"
	before=${got% *}
done
[ "$before" -gt 1000 ] || fail "next to nothing was temporary"
for time in 1 0ms ms -1ms 1.5.ms 99999999999s; do
	"$HEAPTAP" report --temporary=$time brief.htap 2>says
	[ $? = 2 ] || fail "--temporary=$time was taken"
	grep -q 'not a time' says || fail "$(cat says)"
done

"$HEAPTAP" report --by=size "$TOP/tests/golden/clean.htap" 2>says
[ $? = 2 ] || fail "an unknown measure"
grep -q -- '--by=size: none of leaked' says || fail "$(cat says)"
"$HEAPTAP" report -n many "$TOP/tests/golden/clean.htap" 2>says
[ $? = 2 ] || fail "no number"

# Of several processes the sums are those of all, each block where it was made; of one, its own.
"$HEAPTAP" record --follow=fork -o family.htap -- /bin/bash -c 'x=$(printf %s a); (:); (:); exit 0' || fail "family: exit $?"
"$HEAPTAP" report --json family.htap 2>/dev/null >family.json || fail "report of a family: exit $?"
/usr/bin/python3 "$TOP/tests/e2e/report.py" totals family.htap <family.json || fail "family: totals"
