#!/bin/bash
# blob.sh -- the agent's injected form, put into a process by that process itself: its hooks record what it confesses, no more and no less
#
# Ten threads with all kinds of calls, nested ones, calls in signal handlers, 1500 threads one after the other, a forked child, every
# register; an operator new that would have thrown; and 600 stacks, through signals and frames of any size, compared with the compiler's unwinder;
# 600 more out of four libraries that take turns at one address. The shell, which only turns into the target, is image 1.
. "$(dirname "$0")/lib.sh"
need jq

run() { # run FILE [new]: as the target confesses, and as the trace has it
	local info
	# shellcheck disable=SC2016
	record "$1" sh -c 's=$HEAPTAP_SESSION; unset HEAPTAP_SESSION; exec "$0" "$s" "$@"' "$TARGETS/self-blob" "$O/blob.bin" "${@:2}" >confession || fail "self-blob: $(cat confession)"
	info=$("$HEAPTAP" info --json "$1")
	"$HEAPTAP" script --json "$1" | grep -v "\"thread\":$(jq '.thread_list[] | select(.image == 1) | .thread' <<<"$info")," >events
	{
		echo "allocs $(($(count alloc) - $(count alloc 1099511627776)))"
		echo "frees $(count free)"
		echo "reallocs $(count realloc)"
		echo "failed $(count alloc 1099511627776)"
		jq -r '"counted_only \(.counted_only)", "lost \(.lost)"' <<<"$info"
	} >recorded
	diff confession recorded || fail "what the target confesses (<) is not what was recorded (>)"
	[ "$(count alloc 777)$(count alloc 999)" = 00 ] || fail "calls were recorded while the door was closed"
	[ "$(count alloc 888)" = 3 ] || fail "malloc, posix_memalign and new of one size are not three events"
	[ "$(jq '.forked_children' <<<"$info")" = 1 ] || fail "the forked child is not told"
	[ "$(jq '[.thread_list[] | select(.image == 2)] | length' <<<"$info")" = 1511 ] || fail "not every thread is told"
	[ "$(jq '[.thread_list[].nested] | add' <<<"$info")" = 10001 ] || fail "mallocs inside posix_memalign are not nested calls"
}

count() { # count EVENT [SIZE]
	grep -c "\"event\":\"$1\"${2:+.*\"size\":$2,}" events
}

run blob.htap
verified blob.htap
run new.htap new

stacks_agree() { # stacks_agree FILE MODE [ARGUMENT...]: what the compiler's unwinder finds in 600 places, and what the blob does
	# shellcheck disable=SC2016
	record "$1" sh -c 's=$HEAPTAP_SESSION; unset HEAPTAP_SESSION; exec "$0" "$s" "$@"' "$TARGETS/self-blob" "$O/blob.bin" "${@:2}" | sort >unwound || fail "self-blob $2: $(cat unwound)"
	"$HEAPTAP" script --json "$1" | jq -r 'select(.event == "alloc" and .size >= 20000 and .size < 20600) |
		"\(.size) \(.stack[1:] | join(" "))"' | sort >walked
	[ "$(wc -l <unwound)" = 600 ] || fail "self-blob $2: $(tail -n 1 unwound)"
	diff unwound walked || fail "$2: what the compiler's unwinder found (<) is not what the blob found (>)"
}

stacks_agree stacks.htap stacks
stacks_agree made.htap made
for n in 1 2 3 4; do
	gcc -O2 -g -shared -fPIC -DNUMBER=$n -o plug$n.so "$TOP/tests/targets/libplug.c" || fail "libplug.c"
done
stacks_agree plugs.htap plugs ./plug1.so ./plug2.so ./plug3.so ./plug4.so
[ "$("$HEAPTAP" report --json --by=allocated -n 100000 plugs.htap | jq -r '.sites[].stack[].module // "" | split("/")[-1]' | grep -c '^plug[1-4].so$')" -gt 0 ] ||
	fail "no call is told in a library that was loaded later"
