#!/bin/bash
# diff.sh -- `heaptap diff` finds exactly what changed between two builds of a program, whatever moved
#
# The program is written twice: the second time with lines added, other options for the compiler, a function that is split into
# a clone, and other addresses. What each place allocates is in the source, so the expected figures are worked out by hand.
. "$(dirname "$0")/lib.sh"
need jq gcc
golden=$TOP/tests/golden

# exec.htap: 16, 8 and 32 bytes from a caller in no module; every.htap: 16, 24 and 32 from one in a program; losses.htap: 16 from
# one in no module, and calls are lost.
"$HEAPTAP" diff --by=allocated --json "$golden/exec.htap" "$golden/every.htap" >got 2>says || fail "golden: $?"
jq -e '.totals.allocated == {before_bytes: 56, before_count: 3, after_bytes: 72, after_count: 3} and
	.totals.temporary == {before_bytes: 32, before_count: 1, after_bytes: 40, after_count: 2} and .appeared == 1 and .vanished == 1 and .grew + .shrank + .same == 0 and
	[.changes[] | [.change, .before_bytes, .after_bytes]] == [["appeared", 0, 72], ["vanished", 56, 0]]' got >/dev/null || fail "golden: $(cat got)"
"$HEAPTAP" diff --by=allocated --json "$golden/exec.htap" "$golden/losses.htap" >got 2>says || fail "golden: $?"
jq -e '.shrank == 1 and (.changes[0] | .change == "shrank" and .before_bytes == 56 and .before_count == 3 and .after_bytes == 16 and .after_count == 1)' got >/dev/null ||
	fail "golden: $(cat got)"
grep -q 'calls were lost' says || fail "no warning of losses"
"$HEAPTAP" diff "$golden/exec.htap" "$golden/truncated.htap" >got 2>says
[ $? = 4 ] || fail "a truncated trace passes"

cat >program.c <<'END'
#include <stdlib.h>
#define PLACE __attribute__((noinline)) static void
char *volatile kept;
PLACE same(void) { kept = malloc(500); }
PLACE grows(int n) { while (n--) kept = malloc(100); }
PLACE shrinks(int n) { while (n--) kept = malloc(10); }
PLACE comes(int n) { while (n--) kept = malloc(7000); }
PLACE goes(int n) { while (n--) kept = malloc(3); }
PLACE brief(int n) { while (n--) free(kept = malloc(64)); }
THROUGH void through(int n) { grows(n); }
#ifdef MOVED
/* Another name for the linker, as compilers give it to a part of a function. */
PLACE part(void) __asm__("renamed.part.0");
#else
PLACE part(void) __asm__("renamed");
#endif
PLACE part(void) { kept = malloc(40); }
int main(int argc, char **argv)
{
	int after = argc > 1;

	same();
	grows(after ? 5 : 4);
	through(after ? 30 : 20);
	shrinks(after ? 2 : 9);
	comes(after ? 1 : 0);
	goes(after ? 0 : 1);
	brief(after ? 300 : 100);
	part();
	return argv[0] == NULL;
}
END
sed 's/PLACE grows/\n\n\n&/; s/PLACE same/\n&/' program.c >moved.c
gcc -g -O1 -fno-builtin -DTHROUGH="__attribute__((always_inline)) static inline" -o before program.c || fail gcc
gcc -g -O2 -fno-builtin -DMOVED -DTHROUGH="__attribute__((noinline)) static" -fno-pie -no-pie -fno-optimize-sibling-calls -o after moved.c || fail gcc
strip --strip-debug -o before.nameless before # function names from the symbol table: renamed and renamed.part.0
strip --strip-debug -o after.nameless after
record before.htap ./before || fail "before: $?"
record after.htap ./after x || fail "after: $?"

