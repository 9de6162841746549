#!/bin/bash
# stacks.sh -- recorded stacks are the true ones: each equal to a walk that remembers nothing, and to libunwind's, out to the end
#
# The check build of the agent hands every stack to libchkstack.so; the torture program makes the difficult ones, sqlite3, perl and python3 are
# as Debian builds them. No stack of these three may be cut; in the torture program, coroutines end where makecontext began them: that is their root.
. "$(dirname "$0")/lib.sh"
need sqlite3 perl make gcc

make -s -C "$TOP" CHECK=1 O="$TMP/check" "$TMP/check/libheaptap-agent.so" || fail "the check build"
cp "$HEAPTAP" "$TMP/check/heaptap"

checked() { # checked NAME EVERY CONDITIONS CMD...
	local name=$1 every=$2 conditions=$3
	shift 3
	rm -f "$name" "$name.bad" t.htap
	LD_PRELOAD=$TARGETS/libchkstack.so HT_CHECK=$TMP/$name HT_CHECK_EVERY=$every "$TMP/check/heaptap" record --free-stacks -o t.htap -- "$@" \
		>/dev/null || fail "$name: exit $?"
	# shellcheck disable=SC2086
	"$TOP/tests/e2e/stackcheck.py" "$name" mismatches == 0 memo_other == 0 gave_up == 0 $conditions || fail "$name"
}

checked torture 1 "whole >= 20000 memo_same >= 40000" "$TARGETS/torture" "${SEED:-1}" 100 2
checked twins 1 "whole >= 100 skipped == 0 memo_same >= 160" "$TARGETS/twins" 4
checked sqlite3 5 "whole >= 10000 cut == 0 memo_same >= 50000" sqlite3 :memory: "create table t(a integer primary key, b text);
	with recursive n(i) as (select 1 union all select i+1 from n where i<20000) insert into t select i, 'n'||i from n;
	create index u on t(b); select count(*) from t;"
# shellcheck disable=SC2016
checked perl 5 "whole >= 5000 cut == 0 memo_same >= 25000" perl -e 'my %h; $h{$_ % 5000} .= "x$_" for 1..20000;'
PYTHONMALLOC=malloc checked python3 20 "whole >= 5000 cut == 0 memo_same >= 100000" /usr/bin/python3 -c '
import json
for i in range(100): x = json.loads(json.dumps({"k%d" % j: [j, str(j)] for j in range(20)}))'
