#!/bin/bash
# stack-checker.sh -- the oracle of the stack tests itself: it agrees with libgcc's unwinder, and notices each kind of wrong stack
. "$(dirname "$0")/lib.sh"

LD_PRELOAD=$TARGETS/libchkstack.so HT_CHECK=$TMP/counts "$TARGETS/chkself" || fail "chkself: exit $?"
"$TOP/tests/e2e/stackcheck.py" counts mismatches == 5 cut == 10 skipped == 0 whole '>=' 110 gave_up == 0 frames '>=' 1500 ||
	fail "the checker does not see what is there"
grep -c 'another address' counts.bad | grep -qx 3 || fail "FIRST_PC, INNER_PC, WRONG_CUT: $(cat counts.bad)"
grep -q 'libunwind ended at frame' counts.bad || fail "ONE_MORE: $(cat counts.bad)"
grep -q 'libunwind goes on' counts.bad || fail "ONE_LESS: $(cat counts.bad)"
LD_PRELOAD=$TARGETS/libchkstack.so HT_CHECK=$TMP/tenth HT_CHECK_EVERY=10 "$TARGETS/chkself" || fail "chkself: exit $?"
"$TOP/tests/e2e/stackcheck.py" tenth calls '<=' 20 calls '>=' 10 || fail "HT_CHECK_EVERY is not followed"
