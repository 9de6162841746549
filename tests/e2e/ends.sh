#!/bin/bash
# ends.sh -- every way to end: the status is unchanged and the last call before the end is in the trace (LIFE-05/06/07)
. "$(dirname "$0")/lib.sh"
need jq

ends() { # ends WAY STATUS SIZE...: blocks of these sizes were allocated, and freed if more follows
	local way=$1 status=$2 got size
	shift 2
	record ends.htap "$TARGETS/ends" "$way"
	got=$?
	[ $got = "$status" ] || fail "$way: status $got, not $status"
	verified ends.htap
	for size; do
		[ "$(sized ends.htap "$size")" = 1 ] || fail "$way: the call of $size bytes is not in the trace"
		[ "$(sized ends.htap "$size" free)" = 1 ] || fail "$way: the free of $size bytes is not in the trace"
	done
}

ends return 6 1001
ends exit 7 1001
ends _exit 8 1001
ends _Exit 9 1001
ends quick_exit 10 1001
ulimit -c 0
ends abort 134 1001
ends segv 139 1001
ends kill 137 1001
ends term 143 1001
ends lastthread 0 1001 1004
ends atexit 6 1001 1002
ends dtor 6 1001 1003
ends busy 6 1001
ends keys 6 1001 1004 1005 1006 1007
echo "14 ways to end"
