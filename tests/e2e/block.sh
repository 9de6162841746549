#!/bin/bash
# block.sh -- `heaptap block` tells every lifetime as the second decoder's oracle does, of every event and address of small traces
#
# The text is compared with what was worked out by hand from tests/golden/make.py.
. "$(dirname "$0")/lib.sh"
need jq
golden=$TOP/tests/golden

for file in "$golden"/{clean,every,exec,losses}.htap; do
	for word in $(seq "$("$HEAPTAP" script "$file" 2>/dev/null | wc -l)") 0x1000 0x100f 0x1010 0x20000 0x20001 0x50000 0x30000; do
		answered block "$file" "$word"
	done
done
says() { # says STATUS WORD <TEXT: the answer about clean.htap
	local got status=$1 word=$2
	got=$("$HEAPTAP" block "$golden/clean.htap" "$word" 2>&1)
	[ $? = "$status" ] || fail "$word: not exit $status: $got"
	diff - <(echo "$got") || fail "$word"
}
says 0 8 <<'END'
100 bytes at 0x20000, event 2, for 0.000000010 s
  handed out  0.000000003 s  thread 1 (main)  malloc
        0x401000
  moved       0.000000013 s  thread 1 (main)  realloc, to 0x30000

200 bytes at 0x30000, event 8, for 0.000000007 s
  handed out  0.000000016 s  thread 1 (main)  realloc, was 0x20000
  freed       0.000000023 s  thread 1 (main)  realloc
END
says 0 0x10006 <<'END'
7 bytes at 0x10000, event 1, for 0.000001500 s
  existed     0.000000000 s  thread 1 (main)  ?
  freed       0.000001500 s  thread 1 (main)  free
        0x401000
END
says 0 0x40000 <<'END'
64 bytes at 0x40000, event 11, for 0.000002004 s
  handed out  0.000000996 s  thread 1 (main)  malloc
        0x401000
  freed       0.000003000 s  thread 1 (main)  free
        0x401000
END
says 1 0x50050 <<'END'
no recorded block ever held 0x50050
  the nearest below: 9 bytes at 0x50000
  the nearest above: 0x60000
END
says 1 6 <<'END'
event 6 neither makes nor releases a block
END
says 2 22 <<'END'
heaptap: 22: there is no event 22; the last is 21 (exit 2)
END
says 2 0x <<'END'
heaptap: 0x: neither an address, as 0x55d0c2a0, nor the number of an event, as 17 (exit 2)
END

# a chain of reallocs in a real program, and a free whose place was not recorded
LD_PRELOAD=$TARGETS/libbump.so record real.htap "$TARGETS/misuse" 1 >real.out || fail "misuse: status $?"
for event in 2 3 4 19 20 21; do answered block real.htap "$event"; done
"$HEAPTAP" block real.htap "$("$HEAPTAP" script real.htap | awk '$3 == "free" && $4 == "free" { print NR; exit }')" >text
grep -q 'from where was not recorded: use record --free-stacks$' text || fail "$(cat text)"
