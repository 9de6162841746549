#!/bin/bash
# programs.sh -- real programs, recorded whole: verify says complete and nothing lost, their output and status are their own
#
# FULL=1 takes the loads of the fault catalogue (programs-full.sh); without it they are cut to seconds.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need sqlite3 perl jq gcc

rows=20000 loops=20000 tree=/usr/share/perl5
[ -z "${FULL:-}" ] || { rows=300000 loops=300000 tree=/usr; }

recorded() { # recorded NAME EXPECTED-STATUS CMD...: the same bytes and status as without heaptap; the trace complete
	local name=$1 wanted=$2 status
	shift 2
	"$@" >"$name.plain" 2>"$name.plain-err" </dev/null
	[ $? = "$wanted" ] || fail "$name: does not even run bare"
	record "$name.htap" "$@" >"$name.out" 2>"$name.err" </dev/null
	status=$?
	[ $status = "$wanted" ] || fail "$name: exit $status: $(cat "$name.err")"
	cmp "$name.plain" "$name.out" || fail "$name: other output"
	cmp "$name.plain-err" "$name.err" || fail "$name: other messages: $(cat "$name.err")"
	verified "$name.htap"
	agreed "$name.htap"
	"$HEAPTAP" verify --json "$name.htap" |
		jq -r --arg name "$name" '"\($name): \(.recorded) events, \(.counted_only) counted only, \(.reordered) reordered"'
}

sql="CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $rows) INSERT INTO t SELECT i, 'row ' || i * 7919 % 100003 FROM n;
CREATE INDEX x ON t(b); SELECT count(*), min(b), max(b) FROM t;"
recorded sqlite3 0 sqlite3 :memory: "$sql"
export PYTHONMALLOC=malloc PYTHONHASHSEED=0
recorded python3 0 /usr/bin/python3 -c "
import json
for i in range($loops // 40): x = json.loads(json.dumps({'k%d' % j: [j, str(j)] for j in range(20)}))
print(len(x))"
recorded perl 0 perl -e 'my %h; $h{$_ % 5000} .= "x$_" for 1..'"$loops"'; print scalar(keys %h), "\n"'
recorded bash 0 bash -c 'for ((i = 0; i < '"$loops"' / 10; i++)); do s="$s$i"; s=${s:0:100}; done; echo "$s"; exit 0'
echo 'import sys; print(sum(1 for _ in sys.modules) > 10)' | sed '1i #!/usr/bin/env python3' >script.py
chmod +x script.py
recorded script 0 env PATH=/usr/bin:/bin ./script.py
recorded sh-exec 0 sh -c 'exec ls -n --time-style=+ /proc/self/cmdline'
recorded ls 0 ls -lR "$tree"

cc1=$(gcc -print-prog-name=cc1)
printf '#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <math.h>\n#include <pthread.h>\n' >unit.c
for i in $(seq 1 $((loops / 1000))); do
	echo "int f$i(int *a, int n) { int s = 0; for (int i = 0; i < n; i++) s += a[i] * (i ^ $i) + (s >> 3); return s; }"
done >>unit.c
gcc -E -o unit.i unit.c || fail "preprocessor"
recorded cc1 0 "$cc1" -quiet -O2 -fpreprocessed unit.i -o unit.s
recorded exit-3 3 sh -c 'exec perl -e "exit 3"'
if command -v node >/dev/null; then
	recorded node 0 node -e 'let x; for (let i = 0; i < '$((loops / 20))'; i++) x = JSON.parse(JSON.stringify({a: [i, "b" + i]})); console.log(x.a.length)'
else
	[ -z "${FULL:-}" ] || skip "node is not installed"
fi
