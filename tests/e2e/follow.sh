#!/bin/bash
# follow.sh -- forked children, what they execute, and how they end; every process's account closes (LIFE-01, LIFE-03, LIFE-09 in small)
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq perl env

follow() { # follow FILE CMD...
	local file=$1
	shift
	rm -f "$file"
	"$HEAPTAP" record -o "$file" -- "$@"
}

# Each child's calls are its own: 1000 of size 2000 + i, and the parent's are the parent's.
follow fork.htap "$TARGETS/execs" fork 20 || fail "fork: exit $?"
verified fork.htap
agreed fork.htap
for n in 0 7 19; do
	[ "$(sized fork.htap $((2000 + n)))" = 1000 ] || fail "fork: child $n has $(sized fork.htap $((2000 + n))) of 1000 calls"
	[ "$(sized fork.htap $((3000 + n)))" = 1 ] || fail "fork: the parent's call $n is missing"
done
"$HEAPTAP" info --json fork.htap >fork.json
[ "$(jq '.processes | length' fork.json)" = 21 ] || fail "fork: $(jq '.processes | length' fork.json) processes, not 21"
[ "$(jq '[.processes[] | select(.traced and .exit == 0)] | length' fork.json)" = 21 ] || fail "fork: $(jq -c .processes fork.json)"
root=$(jq .pid fork.json)
[ "$(jq --argjson p "$root" '[.processes[] | select(.ppid == $p)] | length' fork.json)" = 20 ] || fail "fork: parents: $(jq -c .processes fork.json)"

# A vfork child allocates in its parent's memory, once, and what it executes is an image of its own.
follow vfork.htap "$TARGETS/execs" vfork 10 || fail "vfork: exit $?"
verified vfork.htap
[ "$(sized vfork.htap 4000)" = 10 ] || fail "vfork: $(sized vfork.htap 4000) of 10 calls"
[ "$("$HEAPTAP" info --json vfork.htap | jq .images)" = 11 ] || fail "vfork: images"

# Also when the first call of a thread is its vfork child's, and the child has long been gone when the thread goes on.
follow long.htap "$TARGETS/execs" vfork 3 sleep 0.3 || fail "vfork: exit $?"
verified long.htap
[ "$(sized long.htap 4000)" = 3 ] || fail "vfork: $(sized long.htap 4000) of 3 calls, after the child was gone"

# What a shell does, with inherited blocks freed in subshells, and a status.
follow sh.htap sh -c 'perl -e "print 1"; (ls / | wc -l) >/dev/null; (exit 5); kill -9 $$' >out
[ $? = 137 ] || fail "sh: status"
[ "$(cat out)" = 1 ] || fail "sh: $(cat out)"
verified sh.htap
"$HEAPTAP" info --json sh.htap | jq -e '[.processes[] | select(.comm == "perl" and .exit == 0 and .traced)] | length == 1' >/dev/null || fail "sh: perl"
"$HEAPTAP" info --json sh.htap | jq -e '.processes[0].exit == 137' >/dev/null || fail "sh: root"

# What cannot be recorded is declared, and the trace is not complete.
follow away.htap sh -c "$TARGETS/static-hello >/dev/null; env -i ls / >/dev/null; exit 3"
[ $? = 3 ] || fail "away: status"
"$HEAPTAP" verify --json away.htap >away.json && fail "away: complete, without two of its programs"
[ "$(jq .unrecorded_images away.json)" -ge 1 ] || fail "away: $(jq -c 'del(.threads)' away.json)"
[ "$(jq .history_violations away.json)" = 0 ] || fail "away: violations"

# Not asked for: nothing of the children is in the trace.
rm -f exec.htap
"$HEAPTAP" record --follow=exec -o exec.htap -- "$TARGETS/execs" fork 3 || fail "exec: exit $?"
verified exec.htap
[ "$("$HEAPTAP" info --json exec.htap | jq '.processes | length')" = 1 ] || fail "exec: processes"

# The tree is waited for.
rm -f tree.htap
"$HEAPTAP" record --follow=all --wait=tree -o tree.htap -- sh -c '(perl -e "select undef, undef, undef, 0.3; my @a = map { \"x\" x 7000 } 1 .. 9" &) ' || fail "tree: exit $?"
verified tree.htap
[ "$("$HEAPTAP" info --json tree.htap | jq '[.processes[] | select(.end_ns == null)] | length')" = 0 ] || fail "tree: somebody runs on"
exit 0
