#!/bin/bash
# symbols-jit.sh -- functions that were compiled while the program ran have the names that their compiler wrote for perf
#
# node is recorded with its map switched on; a report must name the JavaScript function that the buffers came from. The same trace
# is asked again with the map out of time, in another user's hands, a link, damaged and gone: then without names, with a warning.
. "$(dirname "$0")/lib.sh"
need node jq
cat >program.js <<'CODE'
function keepBuffers(n) { const kept = []; for (let i = 0; i < n; i++) kept.push(Buffer.allocUnsafeSlow(100003)); return kept; }
let sum = 0;
for (let i = 0; i < 5; i++) sum += keepBuffers(20).length;
console.log(sum);
CODE
record trace.heaptap node --perf-basic-prof --interpreted-frames-native-stack program.js >said || fail "record: $?"
[ "$(cat said)" = 100 ] || fail "the program said $(cat said)"
map=/tmp/perf-$(pid_of trace.heaptap).map
trap 'rm -f "$map" "$map.moved"; case $TMP in /tmp/heaptap-e2e.*) rm -rf "$TMP" ;; esac' EXIT
grep -q 'keepBuffers' "$map" || fail "node did not write $map"

ask() { # ask WHAT NAMED [WARNING]: whether keepBuffers is named, and what is warned of
	local named
	"$HEAPTAP" report --json --by=allocated -n 0 trace.heaptap >answer 2>warnings || fail "$1: report: $?"
	named=$(jq '[.sites[].stack[] | select(.module == "[jit]" and (.function // "" | test("keepBuffers .*program.js:1(:|$)")))] | length' answer)
	[ "$((named > 0))" = "$2" ] || fail "$1: keepBuffers is named $named times: $(cat warnings)"
	if [ -n "${3:-}" ]; then
		grep -q "perf-.*$3" warnings || fail "$1: no warning of '$3': $(cat warnings)"
	else
		! grep 'perf-' warnings || fail "$1: an unexpected warning"
	fi
	! grep 'vdso' warnings || fail "$1: a warning of the vdso"
}

ask 'as it was written' 1
# The buffers themselves: places that hold whole numbers of them have the function in their stacks, and are all of them together.
# (It may be several places: V8 compiles a function again when it is called often.)
buffers=$(jq '[.sites[] | select(.count > 0 and .bytes == .count * 100003) |
	select(any(.stack[]; .module == "[jit]" and (.function // "" | test("keepBuffers")))) | .count] | add' answer)
[ "$buffers" = 100 ] || fail "$buffers of the 100 buffers come from keepBuffers: $(jq -c '.sites[] | select(.bytes == .count * 100003)' answer)"

cp -p "$map" "$map.moved"
printf 'no line\n12 0 empty\n' >>"$map"
touch -r "$map.moved" "$map"
ask 'malformed lines' 1 '2 lines are not'
touch -d '+1 hour' "$map"
ask 'written later' 1 'after the recording had ended'
touch -d '2001-01-01' "$map"
ask 'of an earlier process' 0 'before the recording started'
rm "$map" && ln -s "$map.moved" "$map"
ask 'a link' 0 'cannot be opened'
rm "$map" && mkfifo "$map"
ask 'a pipe' 0 'not a regular file'
rm "$map" && cp -p "$map.moved" "$map"
if [ "$(id -u)" = 0 ]; then
	chown 65534 "$map"
	ask "another user's" 0 'belongs to another user'
fi
rm -f "$map"
ask 'gone' 0
