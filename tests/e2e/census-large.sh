#!/bin/bash
# census-large.sh -- the census of a python heap of a gigabyte is whole, and of threads that never stop allocating it is never wrongly so
# long
#
# Python's strings of more than 512 bytes are malloc's: as many blocks of their size must be there as were made. The time is printed, not judged.
. "$(dirname "$0")/lib.sh"
need python3 awk

coproc /usr/bin/python3 -c '
import sys
kept = [bytes(600 + i % 400) for i in range(1200000)]
print("made", flush=True)
sys.stdin.read()'
pid=$COPROC_PID
read -r <&"${COPROC[0]}" || fail "python3 made nothing"
"$O/e2e/census" "$pid" >says || fail "$(cat says)"
kill "$pid"
[ "$(head -n 1 says)" = "verdict whole " ] || fail "$(head -n 1 says)"
# An object of that many bytes is 33 larger, a chunk's usable size at most 23 more; every length occurs 3000 times.
awk '$1 == "block" && $3 >= 633 && $3 < 1056 { n++; bytes += $3 }
	$1 == "ns" { ns = $2 }
	END { printf "%d blocks of %.2f GB in %.2f s of processor time: %.2f s per GB\n", n, bytes / 1e9, ns / 1e9, ns / bytes
		exit !(n >= 1200000 && n < 1205000) }' says || fail "not 1200000 of them"

cat >busy.c <<'END'
#include <pthread.h>
#include <stdlib.h>
static void *work(void *seed)
{
	static __thread void *kept[1000];
	unsigned s = (unsigned)(size_t)seed;
	for (;;) {
		int i = rand_r(&s) % 1000;
		free(kept[i]);
		kept[i] = malloc(rand_r(&s) % 3000 + (rand_r(&s) % 50 == 0) * 200000);
	}
}
int main(void)
{
	pthread_t t;
	for (size_t i = 1; i < 4; i++)
		pthread_create(&t, NULL, work, (void *)i);
	work(NULL);
}
END
gcc -O1 -fno-builtin -pthread -o busy busy.c || fail "gcc"
./busy &
pid=$!
for ((i = 0; i < 100; i++)); do
	"$O/e2e/census" $pid >says || fail "$(cat says)"
	# Each thread keeps a thousand blocks, and one may be on its way in or out.
	awk '/^verdict whole/ { whole = 1 } $1 == "block" { n++ }
		END { if (whole) print n; exit whole && (n > 4016 || n < 3000) }' says >>whole || fail "whole, but: $(tail -n 1 whole) blocks"
done
kill $pid
echo "busy: whole $(wc -l <whole) times of 100"
exit 0
