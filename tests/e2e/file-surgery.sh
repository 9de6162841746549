#!/bin/bash
# file-surgery.sh -- traces cut at every byte, with every bit flipped, and with their blocks rearranged
#
# file-surgery.c asks the reader itself, under sanitizers, about all cuts and flips; file-surgery.py asks the program
# about a sample of them, and about dropped, doubled, swapped and joined blocks. The second decoder says what is right.
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
need "${CC:-gcc}"
status=0

"${CC:-gcc}" -std=gnu11 -O1 -g -Wall -Wextra -fsanitize=address,undefined -fno-sanitize-recover=all -D_GNU_SOURCE \
	-I"$TOP/src" -o surgery "$TOP/tests/e2e/file-surgery.c" "$TOP"/src/util/*.c "$TOP"/src/format/*.c -lzstd ||
	fail "cannot be compiled"
for name in every clean exec; do
	file=$TOP/tests/golden/$name.htap
	"$TOP/tests/decoder/decode.py" blocks "$file" | awk 'NR > 1 { print $1, $1 + 88 + $7 }' >table
	./surgery "$file" scratch.htap <table || status=1
done
/usr/bin/python3 "$TOP/tests/e2e/file-surgery.py" "$TOP/tests/golden" || status=1
exit $status
