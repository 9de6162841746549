#!/bin/bash
# stack-truth.sh -- stacks.sh with ten times as much of everything, and cc1plus: remembered, walked anew, and by libunwind
#
# The agent of a check build compares each remembered stack with a walk without memory, and libchkstack compares with libunwind, every event or
# each EVERY-th; both count. What was cut must be right as far as it goes. ROUNDS=N does N times as much as stacks.sh: 10 if nothing is said.
#
# long
. "$(dirname "$0")/lib.sh"
need sqlite3 perl g++
scale=${ROUNDS:-10}
make -s -C "$TOP" CHECK=1 O="$TMP/check" "$TMP/check/libheaptap-agent.so" >build.log 2>&1 || fail "the check build: $(tail -n 5 build.log)"
cp "$HEAPTAP" check/heaptap

checked() { # checked NAME EVERY CMD...
	local name=$1 every=$2 answer
	shift 2
	HT_CHECK=$TMP/$name.counts HT_CHECK_EVERY=$every LD_PRELOAD=$TARGETS/libchkstack.so \
		check/heaptap record -o "$name.htap" -- "$@" >out 2>err || fail "$name: exit $?: $(tail -n 3 err)"
	answer=$("$TOP/tests/e2e/stackcheck.py" "$name.counts" mismatches == 0 memo_other == 0 gave_up == 0 whole '>=' 100) || fail "$name: $answer"
	echo "$answer"
	whole=$((whole + $(sed 's/.*whole \([0-9]*\).*/\1/' <<<"$answer")))
	memo=$((memo + $(sed 's/.*memo_same \([0-9]*\).*/\1/' <<<"$answer")))
	rm -f "$name.htap"
}

whole=0 memo=0
checked sqlite3 1 sqlite3 :memory: "create table t(i integer primary key, s text);
	with recursive n(i) as (select 1 union all select i + 1 from n where i < $((20000 * scale))) insert into t select i, 'row ' || i from n;
	create index t_s on t(s); select count(*) from t;"
PYTHONMALLOC=malloc checked python3 5 /usr/bin/python3 -c "import json
for _ in range(20 * $scale): json.loads(json.dumps({str(i): [i] * 10 for i in range(50)}))"
checked perl 1 perl -e "\$h{\$_} = [split /,/, \"a,b,\$_\"] for 1 .. 3000 * $scale; print scalar keys %h"
checked torture 1 "$TARGETS/torture" 1 "$((20 * scale))" 3
printf '#include <regex>\n#include <map>\nint main() { std::map<int, std::regex> m; return m.size(); }\n' >unit.cc
g++ -E unit.cc >unit.ii
checked cc1plus 11 "$(g++ -print-prog-name=cc1plus)" -quiet -O1 unit.ii -o unit.s
echo "$memo remembered stacks compared with a walk, $whole of them out to the root with libunwind"
[ "$whole" -ge $((60000 * scale)) ] && [ "$memo" -ge $((100000 * scale)) ] || fail "too few comparisons"
