#!/bin/bash
# forks.sh -- children of a program whose other threads are inside the allocator: each account closes, each history is possible (LIFE-01)
. "$(dirname "$0")/lib.sh"
need jq

rm -f forks.htap
"$HEAPTAP" record --follow=all --no-stacks -o forks.htap -- "$TARGETS/forks" 5 || fail "forks: exit $?"
verified forks.htap
[ "$("$HEAPTAP" info --json forks.htap | jq '[.processes[] | select(.exit == 0)] | length')" = 6 ] || fail "forks: processes"
[ "$(sized forks.htap 7049)" = 5 ] || fail "forks: $(sized forks.htap 7049) of 5 last calls"
