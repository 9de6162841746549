#!/bin/bash
# late-free.sh -- the order checks can fail: an agent that stamps a free after the call does not pass ACC-02
#
# It is built with HT_PLANT_LATE_FREE (src/agent/hooks.h) into a folder of its own; the sound agent passes the same storm beside it.
. "$(dirname "$0")/lib.sh"
need jq make

make -s -C "$TOP" O="$TMP/planted" CC="${CC:-gcc} -DHT_PLANT_LATE_FREE" "$TMP/planted/libheaptap-agent.so" || fail "build"
cp "$HEAPTAP" planted/heaptap
unset HT_CONFESS
export GLIBC_TUNABLES=glibc.malloc.tcache_count=0 MALLOC_ARENA_MAX=1

for seed in 1 2 3; do
	record sound.htap "$TARGETS/storm" reuse $seed 2 150000 || fail "storm: exit $?"
	oracle history sound.htap || fail "seed $seed: the sound agent"
	HEAPTAP=$TMP/planted/heaptap record late.htap "$TARGETS/storm" reuse $seed 2 150000 || fail "storm: exit $?"
	oracle history late.htap >late && fail "seed $seed: late stamps go unseen: $(cat late)"
	"$HEAPTAP" verify --json late.htap |
		jq -r '"late stamps: \(.history_violations) violations, \(.reordered) reordered"'
done
