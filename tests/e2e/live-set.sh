#!/bin/bash
# live-set.sh -- what the trace says is live at exit is what glibc says: the same addresses, the same bytes (identity 4)
#
# libmark (tests/targets) marks the moment in the trace and walks the heaps. Thread cache and fast bins are off: a chunk that
# waits in one looks used, to the walk and to mallinfo2 alike.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
# The marker walks glibc's heap at the end of every process it is preloaded into; a sanitized recorder has none of that kind.
if grep -q __asan_init "$HEAPTAP"; then skip "the recorder is sanitized: the marker cannot be preloaded into it"; fi
need sqlite3 perl git jq gcc

marked() { # marked NAME CMD...
	local name=$1 pid
	shift
	GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0 LD_PRELOAD=$TARGETS/libmark.so HT_MARK=$TMP/$name \
		record "$name.htap" "$@" >"$name.out" 2>"$name.err" </dev/null || fail "$name: exit $?: $(cat "$name.err")"
	verified "$name.htap"
	pid=$(pid_of "$name.htap")
	[ -e "$name.$pid" ] || fail "$name: no mark by process $pid"
	oracle live "$name.htap" "$name.$pid" >"$name.live" || fail "$name: $(cat "$name.live")"
	echo "$name: $(cat "$name.live")"
}

PYTHONMALLOC=malloc marked python3 /usr/bin/python3 -c 'import json, sys; sys.keep = [str(i) for i in range(5000)]'
marked perl perl -e 'our %h; $h{$_} = "x" x ($_ % 300) for 1..5000'
marked bash bash -c 'for i in {1..2000}; do a[i]="x$i"; done'
marked sqlite3 sqlite3 :memory: 'CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000)
INSERT INTO t SELECT i, hex(i) FROM n; SELECT count(*) FROM t;'
git init -q repo || fail "git init"
git -C repo -c user.name=a -c user.email=a@b commit -q --allow-empty -m one || fail "git commit"
marked git git -C repo log --format=%s
printf '#include <stdio.h>\n#include <stdlib.h>\nint main(void) { for (int i = 0; i < 9; i++) printf("%%d", i * i); return 0; }\n' >unit.c
gcc -E -o unit.i unit.c
marked cc1 "$(gcc -print-prog-name=cc1)" -quiet -O2 -fpreprocessed unit.i -o unit.s
marked threads "$TARGETS/storm" random 5 8 5000 stay
marked joined "$TARGETS/storm" random 6 8 5000
