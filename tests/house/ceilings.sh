#!/bin/bash
# ceilings.sh -- a function has at most 80 lines, a file 800, a nesting four levels, a parameter list six
#
# The layout is clang-format's, so a function is what stands between a `{` and a `}` in the first column that follow a line ending in
# `)`; depth is counted in tabs of the line behind a `{`. Columns are clang-format's business. A system call has seven
# parameters by nature: src/agent/sys.h may.
set -u
status=0
for f in include/*/*.h src/*/*.[ch] tests/*/*.[ch] tests/targets/*.cc bench/*.[ch]; do
	[ -e "$f" ] || continue
	awk -v f="$f" '
	function complain(what) { print f ":" FNR ": " what; bad = 1 }
	function parameters(s,    depth, n, i, c) {
		n = 1
		for (i = 1; i <= length(s); i++) {
			c = substr(s, i, 1)
			depth += (c == "(") - (c == ")")
			n += c == "," && depth == 1
		}
		return n
	}
	/^[A-Za-z_].*\(/ { head = "" }
	/^[A-Za-z_]/ || /^[\t ]/ { if (!start) head = head $0 }
	/^{/ && head ~ /\)[^;=]*$/ {
		start = FNR
		if (f != "src/agent/sys.h" && parameters(substr(head, index(head, "("))) > 6) complain("more than six parameters")
	}
	start && opened && match($0, /^\t+/) && RLENGTH > 5 { complain("nested " RLENGTH - 1 " deep, 4 is the ceiling") }
	{ opened = /{$/ }
	/^}/ {
		if (start && FNR - start - 1 > 80) complain("a function of " FNR - start - 1 " lines ends here, 80 is the ceiling")
		start = 0
		head = ""
	}
	/^$/ || /;$/ { if (!start) head = "" }
	END {
		if (FNR > 800) complain("a file of " FNR " lines, 800 is the ceiling")
		exit bad
	}' "$f" || status=1
done
lines=$(wc -l <Makefile)
if [ "$lines" -gt 250 ]; then
	echo "Makefile: $lines lines, 250 is the ceiling"
	status=1
fi
exit $status
