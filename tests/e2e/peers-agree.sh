#!/bin/bash
# peers-agree.sh -- memcheck, dhat, AddressSanitizer and LeakSanitizer find what heaptap does, wherever they count the same
#
# Small programs (tests/targets/kept.c, kept-cplus.cc) are recorded, run under valgrind, and built with -fsanitize=address. In heaptap's terms:
#
#   memcheck   heap usage = allocated; frees = allocated less never freed; in use at exit = leaked; definitely + indirectly +
#              possibly lost + still reachable = leaked, whose part without a pointer is the lost ones
#   dhat       Total = allocated, At t-gmax = peak, At t-end = leaked
#   LSan       leaked without a pointer to it; with its roots taken away (use_globals=0 ...), leaked and the runtime's
#   ASan       what its hooks are told, less what they are told in a program that does nothing: allocated, and leaked; the peak
#
# Where they count otherwise, the difference is told here, and it is exact:
#
#   runtime    heaptap counts the pool of libstdc++ and the vectors of thread-local storage apart, as the runtime's; valgrind has both
#              given back before it counts what is in use at exit (__freeres). To LSan the pool is one more block without a root.
#   pointer    heaptap does not look for pointers: what a global still points to is leaked, too. A pointer into the middle of a block
#              makes it "possibly lost" to memcheck, and reachable to LSan.
#   realloc    ASan always moves, and has both blocks for a moment: its peak is higher, by the old one
#   threads    each thread has a vector of 16 bytes for a module with thread-local variables; the agent is one more. The vector is one block
#              for each stack that is not used again, here one. ASan's own threads make three more blocks each: not compared.
. "$(dirname "$0")/lib.sh"
need jq valgrind gcc g++

asan=(-O1 -g -fno-builtin -pthread -fsanitize=address -D_GNU_SOURCE)
gcc "${asan[@]}" "$TOP/tests/targets/kept.c" -o kept.asan || fail "gcc -fsanitize=address"
g++ "${asan[@]}" "$TOP/tests/targets/kept-cplus.cc" -o kept-cplus.asan || fail "g++ -fsanitize=address"

equal() { # equal WHAT FOUND EXPECTED
	[ "$2" = "$3" ] || fail "$name $mode: $1: $2, heaptap has $3"
	compared=$((compared + 1))
}

pair() { # pair PATTERN FILE: "BYTES BLOCKS" of the line with the pattern
	sed -nE "s/.*$1 *([0-9,]+) bytes in ([0-9,]+) blocks.*/\1 \2/p" "$2" | tr -d ,
}

ours() { # ours KEY: "BYTES COUNT"
	jq -r "\"\(.totals.${1}_bytes) \(.totals.${1}_count)\"" report
}

lost() { # lost: bytes and blocks that memcheck calls lost, all kinds
	{ pair 'definitely lost:' memcheck; pair 'indirectly lost:' memcheck; pair 'possibly lost:' memcheck; } |
		awk '{ bytes += $1; blocks += $2 } END { print bytes, blocks }'
}

sanitizer() { # sanitizer [OPTION]: "BYTES BLOCKS" that LSan calls leaked
	LSAN_OPTIONS=$* "./$name.asan" $mode 2>&1 |
		awk '/^SUMMARY: AddressSanitizer:/ { found = $3 " " $7 } END { print found ? found : "0 0" }'
}

told() { # told MODE: what the hooks of AddressSanitizer were told: BYTES BLOCKS of all, BYTES BLOCKS live, BYTES at the peak
	ASAN_OPTIONS=detect_leaks=0 ./kept.asan "$1" | awk '/^told: / { print $4, $2, $9, $7, $12 }'
}

runs() { # runs NAME MODE: into report, memcheck, dhat
	name=$1 mode=$2
	record t.htap "$TARGETS/$name" $mode || fail "$name $mode: $?"
	[ "$mode" = nothing ] || verified t.htap
	"$HEAPTAP" report --json -n 0 --no-symbols t.htap >report || fail "report: $?"
	valgrind --leak-check=full --show-leak-kinds=all --log-file=memcheck "$TARGETS/$name" $mode || fail "memcheck: $?"
	grep -q 'All heap blocks were freed' memcheck && printf '%s lost: 0 bytes in 0 blocks\n' definitely indirectly possibly >>memcheck
	valgrind --tool=dhat --dhat-out-file=/dev/null --log-file=dhat "$TARGETS/$name" $mode || fail "dhat: $?"
}

