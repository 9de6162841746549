#!/bin/bash
# edges.sh -- zero, null, failure, alignment, errno over every allocator: answers unchanged, events what really happened (API-01/02/03)
. "$(dirname "$0")/lib.sh"
need jq
have_allocators

for a in $ALLOCATORS; do
	lib=$(allocator "$a")
	rm -f idle.tally
	LD_PRELOAD=$lib HT_CONFESS=$TMP/idle.tally record idle.htap "$TARGETS/edges" idle || fail "$a: exit $?"
	for way in all limit; do
		rm -f tally
		LD_PRELOAD=$lib "$TARGETS/edges" $way >plain || fail "$a: edges does not run bare"
		LD_PRELOAD=$lib HT_CONFESS=$TMP/tally record edges.htap "$TARGETS/edges" $way >recorded || fail "$a: exit $?"
		diff plain recorded || fail "$a: an answer changed"
		verified edges.htap
		oracle history edges.htap || fail "$a: history"
		oracle tally edges.htap tally idle.htap idle.tally || fail "$a: tally"
	done
	[ "$a" = glibc ] || "$HEAPTAP" info edges.htap | grep -q "$a" || fail "$a: info does not name the allocator"
done
