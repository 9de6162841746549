#!/bin/bash
# errors.sh -- `heaptap errors` finds every wrong release that a program confesses, and none in programs that are right
#
# The second decoder's oracle must agree on every call that is named; see tests/decoder/answers.py.
. "$(dirname "$0")/lib.sh"
need jq

LD_PRELOAD=$TARGETS/libbump.so record wrong.htap "$TARGETS/misuse" 3 >confessed || fail "misuse: status $?"
"$HEAPTAP" errors --json wrong.htap >found
[ $? = 1 ] || fail "errors are no bad news"
jq -S 'reduce .places[] as $p ({}; .[$p.kind] += $p.count)' found >by-kind
diff <(jq -S . confessed) by-kind || fail "not what was confessed"
# each in its own place, the three calls of a loop together; and one that needed two threads
[ "$(jq '[.places[] | select(.count == 3)] | length' found)" = 10 ] || fail "ten places, three times each"
jq -e '[.places[] | select(.count == 1)] | length == 1 and .[0].here.thread == .[0].handed_out.thread and
	.[0].here.thread != .[0].released.thread' found >threads ||
	fail "a double free by two threads"
answered errors wrong.htap
"$HEAPTAP" errors wrong.htap >text
[ "$(grep -c '^double free of 0x' text)" = 3 ] || fail "text: $(cat text)"
grep -q 'is from new\[\], and released by delete(size), 3 times$' text || fail "text: $(cat text)"

# with the whole stack, by name, as far as it was recorded
grep -qE '^        (wrong_ones|main) +misuse\.cc:[0-9]+' text || fail "no names: $(cat text)"
grep -q 'from where was not recorded: use record --free-stacks' text || fail "not said why there is no stack: $(cat text)"
jq -e '[.places[].handed_out | select(.) | .stack | any(.function == "main" and .line > 0 and (.file | endswith("misuse.cc")))] | length > 0 and all' found >/dev/null ||
	fail "a stack does not lead to main: $(cat found)"

for file in "$TOP"/tests/golden/*.htap; do answered errors "$file"; done

# A free that is stamped before the other thread's malloc: within a microsecond it is two inverted stamps, behind it an error.
/usr/bin/python3 - "$TOP/tests/golden" <<'END' || skip "python3-xxhash is not installed"
import sys
sys.path.insert(0, sys.argv[1])
from make import ACCOUNT, ALLOC, F, FREE, M, Writer
for name, late in (("near", 1000), ("far", 1001)):
    w = Writer()
    w.opening(0, ((0, 0),), ((1, 42, b"main"), (2, 43, b"two")))
    w.events(1, 0, (FREE, 10, F, 0x1000, None, 1, 0))
    w.events(2, 0, (ALLOC, 10 + late, M, 0x1000, 16, 1, 0))
    w.records(ACCOUNT, (1, 2000, 1, 1, 0, 0, 0, 0), (2, 2000, 1, 1, 0, 0, 0, 0))
    w.footer(2000, 2)
    open(name + ".htap", "wb").write(w.data)
END
[ "$("$HEAPTAP" errors --json near.htap | jq -c '[.errors, .inverted]')" = "[0,1]" ] || fail "inverted stamps are an error"
[ "$("$HEAPTAP" errors --json far.htap | jq -c '[.errors, .inverted]')" = "[1,0]" ] || fail "an error passes for inverted stamps"
answered errors near.htap
answered errors far.htap

right() { # right CMD...: a program without errors
	record right.htap "$@" >right.out || fail "$*: status $?"
	"$HEAPTAP" errors right.htap >text || fail "$*: $(cat text)"
	grep -q '^no errors in [1-9][0-9]* releases$' text || fail "$*: $(cat text)"
}
right "$TARGETS/churn" crowd 50
right "$TARGETS/cplus" 7 4 1000
answered errors right.htap
right /usr/bin/python3 -c 'import json, threading; t = [threading.Thread(target=json.dumps, args=(list(range(9999)),)) for i in range(4)]; [x.start() for x in t]; [x.join() for x in t]'
