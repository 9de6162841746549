#!/bin/bash
# bursts.sh -- short programs, a hundred at a time on a busy machine: each is recorded under its name, with the modules that name its code
#
# Nothing of them is left for /proc to tell when the recorder comes round: what their agents told must do.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq perl
children=250

busy=()
for _ in 1 2 3; do
	perl -e 'alarm 60; 1 while 1' &
	busy+=($!)
done
disown
trap 'kill "${busy[@]}"' EXIT

record bursts.htap perl -e 'my ($n, $program) = @ARGV; my $up = 0;
	for (1 .. $n) { if ($up == 100) { wait; $up-- } my $p = fork // die; if (!$p) { exec { $program } $program; die } $up++ }
	1 while wait > 0' $children "$(command -v true)" 2>says || fail "exit $?: $(cat says)"
verified bursts.htap
"$HEAPTAP" info --json bursts.htap >info
[ "$(jq '[.processes[] | select(.traced and .exit == 0 and .comm == "true" and .command != null)] | length' info)" = $children ] ||
	fail "$(jq -c '[.processes[] | [.traced, .comm]] | group_by(.) | map({ (.[0] | tostring): length }) | add' info)"
[ "$(jq '[.module_list[] | select(.path | endswith("/true")) | .image] | unique | length' info)" = $children ] || fail "programs without a module"
[ "$(jq '[.module_list[] | select(.path | contains("/libc.so")) | .image] | unique | length' info)" = "$(jq .images info)" ] || fail "images without libc"
exit 0
