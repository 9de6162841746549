#!/bin/bash
# stack-jit.sh -- programs that compile code while they run: they run as they do alone, and each stack is whole or says where it was cut
#
# Nothing tells how to unwind what node, java and luajit compile; some of it keeps frame pointers. `info` prints the share of stacks cut short:
# it is the share of the different stacks in the trace of which script says so.
#
# long
. "$(dirname "$0")/lib.sh"
need node luajit jq

jit() { # jit NAME CMD...
	local name=$1 stacks cut
	shift
	"$@" >plain 2>&1 || fail "$name: does not even run bare"
	record "$name.htap" "$@" >out 2>said || fail "$name: exit $?: $(tail -n 3 said)"
	cmp plain out || fail "$name: ran another way"
	"$HEAPTAP" info --json "$name.htap" >info || fail "$name: info: $?"
	"$HEAPTAP" script --json "$name.htap" 2>/dev/null | jq -c 'select(.stack_cut != null or (.stack | length) > 0) | [.stack_cut, .function, .stack]' |
		sort -u >stacks
	stacks=$(wc -l <stacks)
	cut=$(grep -vc '^\[null,' stacks)
	[ "$(jq .stacks info)" = "$stacks" ] || fail "$name: info tells of $(jq .stacks info) stacks, script of $stacks"
	[ "$(jq .stacks_cut info)" = "$cut" ] || fail "$name: info tells of $(jq .stacks_cut info) stacks cut, script of $cut"
	jq -e --argjson n "$stacks" --argjson c "$cut" '.stacks_cut_percent - 100 * $c / $n | fabs < 0.01' info >same ||
		fail "$name: $(jq .stacks_cut_percent info) % of $cut in $stacks"
	[ "$(jq .contexts_cut info)" = 0 ] || fail "$name: the tree was full"
	echo "$name: $stacks stacks, $cut cut, $(jq .stacks_cut_percent info) %: $(jq -c .stack_cuts info)"
	[ "$(jq .events info)" -ge 5000 ] || fail "$name: only $(jq .events info) events"
}

cat >program.js <<'CODE'
function step(n) { const kept = []; for (let i = 0; i < n; i++) kept.push(Buffer.from("x" + i)); return kept.length; }
let sum = 0;
for (let i = 0; i < 20; i++) sum += step(100);
console.log(sum);
CODE
jit node node program.js
cat >program.lua <<'CODE'
local ffi, sum = require("ffi"), 0
ffi.cdef("void *malloc(size_t); void free(void *);")
local function step(i) local p = ffi.C.malloc(i); ffi.C.free(p); return p ~= nil and 1 or 0 end
for i = 1, 20000 do sum = sum + step(i) end
print(sum)
CODE
jit luajit luajit program.lua
command -v java >have && command -v javac >>have || exit 0
cat >Program.java <<'CODE'
public class Program { public static void main(String[] a) { long sum = 0; for (int i = 0; i < 100000; i++) sum += ("x" + i).hashCode() % 7; System.out.println(sum); } }
CODE
javac Program.java || fail "javac"
jit java java -Xmx64m Program
