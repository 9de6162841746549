#!/bin/bash
# stack-conditions.sh -- what the proof in docs/stacks.md rests on, taken out one at a time: each time the check build must notice
#
# A line names the program that has a counterexample, the condition, the file, and a sed expression that removes it from a copy of the source.
# Noticed is what the memo check or libunwind says is wrong, or a crash. The source as it is passes with all the programs.
# Addresses decide where a path is kept, and each run has others: in about one of ten a counterexample meets no path. So a condition has
# a few runs to be noticed in.
#
# long
. "$(dirname "$0")/lib.sh"
need gcc make
mkdir -p mutant && cp -r "$TOP/src" "$TOP/Makefile" mutant/
cp "$HEAPTAP" mutant/heaptap
gcc -O2 -shared -fPIC -o plug.so "$TOP/tests/targets/libplug.c" || fail "libplug.c"
cp plug.so same.so # of the same layout, but another file
for room in 24 40; do
	gcc -O2 -shared -fPIC -DROOM=$room -o room$room.so "$TOP/tests/targets/libplug.c" || fail "libplug.c"
done

built() {
	make -s -C mutant CHECK=1 O="$TMP/mutant" "$TMP/mutant/libheaptap-agent.so" >build.log 2>&1
}

checked() { # checked CMD...: under the check build with the checker; false: something is wrong with a stack, as `seen` says
	rm -f counts counts.bad m.htap
	HT_CONFESS=$TMP/loads HT_CHECK=$TMP/counts LD_PRELOAD=$TARGETS/libchkstack.so timeout -k 5 60 mutant/heaptap record -o m.htap -- "$@" >out 2>err
	status=$?
	if [ $status != 0 ]; then
		printf '\nexit %s %s\n' $status "$(tail -n 1 err)" >seen
		return 1
	fi
	"$TOP/tests/e2e/stackcheck.py" counts memo_other == 0 mismatches == 0 gave_up == 0 memo_same '>=' 100 >seen
}

program() { # program NAME: sets `command`
	case $1 in
	torture) command=("$TARGETS/torture" 7 60 3) ;;
	twins) command=("$TARGETS/twins" 4) ;;
	exchange) command=("$TARGETS/reload" 40 ./plug.so ./same.so) ;;
	swap) command=("$TARGETS/reload" 40 -t ./plug.so ./same.so) ;;
	rooms) command=("$TARGETS/reload" 40 -t ./room24.so ./room40.so) ;;
	esac
}

conditions=0 unnoticed=0 layouts=8
notices() { # notices PROGRAM CONDITION FILE SED
	local name=$2 file=mutant/src/agent/$3
	program "$1"
	cp "$TOP/src/agent/$3" "$file"
	sed -i -E "$4" "$file"
	if cmp -s "$file" "$TOP/src/agent/$3"; then fail "$name: nothing to take out in $3"; fi
	built || fail "$name: $(tail -n 5 build.log)"
	cp "$TOP/src/agent/$3" "$file"
	for ((layout = 1; ; layout++)); do
		checked "${command[@]}" || break
		if [ $layout = $layouts ]; then
			unnoticed=1
			echo "FAILED: $name: taken out of $3, and nobody noticed in $layouts runs: $(cat seen)" | tee -a failed
			return
		fi
	done
	echo "$name: noticed, $(sed 's/^not true: //; 2!d' seen)"
	conditions=$((conditions + 1))
}

built || fail "$(tail -n 5 build.log)"
for name in torture twins exchange swap rooms; do
	program $name
	checked "${command[@]}" || fail "$name, the agent as it is: $(cat seen)"
done

notices swap "same modules: a change empties the memo" memo.c 's/^	if \(m->generation != generation\)/	if (false)/'
notices rooms "same modules: rows go with them" modules.c 's/^	ht_rows_forget.*//'
notices twins "the mark of an interrupted instruction is part of the state" memo.c \
	's/top->at.pc != at->pc/HT_PC(top->at.pc) != HT_PC(at->pc)/g'
notices twins "and of the node" memo.c 's/p->at.pc & HT_PC_EXACT +\?/false ?/'
notices twins "so is that of a frame pointer" memo.c 's/HT_NODE_EXACT : HT_NODE_POINTER/HT_NODE_EXACT : HT_NODE_CALLER/'
notices torture "the stack pointer is compared" memo.c \
	's/^		while \(n && m->frames\[n - 1\].at.sp < w->at.sp\)/		while (0)/; s/m->frames\[n - 1\].at.sp == w->at.sp && //; s/top->at.sp != at->sp \|\| //'
