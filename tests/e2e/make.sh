#!/bin/bash
# make.sh -- `make -j8` of a part of this project, recorded: what is built is the same to the byte, and every process is there (LIFE-11)
#
# long
# The oracle of the processes: each source means one compiler driver, one cc1 and one assembler; besides, there are make and one ar.
. "$(dirname "$0")/lib.sh"
need jq make gcc ar

cp -r "$TOP/src" . || fail "cp"
sources=$(ls src/format/*.c src/util/*.c)
files=$(wc -w <<<"$sources")
cat >Makefile <<'END'
sources := $(wildcard src/format/*.c src/util/*.c)
all.a: $(sources:.c=.o)
	ar rcsD $@ $^
%.o: %.c
	gcc -std=gnu11 -O1 -g -w -D_GNU_SOURCE -Isrc -c -o $@ $<
END
cp -r src clean

make -j8 >alone.out 2>&1 || fail "it does not build: $(tail -3 alone.out)"
mkdir alone && mv src all.a alone && mv clean src
"$HEAPTAP" record --follow=all --wait=tree -o make.htap -- make -j8 >recorded.out 2>says || fail "recorded: exit $?: $(tail -3 recorded.out says)"
diff -r alone/src src || fail "other objects than unrecorded"
cmp alone/all.a all.a || fail "another archive than unrecorded"
diff <(sort alone.out) <(sort recorded.out) || fail "make said something else"
verified make.htap
"$HEAPTAP" info --json make.htap >info || fail "info: exit $?"
all=$(jq -c '[.processes[] | [.comm, .traced, .exit, .reason]]' info)
whole() { # whole COUNT FILTER: so many processes of that kind were recorded from start to end
	local n
	n=$(jq "[.processes[] | select(.traced and .exit == 0 and .end_ns != null and ($2))] | length" info)
	[ "$n" = "$1" ] || fail "$n processes of $1 with $2: $all"
}
# A program that is gone before its name was read is called by its file, which for the assembler is another name.
as=$(basename "$(realpath "$(command -v as)")" | cut -c 1-15)
for program in gcc cc1; do whole "$files" ".comm == \"$program\""; done
whole "$files" ".comm == \"as\" or .comm == \"$as\""
whole $((files * 3 + 2)) true
[ "$(jq '.processes | length' info)" = $((files * 3 + 2)) ] || fail "more processes than there were: $all"
jq -r '"\(.processes | length) processes, \(.events) events"' info
exit 0
