#!/bin/bash
# forks-full.sh -- thousands of forks in the middle of sixteen other threads' calls; FORKS=10000 ROUNDS=20 for a night (LIFE-01)
# long
. "$(dirname "$0")/lib.sh"
need jq
forks=${FORKS:-3000}

for round in $(seq "${ROUNDS:-1}"); do
	record forks.htap "$TARGETS/forks" "$forks" 20000 || fail "round $round: exit $?"
	verified forks.htap
	"$HEAPTAP" info --json forks.htap | jq -e --argjson n $((forks + 1)) '[.processes[] | select(.exit == 0 and .traced)] | length == $n' >/dev/null ||
		fail "round $round: processes"
	[ "$(sized forks.htap 7049)" = "$forks" ] || fail "round $round: $(sized forks.htap 7049) of $forks last calls"
done
