#!/bin/bash
# torture.sh -- a program that allocates from every shape of stack runs as it does alone, and every call is in the trace
#
# Whether the stacks are right is the business of stacks.sh; here, that taking them disturbs nobody: alloca, realigned frames, exceptions,
# jumps, coroutines on heap stacks, handlers on alternate stacks, and libraries that replace each other at one address.
. "$(dirname "$0")/lib.sh"
need jq gcc

for seed in ${SEEDS:-1 2 3}; do
	"$TARGETS/torture" "$seed" 200 3 >plain || fail "torture $seed: does not even run bare"
	for option in --stacks --free-stacks --no-stacks; do
		rm -f torture.htap
		options=("$option")
		[ "$option" != --stacks ] || options=() # the default
		"$HEAPTAP" record "${options[@]}" -o torture.htap -- "$TARGETS/torture" "$seed" 200 3 >out || fail "torture $seed $option: exit $?"
		cmp plain out || fail "torture $seed $option: ran another way"
		verified torture.htap
	done
done
for n in 1 2 3 4; do
	gcc -O2 -shared -fPIC -DNUMBER=$n -o plug$n.so "$TOP/tests/targets/libplug.c" || fail "libplug.c"
done
HT_CONFESS=$TMP/reloads record reload.htap "$TARGETS/reload" 40 ./plug1.so ./plug2.so ./plug3.so ./plug4.so || fail "reload: exit $?"
verified reload.htap
