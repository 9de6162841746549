#!/bin/bash
# answers-text.sh -- what lifetimes, sizes, budget and diff say of golden traces, to the letter
#
# The figures are worked out by hand from the rows in tests/golden/make.py. clean.htap: 13 blocks. Of thread 1: 7 bytes from before;
# 100 bytes, reallocated at once to 200 and then to nothing; 0 bytes in a library; 2^64 - 1 and 1 byte that stay; 64 bytes; 9 and 33
# that stay. Of thread 2: 8, 16 and 32 bytes, the last reallocated to 64, of which nobody knows what a second realloc did.
. "$(dirname "$0")/lib.sh"
golden=$TOP/tests/golden

says() { # says STATUS WORD...: the text is on stdin
	local expected=$1 status
	shift
	"$HEAPTAP" "$@" >got 2>errors
	status=$?
	[ $status = "$expected" ] || fail "$*: status $status, expected $expected: $(cat errors)"
	diff - got || fail "$*: other words"
}

says 0 lifetimes --within=1 "$golden/clean.htap" <<'END'
lived            blocks    share  bytes  blocks, as a bar
under 1 us            4   30.8 %  332 B  ███████████████████▏
1 us to 10 us         3   23.1 %   88 B  ██████████████▍
kept to the end       5   38.5 %  106 B  ████████████████████████
made before           1    7.7 %    7 B  ████▊

calls until its release  blocks    share  bytes  blocks, as a bar
1                             1   14.3 %   32 B  ████████
2                             2   28.6 %   24 B  ████████████████
3-4                           3   42.9 %  264 B  ████████████████████████
5-8                           1   14.3 %  100 B  ████████

Released within 1 call of their thread: 1 block, 32 B. By place:

    1.  1 block, 32 B
        all of this place: 37.5 % 1 us to 10 us, 37.5 % kept to the end, ...
        0x401000
END
says 0 lifetimes --by=blocks --frames=1 -n 2 "$golden/clean.htap" <<'END'
lived            blocks    share  bytes  blocks, as a bar
under 1 us            4   30.8 %  332 B  ███████████████████▏
1 us to 10 us         3   23.1 %   88 B  ██████████████▍
kept to the end       5   38.5 %  106 B  ████████████████████████
made before           1    7.7 %    7 B  ████▊

calls until its release  blocks    share  bytes  blocks, as a bar
1                             1   14.3 %   32 B  ████████
2                             2   28.6 %   24 B  ████████████████
3-4                           3   42.9 %  264 B  ████████████████████████
5-8                           1   14.3 %  100 B  ████████

All blocks: 13 blocks, 533 B. By place:

    1.  8 blocks, 263 B
        all of this place: 37.5 % 1 us to 10 us, 37.5 % kept to the end, ...
        0x401000

    2.  3 blocks, 271 B
        all of this place: 33.3 % under 1 us, 33.3 % kept to the end, ...
        (caller unknown)

And 2 places more (-n 0 shows all).
END
says 0 sizes --by=copied "$golden/clean.htap" <<'END'
size                                      blocks    share     bytes  blocks, as a bar
0                                              1    7.7 %       0 B  ████████
1                                              1    7.7 %       1 B  ████████
5-8                                            2   15.4 %      15 B  ████████████████
9-16                                           2   15.4 %      25 B  ████████████████
17-32                                          1    7.7 %      32 B  ████████
33-64                                          3   23.1 %     161 B  ████████████████████████
65-128                                         1    7.7 %     100 B  ████████
129-256                                        1    7.7 %     200 B  ████████
9223372036854775809-18446744073709551615       1    7.7 %  16.0 EiB  ████████

Reallocated: 2 blocks grown 2x, at most 1x; 2 moves, 132 B copied
times grown: 100.0 % 1

Copied by reallocations, by place:

    1.  2 blocks grown 2x, at most 1x; 2 moves, 132 B copied
        33.3 % 5-8, 33.3 % 33-64, 33.3 % 129-256
        (caller unknown)
END
says 0 sizes -n 1 "$golden/clean.htap" <<'END'
size                                      blocks    share     bytes  blocks, as a bar
0                                              1    7.7 %       0 B  ████████
1                                              1    7.7 %       1 B  ████████
5-8                                            2   15.4 %      15 B  ████████████████
9-16                                           2   15.4 %      25 B  ████████████████
17-32                                          1    7.7 %      32 B  ████████
33-64                                          3   23.1 %     161 B  ████████████████████████
65-128                                         1    7.7 %     100 B  ████████
129-256                                        1    7.7 %     200 B  ████████
9223372036854775809-18446744073709551615       1    7.7 %  16.0 EiB  ████████

Reallocated: 2 blocks grown 2x, at most 1x; 2 moves, 132 B copied
times grown: 100.0 % 1

Blocks, by place:

    1.  8 blocks, 263 B
        25.0 % 9-16, 25.0 % 33-64, 12.5 % 1, 12.5 % 5-8, 12.5 % 17-32, ...
        0x401000

And 3 places more (-n 0 shows all).
END
says 1 budget --max-peak=31 --max-allocs=3 --max-temporary=33% "$golden/exec.htap" <<'END'
limit          found    allowed  verdict
max-peak       56 B     31 B     EXCEEDED
max-allocs     3 calls  3 calls  kept
max-temporary  33.3 %   33.0 %   EXCEEDED

max-peak: the largest place first
  56 B at the peak, 31 B allowed

    1.  56 B in 3 blocks
        0x401000

max-temporary: the largest place first
  33.3 % temporary, 33.0 % allowed

    1.  1 block, 32 B
        0x401000

2 of 3 limits exceeded
END
says 0 budget --max-peak=56 "$golden/exec.htap" <<'END'
limit     found  allowed  verdict
max-peak  56 B   56 B     kept

all limits are kept
END
says 1 diff --by=allocated --threshold=39 "$golden/losses.htap" "$golden/exec.htap" <<'END'
           before    after    change
leaked     16 B      0 B      -16 B
peak       16 B      56 B     +40 B, +250.0 %
allocated  16 B      56 B     +40 B, +250.0 %
calls      2 calls   3 calls  +1, +50.0 %
temporary  0 blocks  1 block  +1

By allocated: 0 appeared, 1 grew, 0 shrank, 0 vanished, 0 are the same

    1.  grew: +40 B, +250.0 %, ABOVE the threshold
        16 B in 1 block -> 56 B in 3 blocks
        0x401000
END
says 0 diff --by=allocated "$golden/exec.htap" "$golden/losses.htap" <<'END'
           before   after     change
leaked     0 B      16 B      +16 B
peak       56 B     16 B      -40 B, -71.4 %
allocated  56 B     16 B      -40 B, -71.4 %
calls      3 calls  2 calls   -1, -33.3 %
temporary  1 block  0 blocks  -1

By allocated: 0 appeared, 0 grew, 1 shrank, 0 vanished, 0 are the same

    1.  shrank: -40 B, -71.4 %
        56 B in 3 blocks -> 16 B in 1 block
        0x401000
END
says 0 diff "$golden/exec.htap" "$golden/exec.htap" <<'END'
           before   after    change
leaked     0 B      0 B      0 B
peak       56 B     56 B     0 B, 0.0 %
allocated  56 B     56 B     0 B, 0.0 %
calls      3 calls  3 calls  0, 0.0 %
temporary  1 block  1 block  0, 0.0 %

By leaked: 0 appeared, 0 grew, 0 shrank, 0 vanished, 0 are the same
END
