#!/bin/bash
# torture-builds.sh -- the torture program as five compilers' settings make it: every stack right, by a walk without memory and by libunwind
#
# long
. "$(dirname "$0")/lib.sh"
need make g++ clang++
make -s -C "$TOP" CHECK=1 O="$TMP/check" "$TMP/check/libheaptap-agent.so" >build.log 2>&1 || fail "the check build: $(tail -n 5 build.log)"
cp "$HEAPTAP" check/heaptap
for build in "g++ -O0" "g++ -O2" "g++ -O3 -mavx2" "g++ -Os" "clang++ -O2"; do
	$build -g -pthread -o torture "$TOP/tests/targets/torture.cc" || fail "$build"
	rm -f counts counts.bad t.htap
	HT_CHECK=$TMP/counts LD_PRELOAD=$TARGETS/libchkstack.so check/heaptap record --free-stacks -o t.htap -- ./torture 3 100 3 >out ||
		fail "$build: exit $?"
	echo "$build"
	"$TOP/tests/e2e/stackcheck.py" counts mismatches == 0 memo_other == 0 gave_up == 0 skipped == 0 whole '>=' 20000 || fail "$build"
done
