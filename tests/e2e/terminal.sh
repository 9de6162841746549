#!/bin/bash
# terminal.sh -- Ctrl-C, Ctrl-Z with fg, and SIGHUP in a terminal of its own: as without heaptap, and the trace is complete (KIL-08)
. "$(dirname "$0")/lib.sh"
need jq

/usr/bin/python3 "$TOP/tests/e2e/terminal.py" || fail "terminal"
for file in *.htap; do
	verified "$file"
	[ "$("$HEAPTAP" verify --json "$file" | jq .recorded)" -gt 1000 ] || fail "$file: too little"
done
