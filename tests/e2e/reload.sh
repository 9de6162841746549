#!/bin/bash
# reload.sh -- a hundred libraries, one after another at one address: each call is told in the library that was there (LDR-06)
#
# Four libraries differ in frame sizes and order of functions. What `report` says of each must be the confession of reload.c, to the byte; and
# the check build finds every stack right, by a walk without memory and by libunwind.
. "$(dirname "$0")/lib.sh"
need jq gcc make

for n in 1 2 3 4; do
	gcc -O2 -g -shared -fPIC -DNUMBER=$n -o plug$n.so "$TOP/tests/targets/libplug.c" || fail "libplug.c"
done
HT_CONFESS=$TMP/reloads record reload.htap "$TARGETS/reload" 100 ./plug1.so ./plug2.so ./plug3.so ./plug4.so || fail "reload: exit $?"
verified reload.htap
[ "$(awk '{ print $3 }' reloads | sort | uniq -c | sort -rn | awk '{ print $1; exit }')" -ge 50 ] || skip "the libraries did not lie at one address"
awk '{ sub(/.*\//, "", $2); bytes[$2] += 3 * $1; count[$2] += 3 } END { for (m in bytes) print m, count[m], bytes[m] }' reloads | sort >wanted
"$HEAPTAP" report --json --by=allocated -n 100000 reload.htap >report.json || fail "report: exit $?"
jq -r '.sites[] | . as $s | ([.stack[].module // "" | split("/")[-1] | select(startswith("plug"))] | unique | join("+")) as $m
	| select($m != "") | "\($m) \($s.count) \($s.bytes)"' report.json |
	awk '{ count[$1] += $2; bytes[$1] += $3 } END { for (m in bytes) print m, count[m], bytes[m] }' | sort >told
diff wanted told || fail "calls are told in the wrong library"

make -s -C "$TOP" CHECK=1 O="$TMP/check" "$TMP/check/libheaptap-agent.so" >build.log 2>&1 || fail "the check build: $(tail -n 5 build.log)"
cp "$HEAPTAP" check/heaptap
HT_CONFESS=$TMP/again HT_CHECK=$TMP/counts LD_PRELOAD=$TARGETS/libchkstack.so check/heaptap record -o check.htap -- \
	"$TARGETS/reload" 100 ./plug1.so ./plug2.so ./plug3.so ./plug4.so || fail "the check build: exit $?"
"$TOP/tests/e2e/stackcheck.py" counts mismatches == 0 memo_other == 0 gave_up == 0 cut == 0 whole '>=' 300 || fail "stacks"
