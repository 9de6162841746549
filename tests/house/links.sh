#!/bin/bash
# links.sh -- every link in the documents leads to something that exists in the tree
set -u
bad=0
for f in *.md docs/*.md docs/*/*.md; do
	[ -e "$f" ] || continue
	while IFS=: read -r line target; do
		case $target in *://* | '#'*) continue ;; esac
		if [ ! -e "$(dirname "$f")/${target%%#*}" ]; then
			echo "$f:$line: leads to $target, which is not there"
			bad=1
		fi
	done < <(grep -noE '[^\\]\]\([^) ]+\)' "$f" | sed -E 's/^([0-9]+:).*\]\((.*)\)$/\1\2/')
done
exit $bad
