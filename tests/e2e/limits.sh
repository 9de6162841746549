#!/bin/bash
# limits.sh -- `heaptap budget` finds what a program confesses, draws the line exactly, and takes no incomplete trace for a proof
#
# Of golden traces the figures are worked out by hand. The library gives the same verdicts. tests/e2e/ci-page.sh has the JUnit file and the annotations.
. "$(dirname "$0")/lib.sh"
need jq gcc
golden=$TOP/tests/golden

also=() # what the library needs besides
judged() { # judged STATUS WORD...: the object is in `verdict`, and all of it is the library's too
	local expected=$1 status
	shift
	"$HEAPTAP" budget --json -n 0 "$@" >verdict 2>says
	status=$?
	[ $status = "$expected" ] || fail "budget $*: status $status, expected $expected: $(cat verdict says)"
	"$O/e2e/library-more" budget "$@" "${also[@]}" >by-library 2>library.says
	status=$?
	[ $status = "$expected" ] || fail "the library, $*: status $status, expected $expected: $(cat by-library library.says)"
	/usr/bin/python3 "$TOP/tests/decoder/same.py" by-library verdict || fail "$*: the library says otherwise"
	[ "$(jq '[.limits[].worst[].bytes]' by-library)" = "$(jq '[.limits[].worst[].bytes]' verdict)" ] || fail "$*: other places"
	[ "$(grep -o 'nothing was allocated[^;]*' says)" = "$(grep -o 'nothing was allocated.*' library.says)" ] || fail "$*: $(cat library.says)"
}

figures() { # figures EXPECTED: [limit, within, value, allowed, exceeded] of each
	[ "$(jq -c '[.limits[] | [.limit, .within, .value, .allowed, .exceeded]]' verdict)" = "$1" ] || fail "expected $1, got $(jq -c . verdict)"
}

# exec.htap: 16, 32 and 8 bytes, the peak; the first and the last go with their program, the other is freed by its thread's next call.
all=(--max-peak=55 --max-leaked=0 --max-leaked-blocks=0 --max-allocated=55 --max-allocs=2 --max-temporary=33%)
judged 1 "${all[@]}" "$golden/exec.htap"
figures '[["max-peak",null,56,55,true],["max-leaked",null,0,0,false],["max-leaked-blocks",null,0,0,false],["max-allocated",null,56,55,true],["max-allocs",null,3,2,true],["max-temporary",null,1,0,true]]'
jq -e '.complete and .exceeded == 4 and .limits[5].whole == 3 and .limits[5].percent == 33' verdict >/dev/null || fail "$(cat verdict)"
judged 0 --max-peak=56 --max-allocated=56 --max-allocs=3 --max-temporary=34% "$golden/exec.htap"
judged 0 --max-temporary=1 "$golden/exec.htap"
judged 1 --max-temporary=0 "$golden/exec.htap"
# Where calls are lost, or the history cannot be, nothing is proven; the figures are shown all the same.
judged 4 --max-peak=1G --max-leaked=1G "$golden/every.htap"
figures '[["max-peak",null,56,1073741824,false],["max-leaked",null,32,1073741824,false]]'
grep -q 'proves no budget' says || fail "not said: $(cat says)"
for file in violation truncated unfinished damaged; do judged 4 --max-peak=16000000T "$golden/$file.htap"; done
"$HEAPTAP" budget --max-peak=1G --junit=every.xml --github "$golden/every.htap" >text 2>says
[ $? = 4 ] || fail "an incomplete trace"
grep -q 'errors="1"' every.xml && grep -q '^::error title=heaptap::the trace is not complete' text || fail "$(cat every.xml text)"

# What confess confesses, by place; a part has its own peak, not what it held at the whole's.
HT_CONFESS=confession record confess.htap "$TARGETS/confess" || fail "confess: status $?"
judged 1 --max-peak=76 --max-leaked=599 --max-leaked-blocks=2 --max-allocated=7699 --max-allocs=3 --max-temporary=99% \
	--in=brief --in=outer --in='make<Widget>' --in=main confess.htap
jq -c '.limits[] | select(.exceeded) | [.limit, .within, .value]' verdict >got
cat >expected <<'END'
["max-peak","brief",77]
["max-allocated","brief",7700]
["max-allocs","brief",100]
["max-temporary","brief",100]
["max-peak","outer",600]
["max-leaked","outer",600]
["max-peak","make<Widget>",192]
["max-leaked-blocks","make<Widget>",4]
["max-allocs","make<Widget>",4]
["max-peak","main",5246480]
["max-leaked","main",3792]
["max-leaked-blocks","main",9]
["max-allocated","main",5254372]
["max-allocs","main",114]
END
diff expected got || fail "not as confessed: $(cat confession)"
jq -e '[.limits[] | select(.limit == "max-leaked" and .within == "main") | .worst[].bytes] == [3000, 600, 192]' verdict >/dev/null || fail "the culprits"
jq -e '.limits[] | select(.limit == "max-leaked" and .within == "outer") | .worst[0].stack[0:3] | map(.function) == ["inner", "outer()", "main"]' verdict >/dev/null ||
	fail "the stack"
judged 0 --max-leaked=0 --in=hide confess.htap
grep -q 'nothing was allocated in a function named hide$' says || fail "$(cat says)"
judged 0 --max-leaked=1G --in=Outer confess.htap
grep -q 'named Outer; there is outer()' says || fail "$(cat says)"

