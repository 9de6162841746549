#!/bin/bash
# library.sh -- libheaptap answers as the commands and the second decoder do, refuses what is wrong, and installs with what it needs
#
# $O/e2e/library and library-more are programs that know nothing but heaptap.h; they stand in for heaptap in the comparison with the second decoder.
# The program of docs/library.md is built against an installed tree.
. "$(dirname "$0")/lib.sh"
need jq pkg-config
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
LIBRARY=$O/e2e/library

agree() { # agree WHAT EXPECTED GOT: what was collected in two files are the same values, as far as the first one goes
	/usr/bin/python3 "$TOP/tests/decoder/same.py" "$2" "$3" || fail "$1: the library says otherwise"
	rm -f "$2" "$3"
}

report() { # report FILE [OPTION...]: collects what both say; every figure and name that the library gives must be the command's
	local a b
	"$LIBRARY" report "$@" >>library.got 2>says
	a=$?
	"$HEAPTAP" report --json -n 0 "$@" >>command.said 2>/dev/null
	b=$?
	[ $a = $b ] || fail "report $*: the library says $a, the command $b: $(cat says)"
}

# What the two say about each golden trace, and about fresh ones: threads, processes, names.
export HT_CONFESS=$TMP/confession
record fresh.htap "$TARGETS/confess" || fail "confess: exit $?"
record family.htap sh -c "$TARGETS/confess & $TARGETS/names; wait" || fail "family: exit $?"
for expected in "$TOP"/tests/golden/*.{script.jsonl,info.json,verify.json}; do
	file=${expected%.*} question=${expected%.json*} question=${question##*.}
	"$LIBRARY" "$question" "${file%.*}.htap" >>library.got 2>says || [[ $? =~ ^[14]$ ]] || fail "$question of ${file##*/}: $(cat says)"
	cat "$expected" >>golden
done
agree "golden traces" golden library.got
for file in fresh.htap family.htap; do
	HEAPTAP=$LIBRARY "$TOP/tests/decoder/agree.sh" $file || fail "$file: the library disagrees with the second decoder"
done
for file in every tree damaged losses exec; do
	for by in leaked peak live aifo; do
		report "$TOP/tests/golden/$file.htap" --by=$by
	done
done
agree "reports of golden traces" library.got command.said
for by in leaked peak allocated calls temporary live growth aifo aifi aofi aofo; do
	report fresh.htap --by=$by
done
for group in stack function library thread size allocator-function; do
	report fresh.htap --by=allocated --group=$group
	report family.htap --by=peak --group=$group
done
end=$("$HEAPTAP" info --json fresh.htap | jq .duration_ns)
third=$((end / 3)) late=$((end * 2 / 3))
report fresh.htap --at=${third}ns
report fresh.htap --from=${third}ns --to=${late}ns
report fresh.htap --from=${third}ns --by=allocated
report fresh.htap --min-size=100 --max-size=4K --by=calls
report fresh.htap --stack=main --module=confess
report fresh.htap --min-lifetime=1us --by=allocated
report fresh.htap --temporary=1ms --by=temporary
report fresh.htap --tail-cut=10%
report fresh.htap --thread=1 --min-size=1G
report family.htap --process=names
report family.htap --process=absent
report fresh.htap --by=beauty
"$LIBRARY" report fresh.htap --min-size=1G 2>&1 >/dev/null | grep -q 'min-size' || fail "it is not said why nothing passes"
cp fresh.htap suppressible.htap
echo 'leak:main' >known
report suppressible.htap --suppressions=known
agree "reports" library.got command.said

# Time, single blocks, two traces (of budgets: limits.sh): the oracles of the commands judge the library, and where there is none, the command does.
for question in errors timeline; do
	for file in violation every damaged; do
		HEAPTAP=$O/e2e/library-more answered $question "$TOP/tests/golden/$file.htap"
	done
	"$O/e2e/library-more" $question fresh.htap >>library.got 2>says || [ $? = 1 ] || fail "$question: $(cat says)"
	"$HEAPTAP" $question --json fresh.htap >>command.said 2>/dev/null
done
for block in 1 5 12; do
	HEAPTAP=$O/e2e/library-more answered block "$TOP/tests/golden/clean.htap" $block
	"$O/e2e/library-more" block fresh.htap $block >>library.got 2>says || [ $? = 1 ] || fail "block $block: $(cat says)"
	"$HEAPTAP" block --json fresh.htap $block >>command.said 2>/dev/null
