#!/bin/bash
# kill-recorder.sh -- SIGKILL of heaptap under full load: the target pauses at most 100 ms, goes on and ends normally (KIL-03)
# alone
#
# Every thread of the target measures how long it stood still from the moment of the kill on; all its calls come to their end.
# What was written before stays readable: verify answers 1 or 4, never a crash. RUNS and SEED replay.
. "$(dirname "$0")/lib.sh"
need jq
runs=${RUNS:-4} seed=${SEED:-$RANDOM} threads=2 ops=1500000 worst=0
echo "seed $seed"
RANDOM=$seed

kill_now() { # kill_now PID: the tally knows when
	/usr/bin/python3 - "$TMP/tally" "$1" <<'EOF'
import os, signal, struct, sys, time
with open(sys.argv[1], "r+b", buffering=0) as f:
    f.seek(32)
    f.write(struct.pack("<Q", time.monotonic_ns()))
    os.kill(int(sys.argv[2]), signal.SIGKILL)
EOF
}

confessed() { # confessed: "done calls longest-gap-in-ms" out of the tally
	/usr/bin/python3 - "$TMP/tally" <<'EOF'
import struct, sys
data = open(sys.argv[1], "rb").read()
_, threads, done = struct.unpack_from("<3Q", data, 8)
at = [512 * (i + 1) for i in range(threads)]
print(done, sum(struct.unpack_from("<Q", data, a + 16)[0] for a in at),
      max(struct.unpack_from("<Q", data, a + 56)[0] for a in at) // 1000000)
EOF
}

for run in $(seq "$runs"); do
	rm -f tally kill.htap
	HT_CONFESS=$TMP/tally "$HEAPTAP" record -o kill.htap -- "$TARGETS/storm" random "$run" $threads $ops 2>err &
	recorder=$!
	for _ in $(seq 1000); do
		[ -s tally ] && break
		sleep 0.01
	done
	sleep "$(printf '0.%03d' $((RANDOM % 150)))"
	kill_now $recorder || fail "run $run: nothing to kill: $(cat err)"
	wait $recorder 2>/dev/null
	for _ in $(seq 1200); do
		read -r ended calls gap < <(confessed)
		[ "$ended" = 1 ] && break
		sleep 0.05
	done
	[ "$ended" = 1 ] || fail "run $run: the target did not end"
	[ "$calls" -ge $((threads * ops / 2)) ] || fail "run $run: only $calls calls"
	[ "$gap" -le 100 ] || fail "run $run: the target stood still for $gap ms"
	[ "$gap" -le "$worst" ] || worst=$gap
	"$HEAPTAP" verify kill.htap >/dev/null 2>&1
	case $? in
	1 | 4) ;;
	*) fail "run $run: verify exits $?" ;;
	esac
done
echo "$runs kills, longest pause $worst ms, every target ended normally"