# Growth is exact: a tenth more is a tenth more. The same names elsewhere are the same places.
cat >grow.c <<'END'
#include <stdlib.h>
char *volatile last;
__attribute__((noinline)) static void load(int n) { last = malloc((size_t)1000 * n); }
__attribute__((noinline)) static void parse(int n) { while (n--) free(last = malloc(32)); }
int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 0;

	parse(10 * n);
	load(n);
	return 0;
}
END
gcc -g -O1 -fno-builtin -o before grow.c || fail gcc
{ printf '/* moved */\n\n\n'; cat grow.c; } >moved.c
gcc -g -O2 -fno-builtin -fno-pie -no-pie -o after moved.c || fail gcc
record before.htap ./before 10 || fail "before: $?"
record after.htap ./after 11 || fail "after: $?"
judged 0 --baseline=before.htap --max-growth=10% --in=load --in=parse after.htap
judged 1 --baseline=before.htap --max-growth=9.999% --in=load --in=parse after.htap
[ "$(jq -c '[.limits[] | select(.exceeded) | [.of, .within, .before, .allowed, .value]]' verdict)" = \
	'[["peak","load",10000,10999,11000],["leaked","load",10000,10999,11000],["allocated","load",10000,10999,11000],["allocated","parse",3200,3519,3520],["allocs","parse",100,109,110]]' ] ||
	fail "growth: $(jq -c . verdict)"
judged 1 --baseline=before.htap --max-growth=0% after.htap
jq -e '.limits[] | select(.of == "allocs") | .places == 1 and .worst[0].before_count == 100 and .worst[0].count == 110 and .worst[0].stack[0].function == "parse"' verdict >/dev/null ||
	fail "who grew: $(jq -c . verdict)"

# The file says the same as options do, from its own folder; record judges at once and keeps to its statuses.
mkdir -p sub
cp before.htap sub/
printf '# remark\n\n max-leaked=11K \nbaseline = before.htap\nmax-growth = 10%%\n[in parse]\nmax-allocs = 110\n' >sub/ok.budget
also=(--baseline=sub/before.htap)
judged 0 --budget=sub/ok.budget --max-leaked=12K after.htap
also=()
jq -e '.limits[0].allowed == 12288 and .limits[-1].within == "parse"' verdict >/dev/null || fail "$(cat verdict)"
budgeted() { # budgeted STATUS BUDGET CMD...
	local expected=$1 budget=$2 status
	shift 2
	rm -f budgeted.htap
	"$HEAPTAP" record -o budgeted.htap --budget="$budget" -- "$@" >out 2>says
	status=$?
	[ $status = "$expected" ] || fail "record --budget=$budget -- $*: status $status, expected $expected: $(cat says)"
}
echo 'max-leaked = 0' >strict.budget
echo 'max-leaked = 1M' >loose.budget
budgeted 1 strict.budget ./before 10
[ -s out ] && fail "the program's output has the verdict: $(cat out)"
grep -q 'max-leaked  *9.8 KiB' says || fail "$(cat says)"
budgeted 0 loose.budget ./before 10
[ -s says ] && fail "a kept budget speaks: $(cat says)"
# Of a whole tree: what each process leaks is added up.
rm -f tree.htap
"$HEAPTAP" record --follow=all --wait=tree -o tree.htap --budget=strict.budget -- sh -c './before 10; ./before 20; exit 0' >out 2>says
[ $? = 1 ] || fail "a tree: $(cat says)"
judged 1 --max-leaked=29999 --in=load tree.htap
judged 0 --max-leaked=30000 --max-peak=20000 --in=load tree.htap
budgeted 3 strict.budget sh -c './before 10; exit 3'
budgeted 137 strict.budget sh -c 'kill -KILL $$'

wrong() { # wrong STATUS TEXT WORD...
	local expected=$1 text=$2 status
	shift 2
	"$HEAPTAP" "$@" >out 2>says
	status=$?
	[ $status = "$expected" ] && [ "$(wc -l <says)" = 1 ] && grep -qF -- "$text" says || fail "$*: status $status: $(cat says)"
}
wrong 2 'no limit is given' budget before.htap
wrong 2 'max-growth needs a baseline' budget --max-growth=1% before.htap
wrong 2 'a baseline needs max-growth' budget --baseline=x before.htap
wrong 2 '--max-peak=5%: not a size' budget --max-peak=5% before.htap
wrong 2 '--max-growth=5: not a share' budget --max-growth=5 --baseline=x before.htap
wrong 2 '--json and --github contradict' budget --max-peak=1 --json --github before.htap
wrong 2 'a function has a name' budget --max-peak=1 --in= before.htap
wrong 3 'cannot open the budget' budget --budget=missing before.htap
wrong 3 'missing.htap' budget --max-peak=1 missing.htap
wrong 3 'missing.htap' budget --max-growth=1% --baseline=missing.htap before.htap
wrong 3 'cannot write the JUnit file' budget --max-peak=1 --junit=no/such/folder before.htap
wrong 3 'cannot write the JUnit file' budget --max-peak=1 --no-symbols --junit=/dev/full before.htap
i=0
for line in 'max-pek = 1' 'max-peak' 'max-peak = x' '[load]' '[in load' '[in ]' $'[in load]\nbaseline = x'; do
	printf '%s\n' "$line" >bad.budget
	wrong 2 "bad.budget: line $(wc -l <bad.budget): " budget --budget=bad.budget before.htap
	wrong 125 "bad.budget: line " record -o never.htap --budget=bad.budget -- touch ran
	i=$((i + 1))
done
printf 'max-leaked = 1\0M\n' >bad.budget
wrong 2 'line 1: this is no text' budget --budget=bad.budget before.htap
wrong 3 'cannot read the budget' budget --budget=. before.htap
[ $i = 7 ] && [ ! -e ran ] && [ ! -e never.htap ] || fail "a program ran under a budget that says nothing"
