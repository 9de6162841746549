#!/bin/bash
# opening.sh -- every file opens by explaining itself
#
# C: line 1 the licence, line 2 `/* name -- one sentence` (the name being the file's), and the explanation ends within thirty lines.
# Scripts: after the interpreter's line, and the licence's if it is there, `# name -- one sentence`, in Python as the docstring.
set -u
bad=0

complain() {
	echo "$1"
	bad=1
}

for f in include/*/*.h src/*/*.[ch] tests/*/*.[ch] tests/targets/*.cc bench/*.[ch]; do
	[ -e "$f" ] || continue
	name=$(basename "$f")
	{
		IFS= read -r first
		IFS= read -r second
	} <"$f"
	[ "$first" = '/* SPDX-License-Identifier: Apache-2.0 */' ] || complain "$f:1: not the licence line"
	[[ $second == "/* $name -- "?* ]] || complain "$f:2: not '/* $name -- one sentence'"
	sed -n '2,31p' "$f" | grep -q '\*/' || complain "$f: the opening comment is longer than thirty lines"
done
for f in check quickstart .ci/run scripts/*.sh tests/*.sh tests/*/*.sh tests/*/*.py bench/*.sh; do
	[ -e "$f" ] || continue
	name=$(basename "$f")
	{
		IFS= read -r first
		IFS= read -r second
		case $second in '# SPDX-License-Identifier:'*) IFS= read -r second ;; esac
	} <"$f"
	# A file that is only sourced has no interpreter, but tells shellcheck its language.
	[[ $first == '#!'* || $first == '# shellcheck shell='* ]] || complain "$f:1: no interpreter line"
	[[ $second == "# $name -- "?* || $second == '"""'"$name -- "?* ]] || complain "$f:2: not '# $name -- one sentence'"
done
exit $bad
