# shellcheck shell=bash
# lib.sh -- what the end-to-end scripts share; sourced by each of them
#
# Set by tests/run.sh, or here for a run by hand: HEAPTAP (the program), TARGETS (programs that confess), O (the build), TMP.
# A script passes with 0, is skipped with 77 (its last line is the reason) and fails otherwise. It works in $TMP.

set -u
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 3
TOP=$PWD
O=$(realpath -m "${O:-${HEAPTAP_BUILD:-build}}")
export HEAPTAP=${HEAPTAP:-$O/heaptap} TARGETS=${TARGETS:-$O/targets} O
export LC_ALL=C.UTF-8 LSAN_OPTIONS=suppressions=$TOP/tests/lsan.supp:print_suppressions=0
unset LD_PRELOAD HEAPTAP_SESSION DEBUGINFOD_URLS
if [ -z "${TMP:-}" ]; then
	TMP=$(mktemp -d /tmp/heaptap-e2e.XXXXXX)
	trap 'rm -rf "$TMP"' EXIT
fi
cd "$TMP" || exit 3

skip() { # skip REASON
	echo "$*"
	exit 77
}

fail() { # fail MESSAGE
	echo "FAILED: $*"
	exit 1
}

need() { # need COMMAND...: or skip
	local c
	for c in "$@"; do
		command -v "$c" >/dev/null || skip "$c is not installed"
	done
}

oracle() {
	/usr/bin/python3 "$TOP/tests/e2e/oracle.py" "$@"
}

record() { # record FILE CMD...: with the target's output and status
	local file=$1
	shift
	rm -f "$file"
	"$HEAPTAP" record -o "$file" -- "$@"
}

sized() { # sized FILE SIZE [EVENT]: how often that size occurs, in allocations if nothing else is asked for
	"$HEAPTAP" script --json "$1" | grep -E "\"event\": ?\"${3:-alloc}\"" | grep -cE "\"size\": ?$2[,}]"
}

# The order of two threads' stamps is inverted now and then; less than one hand-off in a thousand, over all runs of a test.
reordered_rarely() { # reordered_rarely FILE: what `oracle history` printed
	awk '/ hand-offs, / { all += $3; back += $5 }
		END { print back " of " all " hand-offs reordered"; exit !(all > 1000 && back * 1000 < all) }' "$1" ||
		fail "too many events had to be reordered"
}

pid_of() { # pid_of FILE: the recorded process
	"$HEAPTAP" info --json "$1" | jq .pid
}

verified() { # verified FILE: complete, nothing lost, and something in it
	local answer
	answer=$("$HEAPTAP" verify --json "$1") || fail "verify $1: exit $?: $answer"
	[ "$(jq '.lost' <<<"$answer")" = 0 ] || fail "$1: lost: $answer"
	[ "$(jq '.complete' <<<"$answer")" = true ] || fail "$1: not complete: $answer"
	[ "$(jq '.recorded' <<<"$answer")" -gt 0 ] || fail "$1: nothing recorded"
}

# For enter.c, which compares the process before and after: ./once PID [OPTION...] records it for a moment. The trace has to be whole, the recorder silent.
write_once() {
	cat >once <<'END'
#!/bin/bash
rm -f trace
"$HEAPTAP" record -p "$1" -d "${MOMENT:-60ms}" -o trace "${@:2}" 2>said || { cat said; exit 1; }
[ ! -s said ] || { cat said; exit 1; }
"$HEAPTAP" verify --json trace >verdict
jq -e --argjson least "${LEAST:-1}" '.complete and .history_violations == 0 and .lost == 0 and .recorded >= $least' verdict >/dev/null || { jq -c 'del(.threads)' verdict; exit 1; }
jq .recorded verdict >>events
END
	chmod +x once
}

# Small traces also pass through the second decoder, which was written from the document alone.
agreed() { # agreed FILE
	local status
	[ "$(stat -c %s "$1")" -lt 60000 ] || return 0
	"$TOP/tests/decoder/agree.sh" "$(realpath "$1")"
	status=$?
	[ $status = 0 ] || [ $status = 77 ] || fail "$1: the second decoder disagrees"
}

# The same for an answering command: its JSON is what the oracle over the second decoder works out.
answered() { # answered QUESTION FILE [WORD...]
	local question=$1 file=$2 status
	shift 2
	if ! /usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null; then return 0; fi
	"$TOP/tests/decoder/answers.py" "$question" "$file" "$@" >answer.expected
	status=$?
	[ $status != 77 ] || return 0
	[ $status = 0 ] || fail "the oracle of $question $file $*"
	"$HEAPTAP" "$question" --json "$file" "$@" >answer.got 2>answer.says
	status=$?
	[[ $status =~ ^[014]$ ]] || fail "$question --json $file $*: $status: $(cat answer.says)"
	/usr/bin/python3 "$TOP/tests/decoder/same.py" answer.expected answer.got || fail "$question $file $*: the oracle disagrees"
}

# Allocators that the user preloads, by name; nothing for glibc.
allocator() { # allocator glibc|jemalloc|tcmalloc|mimalloc
	local name
	case $1 in
	glibc) return ;;
	jemalloc) name=libjemalloc.so.2 ;;
	tcmalloc) name=libtcmalloc_minimal.so.4 ;;
	mimalloc) name=libmimalloc.so.2 ;;
	esac
	/sbin/ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }'
}
ALLOCATORS="glibc jemalloc tcmalloc mimalloc"

have_allocators() { # or skip
	local a
	for a in $ALLOCATORS; do
		[ "$a" = glibc ] || [ -n "$(allocator "$a")" ] || skip "$a is not installed"
	done
}
