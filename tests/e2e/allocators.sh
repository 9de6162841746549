#!/bin/bash
# allocators.sh -- storms over glibc, jemalloc, tcmalloc and mimalloc: exact by thread, function, address and size; legal order
#
# ACC-01 random calls, ACC-02 immediate reuse, ACC-03 moving and failing realloc, ACC-04 frees after the thread's end.
# SEEDS="1 2 ..." and OPS=n replay; allocators-full.sh takes 8 seeds.
. "$(dirname "$0")/lib.sh"
need jq
have_allocators
seeds=${SEEDS:-1} crowd=${THREADS:-2 32}

# Thread caches off and one arena, where the allocator lets us: blocks change hands at once.
export MALLOC_ARENA_MAX=1 GLIBC_TUNABLES=glibc.malloc.tcache_count=0 MALLOC_CONF=tcache:false,narenas:1

storm() { # storm ALLOCATOR FILE WORDS...: recorded, with its tally
	local lib file=$2
	lib=$(allocator "$1")
	shift 2
	rm -f "$file.tally"
	LD_PRELOAD=$lib HT_CONFESS=$TMP/$file.tally record "$file.htap" "$TARGETS/storm" "$@" || fail "storm $*: exit $?"
}

for a in $ALLOCATORS; do
	only='' # jemalloc has no pvalloc: the call would reach glibc's, with or without us
	[ "$a" = jemalloc ] && only=nopvalloc
	for seed in $seeds; do
		for threads in $crowd; do
			ops=$((${OPS:-10000} / threads))
			echo "$a: random, seed $seed, $threads threads, $ops steps each"
			# shellcheck disable=SC2086
			storm "$a" idle random "$seed" "$threads" 0 $only
			# shellcheck disable=SC2086
			storm "$a" random random "$seed" "$threads" "$ops" $only
			verified random.htap
			oracle tally random.htap random.tally idle.htap idle.tally || fail "tally"
			oracle history random.htap || fail "history"
		done
		for way in "reuse $seed 4" "move $seed 4" "orphan $seed 64"; do
			[ "${way%% *}" = orphan ] && ops=200 || ops=${OPS:-6000}
			echo "$a: $way"
			# shellcheck disable=SC2086
			storm "$a" order $way "$ops"
			verified order.htap
			oracle history order.htap >said || fail "$a: $way: $(cat said)"
			tee -a histories <said
		done
	done
done
reordered_rarely histories
