#!/bin/bash
# file-verdict.sh -- every reason not to call a trace complete is enough by itself
. "$(dirname "$0")/lib.sh"
export PYTHONDONTWRITEBYTECODE=1
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
/usr/bin/python3 "$TOP/tests/e2e/file-verdict.py"
