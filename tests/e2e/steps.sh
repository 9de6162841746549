#!/bin/bash
# steps.sh -- a signal handler that allocates, or leaves by a jump, at each instruction of the agent disturbs nobody
#
# Far from the ends of a call each STRIDE-th instruction is tried. The interrupted calls are in the trace, in order;
# what the handler called is there too, or counted as lost; every account closes. A call that ends its segment, and a thread's first, are tried too.
# With STRIDE set, it is tried where stacks are taken instead, on releases too, and with the policy drop: more than ten minutes.
# long
. "$(dirname "$0")/lib.sh"

tried() { # tried return|jump OPTION...
	local how=$1
	shift
	rm -f confessed steps.htap
	LD_PRELOAD=$TARGETS/libbump.so HT_CONFESS=$TMP/confessed "$HEAPTAP" record "$@" -o steps.htap -- "$TARGETS/steps" "$how" "${STRIDE:-50}" ||
		fail "$how $*: exit $?"
	"$TOP/tests/e2e/steps.py" "$how" steps.htap confessed || fail "$how $*"
}

if [ -z "${STRIDE:-}" ]; then
	tried return --no-stacks
	tried jump --no-stacks
	exit 0
fi
tried return
tried return --free-stacks
tried return --no-stacks --overflow=drop
tried jump
