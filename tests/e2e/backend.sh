#!/bin/bash
# backend.sh -- a PostgreSQL backend: its calls as the kernel counts them on libc's own code are those of the trace
#
# The server's processes are not meter's to count (tests/targets/meter.c counts one task), so the backend is one that stands alone.
# It refuses root: the two capabilities that uprobes need stay with the other user.
. "$(dirname "$0")/lib.sh"
need jq setpriv
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
need postgres initdb

place=$(mktemp -d /tmp/heaptap-backend.XXXXXX)
trap 'rm -rf "$place"' EXIT
cp "$HEAPTAP" "$O/libheaptap-agent.so" "$TARGETS/meter" "$place"
other=() rights=+sys_admin,+perfmon
if [ "$(id -u)" = 0 ]; then
	chown -R 65534:65534 "$place"
	other=(setpriv --reuid=65534 --regid=65534 --clear-groups "--inh-caps=$rights" "--ambient-caps=$rights")
fi
"${other[@]}" initdb -D "$place/data" -A trust -U nobody -N >"$place/initdb.log" 2>&1 || fail "initdb: $(cat "$place/initdb.log")"
cat >questions <<'END'
CREATE TABLE t (a int, b text);
INSERT INTO t SELECT i, repeat(i::text, i % 90) FROM generate_series(1, 3000) i;
CREATE INDEX x ON t (b);
SELECT count(*), max(length(b)) FROM t GROUP BY a % 7 ORDER BY 1;
END
"${other[@]}" "$place/heaptap" record --follow=exec -o "$place/backend.htap" -- "$place/meter" "$place/counts.json" \
	"$(command -v postgres)" --single -D "$place/data" -j -c fsync=off postgres <questions >out 2>err
status=$?
[ $status != 77 ] || skip "uprobe counters are not permitted here"
[ $status = 0 ] || fail "exit $status: $(cat err)"
for _ in $(seq 100); do
	[ -e "$place/counts.json" ] && break
	sleep 0.1
done
verified "$place/backend.htap"
grep -q 'count = ' out || fail "the backend did not answer: $(cat out err)"
oracle meter "$place/backend.htap" "$place/counts.json" >said || fail "$(cat said)"
cat said
exit 0
