#!/bin/bash
# census.sh -- the census of a heap holds every block that its owner confesses, and no other; where it may not, it says so
#
# Blocks in threads' caches, fastbins and bins, several arenas and several heaps of each, mapped blocks, aligned and moved ones; a main heap with gaps, in pieces, of
# huge pages; taken in a visit that leaves threads asleep; a static program, stripped too; other allocators.
. "$(dirname "$0")/lib.sh"

judge() {
	/usr/bin/python3 "$TOP/tests/e2e/census.py" "$@" || fail "census of $*"
}

first_line_of() { # first_line_of COMMAND...: of its census, once it has said that it is there
	coproc "$@"
	read -r <&"${COPROC[0]}"
	"$O/e2e/census" "$COPROC_PID" >says
	kill "$COPROC_PID"
	wait "$COPROC_PID" 2>/dev/null
	head -n 1 says
}

judge "$TARGETS/heaps"
judge "$TARGETS/heaps" 3 70
GLIBC_TUNABLES=glibc.malloc.arena_max=1 judge "$TARGETS/heaps" 4
GLIBC_TUNABLES=glibc.malloc.hugetlb=2 judge "$TARGETS/heaps" 2
GLIBC_TUNABLES=glibc.malloc.tcache_count=50:glibc.malloc.mmap_threshold=1000 judge "$TARGETS/heaps" 2
HEAPS_BREAK=moved judge "$TARGETS/heaps"
HEAPS_BREAK=blocked judge "$TARGETS/heaps" 3 20
HEAPS_ASLEEP=1 judge "$TARGETS/heaps" 6
judge "$TARGETS/static-heaps" 2
strip -o stripped "$TARGETS/static-heaps" && judge ./stripped 2

for name in jemalloc tcmalloc mimalloc; do
	library=$(allocator $name)
	[ -n "$library" ] || continue
	says=$(first_line_of env LD_PRELOAD="$library" "$TARGETS/heaps" confession)
	[[ $says == "verdict partial the heaps of "*"($name) cannot be read" ]] || fail "with $name: $says"
done
