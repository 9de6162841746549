#!/bin/bash
# late-free.sh -- the order checks can fail: an agent that stamps a free after the call does not pass ACC-02
#
# It is built with HT_PLANT_LATE_FREE (src/agent/hooks.h) into a folder of its own. Both agents record the same
# storm, over liblinger, whose free returns late.
. "$(dirname "$0")/lib.sh"
need jq make

make -s -C "$TOP" O="$TMP/planted" CC="${CC:-gcc} -DHT_PLANT_LATE_FREE" "$TMP/planted/libheaptap-agent.so" || fail "build"
cp "$HEAPTAP" planted/heaptap
unset HT_CONFESS
export GLIBC_TUNABLES=glibc.malloc.tcache_count=0 MALLOC_ARENA_MAX=1

export LD_PRELOAD=$TARGETS/liblinger.so # the window between the real free and a late stamp is wide open, for the sound agent too

for seed in 1 2; do
	record sound.htap "$TARGETS/storm" reuse $seed 4 10000 || fail "storm: exit $?"
	HEAPTAP=$TMP/planted/heaptap record late.htap "$TARGETS/storm" reuse $seed 4 10000 || fail "storm: exit $?"
	(unset LD_PRELOAD && oracle history sound.htap) >said || fail "seed $seed: the sound agent: $(cat said)"
	tee -a histories <said
	(unset LD_PRELOAD && oracle history late.htap) >unseen && fail "seed $seed: late stamps go unseen: $(cat unseen)"
	echo "seed $seed: late stamps: $(grep -c 'live\|dead' unseen) impossible events"
done
reordered_rarely histories
