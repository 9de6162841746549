#!/bin/bash
# terminal.sh -- Ctrl-C, Ctrl-Z with fg, and SIGHUP in a terminal of its own: as without heaptap, and the trace is complete (KIL-08);
# and what is said there after a recording
. "$(dirname "$0")/lib.sh"
need jq

record quiet.htap perl -e 1 2>says || fail "perl: exit $?"
[ ! -s says ] || fail "stderr is no terminal, and there is: $(cat says)"
rm quiet.htap

/usr/bin/python3 "$TOP/tests/e2e/terminal.py" || fail "terminal"
for file in *.htap; do
	verified "$file"
	[ "$("$HEAPTAP" verify --json "$file" | jq .recorded)" -gt 1000 ] || fail "$file: too little"
done
