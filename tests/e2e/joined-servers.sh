#!/bin/bash
# joined-servers.sh -- servers at work are entered, recorded and left: nginx, redis, a backend of PostgreSQL and its postmaster, python3, node, java. Nobody who talks to them notices
#
# CYCLES (3) of each. After every one the process is what it was (enter.c), and its trace is whole. Servers run as nobody if we are root.
# long
. "$(dirname "$0")/lib.sh"
need jq curl

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
cycles=${CYCLES:-3}
place=$(mktemp -d /tmp/heaptap-servers.XXXXXX)
started=()
trap 'kill "${started[@]}" 2>/dev/null; rm -rf "$place"' EXIT
other=()
if [ "$(id -u)" = 0 ]; then
	chown 65534:65534 "$place"
	other=(setpriv --reuid=65534 --regid=65534 --clear-groups)
fi
write_once

start() { # start COMMAND...
	"${other[@]}" "$@" >"$place/log" 2>&1 &
	pid=$!
	started+=("$pid")
}

await() { # await COMMAND...: until it succeeds
	for _ in $(seq 200); do
		"$@" >/dev/null 2>&1 && return
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.1
	done
	fail "$*: $(tail -n 5 "$place/log")"
}

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

have() { # have NAME COMMAND...: or its part is left out, and that is said
	local c
	for c in "${@:2}"; do
		command -v "$c" >/dev/null || { echo "$1: $c is not installed: left out" && return 1; }
	done
}

cycled() { # cycled NAME PID: with `idle` set, it need not do anything
	rm -f events
	export LEAST=0
	if ! ENTER_LIVELY=1 "$O/e2e/enter" "$2" "$cycles" by ./once "$2" >says; then
		# a word on the stack of one of its many sleeping threads, which nobody uses any more, cannot be told from one that is used
		[ "$1" = java ] && grep -q 'stays there and does nothing' says || fail "$1: $(tail -n 40 says)"
		echo "$1: $(grep 'stays there' says)"
		return
	fi
	[ "${idle:-}" ] || [ "$(jq -s add events)" -gt 0 ] || fail "$1: no events"
	echo "$1: $cycles cycles, $(jq -s add events) events"
}

ended() { # ended NAME SIGNAL: it still runs, and ends as it does
	kill -0 "$pid" || fail "$1: it is dead: $(tail -n 5 "$place/log")"
	kill "-$2" "$pid"
	wait "$pid"
	[ $? -le $((128 + ${3:-0})) ] || fail "$1: it ended with $?: $(tail -n 5 "$place/log")"
}

if have nginx nginx; then
	port=$(free_port)
	cat >"$place/nginx.conf" <<-END
		daemon off; master_process on; worker_processes 1; pid $place/nginx.pid; error_log $place/nginx.log;
		events { worker_connections 64; }
		http { access_log off; client_body_temp_path $place/a; proxy_temp_path $place/b; fastcgi_temp_path $place/c; uwsgi_temp_path $place/d; scgi_temp_path $place/e;
		server { listen 127.0.0.1:$port; location / { return 200 "here\n"; } } }
	END
	start "$(command -v nginx)" -e "$place/nginx.log" -c "$place/nginx.conf"
	await curl -sf "http://127.0.0.1:$port/"
	while curl -s "http://127.0.0.1:$port/"; do :; done >"$place/answers" 2>/dev/null &
	load=$!
	started+=("$load")
	cycled nginx "$(pgrep -P "$pid")"
	idle=1 cycled "nginx's master" "$pid"
	kill -0 $load || fail "nginx: a client was not served"
	kill $load
	wait $load 2>/dev/null
	[ "$(sort "$place/answers" | uniq | tr '\n' ' ')" = "here " ] || fail "nginx: other answers"
	ended nginx QUIT
fi

if have redis redis-server redis-benchmark; then
	port=$(free_port)
	start redis-server --port "$port" --bind 127.0.0.1 --dir "$place" --save '' --appendonly no
	await redis-cli -p "$port" ping
	redis-benchmark -q -p "$port" -l -r 5000 -P 4 -t set,lpush,lrange_100 >"$place/bench.log" 2>&1 &
	load=$!
	started+=("$load")
	cycled redis "$pid"
	kill -0 $load || fail "redis: the benchmark ended: $(tail -n 3 "$place/bench.log")"
	kill $load
	wait $load 2>/dev/null
	grep -iE 'error|closed' "$place/bench.log" && fail "redis: errors"
	redis-cli -p "$port" shutdown nosave
	wait "$pid" || fail "redis: it ended with $?"
fi

if have postgres postgres initdb pgbench psql; then
	port=$(free_port)
	"${other[@]}" initdb -D "$place/data" -A trust -U nobody -N >"$place/log" 2>&1 || fail "initdb: $(cat "$place/log")"
	start "$(command -v postgres)" -D "$place/data" -k "$place" -p "$port" -h '' -c fsync=off
	await psql -h "$place" -p "$port" -U nobody -c 'select 1' postgres
	pgbench -h "$place" -p "$port" -U nobody -i -s 1 -q postgres >"$place/bench.log" 2>&1 || fail "pgbench -i: $(cat "$place/bench.log")"
	pgbench -h "$place" -p "$port" -U nobody -c 2 -T 3600 postgres >"$place/bench.log" 2>&1 &
	load=$!
	started+=("$load")
	backend=
	until [ "$backend" ]; do
		backend=$(psql -h "$place" -p "$port" -U nobody -A -t -c "select max(pid) from pg_stat_activity where application_name = 'pgbench' having count(*) = 2" postgres)
	done
	cycled "a backend" "$backend"
	idle=1 cycled "the postmaster" "$pid"
	kill -0 $load || fail "postgres: pgbench ended: $(tail -n 3 "$place/bench.log")"
	kill $load
	wait $load 2>/dev/null
	grep -iE 'error|aborted|terminated' "$place/bench.log" && fail "postgres: errors"
	ended postgres INT
fi

other=()
if have python3 python3; then
	start python3 -c '
import json
kept = [bytes(i % 900) for i in range(100000)]
for n in range(1 << 60):
    assert json.loads(json.dumps({"n": [n] * 50, "s": "x" * 600}))["n"][7] == n
    kept[n % 100000] = bytes(600 + n % 900)
    if n == 1000: print("ready", flush=True)'
	await grep -q ready "$place/log"
	cycled python3 "$pid"
	ended python3 TERM 15
fi
if have node node; then
	start node -e 'let n = 0; function go() { for (let i = 0; i < 200; i++) { const b = Buffer.alloc(20000, i); if (b[5] !== i) process.exit(3); n += b.length; } if (n === 4e8) console.log("ready"); setImmediate(go); } go()'
	await grep -q ready "$place/log"
	cycled node "$pid"
	ended node TERM 15
fi
if have java java javac; then
	cat >Busy.java <<-'END'
		public class Busy {
			public static void main(String[] arguments) throws Exception {
				for (long n = 0;; n++) {
					java.nio.ByteBuffer b = java.nio.ByteBuffer.allocateDirect(5000);
					b.putLong(8, n);
					java.util.zip.Deflater d = new java.util.zip.Deflater();
					d.end();
					if (b.getLong(8) != n)
						System.exit(3);
					if (n == 20000)
						System.out.println("ready");
				}
			}
		}
	END
	javac -d "$place" Busy.java || fail "javac"
	start java -Xmx200m -cp "$place" Busy
	await grep -q ready "$place/log"
	cycled java "$pid"
	ended java TERM 15
fi
exit 0
