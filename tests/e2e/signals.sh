#!/bin/bash
# signals.sh -- 10 000 timer signals a second in every thread: the handler allocates, or jumps out of malloc (SIG-01, SIG-02)
#
# Over libbump, an allocator that stands both. nest: every call counted, the handler's too; blocks it made are freed outside it.
# jump: calls that were left by the jump are lost, and counted as such; the account closes; the thread's last call is there.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq
ms=${MS:-800}

LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/nest.tally record nest.htap "$TARGETS/signals" nest 2 "$ms" || fail "nest: exit $?"
oracle signals nest.htap nest.tally || fail "nest"
LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/jump.tally record jump.htap "$TARGETS/signals" jump 2 "$ms" || fail "jump: exit $?"
oracle signals jump.htap jump.tally || fail "jump"
