#!/bin/bash
# execs.sh -- an exec is followed, from any thread and in any number; with --follow=exec children are counted and not recorded (LIFE-03, LIFE-09)
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq perl

record() { # record FILE CMD...: of lib.sh, but that children are not followed
	local file=$1
	shift
	rm -f "$file"
	"$HEAPTAP" record --follow=exec -o "$file" -- "$@"
}

images() {
	"$HEAPTAP" info --json "$1" | jq .images
}

record chain.htap "$TARGETS/execs" chain 5 perl -e 'print "end"' >out || fail "chain: exit $?"
[ "$(cat out)" = end ] || fail "chain: $(cat out)"
verified chain.htap
[ "$(images chain.htap)" = 7 ] || fail "chain: $(images chain.htap) images, not 7"
for n in 5000 5001 5002 5003 5004 5005; do
	[ "$(sized chain.htap $n)" = 1 ] || fail "chain: $(sized chain.htap $n) blocks of $n bytes"
done

for run in 1 2 3 4; do
	record thread.htap "$TARGETS/execs" thread perl -e 'print "end"' >out || fail "thread $run: exit $?"
	[ "$(cat out)" = end ] || fail "thread $run: $(cat out)"
	verified thread.htap
	[ "$(images thread.htap)" = 2 ] || fail "thread $run: $(images thread.htap) images, not 2"
	[ "$(sized thread.htap 6000)" = 1 ] || fail "thread $run: the call before the exec is missing"
done

record fork.htap "$TARGETS/execs" fork 20 || fail "fork: exit $?"
verified fork.htap
[ "$("$HEAPTAP" info --json fork.htap | jq .forked_children)" = 20 ] || fail "fork: $("$HEAPTAP" info --json fork.htap)"
[ "$(sized fork.htap 2000)" = 0 ] || fail "fork: a child's calls are in the trace"
[ "$(sized fork.htap 3019)" = 1 ] || fail "fork: the parent's calls are missing"

# A vfork child allocates in its parent's memory: its calls are the parent's, and the parent lives on.
record vfork.htap "$TARGETS/execs" vfork 10 || fail "vfork: exit $?"
verified vfork.htap
oracle history vfork.htap || fail "vfork: history"
[ "$(sized vfork.htap 4000)" = 10 ] || fail "vfork: $(sized vfork.htap 4000) of 10 calls"

# The image that a forked child starts finds that the session is not its own.
record child.htap sh -c 'perl -e "print 1"; perl -e "print 2"; exec perl -e "print 3"' >out || fail "child: exit $?"
[ "$(cat out)" = 123 ] || fail "child: $(cat out)"
verified child.htap
[ "$(images child.htap)" = 2 ] || fail "child: $(images child.htap) images, not 2"
agreed child.htap

# An image without the agent is declared, and the trace is not complete.
record static.htap sh -c "exec $TARGETS/static-hello" || fail "static: exit $?"
"$HEAPTAP" info static.htap | grep -qi 'static\|not loaded\|not recorded' || fail "static image not declared: $("$HEAPTAP" info static.htap)"