valgrind_agrees() { # valgrind_agrees VECTOR_BYTES: by which the vectors of threads are larger beside the agent, those live at the peak first
	local at_peak=$1 all=$2 usage allocated leaked
	read -r -a allocated < <(ours allocated)
	read -r -a leaked < <(ours leaked)
	usage=$(sed -nE 's/.*total heap usage: ([0-9,]+) allocs, ([0-9,]+) frees, ([0-9,]+) bytes.*/\1 \2 \3/p' memcheck | tr -d ,)
	equal "memcheck: heap usage" "$usage" "${allocated[1]} $((allocated[1] - leaked[1])) $((allocated[0] - all))"
	equal "memcheck: in use at exit" "$(pair 'in use at exit:' memcheck)" "${leaked[*]}"
	equal "dhat: total" "$(pair 'Total:' dhat)" "$((allocated[0] - all)) ${allocated[1]}"
	equal "dhat: peak" "$(pair 'At t-gmax:' dhat)" "$(jq -r "\"\(.totals.peak_bytes - $at_peak) \(.totals.peak_count)\"" report)"
	equal "dhat: at the end" "$(pair 'At t-end:' dhat)" "${leaked[*]}"
}

asan_agrees() { # asan_agrees EXTRA: bytes that AddressSanitizer had at the peak, beside
	local bytes blocks live_bytes live_blocks peak before
	read -r -a before < <(told nothing)
	read -r bytes blocks live_bytes live_blocks peak < <(told "$mode")
	equal "ASan: allocated" "$((bytes - before[0])) $((blocks - before[1]))" "$(ours allocated)"
	equal "ASan: live" "$((live_bytes - before[2])) $((live_blocks - before[3]))" "$(ours leaked)"
	equal "ASan: peak" "$((peak - before[2] - $1))" "$(jq .totals.peak_bytes report)"
}

everything() { # LSan without roots: all that was never freed
	equal "LSan without roots" "$(sanitizer use_globals=0:use_stacks=0:use_registers=0:use_tls=0)" \
		"$(jq -r '"\(.totals.leaked_bytes + .totals.runtime_bytes) \(.totals.leaked_count + .totals.runtime_count)"' report)"
}

compared=0
for mode in nothing drop keep grow align; do
	runs kept $mode
	equal "the runtime's" "0 0" "$(ours runtime)"
	valgrind_agrees 0 0
	everything
	case $mode in
	nothing) ;; # what the others are compared with
	grow) asan_agrees 2048 ;; # 2048 bytes, while they are copied into 4096
	*) asan_agrees 0 ;;
	esac
	case $mode in
	drop) # nothing points to anything
		equal "memcheck: lost" "$(lost)" "$(ours leaked)"
		equal LSan "$(sanitizer)" "$(ours leaked)"
		;;
	keep) # 77 bytes are dropped; into the middle of 300 there is a pointer
		equal "memcheck: definitely" "$(pair 'definitely lost:' memcheck)" "77 1"
		equal "memcheck: possibly" "$(pair 'possibly lost:' memcheck)" "300 1"
		equal LSan "$(sanitizer)" "77 1"
		;;
	*) # all is in globals
		equal "memcheck: lost" "$(lost)" "0 0"
		equal LSan "$(sanitizer)" "0 0"
		;;
	esac
done

runs kept threads
valgrind_agrees 16 16
equal "the vector's" "$(ours runtime)" "288 1"

runs kept-cplus ''
valgrind_agrees 0 0
equal "memcheck: lost" "$(lost)" "$(ours leaked)"
equal LSan "$(sanitizer)" "$(ours leaked)"
equal "the pool's" "$(ours runtime)" "72704 1"
everything
echo "$compared figures agree"
