#!/bin/bash
# stack-samples.sh -- at arbitrary instructions, as a signal finds them and in single steps from there, the agent's rows agree with libunwind
#
# tests/targets/libsamples.c stops sqlite3, perl and python3 as Debian builds them: in libc, PLT entries, prologues and epilogues. Once each;
# SAMPLES=2000 goes on until SIGPROF has come that often.
#
# long
. "$(dirname "$0")/lib.sh"
need sqlite3 perl make gcc
make -s -C "$TOP" CHECK=1 O="$TMP/check" "$TMP/check/libheaptap-agent.so" >build.log 2>&1 || fail "the check build: $(tail -n 5 build.log)"
cp "$HEAPTAP" check/heaptap

samples=0 steps=0
sampled() { # sampled NAME CMD...
	local name=$1
	shift
	rm -f t.htap samples
	HT_SAMPLES=$TMP/samples LD_PRELOAD=$TARGETS/libsamples.so check/heaptap record -o t.htap -- "$@" >/dev/null 2>said ||
		fail "$name: exit $?: $(tail -n 3 said)"
	echo "$name: $(tail -n 1 samples)"
	grep -q '^samples .* gave_up 0 .* different 0$' samples || fail "$name: $(head -n 10 samples)"
	samples=$((samples + $(sed -n 's/^samples \([0-9]*\) .*/\1/p' samples)))
	steps=$((steps + $(sed -n 's/^samples .* steps \([0-9]*\) .*/\1/p' samples)))
}

each_program() {
	sampled sqlite3 sqlite3 :memory: "create table t(a integer primary key, b text);
		with recursive n(i) as (select 1 union all select i+1 from n where i<200000) insert into t select i, 'n'||i from n;
		create index u on t(b); select count(*), sum(length(b)) from t;"
	# shellcheck disable=SC2016
	sampled perl perl -e 'my %h; for (1..300000) { $h{$_ % 5000} = join ",", map { $_ * 2 } split /,/, "1,2,$_" } print scalar keys %h'
	sampled python3 /usr/bin/python3 -c '
import json
for i in range(2000): x = json.loads(json.dumps({"k%d" % j: [j, str(j)] for j in range(50)}))'
}

each_program
while [ $samples -lt "${SAMPLES:-0}" ]; do
	before=$samples
	each_program
	[ $samples -gt $before ] || fail "no samples come"
done
echo "$samples samples, $steps steps from there"
[ $((samples + steps)) -ge 2000 ] || fail "too few"
