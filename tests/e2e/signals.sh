#!/bin/bash
# signals.sh -- 10 000 timer signals a second in every thread: the handler allocates, or jumps out of malloc (SIG-01, SIG-02)
#
# Over libbump, an allocator that stands both. within: every call is interrupted in the middle of the allocator; what the handler calls
# there is recorded, all of it. nest: a handler's call that comes while the agent itself is at work is counted as lost; what the handler
# made and the loop frees is no violation. jump: calls that were left by the jump are counted as lost; the
# account closes; the thread's last call is there.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq
ms=${MS:-100}

LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/within.tally record within.htap "$TARGETS/signals" within 1000 || fail "within: exit $?"
verified within.htap
oracle signals within.htap within.tally || fail "within"
agreed within.htap
for size in 24 100; do # the handler's and the loop's
	wanted=$((size == 24 ? 2999 : 1000))
	[ "$(sized within.htap $size)" -ge $wanted ] || fail "within: $(sized within.htap $size) mallocs of $size bytes, not $wanted"
done

LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/nest.tally record nest.htap "$TARGETS/signals" nest 2 "$ms" || fail "nest: exit $?"
oracle signals nest.htap nest.tally || fail "nest"
LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/jump.tally record jump.htap "$TARGETS/signals" jump 2 "$ms" || fail "jump: exit $?"
oracle signals jump.htap jump.tally || fail "jump"
