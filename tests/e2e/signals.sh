#!/bin/bash
# signals.sh -- 10 000 timer signals a second in every thread: the handler allocates, or jumps out of malloc (SIG-01, SIG-02)
#
# Over libbump, an allocator that stands both. nest: a handler's call inside another one is recorded or counted as lost, never
# both; what the handler made and the loop frees is no violation. jump: calls that were left by the jump are counted as lost; the
# account closes; the thread's last call is there.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq
ms=${MS:-100}

LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/nest.tally record nest.htap "$TARGETS/signals" nest 2 "$ms" || fail "nest: exit $?"
oracle signals nest.htap nest.tally || fail "nest"
LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/jump.tally record jump.htap "$TARGETS/signals" jump 2 "$ms" || fail "jump: exit $?"
oracle signals jump.htap jump.tally || fail "jump"
