#!/bin/bash
# strangers.sh -- programs that bring no agent and end at once, by the hundred on a busy machine: each is declared, once (LIFE-09)
#
# Their ends are often seen before their execs are read, and the recorder is often late.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq perl
children=200

busy=()
for _ in 1 2 3; do
	perl -e 'alarm 60; 1 while 1' &
	busy+=($!)
done
disown
trap 'kill "${busy[@]}"' EXIT

for round in 1 2; do
	record strangers.htap perl -e 'my ($n, $program) = @ARGV; my $up = 0;
		for (1 .. $n) { if ($up == 8) { wait; $up-- } my $p = fork // die; if (!$p) { exec { $program } $program; die } $up++ }
		1 while wait > 0' $children "$TARGETS/static-hello" 2>says || fail "round $round: exit $?: $(cat says)"
	"$HEAPTAP" info --json strangers.htap >info
	[ "$(jq '[.processes[] | select(.exit == 0 and .end_ns != null)] | length' info)" = $((children + 1)) ] || fail "round $round: $(jq '.processes | length' info) processes"
	[ "$(jq '[.processes[] | select(.traced | not) | select(.reason == "unseen")] | length' info)" = $children ] ||
		fail "round $round: declared: $(jq -c '[.processes[] | [.traced, .reason]] | group_by(.) | map({ (.[0] | tostring): length }) | add' info)"
	"$HEAPTAP" verify --json strangers.htap >got && fail "round $round: complete"
	jq -e --argjson n $children '.unrecorded_images == $n and .lost == 0 and .history_violations == 0' got >/dev/null || fail "round $round: $(jq -c 'del(.threads)' got)"
done
exit 0
