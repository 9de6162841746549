#!/bin/bash
# pids.sh -- children that had the same pid, one after another: each is a process of its own, with its own memory
#
# Not its own status for sure: in a pid namespace the kernel tells of no ends, and one that is looked for within the millisecond in which
# its pid is given away again may be shown with the next one's.
. "$(dirname "$0")/lib.sh"
need jq perl unshare

cat >again.pl <<'END'
for my $n (1 .. 5) {
	open my $f, ">", "/proc/sys/kernel/ns_last_pid" or exit 77;
	print $f 499;
	close $f or exit 77;
	my $child = fork;
	if (!$child) { my @a = map { "x" x (7000 * $n) } 1 .. 20; exit $n }
	waitpid($child, 0);
	exit 9 if $child != 500 || $? >> 8 != $n;
}
exit 0;
END
unshare -p -f --mount-proc true 2>/dev/null || skip "no pid namespaces here"
unshare -p -f --mount-proc "$HEAPTAP" record -o pids.htap -- perl again.pl 2>says
status=$?
[ $status != 77 ] || skip "the next pid cannot be chosen here"
[ $status = 0 ] || fail "exit $status: $(cat says)"
verified pids.htap
"$HEAPTAP" info --json pids.htap >info
jq -c '[.processes[] | select(.pid == 500 and .traced and .end_ns != null) | .allocated_bytes]' info >got
jq -e 'length == 5 and ([to_entries[] | select(.value < 140000 * (.key + 1) or .value >= 140000 * (.key + 2))] == [])' got >/dev/null ||
	fail "$(cat got): $(jq -c .processes info)"
exit 0
