#!/bin/bash
# outside.sh -- what is found out about a process from outside is what the process says itself: its modules, its threads, where their ids are kept
#
# With one thread and many, in a pid namespace of its own, with libraries that were loaded later; static; of musl. Build-ids, and the table of unwind information that is made
# for programs without one, are compared with readelf's.
. "$(dirname "$0")/lib.sh"
need readelf

"$HEAPTAP" doctor $$ >/dev/null 2>&1 || skip "processes may not be entered here"

facts() { # facts FILE: in another namespace, threads have other ids there than here
	grep -E '^(module|thread) ' "$1" | sed -E "${namespace:+s/^thread [0-9]+/thread/}" | sort
}

namespace=
agrees() { # agrees WHAT THREADS PROGRAM [LIBRARY...]: what it says of itself is what is seen
	local what=$1 threads=$2 pid child line file id
	shift 2
	coproc $namespace "$1" "$threads" "${@:2}"
	pid=$COPROC_PID
	[ "$namespace" ] || child=$pid
	exec 5<&"${COPROC[0]}" 6>&"${COPROC[1]}"
	eval "exec ${COPROC[0]}<&- ${COPROC[1]}>&-"
	: >says
	while read -r -u 5 line && [ "$line" != ready ]; do echo "$line" >>says; done
	[ -z "$namespace" ] || read -r child <"/proc/$pid/task/$pid/children"
	"$O/e2e/outside" "$child" >seen || fail "$what: $(tail -n 3 seen)"
	! grep FAILED seen || fail "$what: $(cat seen)"
	diff <(facts says) <(facts seen) || fail "$what: what it says of itself (<) is not what is seen (>)"
	sed -n 's/^distance //p' seen >&6
	read -r -u 5 line
	[ "$line" = "right $threads" ] || fail "$what: $line of the threads have their id at $(sed -n 's/^distance //p' seen)"
	exec 5<&- 6>&-
	wait "$pid"
	while read -r _ _ id file; do
		[ -e "$file" ] || continue
		[ "$(readelf -n "$file" 2>/dev/null | sed -n 's/^ *Build ID: //p')" = "$id" ] || fail "$what: $file has another build-id than $id"
	done < <(grep '^file .* /' seen)
	grep -q '^same yes$' seen || fail "$what: it has other modules now"
	echo "$what: $(grep -c '^module' seen) modules, $(grep -c '^thread' seen) threads, $(tail -n 3 seen | tr '\n' ' ')"
}

has_table() { # has_table FILE: of the file's functions, by their addresses, as readelf finds them in it; for one that lies where it was linked to be
	readelf --debug-dump=frames "$1" 2>/dev/null | sed "/Contents of the .debug_frame/,\$d" | sed -nE 's/.* FDE .* pc=0*([0-9a-f]+)\.\..*/\1/p' | sort >functions
	[ -s functions ] || fail "$1: readelf finds no functions"
	diff functions <(sed -n 's/^function //p' seen | sort) || fail "$1: the functions in its .eh_frame (<) are not those in the table (>)"
	sed -n 's/^function //p' seen >in_order
	sort -c <(awk '{ printf "%16s\n", $1 }' in_order) || fail "$1: the table is not in order"
	echo "$1: $(wc -l <in_order) functions in the table that was made"
}

modules=$TARGETS/modules
agrees 'one thread' 1 "$modules"
grep -q '^loader yes$' seen || fail "the function that the loader calls was not found"
agrees 'many threads' 40 "$modules" "$TARGETS/libplug.so" libz.so.1
namespace='unshare --pid --fork --kill-child'
if $namespace true 2>/dev/null; then
	agrees 'number 1 of a namespace' 1 "$modules"
	agrees 'number 1 of a namespace, many threads' 9 "$modules"
else
	echo "no namespaces can be made here: none was looked at"
fi
namespace=
# What is loaded between the look and the visit is noticed.
mkfifo between
coproc "$modules" 3
pid=$COPROC_PID
exec 5<&"${COPROC[0]}" 6>&"${COPROC[1]}"
eval "exec ${COPROC[0]}<&- ${COPROC[1]}>&-"
while read -r -u 5 line && [ "$line" != ready ]; do :; done
"$O/e2e/outside" "$pid" between >seen &
looker=$!
exec 7>between
echo "$TARGETS/libplug.so" >&6
read -r -u 5 line
[ "$line" = loaded ] || fail "no library was loaded: $line"
exec 7>&-
wait "$looker" || fail "a library between: $(tail -n 1 seen)"
exec 5<&- 6>&-
wait "$pid"
grep -q '^same no$' seen || fail "a library that was loaded before the visit was not noticed"
gcc -static -O1 -pthread -D_GNU_SOURCE -w -o static "$TOP/tests/targets/modules.c" 2>/dev/null || fail "no static program"
agrees 'static' 5 ./static
has_table ./static
gcc -static-pie -O1 -pthread -D_GNU_SOURCE -w -o static-pie "$TOP/tests/targets/modules.c" 2>/dev/null || fail "no static-pie program"
agrees 'static-pie' 5 ./static-pie
if command -v musl-gcc >/dev/null; then
	musl-gcc -O1 -pthread -D_GNU_SOURCE -w -o musl "$TOP/tests/targets/modules.c" || fail "no program of musl"
	agrees 'musl' 5 ./musl
	musl-gcc -static -O1 -pthread -D_GNU_SOURCE -w -o musl-static "$TOP/tests/targets/modules.c" || fail "no static program of musl"
	agrees 'musl, static' 5 ./musl-static
	has_table ./musl-static
else
	echo "musl-gcc is not installed: its programs were not looked at"
fi
