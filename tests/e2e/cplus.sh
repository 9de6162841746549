#!/bin/bash
# cplus.sh -- every form of new and delete in eight threads: equal to its own count and to the allocator's (API-04)
#
# One event per call by the function the program named; what arrives beneath is malloc, aligned_alloc and free.
. "$(dirname "$0")/lib.sh"
need jq

seed=${SEED:-1}
rm -f count.* tally idle-tally
LD_PRELOAD=$TARGETS/libcount.so HT_COUNT=$TMP/count HT_CONFESS=$TMP/tally record cplus.htap "$TARGETS/cplus" "$seed" 8 3000 ||
	fail "cplus: exit $?"
LD_PRELOAD=$TARGETS/libcount.so HT_CONFESS=$TMP/idle-tally record idle.htap "$TARGETS/cplus" "$seed" 8 0 || fail "idle: exit $?"
verified cplus.htap
oracle tally cplus.htap tally idle.htap idle-tally || fail "seed $seed: tally"
oracle count cplus.htap "count.$(pid_of cplus.htap)" || fail "seed $seed: count"
oracle history cplus.htap || fail "seed $seed: history"
agreed idle.htap
