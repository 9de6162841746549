#!/bin/bash
# file-random.sh -- heaptap and the second decoder replay 400 random histories alike
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
/usr/bin/python3 "$TOP/tests/e2e/file-random.py" 400