places() { # places MEASURE BEFORE AFTER: the changes of the program's own places, one a line
	"$HEAPTAP" diff --json -n 0 --by="$1" "$2" "$3" 2>says |
		jq -r '.changes[] | "\(.change) \(.stack[0].function)\(if .stack[1].function == "through" then "<through" else "" end) \(.before_bytes) \(.before_count) \(.after_bytes) \(.after_count)"'
}
places leaked before.htap after.htap >got
cat >expected <<'END'
appeared comes 0 0 7000 1
grew grows<through 2000 20 3000 30
grew grows 400 4 500 5
shrank shrinks 90 9 20 2
vanished goes 3 1 0 0
END
diff expected got || fail "by leaked: $(cat says)"
places leaked after.htap before.htap | sed 's/appeared/VANISHED/; s/vanished/appeared/; s/VANISHED/vanished/; s/grew/SHRANK/; s/shrank/grew/; s/SHRANK/shrank/' |
	awk '{ print $1, $2, $5, $6, $3, $4 }' >got
diff expected got || fail "the other way round"
places calls before.htap after.htap >got
cat >expected.calls <<'END'
grew brief 6400 100 19200 300
grew grows<through 2000 20 3000 30
shrank shrinks 90 9 20 2
appeared comes 0 0 7000 1
grew grows 400 4 500 5
vanished goes 3 1 0 0
END
diff expected.calls got || fail "by calls"
[ -z "$(places leaked before.htap before.htap)" ] || fail "a trace differs from itself"
"$HEAPTAP" diff --json before.htap before.htap | jq -e '.same == 6 and .changes == []' >/dev/null || fail "itself: $("$HEAPTAP" diff --json before.htap before.htap)"

record before.nameless.htap ./before.nameless || fail "before.nameless: $?"
record after.nameless.htap ./after.nameless x || fail "after.nameless: $?"
places leaked before.nameless.htap after.nameless.htap >got
cat >expected <<'END'
appeared comes 0 0 7000 1
appeared grows<through 0 0 3000 30
shrank grows 2400 24 500 5
shrank shrinks 90 9 20 2
vanished goes 3 1 0 0
END
diff expected got || fail "names of the symbol table, which knows nothing of inlined functions"

status_of() { # status_of STATUS WORD...
	local expected=$1 status
	shift
	"$HEAPTAP" diff "$@" >got 2>says
	status=$?
	[ $status = "$expected" ] || fail "diff $*: status $status, expected $expected: $(cat got says)"
}
status_of 0 before.htap after.htap
status_of 1 --threshold=6999 before.htap after.htap # comes
status_of 1 --threshold=7000 before.htap after.htap # the whole: 3033 to 11060
status_of 0 --threshold=8027 before.htap after.htap
status_of 1 --threshold=8026 before.htap after.htap
status_of 1 --threshold=1000% before.htap after.htap # what appeared grew by more than any share
status_of 0 --threshold=1000% --threshold=7000 before.htap after.htap
status_of 0 --threshold=0 after.htap after.htap
status_of 1 --by=temporary --threshold=199 before.htap after.htap
status_of 0 --by=temporary --threshold=200 before.htap after.htap
status_of 1 --by=temporary --threshold=199.9% before.htap after.htap
status_of 0 --by=temporary --threshold=200% before.htap after.htap
status_of 0 --stack='^grows$' --threshold=1100 before.htap after.htap
status_of 1 --stack='^grows$' --threshold=1099 before.htap after.htap
status_of 1 --threshold=5% before.htap after.htap
"$HEAPTAP" diff -n 2 --threshold=5% before.htap after.htap >text
grep -q '^    1.  appeared: +6.8 KiB, ABOVE the threshold$' text && grep -q '^        nothing -> 6.8 KiB in 1 block$' text || fail "$(cat text)"
grep -q '^And 3 changes more' text || fail "$(cat text)"
awk 'length > 80 { bad = 1 } END { exit bad }' text || fail "wider than 80 columns: $(cat text)"
status_of 2 --by=size before.htap after.htap
status_of 2 --threshold=x before.htap after.htap
status_of 2 --by=calls --threshold=5K before.htap after.htap
status_of 2 before.htap
status_of 3 before.htap missing.htap
"$HEAPTAP" diff before.htap after.htap >/dev/full 2>says
[ $? = 3 ] || fail "an unwritable output"
