#!/bin/bash
# budget.sh -- the instructions an event costs in the target are those of bench/budget.txt, give or take four in a hundred
#
# The counts are the same in every run, so that there is no need for more. Less fails too: whoever makes it cheaper lowers the budget, or the
# next change may use up what was won.
. "$(dirname "$0")/lib.sh"
need valgrind gcc

cd "$TOP" || exit 3
bench/instructions.sh "$O" "$TMP" >"$TMP/counted" || fail "bench/instructions.sh: $(cat "$TMP/counted")"
awk '
	FNR == NR { if (!/^#/) budget[$1] = $2; next }
	{ seen[$1] = 1 }
	!($1 in budget) { print $1 ": " $2 " instructions an event, no budget"; next }
	{ print $1 ": " $2 " instructions an event, budget " budget[$1] }
	$1 in budget && $2 > budget[$1] * 1.04 { print $1 " is over its budget"; bad = 1 }
	$1 in budget && $2 < budget[$1] * 0.96 { print $1 " is below its budget: lower that in bench/budget.txt"; bad = 1 }
	END {
		for (name in budget)
			if (!(name in seen)) {
				print name ": in bench/budget.txt, but not counted"
				bad = 1
			}
		exit bad
	}' bench/budget.txt "$TMP/counted"
