#!/bin/bash
# loader.sh -- allocators in front of and behind the agent, and a program with its own: kept, named, declared (LDR-03, LDR-07)
. "$(dirname "$0")/lib.sh"
need jq
have_allocators

# The program keeps the allocator its user preloads, and the user's entries stand behind ours, all of them.
for a in jemalloc tcmalloc mimalloc; do
	LD_PRELOAD=$(allocator $a):$TARGETS/libmark.so record order.htap /usr/bin/python3 -c '
import os
maps = open("/proc/self/maps").read()
print(os.environ["LD_PRELOAD"].split(":")[1:], "'$a'" in maps, "libmark" in maps)' >out || fail "$a: exit $?"
	[ "$(cat out)" = "['$(allocator $a)', '$TARGETS/libmark.so'] True True" ] || fail "$a: $(cat out)"
	verified order.htap
	"$HEAPTAP" info order.htap | grep -q "$a" || fail "$a: not named: $("$HEAPTAP" info order.htap)"
done

# A program with a malloc of its own is recorded by nobody: said on the screen and in the file, and verify is not content.
record own.htap "$TARGETS/own-malloc" 2>err
status=$?
[ $status = 0 ] || [ $status = 125 ] || fail "own malloc: exit $status: $(cat err)"
grep -qi 'own' err || fail "own malloc: not said: $(cat err)"
[ ! -e own.htap ] || "$HEAPTAP" info own.htap | grep -qi 'own' || fail "own malloc: info: $("$HEAPTAP" info own.htap)"
if [ -e own.htap ] && "$HEAPTAP" verify own.htap >/dev/null; then
	fail "own malloc: verify is content with a trace that cannot hold the calls"
fi
exit 0
