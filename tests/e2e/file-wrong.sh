#!/bin/bash
# file-wrong.sh -- what is no trace, or a newer one, is refused at once: status 3, one line that says why, no answer
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -c 'import xxhash' 2>/dev/null || skip "python3-xxhash is not installed, so no newer trace can be made"
status=0

refused() { # refused FILE WORD: the line names the file and holds the word
	local question got
	for question in script verify info; do
		timeout 10 "$HEAPTAP" "$question" --json "$1" >out 2>says
		got=$?
		if [ $got != 3 ] || [ -s out ] || [ "$(wc -l <says)" != 1 ] || ! grep -q -F -- "${1##*/}" says ||
			! grep -q -i -- "$2" says; then
			echo "FAILED: $question of $1 ($2): status $got, $(wc -c <out) bytes of answer, says:"
			cat says
			status=1
		fi
	done
}

mkdir directory
mkfifo fifo
: >empty
printf '\x89HTA' >short
head -c 100000 "$HEAPTAP" >elf
printf '# heaptrack 1.4.0\nv 10400 3\n' >text
refused directory directory
refused fifo 'not a regular file'
refused /dev/null 'not a regular file'
refused empty empty
refused short 'not a heaptap trace'
refused elf 'not a heaptap trace'
refused text 'not a heaptap trace'
refused missing 'no such file'

/usr/bin/python3 - "$TOP/tests/golden/clean.htap" newer <<'PYTHON' || fail "a newer trace cannot be made"
import sys, xxhash
data = bytearray(open(sys.argv[1], "rb").read())
data[8] = 2
data[80:88] = xxhash.xxh3_64_intdigest(bytes(data[:80])).to_bytes(8, "little")
open(sys.argv[2], "wb").write(data)
PYTHON
refused newer 'version 2'
exit $status
