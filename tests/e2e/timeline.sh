#!/bin/bash
# timeline.sh -- `heaptap timeline` counts what the second decoder's oracle counts, in any number of steps; and draws it
. "$(dirname "$0")/lib.sh"
need jq
golden=$TOP/tests/golden

for file in "$golden"/{clean,every,exec,losses,truncated}.htap; do
	for points in 1 7 500; do answered timeline "$file" --points=$points; done
done
record real.htap /usr/bin/python3 -c 'x = [bytes(1000 + i) for i in range(300)]; del x[:150]' || fail "python3: status $?"
answered timeline real.htap --points=40

"$HEAPTAP" timeline --csv -n 40 real.htap >csv || fail "--csv: status $?"
jq -r '.points[0] | keys_unsorted | join(",")' answer.got >expected
jq -r '.points[] | map(tostring) | join(",")' answer.got >>expected
diff expected csv || fail "CSV and JSON differ"

# Worked out by hand: exec.htap has seven steps of 9 ns, 16 bytes live from 10 ns on, 32 more of its second program at 50 ns, and the peak,
# with the 8 that a late thread of the first one allocates at 55 ns: until then the first one has not ended.
"$HEAPTAP" timeline -n 7 "$golden/exec.htap" >text || fail "status $?"
{
	echo '            56 |      █'
	echo '               |     ▂█'
	for _ in 1 2 3 4 5 6; do echo '               |     ██'; done
	echo '               | ▃▃▃▃██'
	for _ in 1 2; do echo '               | ██████'; done
	echo '             0 | ██████'
} >expected
diff expected <(head -n 12 text) || fail "the plot: $(cat text)"
[ "$(tail -n 1 text)" = 'peak: 56 bytes in 3 blocks, at 0.000000055 s' ] || fail "$(tail -n 1 text)"
for wrong in --points=0 --points=x --points=1000001 "--json --csv"; do
	# shellcheck disable=SC2086 # words
	"$HEAPTAP" timeline $wrong "$golden/exec.htap" >text 2>&1
	[ $? = 2 ] || fail "$wrong: $(cat text)"
done

# A child frees what it inherited: that is counted where it was made, and lives on there.
"$HEAPTAP" record --follow=fork -o fork.htap -- /usr/bin/python3 -c 'import os
x = bytes(10 << 20)
if not os.fork():
    del x
    os._exit(0)
os.wait()' || fail "fork: status $?"
answered timeline fork.htap --points=40
"$HEAPTAP" timeline --json fork.htap >got 2>says || fail "fork: $(cat says)"
jq -e '.peak_bytes > 10485760 and .peak_bytes < 41943040 and (.points[-1].bytes | . >= 0 and . < 41943040)' got >verdict ||
	fail "fork: $(jq -c 'del(.points)' got)"
