#!/bin/bash
# run.sh -- runs tests and counts them: tests/run.sh SUITE:BUILD...
#
# SUITE is house (the shape of the code), unit (cmocka), quick or long (scripts that run the product); BUILD is the build
# directory it is about. Every script runs in the top folder with O (the build directory), HEAPTAP (the program), TARGETS
# (the programs to record) and TMP (a folder of its own, removed afterwards) in its environment. It passes with status 0 and is
# skipped with 77, its last line being the reason; what it prints is shown when it fails. A script with a line `# long`, or in
# tests/long, belongs to the long suite. As many run side by side as there are processors (JOBS); one with a line `# alone` runs
# by itself. One line per test, as they end, then the count; status 1 if anything failed. ONLY=PATTERN runs the tests whose file
# name matches.
set -u
cd "$(dirname "$0")/.." || exit 3
# The oracles compare text, and a child without the agent's variables must stay one.
export LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
unset LD_PRELOAD HEAPTAP_SESSION MAKEFLAGS MFLAGS
limit=${TEST_SECONDS:-600}
work=$(mktemp -d "${TMPDIR:-/tmp}/heaptap-tests.XXXXXX") || exit 3
trap 'kill "${!running[@]}" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0

result() { # result VERDICT NAME SECONDS [REASON]
	case $1 in
	ok) passed=$((passed + 1)) ;;
	skip) skipped=$((skipped + 1)) ;;
	*) failed=$((failed + 1)) ;;
	esac
	printf '%-6s %s  (%s s)%s\n' "$1" "$2" "$3" "${4:+  # $4}"
}

declare -A running=() started=() # by the pid of its timeout: SUITE/FILE, and when
jobs=${JOBS:-$(nproc)}

reap() { # the next script that ends
	local pid status name seconds out reason=
	wait -n -p pid "${!running[@]}"
	status=$?
	name=${running[$pid]} seconds=$((SECONDS - started[$pid])) out=$work/$name/out
	unset "running[$pid]" "started[$pid]"
	case $status in
	0) result ok "$name" $seconds ;;
	77) result skip "$name" $seconds "$(tail -n 1 "$out")" ;;
	124 | 137) reason="stopped after $limit s" ;;
	*) reason="status $status" ;;
	esac
	if [ "$reason" ]; then
		result FAILED "$name" $seconds "$reason"
		cut -c 1-400 "$out" | tail -n 100 | sed 's/^/       | /'
	fi
	rm -rf "${work:?}/$name"
}

let_end() { # let_end COUNT: until no more than COUNT scripts run
	while [ ${#running[@]} -gt "$1" ]; do reap; done
}

run_script() { # run_script SUITE FILE
	local name=$1/${2##*/} others=$((jobs - 1))
	if grep -q '^# alone' "$2"; then others=0; fi
	let_end $others
	mkdir -p "$work/$name/tmp"
	TMP=$work/$name/tmp timeout --kill-after=10 "$limit" "$2" >"$work/$name/out" 2>&1 </dev/null &
	running[$!]=$name started[$!]=$SECONDS
	if [ $others = 0 ]; then let_end 0; fi
}

# One program holds many tests; prove runs it and we count its lines. A crash or a missing line is a failure of its own.
run_unit() { # run_unit PROGRAM
	local name=unit/${1##*/} out=$work/out line status start=$SECONDS bad=$failed
	CMOCKA_MESSAGE_OUTPUT=TAP timeout --kill-after=10 "$limit" prove --verbose --exec '' "$1" >"$out" 2>&1 </dev/null
	status=$?
	while IFS= read -r line; do
		case $line in
		*'# SKIP'*) result skip "$name: ${line##* }" 0 ;;
		'ok '*) result ok "$name: ${line#* - }" 0 ;;
		'not ok '*) result FAILED "$name: ${line#* - }" 0 ;;
		esac
	done < <(grep -E '^(not )?ok [0-9]' "$out")
	if [ $status != 0 ] && [ $bad = $failed ]; then result FAILED "$name" $((SECONDS - start)) "prove: status $status"; fi
	if [ $bad != $failed ]; then cut -c 1-400 "$out" | tail -n 100 | sed 's/^/       | /'; fi
}

wanted() { # wanted FILE: it exists, it is no library of the others, and ONLY allows it
	[ -e "$1" ] && [[ ${1##*/} != lib.sh && ${1##*/} == *${ONLY:-}* ]]
}

for arg in "$@"; do
	suite=${arg%%:*}
	O=$(realpath -m "${arg#*:}")
	export O HEAPTAP=$O/heaptap TARGETS=$O/targets
	echo "# $suite, ${arg#*:}"
	case $suite in
	house)
		for t in tests/house/*.sh; do
			wanted "$t" && run_script house "$t"
		done
		;;
	unit)
		for t in tests/unit/*.c; do
			t=$O/unit/$(basename "$t" .c)
			wanted "$t" && run_unit "$t"
		done
		;;
	quick | long)
		for t in tests/e2e/*.sh tests/long/*.sh; do
			wanted "$t" || continue
			kind=quick
			if [[ $t == tests/long/* ]] || grep -q '^# long' "$t"; then kind=long; fi
			[ $kind = "$suite" ] && run_script "$suite" "$t"
		done
		;;
	*)
		echo "run.sh: no suite '$suite'" >&2
		exit 2
		;;
	esac
	let_end 0
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
