#!/bin/bash
# symbols-where.sh -- the files that names come from: below a sysroot, nowhere at all, and not where they were
#
# A program is recorded and then moved. Its function is named where the user says the files are, and a warning says so where not.
. "$(dirname "$0")/lib.sh"
need gcc jq

names() { # names OPTION...: the functions of the program's places, one a line; "null" for one without a name
	"$HEAPTAP" report --json -n 0 "$@" away.htap 2>says >got || fail "report $*: exit $?: $(cat says)"
	jq -r --arg path "$TMP/away" '.sites[].stack[] | select(.module == $path) | .function' got | sort -u
}

cat >away.c <<'CODE'
#include <stdlib.h>
__attribute__((noinline)) static void *hoard(void) { return malloc(4711); }
int main(void) { return !hoard(); }
CODE
gcc -O1 -g -fno-builtin -o away away.c || fail "gcc"
# A program that ends at once may be gone before its mappings are read; then there are no names to judge.
for _ in {1..40}; do
	record away.htap "$TMP/away" || fail "record: exit $?"
	"$HEAPTAP" info --json away.htap | jq -e --arg path "$TMP/away" 'any(.module_list[]; .path == $path)' >/dev/null && break
done
[[ $(names) == *hoard* ]] || fail "not named where it was recorded: $(cat got says)"

mkdir -p "root$TMP"
mv away "root$TMP/away"
[ "$(names)" = null ] || fail "named without its file: $(cat got)"
grep -q "$TMP/away: cannot be opened: No such file.*no names" says || fail "not said: $(cat says)"
[[ $(names --sysroot="$TMP/root") == *hoard* ]] || fail "not named below the sysroot: $(cat got says)"
! grep -q "$TMP/away:" says || fail "a warning of a file that was found: $(cat says)"
[ "$(names --no-symbols --sysroot="$TMP/root")" = null ] || fail "--no-symbols: $(cat got)"
[ ! -s says ] || fail "--no-symbols warns: $(cat says)"
"$HEAPTAP" report --no-symbols away.htap | grep -q '+0x[0-9a-f]* *away$' || fail "--no-symbols: neither module nor offset"

"$HEAPTAP" report --sysroot="$TMP/away.c" away.htap 2>says >/dev/null
[ $? = 2 ] || fail "a file was taken for a sysroot"
grep -q -- '--sysroot=.*: not a directory' says || fail "$(cat says)"
