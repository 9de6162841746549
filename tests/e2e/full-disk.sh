#!/bin/bash
# full-disk.sh -- the disk is full while a tree is followed: the tree runs on, the recorder says so, and the trace does not look complete
. "$(dirname "$0")/lib.sh"
need jq perl unshare

unshare -m true 2>/dev/null || skip "no private mounts here"
mkdir disk
cat >tree.pl <<'END'
for my $n (1 .. 8) {
	next if fork;
	my @a;
	$a[$_ % 50] = "f" x (100 + rand(9000)) for 1 .. 100000;
	open my $f, ">", "ended$n";
	exit 0;
}
1 while wait > 0;
exit 5;
END
# shellcheck disable=SC2016
unshare -m sh -c 'mount -t tmpfs -o size=512k none disk || exit 77
	"$HEAPTAP" record --follow=all --wait=tree -o disk/tree.htap -- perl tree.pl 2>says
	echo $? >status; cp disk/tree.htap .'
[ $? != 77 ] || skip "no tmpfs here"
[ "$(find . -name 'ended*' | wc -l)" = 8 ] || fail "the tree did not run on: $(ls) $(cat says)"
[ "$(cat status)" = 125 ] || fail "exit $(cat status): $(cat says)"
grep -qi 'space' says || fail "not said: $(cat says)"
"$HEAPTAP" verify --json tree.htap >account && fail "it looks complete: $(jq -c 'del(.threads)' account)"
jq -e '.complete == false and .history_violations == 0 and .recorded > 10000' account >/dev/null || fail "$(jq -c 'del(.threads)' account)"
"$HEAPTAP" info --json tree.htap >info
[ "$(jq '[.processes[] | select(.traced)] | length' info)" -gt 1 ] || fail "$(jq -c .processes info)"
[ "$(jq -r .end_reason info)" = write_error ] || fail "$(jq .end_reason info)"
jq -r '"\(.processes | length) processes, \(.events) events"' info
exit 0
