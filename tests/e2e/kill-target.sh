#!/bin/bash
# kill-target.sh -- SIGKILL of the target at random moments: what had returned is in the trace, nothing that never was (KIL-01)
#
# The oracle is the tally, bumped before and after each call in a shared file: returned <= committed <= entered, per thread.
# RUNS and SEED replay; kill-target-full.sh makes 300.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq
runs=${RUNS:-8} seed=${SEED:-$RANDOM} deep=0
echo "seed $seed"
RANDOM=$seed

for run in $(seq "$runs"); do
	rm -f tally kill.htap
	HT_CONFESS=$TMP/tally "$HEAPTAP" record -o kill.htap -- "$TARGETS/storm" random "$run" 4 1000000000 2>err &
	recorder=$!
	for _ in $(seq 1000); do
		pid=$([ -s tally ] && od -A n -t u8 -j 8 -N 8 tally | tr -d ' ')
		[ -n "$pid" ] && [ "$pid" != 0 ] && break
		sleep 0.01
	done
	sleep "$(printf '0.%03d' $((RANDOM % 200)))"
	kill -KILL "$pid" || fail "run $run: no target: $(cat err)"
	wait $recorder
	status=$?
	[ $status = 137 ] || fail "run $run: record exits $status: $(cat err)"
	"$HEAPTAP" verify kill.htap >/dev/null || fail "run $run: verify exits $?"
	calls=$(oracle killed kill.htap tally) || fail "run $run: $calls"
	[ "$calls" -ge 1000 ] && deep=$((deep + 1))
done
echo "$runs kills, $deep after 1000 calls or more, every call that had returned is in the trace"
[ $deep -ge $((runs * 250 / 300)) ] || fail "only $deep runs were deep enough"
