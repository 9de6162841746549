#!/bin/bash
# comments.sh -- comments are written as blocks; two slashes are for scribbles and do not stay
#
# Strings and block comments are taken out first, so a URL in either is no offence.
set -u
status=0
for f in include/*/*.h src/*/*.[ch] tests/*/*.[ch] tests/targets/*.cc bench/*.[ch]; do
	[ -e "$f" ] || continue
	perl -0777 -ne '
		s{("(?:\\.|[^"\\\n])*"|\x27(?:\\.|[^\x27\\\n])*\x27)|(/\*.*?\*/)}{defined $2 ? "\n" x ($2 =~ tr/\n//) : "\"\""}gse;
		my ($n, $bad) = (0, 0);
		for (split /\n/) { $n++; if (m{//}) { print "$ARGV:$n: a comment with two slashes\n"; $bad = 1 } }
		exit $bad;' "$f" || status=1
done
exit $status
