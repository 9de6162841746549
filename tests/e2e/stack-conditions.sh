#!/bin/bash
# stack-conditions.sh -- what the proof in docs/stacks.md rests on, taken out one at a time: each time the check build must notice
#
# A line names the condition, the file, and a sed expression that removes it. Noticed is what the memo check or libunwind says is wrong.
#
# long
. "$(dirname "$0")/lib.sh"
mkdir -p mutant && cp -r "$TOP/src" "$TOP/Makefile" mutant/
cp "$HEAPTAP" mutant/heaptap

notices() { # notices NAME FILE SED
	local name=$1 file=mutant/src/agent/$2
	cp "$TOP/src/agent/$2" "$file"
	sed -i -E "$3" "$file"
	if cmp -s "$file" "$TOP/src/agent/$2"; then fail "$name: nothing to take out in $2"; fi
	make -s -C mutant CHECK=1 O="$TMP/mutant" "$TMP/mutant/libheaptap-agent.so" >build.log 2>&1 || fail "$name: $(tail -n 5 build.log)"
	cp "$TOP/src/agent/$2" "$file"
	checked
	if "$TOP/tests/e2e/stackcheck.py" counts memo_other == 0 mismatches == 0 >seen; then
		fail "$name: taken out of $2, and nobody noticed: $(cat seen)"
	fi
	echo "$name: noticed, $(sed 's/^not true: //; 2!d' seen)"
}

checked() { # the torture program, under the check build with the checker
	rm -f counts counts.bad m.htap
	HT_CHECK=$TMP/counts LD_PRELOAD=$TARGETS/libchkstack.so mutant/heaptap record -o m.htap -- "$TARGETS/torture" 7 60 3 >out 2>err ||
		fail "the check build: exit $?: $(tail -n 3 err)"
}

make -s -C mutant CHECK=1 O="$TMP/mutant" "$TMP/mutant/libheaptap-agent.so" >build.log 2>&1 || fail "$(tail -n 5 build.log)"
checked
"$TOP/tests/e2e/stackcheck.py" counts memo_other == 0 mismatches == 0 memo_same '>=' 10000 || fail "the agent as it is"

notices "words are compared" memo.c 's/^	bad = changed\(m, slots\);/	bad = slots;/'
notices "the program counter is compared" memo.c 's/ \|\| top->at.pc != at->pc//'
notices "frames below are forgotten" memo.c 's/^	while \(n && m->frames\[n - 1\].at.sp < at->sp\)/	while (0)/; s/top->at.sp != at->sp \|\| //'
