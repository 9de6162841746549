#!/bin/bash
# ci-page.sh -- docs/ci.md is run as it stands: its files are written, its commands must end as the page says
#
# Then other programs read what came of it: the JUnit file, and the annotations.
. "$(dirname "$0")/lib.sh"
need git cc xmllint junitparser jq

# A block that begins with ```LANGUAGE NAME is a file, one with ```sh exits N a script with that status.
awk '
	/^```sh exits / { name = sprintf("step%d", ++steps); print $3 > (name ".status"); inside = 1; next }
	/^```[a-z]+ / { name = $2; inside = 1; next }
	/^```/ { inside = 0; name = ""; next }
	inside { print > name }' "$TOP/docs/ci.md"
[ -s step4 ] && [ ! -e step5 ] || fail "docs/ci.md: its commands were not found"
PATH=${HEAPTAP%/*}:$PATH
for step in step?; do
	bash -e "$step" >"$step.out" 2>"$step.err"
	status=$?
	[ $status = "$(cat "$step.status")" ] || fail "$step: status $status: $(cat "$step" "$step.out" "$step.err")"
done
grep -qx '2000 words' step1.out || fail "the program's output: $(cat step1.out)"
[ "$(cat step1.out)" = "$(cat step2.out)" ] || fail "the regression shows in the output"
[ "$(grep -vc warning step1.err)" = 0 ] || fail "a kept budget speaks: $(cat step1.err)"
grep -q 'max-allocs *count_words *2000 calls *0 calls *EXCEEDED' step2.err || fail "the verdict: $(cat step2.err)"
grep -q 'count_words  *words.c:11' step2.err || fail "the place: $(cat step2.err)"

xmllint --noout budget.xml || fail "no XML: $(cat budget.xml)"
junitparser verify budget.xml && fail "another reader sees no failure: $(cat budget.xml)"
/usr/bin/python3 - <<'END' || fail "the JUnit file: $(cat budget.xml)"
from junitparser import Failure, JUnitXml
cases = {(case.classname, case.name): case.result for suite in JUnitXml.fromfile("budget.xml") for case in suite}
bad = {key: result[0] for key, result in cases.items() if result}
assert len(cases) == 4, cases
assert set(bad) == {("heaptap", "max-leaked"), ("heaptap.count_words", "max-allocs")}, bad
assert all(isinstance(result, Failure) and "words.c:11" in result.text for result in bad.values())
END

# An annotation is one line, with the file as the repository has it.
"$HEAPTAP" budget --max-leaked=0 --in=count_words --github tidier.htap >annotated
grep -c '^::' annotated | grep -qx 1 || fail "annotations: $(cat annotated)"
grep -q '^::error file=words.c,line=11,title=max-leaked exceeded in count_words::' annotated || fail "$(grep '^::' annotated)"
