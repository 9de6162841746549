#!/bin/bash
# redis.sh -- a server on jemalloc under load: complete, nothing lost, and equal to a counting allocator beneath the agent
. "$(dirname "$0")/lib.sh"
# Debian's redis-tools holds the server too, under another name; its own package would start one on this machine.
if ! command -v redis-server >/dev/null && command -v redis-check-rdb >/dev/null; then
	mkdir -p bin
	ln -s "$(command -v redis-check-rdb)" bin/redis-server
	PATH=$PWD/bin:$PATH
fi
need redis-server redis-benchmark redis-cli jq

requests=${FULL:+500000}
requests=${requests:-20000}
port=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
LD_PRELOAD=$TARGETS/libcount.so HT_COUNT=$TMP/count \
	"$HEAPTAP" record -o redis.htap -- redis-server --port "$port" --bind 127.0.0.1 --save '' --appendonly no >log 2>&1 &
recorder=$!
for _ in $(seq 100); do
	[ "$(redis-cli -p "$port" ping 2>/dev/null)" = PONG ] && break
	kill -0 $recorder 2>/dev/null || fail "server: $(cat log)"
	sleep 0.1
done
redis-benchmark -q -p "$port" -n "$requests" -P 16 -r 1000 -t set,get,lpush,sadd,hset,lrange_100 >bench 2>&1 || {
	redis-cli -p "$port" shutdown nosave
	fail "benchmark: $(cat bench)"
}
redis-cli -p "$port" shutdown nosave
wait $recorder || fail "record: exit $?: $(cat log)"
verified redis.htap
oracle count redis.htap "count.$(pid_of redis.htap)" || fail "redis: counts"
"$HEAPTAP" info redis.htap | grep -q 'libjemalloc\|libcount' || fail "info does not name the allocator"
