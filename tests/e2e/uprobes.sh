#!/bin/bash
# uprobes.sh -- malloc, calloc, realloc and free as the kernel counts them on libc's own code: equal, in the same run
#
# meter (tests/targets) opens the counters on itself, for its task alone, and becomes the program; heaptap follows the exec. So
# both see one run from its first instruction to its last, the loader and the exit handlers included.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need sqlite3 perl jq gcc

metered() { # metered NAME CMD...
	local name=$1 status
	shift
	rm -f "$name.htap"
	"$HEAPTAP" record --follow=exec -o "$name.htap" -- "$TARGETS/meter" "$TMP/$name.json" "$@" >"$name.out" 2>"$name.err" </dev/null
	status=$?
	[ $status = 77 ] && skip "uprobe counters are not permitted here"
	[ $status = 0 ] || fail "$name: exit $status: $(cat "$name.err")"
	for _ in $(seq 100); do
		[ -e "$name.json" ] && break
		sleep 0.1
	done
	verified "$name.htap"
	oracle meter "$name.htap" "$name.json" >"$name.said" || fail "$name: $(cat "$name.said")"
	echo "$name: $(cat "$name.said")"
}

metered sqlite3 sqlite3 :memory: 'CREATE TABLE t(a, b); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
INSERT INTO t SELECT i, hex(i) FROM n; CREATE INDEX x ON t(b); SELECT count(*) FROM t;'
export PYTHONMALLOC=malloc
metered python3 /usr/bin/python3 -c 'import json; print(len(json.dumps([str(i) for i in range(1000)])))'
metered perl perl -e 'my %h; $h{$_} = "x" x $_ for 1..500; print join(",", sort keys %h)'
metered bash bash -c 'for i in {1..300}; do a[i]="x$i"; done; echo "${a[*]}"; case abc in a*) echo yes;; esac; x=${a[*]/x/y}; printf "%s\n" "${#x}"'
printf '#include <stdio.h>\nint main(void) { for (int i = 0; i < 9; i++) printf("%%d", i * i); return 0; }\n' >unit.c
gcc -E -o unit.i unit.c
metered cc1 "$(gcc -print-prog-name=cc1)" -quiet -O2 -fpreprocessed unit.i -o unit.s
