#!/bin/bash
# answers-programs.sh -- on traces of real programs, the commands that answer agree with each other wherever they count the same
#
# long: sqlite3, python3, redis, cc1plus. What must hold, by definition (their man pages):
#   lifetimes, sizes   every block once: as many as were allocated; kept = leaked and the runtime's; the classes and the places add up
#   budget             what report says is kept to as a limit, and exceeded as a limit one lower
#   diff               a trace has not changed against itself; against another, the changes add up to the difference
. "$(dirname "$0")/lib.sh"
if ! command -v redis-server >/dev/null && command -v redis-check-rdb >/dev/null; then
	mkdir -p bin
	ln -s "$(command -v redis-check-rdb)" bin/redis-server # Debian's redis-tools holds the server, too
	PATH=$PWD/bin:$PATH
fi
need jq sqlite3 g++ redis-server redis-cli

holds() { # holds FILE
	local file=$1 totals key peak leaked allocated calls temporary
	"$HEAPTAP" report --json -n 1 "$file" >report 2>/dev/null || fail "report $file: $?"
	"$HEAPTAP" lifetimes --json -n 0 --by=blocks --within=1 "$file" >lives 2>/dev/null || fail "lifetimes $file: $?"
	"$HEAPTAP" sizes --json -n 0 "$file" >sizes 2>/dev/null || fail "sizes $file: $?"
	totals=$(jq -c .totals report)
	jq -e --argjson t "$totals" '.blocks == $t.allocated_count and .bytes == $t.allocated_bytes
		and .kept_blocks == $t.leaked_count + $t.runtime_count and .kept_bytes == $t.leaked_bytes + $t.runtime_bytes
		and .brief_blocks >= $t.temporary_count
		and ([.by_time[].blocks] | add) == .blocks and ([.by_time[].bytes] | add) == .bytes
		and ([.by_calls[].blocks] | add) + .elsewhere_blocks == ([.by_time[] | select(.class == "released").blocks] | add)
		and ([.hand_overs[].blocks] | add // 0) == .elsewhere_blocks
		and (.sites | length) == .places and ([.sites[].blocks] | add) == .blocks
		and all(.sites[]; .blocks == ([.by_time[].blocks] | add))' lives >/dev/null || fail "$file: lifetimes: $totals $(jq -c 'del(.sites)' lives)"
	jq -e --argjson t "$totals" '.blocks == $t.allocated_count and .bytes == $t.allocated_bytes
		and ([.by_size[].blocks] | add) == .blocks and ([.by_size[].bytes] | add) == .bytes
		and all(.by_size[]; .bytes >= .blocks * .from and .bytes <= .blocks * .to)
		and ([.by_growth[].chains] | add // 0) == .chains and (.sites | length) == .places
		and ([.sites[].chains] | add) == .chains and ([.sites[].copied_bytes] | add) == .copied_bytes
		and all(.sites[]; .blocks == ([.by_size[].blocks] | add))' sizes >/dev/null || fail "$file: sizes: $totals $(jq -c 'del(.sites)' sizes)"
	read -r peak leaked allocated temporary < <(jq -r '"\(.peak_bytes) \(.leaked_bytes) \(.allocated_bytes) \(.temporary_count)"' <<<"$totals")
	calls=$("$HEAPTAP" report --json -n 0 --by=calls "$file" 2>/dev/null | jq '[.sites[].count] | add')
	"$HEAPTAP" budget --max-peak="$peak" --max-leaked="$leaked" --max-allocated="$allocated" --max-allocs="$calls" --max-temporary="$temporary" "$file" >text 2>&1 ||
		fail "$file: budget: $? $(cat text)"
	for key in "peak=$((peak - 1))" "allocated=$((allocated - 1))" "allocs=$((calls - 1))" "temporary=$((temporary - 1))"; do
		"$HEAPTAP" budget "--max-$key" "$file" >text 2>&1
		[ $? = 1 ] || fail "$file: --max-$key is kept: $(cat text)"
	done
	"$HEAPTAP" diff --json --by=allocated --threshold=0 "$file" "$file" 2>/dev/null | jq -e '.changes == [] and .same > 0' >/dev/null || fail "$file differs from itself"
	echo "$file: $(jq -c '{blocks, brief_blocks, elsewhere_blocks}' lives) $(jq -c '{chains, most_grown, copied_bytes}' sizes)"
}

grown() { # grown BEFORE AFTER: the changes of all places make the difference of the totals
	for by in allocated calls leaked; do
		"$HEAPTAP" diff --json -n 0 --by=$by "$1" "$2" 2>/dev/null >changes || fail "diff $1 $2: $?"
		jq -e --arg by $by '(if $by == "calls" then "count" else "bytes" end) as $of
			| .totals[$by] as $t
			| ($t["after_" + $of] - $t["before_" + $of]) == ([.changes[] | .["after_" + $of] - .["before_" + $of]] | add // 0)
			and .appeared + .grew + .shrank + .vanished == (.changes | length)' changes >/dev/null || fail "diff --by=$by $1 $2: $(jq -c 'del(.changes)' changes)"
	done
}

for n in 1 2; do
	record sqlite3.$n.htap sqlite3 :memory: "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
		WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${n}0000) INSERT INTO t SELECT i, 'row ' || i FROM n;
		CREATE INDEX x ON t(b); SELECT count(*) FROM t;" >/dev/null || fail "sqlite3: $?"
	PYTHONMALLOC=malloc record python3.$n.htap /usr/bin/python3 -c "
import json, threading
def work():
    for i in range(${n}00): json.loads(json.dumps({str(j): [j] for j in range(20)}))
t = [threading.Thread(target=work) for _ in range(3)]
[x.start() for x in t]; [x.join() for x in t]" || fail "python3: $?"
	for name in sqlite3 python3; do holds $name.$n.htap; done
done
grown sqlite3.1.htap sqlite3.2.htap
grown python3.2.htap python3.1.htap

printf '#include <map>\n#include <string>\nstd::map<std::string, int> m;\nint main() { return m["x"]; }\n' >m.cc
g++ -E m.cc -o m.ii || fail "g++"
for n in 0 2; do record cc1plus.$n.htap "$(g++ -print-prog-name=cc1plus)" -quiet -O$n m.ii -o m.s || fail "cc1plus: $?"; done
holds cc1plus.0.htap
grown cc1plus.0.htap cc1plus.2.htap

port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$HEAPTAP" record -o redis.htap -- redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >log 2>&1 &
recorder=$!
for _ in $(seq 100); do
	[ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ] && break
	kill -0 $recorder 2>/dev/null || fail "server: $(cat log)"
	sleep 0.1
done
for i in $(seq 3000); do echo "SET key:$i $i"; done | redis-cli -p "$port" >/dev/null
redis-cli -p "$port" shutdown nosave
wait $recorder || fail "redis: $?: $(cat log)"
holds redis.htap