notices torture "the program counter is compared" memo.c 's/top->at.pc != at->pc \|\| //'
notices twins "rbp is compared" memo.c 's/ \|\| \(top->need_rbp && top->at.rbp != at->rbp\)//g'
notices twins "rbp matters where a frame is found by it" memo.c 's/return kind == HT_ROW_RBP/return false/'
notices twins "and where it is passed on to such a frame" memo.c 's/ \|\| \(need && !saved\)//'
notices twins "and in realigned frames" memo.c '/case HT_ROW_DEREF:/,/case HT_ROW_SIGNAL:/s/return true/return false/'
notices twins "and where there is a frame pointer only" memo.c '/case HT_ROW_BARE:/,/default:/s/return true/return false/'
notices torture "words are compared" memo.c 's/^	bad = ht_memo_changed\(m, top->slots\);/	bad = top->slots;/'
notices torture "words are compared at the same place" memo.c 's/ht_memo_changed\(m, top->slots\) != top->slots/false/'
notices twins "slot: the return address" memo.c \
	's/^	push_slot\(s, outer->sp - 8, outer->pc\);//'
notices twins "slot: the saved rbp" memo.c 's/if \(saved && need\)/if (saved \&\& false)/'
notices twins "slot: where a realigned frame is" memo.c 's/^.*push_slot\(s, rbp - ht_row_cfa.*//'
notices twins "slot: its return address" memo.c '/case HT_ROW_DEREF:/,/case HT_ROW_SIGNAL:/s/push_slot\(s, outer->sp - 8, outer->pc\);//'
notices twins "slot: its saved rbp" memo.c '/case HT_ROW_DEREF:/,/case HT_ROW_SIGNAL:/s/if \(need\)/if (false)/'
notices twins "slot: the interrupted instruction" memo.c 's/^.*push_slot\(s, sp \+ HT_SIGNAL_RIP.*//'
notices twins "slot: the interrupted stack pointer" memo.c 's/^.*push_slot\(s, sp \+ HT_SIGNAL_RSP.*//'
notices twins "slot: the interrupted rbp" memo.c '/case HT_ROW_SIGNAL:/,/case HT_ROW_BARE:/s/if \(need\)/if (false)/'
notices twins "slot: the return address beside a frame pointer" memo.c 's/^.*push_slot\(s, rbp \+ 8.*//'
notices twins "slot: the frame pointer saved there" memo.c '/case HT_ROW_BARE:/,/default:/s/if \(need\)/if (false)/'
notices twins "innermost first" memo.h \
	'/^static inline uint32_t ht_memo_changed/,/^}/s/^	for \(; s \+ 4 <= end; s \+= 4\) \{/	for (uint32_t i = 0; i < slots; i++)\n		if (*end[-1 - (int)i].address != end[-1 - (int)i].value)\n			return i;\n&/'
notices twins "a frame that takes all registers is not remembered" memo.c 's/ \|\| ht_row_kind\(p->row.word\) == HT_ROW_FULL//'
notices twins "nor what is inside it" memo.c \
	's/\*whole = \*whole && node != HT_NONE && (remember\(.*\));/n += *whole \&\& \1;/; s/^		n \+= \*whole;//'
notices twins "nor what was cut" memo.c 's/^	\*whole = rc == .*/	*whole = true;/'
notices twins "remembered and new frames together have the depth limit" memo.c 's/n \+ i > HT_DEPTH_MAX \? HT_CUT_DEPTH : MATCHED/MATCHED/'
notices torture "path: its words are compared" path.c 's/if \(words\[p->offset\[i\]\] != p->value\[i\]\)/if (false)/'
notices torture "path: the program counter is compared" path.c \
	's/p->at.pc == at->pc && //; s/\(at->pc \^ at->sp << 12\)/(at->sp << 12)/'
notices torture "path: the stack pointer is compared" path.c 's/ && p->at.sp == at->sp//'
notices twins "path: rbp is compared" path.c 's/\(p->need_rbp && p->at.rbp != at->rbp\)/false/'
notices twins "path: the function is compared" path.c 's/ \|\| p->function != function//'
notices exchange "path: the generation is compared" path.c 's/p->generation != m->generation/!p->generation/'
notices torture "path: the node it leads to" path.c 's/ \|\| outer->node != p->outer_node//'
notices twins "path: that it stands" path.c 's/ht_memo_changed\(m, outer->slots\) != outer->slots/false/'
echo "$conditions conditions"
[ $unnoticed = 0 ] || fail "a condition can be taken out: $(cat failed)"
