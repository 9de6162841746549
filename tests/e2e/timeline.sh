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

# By place: the blocks of three functions of confess are told by their sizes, so the events say what each must hold, step by step.
record confess.htap "$TARGETS/confess" || [ $? = 1 ] || fail "confess: status $?" # 1: it has no file to confess to
"$HEAPTAP" timeline --json --places=100 -n 900 confess.htap >got 2>says || fail "--places: status $?: $(cat says)"
"$HEAPTAP" script --json confess.htap >events || fail "script: status $?"
/usr/bin/python3 - got events <<'END' || fail "--places: not what the events say"
import json, sys
got = json.load(open(sys.argv[1]))
events = [json.loads(line) for line in open(sys.argv[2])]
points, step_ns, checked = len(got["points"]), got["step_ns"], 0
for place in got["places"]:
    size = {"keep()": 1000, "outer()": 300, "inner": 300, "spike(void**, int)": 1 << 20}.get(place["stack"][0]["function"])
    if size is None:
        continue
    live, now, bytes_, most = set(), 0, [0] * points, [0] * points
    at = 0
    for event in events:
        while at + 1 < points and event["time_ns"] >= (at + 1) * step_ns:
            at += 1
            bytes_[at] = most[at] = now
        if event["event"] == "alloc" and event["size"] == size:
            live.add(event["address"])
            now += size
        elif event["event"] == "free" and event["address"] in live:
            live.discard(event["address"])
            now -= size
        bytes_[at], most[at] = now, max(most[at], now)
    for i in range(at + 1, points):
        bytes_[i] = most[i] = now
    assert place["bytes"] == bytes_ and place["most_bytes"] == most, place["stack"][0]
    checked += 1
assert checked == 3, checked
peak = next(p for p in got["places"] if p["stack"][0]["function"].startswith("spike"))
assert max(peak["most_bytes"]) == 5 << 20 and got["places"][0] is peak
END
"$HEAPTAP" timeline --csv --places=2 -n 900 confess.htap 2>/dev/null >csv || fail "--csv --places: status $?"
jq -r '[range(900)] | map(. as $i | $d[0] | .places[0:2] | map(.bytes[$i], .most_bytes[$i]) | map(tostring) | join(",")) | .[]' --null-input --slurpfile d got >expected
diff expected <(tail -n +2 csv | cut -d, -f10-) || fail "CSV and JSON of places differ"
"$HEAPTAP" timeline --places=2 --frames=1 confess.htap >text 2>/dev/null || fail "--places: status $?"
grep -qE '^ +5242880 [|] *[█▇▆▅▄▃▂▁]' text && grep -qE '^ +spike\(void\*\*, int\) +confess.cc:' text || fail "--places: $(cat text)"
[ "$(wc -L <text)" -le 80 ] || fail "--places: wider than 80 columns"
for wrong in --places=0 --places=x --places=101 "--points=1000000 --places=11 --json"; do
	# shellcheck disable=SC2086 # words
	"$HEAPTAP" timeline $wrong confess.htap >text 2>&1
	[ $? = 2 ] || fail "$wrong: $(cat text)"
done
"$HEAPTAP" timeline "$golden/losses.htap" 2>&1 >/dev/null | grep -q 'calls were lost between' || fail "no warning of losses"
