#!/bin/bash
# doctor.sh -- doctor says what the kernel does, why, and what to do; and names what a recording would lack
#
# doctor.py compares rights with the kernel's own answer. Here: what is no process, other programs, allocators, symbols, and a machine that lacks
# something.
. "$(dirname "$0")/lib.sh"
need jq setpriv gcc

says() { # says STATE NAME PATTERN ARGS...: the findings have such a line
	local state=$1 name=$2 pattern=$3
	shift 3
	"$HEAPTAP" doctor --json "$@" >found 2>err
	jq -e --arg s "$state" --arg n "$name" --arg p "$pattern" \
		'.findings | any(.name == $n and .state == $s and (.says | test($p)))' found >/dev/null ||
		fail "doctor $*: no $state $name like '$pattern': $(cat found err)"
}

wrong() { # wrong STATUS PATTERN ARGS...
	local status=$1 pattern=$2 got
	shift 2
	"$HEAPTAP" doctor "$@" >out 2>err
	got=$?
	[ $got = "$status" ] || fail "doctor $*: exit $got, not $status"
	grep -qE "$pattern" err || fail "doctor $*: no '$pattern': $(cat err)"
	[ ! -s out ] || fail "doctor $*: wrote on stdout"
}

waiting() { # waiting COMMAND...: pid is a process of it that has begun
	coproc "$@"
	pid=$COPROC_PID
	read -r <&"${COPROC[0]}"
}

over() {
	kill "$pid"
	wait "$pid" 2>/dev/null
}

wrong 2 'no process id' 12x
wrong 2 'no process id' 0
wrong 3 'there is no process' 999999999

# the machine
"$HEAPTAP" doctor >out || fail "doctor: exit $?: $(cat out)"
grep -q '^ok  *kernel' out || fail "no kernel: $(cat out)"
(ulimit -v 400000 && says missing memory 'address space') || exit 1
cp "$HEAPTAP" lonely && (HEAPTAP=./lonely && says missing launch 'agent|library') || exit 1

# a program with everything, then without
waiting "$TARGETS/heaps" confession
says ok attach 'may be entered' "$pid"
says ok allocator glibc "$pid"
says ok census 'can be listed' "$pid"
says ok stacks 'all modules' "$pid"
[ "$(jq -r '.modules[] | select(.module | endswith("/heaps")) | .symbols' found)" = "names and lines" ] || fail "heaps: $(cat found)"
[ "$(jq -r '.modules[] | select(.module | endswith("/heaps")) | .build_id' found)" = \
	"$(readelf -n "$TARGETS/heaps" | sed -n 's/.*Build ID: //p')" ] || fail "heaps: build id"
over
strip -o stripped "$TARGETS/static-heaps"
waiting ./stripped confession
says note symbols '1 modules are stripped' "$pid"
says note launch 'static' "$pid"
says ok census . "$pid"
cp "$TARGETS/heaps" ./replaced && mv replaced stripped
says note files '1 modules' "$pid"
over
for name in jemalloc tcmalloc mimalloc; do
	library=$(allocator $name)
	[ -n "$library" ] || continue
	waiting env LD_PRELOAD="$library" "$TARGETS/heaps" confession
	says ok allocator "^$name" "$pid"
	says note census "$name" "$pid"
	over
done
waiting "$TARGETS/heaps" confession 3
tid=$(ls "/proc/$pid/task" | tail -n 1)
says missing attach "a thread of process $pid" "$tid"
over
sh -c 'exec "$HEAPTAP" doctor $$' >out
[ $? = 1 ] && grep -q 'MISSING.*heaptap itself' out || fail "itself: $(cat out)"
printf '#include <unistd.h>\nint main(void) { return write(1, "x\\n", 2) + pause(); }\n' >t.c
if gcc -m32 -o t32 t.c 2>/dev/null || gcc -m32 -static -o t32 t.c 2>/dev/null; then
	waiting ./t32
	says missing attach '32-bit' "$pid"
	over
fi

[ "$(id -u)" = 0 ] || skip "only root can become the users whose rights are compared"
/usr/bin/python3 "$TOP/tests/e2e/doctor.py" || fail "doctor.py"
