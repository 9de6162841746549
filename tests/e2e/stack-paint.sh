#!/bin/bash
# stack-paint.sh -- a call takes no more than 2 KiB of stack beyond what the allocator takes itself; stacks of 16 and 8 KiB are enough
. "$(dirname "$0")/lib.sh"
need jq
export LD_BIND_NOW=1

"$TARGETS/paint" >bare || fail "paint: exit $?"
for options in "" --no-stacks --free-stacks; do
	rm -f paint.htap
	# shellcheck disable=SC2086
	"$HEAPTAP" record $options -o paint.htap -- "$TARGETS/paint" >recorded || fail "paint $options: exit $?"
	verified paint.htap
	[ "$(jq '[.stack_cuts[]] | add' <("$HEAPTAP" info --json paint.htap))" = 0 ] || fail "$options: a stack was cut"
	paste bare recorded | awk -F'\t' -v options="${options:---stacks}" '
		$1 != $3 { print $1 " and " $3; bad = 1 }
		$4 - $2 > most { most = $4 - $2 }
		$4 - $2 > 2048 { print $1 ": " $2 " bytes bare, " $4 " recorded"; bad = 1 }
		END { print options ": " most " bytes more"; exit bad || NR < 8 || most < 50 }' || fail "$options takes too much stack"
done
