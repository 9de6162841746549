#!/bin/bash
# habits.sh -- `heaptap lifetimes` and `heaptap sizes` answer what a program confesses, and what the second decoder's oracle counts
. "$(dirname "$0")/lib.sh"
need jq
golden=$TOP/tests/golden

for file in "$golden"/*.htap; do
	case $file in */violation.htap | */damaged.htap) continue ;; esac # the oracle looks too simply at impossible histories
	for within in 2 20ns; do answered lifetimes "$file" --within=$within; done
	answered sizes "$file"
done
# Worked out by hand: exec.htap has three blocks, of 16, 8 and 32 bytes. Two go with their program; the third lives for 10 ns.
"$HEAPTAP" lifetimes --csv "$golden/exec.htap" >csv || fail "--csv: $?"
[ "$(grep -v ',0,0$' csv)" = $'class,from_ns,to_ns,blocks,bytes\nreleased,0,1000,1,32\nreplaced,,,2,24' ] || fail "lifetimes --csv: $(cat csv)"
"$HEAPTAP" sizes --csv "$golden/exec.htap" >csv || fail "--csv: $?"
[ "$(cat csv)" = $'from,to,blocks,bytes\n5,8,1,8\n9,16,1,16\n17,32,1,32' ] || fail "sizes --csv: $(cat csv)"

HT_CONFESS=confession record habits.htap "$TARGETS/habits" || fail "habits: status $?"
"$HEAPTAP" info --json habits.htap >answers || fail info
for words in "lifetimes --within=1" "lifetimes --within=7" "lifetimes --within=8" "lifetimes --by=elsewhere" "lifetimes --by=kept" \
	"sizes" "sizes --by=copied"; do
	# shellcheck disable=SC2086 # words
	"$HEAPTAP" $words --json -n 0 habits.htap || fail "$words: $?"
done >>answers 2>says
/usr/bin/python3 "$TOP/tests/e2e/habits.py" confession habits <answers || fail "not as confessed: $(cat confession)"
answered lifetimes habits.htap --within=8
answered lifetimes habits.htap --within=20us
answered sizes habits.htap
# Restricted: only the thread's, only the large ones, only what lives briefly.
tid=$(awk '$1 == "hand_over" { print $3; exit }' confession)
worker=$(head -n 1 answers | jq --argjson tid "$tid" '.thread_list[] | select(.tid == $tid) | .thread')
[ "$("$HEAPTAP" lifetimes --json --thread="$worker" --by=elsewhere habits.htap | jq -c '[.elsewhere_blocks, .hand_overs[].from]')" = "[30,$worker]" ] || fail "--thread"
"$HEAPTAP" sizes --json --min-size=513 --stack='^sizes$' habits.htap | jq -e '[.by_size[].blocks] == [1, 2, 1]' >/dev/null || fail "--min-size"
# A chain counts by its last block; what came before need not pass.
"$HEAPTAP" sizes --json --max-size=100 --stack='^grow$' habits.htap | jq -e '.chains == 1 and .grown == 9' >/dev/null || fail "a restricted chain"
"$HEAPTAP" sizes --stack=nobody habits.htap >text 2>says || fail "nothing matches: $?"
grep -q 'no block was made' text && grep -q 'nothing matches --stack=nobody' says || fail "nothing matches: $(cat text says)"
for words in lifetimes "lifetimes --within=5us --by=blocks" "lifetimes --by=elsewhere" sizes "sizes --by=copied" "sizes --by=bytes"; do
	# shellcheck disable=SC2086 # words
	"$HEAPTAP" $words habits.htap >text 2>says || fail "$words: $?"
	[ "$(wc -L <text)" -le 80 ] || fail "$words: wider than 80 columns: $(cat text)"
	[ "$(wc -l <text)" -gt 20 ] || fail "$words: $(cat text)"
done
"$HEAPTAP" lifetimes --by=elsewhere habits.htap 2>says | grep -qE '^[12] [ (habits)]*[12] [ (habits)]*50 +4.9 KiB$' || fail "the matrix: $("$HEAPTAP" lifetimes --by=elsewhere habits.htap)"

# Another program, at random.
record perl.htap perl -e 'my %h; for $i (1 .. 2000) { $h{$i % 97} .= "x" x ($i % 31); my @a = map { $_ * 2 } 1 .. 40; }' || fail perl
answered lifetimes perl.htap --within=100us
answered lifetimes perl.htap --within=50
answered sizes perl.htap

"$HEAPTAP" lifetimes "$golden/losses.htap" 2>&1 >/dev/null | grep -q 'calls were lost between' || fail "no warning of losses"
"$HEAPTAP" sizes "$golden/truncated.htap" >/dev/null 2>&1
[ $? = 4 ] || fail "a truncated trace passes"
for words in "lifetimes --within=x" "lifetimes --within=0" "lifetimes --within=1.5" "lifetimes --by=age" "lifetimes --json --csv" "lifetimes -n x" \
	"lifetimes --thread=9" "lifetimes --from=2s --to=1s" "sizes --by=x" "sizes --frames=-1" "sizes --json --csv" "sizes --min-size=5 --max-size=4"; do
	# shellcheck disable=SC2086 # words
	"$HEAPTAP" $words habits.htap >text 2>says
	[ $? = 2 ] && [ "$(grep -vc warning says)" = 1 ] || fail "$words: $(cat says)"
done
"$HEAPTAP" sizes missing.htap 2>says
[ $? = 3 ] || fail "a missing file: $(cat says)"