done
for by in leaked peak allocated calls temporary; do
	"$O/e2e/library-more" diff fresh.htap family.htap --by=$by >>library.got 2>says || fail "diff --by=$by: $(cat says)"
	"$HEAPTAP" diff --json -n 0 --by=$by fresh.htap family.htap >>command.said 2>/dev/null
done
agree "timeline, errors, blocks, changes" library.got command.said
echo $'baseline = earlier.htap\nmax-growth = 5%' >growth.budget
"$O/e2e/library-more" wrong fresh.htap || fail "wrong questions about time, blocks, changes and budgets"

# Opened for a window, a trace answers as the whole one does for that window; with checkpoints too.
"$HEAPTAP" checkpoint suppressible.htap >/dev/null || fail "checkpoint: exit $?"
for file in fresh.htap suppressible.htap; do
	"$LIBRARY" report $file --by=growth --open-from=${third}ns --open-to=${late}ns >part || fail "$file: a window: exit $?"
	"$HEAPTAP" report --json -n 0 fresh.htap --by=growth --from=${third}ns --to=${late}ns >whole || fail "$file: exit $?"
	agree "$file: a window" part whole
	"$LIBRARY" script $file --open-from=${third}ns --open-to=${late}ns >part || fail "$file: events of a window: exit $?"
	"$HEAPTAP" script --json fresh.htap | jq -c "select(.time_ns >= $third and .time_ns <= $late)" >whole
	agree "$file: the events of a window" part whole
done

# What is wrong is said, and a file that is cut or changed anywhere ends nothing.
"$LIBRARY" wrong fresh.htap || fail "wrong questions"
"$LIBRARY" threads fresh.htap family.htap || fail "two threads"
size=$(stat -c %s fresh.htap)
for cut in 0 1 88 500 $((size / 2)) $((size - 1)); do
	head -c "$cut" fresh.htap >cut.htap
	for question in script info verify report; do
		"$LIBRARY" $question cut.htap >out 2>says
		status=$?
		[[ $status =~ ^[0134]$ ]] || fail "$question of $cut bytes: $status: $(cat says)"
		[ $question = verify ] || [ $status != 0 ] || fail "$question of $cut bytes passes for the whole"
	done
done
: >empty
"$LIBRARY" info empty >out 2>says
[ $? = 3 ] || fail "an empty file: $(cat says)"

# The program of the document, built against what `make install` leaves, by people who have only that. Make must not find it newer.
sed -n '/^```c$/,/^```$/{/^```/d;p}' "$TOP/docs/library.md" >peak.c
make --silent -C "$TOP" install O="$O" PREFIX=/usr DESTDIR="$TMP/root" --assume-old="$O/heaptap" --assume-old="$O/libheaptap.a" \
	--assume-old="$O/libheaptap.so" --assume-old="$O/libheaptap-agent.so" >installed 2>&1 || fail "install: $(cat installed)"
export PKG_CONFIG_PATH=$TMP/root/usr/lib/pkgconfig PKG_CONFIG_SYSROOT_DIR=$TMP/root
[ "$(pkg-config --modversion heaptap)" = "$("$HEAPTAP" --version | awk '{ print $2 }')" ] || fail "heaptap.pc: another version"
sanitizers=()
if nm --dynamic "$O/libheaptap.so" | grep -q __asan_init; then sanitizers=('-fsanitize=address,undefined' -static-libasan); fi
# shellcheck disable=SC2046
gcc -std=c11 -Wall -Wextra -Werror "${sanitizers[@]}" -o peak peak.c $(pkg-config --cflags --libs heaptap) -Wl,-rpath,"$TMP/root/usr/lib" || fail "docs/library.md: does not compile"
./peak fresh.htap >out || fail "docs/library.md: exit $?: $(cat out)"
{
	"$HEAPTAP" report --json -n 5 --by=peak fresh.htap | jq -r '.sites[] | "\(.bytes) bytes in \(.count) blocks \(.stack[0].function // "?")"'
	"$HEAPTAP" script --json fresh.htap | jq -s 'map(select(.event == "alloc" and .address and .size > 1048576)) | "\(length) large allocations"' -r
} >expected
diff <(sed -E 's/^ +//; s/  +/ /' out) expected || fail "docs/library.md: the program says otherwise"
./peak absent.htap 2>&1 | grep -q 'No such file' || fail "docs/library.md: no error for a trace that is not there"
g++ -fsyntax-only -Wall -Wextra -Werror -x c++ "$TOP/include/heaptap/heaptap.h" || fail "heaptap.h: no C++"
exit 0
