#!/bin/bash
# closes.sh -- the target closes every descriptor and takes the numbers: tracing goes on, nothing is written to them (RES-01, RES-02)
. "$(dirname "$0")/lib.sh"
need jq

record closes.htap "$TARGETS/closes" "$TMP/numbers" || fail "closes: step $?"
verified closes.htap
[ -s numbers ] && fail "something was written to the target's descriptors"
"$HEAPTAP" script --json closes.htap | jq -e -s '[.[] | select(.event == "alloc" and .size >= 1 and .size <= 20000) | .size] | unique | length == 20000' >/dev/null ||
	fail "calls after the descriptors were closed are missing"
