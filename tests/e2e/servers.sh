#!/bin/bash
# servers.sh -- servers of many processes: nginx with a reload, PostgreSQL under pgbench, redis that saves while it is written to (LIFE-02)
#
# Each process has its own rows and its own account, a parent's are untouched by its children, and all of them come to their end in
# the trace. With --follow=exec children are counted, and nothing of them is recorded. The servers run as nobody if we are root: one
# of them refuses root, another leaves it.
. "$(dirname "$0")/lib.sh"
need jq nginx pgbench psql curl redis-server redis-cli redis-benchmark setpriv
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
need postgres initdb

# A place where nobody can write and execute.
place=$(mktemp -d /tmp/heaptap-servers.XXXXXX)
trap 'rm -rf "$place"' EXIT
cp "$HEAPTAP" "$O/libheaptap-agent.so" "$place"
other=()
if [ "$(id -u)" = 0 ]; then
	chown -R 65534:65534 "$place"
	other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
await() { # await PID COMMAND...: until it succeeds
	local pid=$1
	shift
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	fail "$*: $(tail -n 5 "$place"/*.log)"
}
whole() { # whole FILE LEAST NAME: complete; so many processes of that name at least, all recorded, all ended, each with its own threads
	local file=$1 least=$2 name=$3
	verified "$file"
	"$HEAPTAP" info --json "$file" >info
	jq -e --arg name "$name" --argjson least "$least" '[.processes[] | select(.comm == $name)] |
		length >= $least and all(.traced and .end_ns != null)' info >/dev/null || fail "$file: $(jq -c .processes info)"
	# whoever allocated has threads of its own
	jq -e '[.processes[] | select(.allocated_bytes > 0) | .process] - [.thread_list[].process] == []' info >/dev/null || fail "$file: threads"
	for p in $(jq -r '.processes[].process' info); do
		"$HEAPTAP" verify --json -p "#$p" "$file" >verdict || fail "$file: process $p: $(jq -c 'del(.threads)' verdict)"
		jq -r .entered verdict
	done | jq -s add >sum
	[ "$(cat sum)" = "$("$HEAPTAP" verify --json "$file" | jq .entered)" ] || fail "$file: the calls of its processes are $(cat sum)"
	echo "$file: $(jq '.processes | length' info) processes, $(jq .events info) events"
}

# nginx: a reload replaces the workers; the old ones end when their last request does.
port=$(free_port)
cat >"$place/nginx.conf" <<END
daemon off; master_process on; worker_processes 2; pid $place/nginx.pid; error_log $place/nginx.log;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $place/a; proxy_temp_path $place/b; fastcgi_temp_path $place/c; uwsgi_temp_path $place/d; scgi_temp_path $place/e;
server { listen 127.0.0.1:$port; location / { return 200 "here\n"; } } }
END
"${other[@]}" "$place/heaptap" record -o "$place/nginx.htap" -- "$(command -v nginx)" -e "$place/nginx.log" -c "$place/nginx.conf" >"$place/nginx.out" 2>&1 &
recorder=$!
await $recorder curl -sf "http://127.0.0.1:$port/"
for _ in 1 2 3; do
	before=$(pgrep -P "$(cat "$place/nginx.pid")" | sort | head -n 1)
	kill -HUP "$(cat "$place/nginx.pid")"
	await $recorder bash -c "! kill -0 $before"
	[ "$(for _ in $(seq 20); do curl -s "http://127.0.0.1:$port/"; done | sort | uniq -c | awk '{ print $1, $2 }')" = "20 here" ] || fail "nginx: no answers"
done
kill -QUIT "$(cat "$place/nginx.pid")"
wait $recorder || fail "nginx: exit $?: $(cat "$place/nginx.out")"
whole "$place/nginx.htap" 9 nginx

# PostgreSQL: a process for each connection.
port=$(free_port)
"${other[@]}" initdb -D "$place/data" -A trust -U nobody -N >"$place/initdb.log" 2>&1 || fail "initdb: $(cat "$place/initdb.log")"
"${other[@]}" "$place/heaptap" record -o "$place/postgres.htap" -- "$(command -v postgres)" -D "$place/data" -k "$place" -p "$port" -h '' -c fsync=off \
	>"$place/postgres.log" 2>&1 &
recorder=$!
await $recorder psql -h "$place" -p "$port" -U nobody -c 'select 1' postgres
pgbench -h "$place" -p "$port" -U nobody -i -s 1 -q postgres >"$place/pgbench.log" 2>&1 || fail "pgbench -i: $(cat "$place/pgbench.log")"
pgbench -h "$place" -p "$port" -U nobody -c 4 -t "${FULL:-5}" -C postgres >"$place/pgbench.log" 2>&1 || fail "pgbench: $(cat "$place/pgbench.log")"
kill -INT "$(head -n 1 "$place/data/postmaster.pid")"
wait $recorder || fail "postgres: exit $?: $(cat "$place/postgres.log")"
whole "$place/postgres.htap" 25 postgres

# redis: a child writes the file while the parent is written to.
port=$(free_port)
"${other[@]}" "$place/heaptap" record -o "$place/redis.htap" -- redis-server --port "$port" --bind 127.0.0.1 --dir "$place" --save '' --appendonly no \
	>"$place/redis.log" 2>&1 &
recorder=$!
await $recorder redis-cli -p "$port" ping
redis-benchmark -q -p "$port" -n 20000 -r 5000 -P 16 -t set,lpush >"$place/bench.log" 2>&1 || fail "redis-benchmark: $(cat "$place/bench.log")"
for _ in 1 2 3; do
	redis-cli -p "$port" bgsave >/dev/null
	redis-benchmark -q -p "$port" -n 10000 -r 5000 -P 16 -t set,lpush >"$place/bench.log" 2>&1 || fail "redis-benchmark: $(cat "$place/bench.log")"
	await $recorder bash -c "redis-cli -p $port info persistence | grep -q rdb_bgsave_in_progress:0"
done
redis-cli -p "$port" shutdown nosave
wait $recorder || fail "redis: exit $?: $(cat "$place/redis.log")"
whole "$place/redis.htap" 1 redis-server
[ "$(jq '.processes | length' info)" = 4 ] || fail "redis: $(jq -c .processes info)"

# Not followed: what the child does is nobody's.
"${other[@]}" "$place/heaptap" record --follow=exec -o "$place/alone.htap" -- redis-server --port "$port" --bind 127.0.0.1 --dir "$place" --save '' >"$place/alone.log" 2>&1 &
recorder=$!
await $recorder redis-cli -p "$port" ping
redis-cli -p "$port" bgsave >/dev/null
await $recorder bash -c "redis-cli -p $port info persistence | grep -q rdb_bgsave_in_progress:0"
redis-cli -p "$port" shutdown nosave
wait $recorder || fail "redis alone: exit $?: $(cat "$place/alone.log")"
verified "$place/alone.htap"
"$HEAPTAP" info --json "$place/alone.htap" | jq -e '.forked_children == 1 and (.processes | length) == 1' >/dev/null || fail "redis alone: a child is in the trace"
exit 0
