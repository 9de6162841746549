#!/bin/bash
# windows.sh -- heaptap report about a part of the blocks or of the time: as the second decoder's events add up
. "$(dirname "$0")/lib.sh"
need jq
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"

# agrees FILE OPTION... : with sizes in bytes, times in ns, threads by number
agrees() {
	local file=$1 option words=()
	shift
	for option in "$@"; do
		case $option in
		--by=*) words+=("$option") ;;
		--from=* | --to=* | --at=* | --*-lifetime=*) words+=("${option}ns") ;;
		*) words+=("$option") ;;
		esac
	done
	"$HEAPTAP" report --json -n 1 "${words[@]}" "$file" >got 2>says || fail "$file $*: exit $?: $(cat says)"
	/usr/bin/python3 "$TOP/tests/e2e/windows.py" "$file" "$@" <got || fail "$file $*"
}

refused() { # refused TEXT OPTION...: with status 2
	local text=$1 status=0
	shift
	"$HEAPTAP" report "$@" 2>says >got || status=$?
	[ $status = 2 ] || fail "$*: exit $status, expected 2"
	grep -q -- "$text" says || fail "$*: $(cat says)"
}

record threads.htap "$TARGETS/churn" crowd 6 || fail "record: exit $?"
record perl.htap perl -e 'for $i (1 .. 300) { my @a = map { "x" x ($_ * 20) } 1 .. 5; push @k, "y" x $i }' || fail "record: exit $?"
golden=$TOP/tests/golden/every.htap
for file in perl.htap threads.htap "$golden"; do
	end=$("$HEAPTAP" script --json "$file" | jq -s 'map(.time_ns) | max')
	agrees "$file"
	agrees "$file" --min-size=32
	agrees "$file" --min-size=20 --max-size=64
	agrees "$file" --from=$((end / 3))
	agrees "$file" --to=$((end / 2))
	agrees "$file" --from=$((end / 4)) --to=$((end / 2))
	agrees "$file" --at=$((end / 2))
	agrees "$file" --by=leaked --from=$((end / 4)) --to=$((end / 2))
	agrees "$file" --from="$end"
	agrees "$file" --from=$((end / 4)) --to=$((end / 4 * 3)) --max-size=100
	agrees "$file" --min-lifetime=10000
	agrees "$file" --max-lifetime=100000 --from=$((end / 4)) --to=$((end / 2))
done
end=$("$HEAPTAP" script --json threads.htap | jq -s 'map(.time_ns) | max')
for thread in $("$HEAPTAP" script --json threads.htap | jq -s 'map(.thread) | unique[]'); do
	agrees threads.htap --thread="$thread"
	agrees threads.htap --thread="$thread" --from=$((end / 4)) --to=$((end / 2)) --min-size=20
done

refused "no such thread; there" --thread=4711 "$golden"
refused "the recording ends at" --from=1000s "$golden"
refused "nothing lies between" --from=2ns --to=1ns "$golden"
refused "nothing lies between" --min-size=2 --max-size=1 "$golden"
refused "not a size" --min-size=many "$golden"
refused "not a time" --from=1 "$golden"
refused "no regular expression" --stack='(' "$golden"
while IFS='|' read -r option text; do
	"$HEAPTAP" report "$option" threads.htap >got 2>says || fail "$option: exit $?"
	grep -q -- "nothing matches $option.*: $text" says || fail "$option: $(cat says)"
done <<'WORDS'
--min-size=1G|the largest block has [0-9]* bytes
--stack=no-such-function|no stack holds such a function; among those that allocate are: .
--module=no-such-module|no such module allocates; those that do are, among others: /
--min-lifetime=10h|the longest that a block lived is
WORDS
