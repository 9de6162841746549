#!/bin/bash
# library-symbols.sh -- libheaptap exports what heaptap.h declares, nothing else, and libheaptap(3) describes each function
#
# The shared library, the static one and the header are read, not the symbol map: a name that leaks out of inspect/ shows however it
# got there. What the sanitizers add to an instrumented build does not count.
set -u
bad=0
page=man/libheaptap.3

declared() {
	gcc -E -P -Iinclude include/heaptap/heaptap.h | tr '\n' ' ' | sed 's/;/;\n/g' | grep -v typedef | grep -oE '\bheaptap_[a-z_]+\(' | tr -d '(' | sort -u
}
defined() { # defined FLAG... FILE
	nm --defined-only "$@" 2>/dev/null | awk 'NF == 3 && $2 ~ /[A-Z]/ && $2 != "A" { sub(/@.*/, "", $3); print $3 }' |
		grep -vE '^(__odr_asan|__asan|__ubsan|__sanitizer|\.)' | sort -u
}
compare() { # compare WHAT LIST: the names in the file LIST must be the declared ones
	if diff --label heaptap.h --label "$1" -u "$TMP/declared" "$2"; then return; fi
	echo "$1: not the names that heaptap.h declares"
	bad=1
}

declared >"$TMP/declared"
[ -s "$TMP/declared" ] || { echo "heaptap.h: declares nothing"; bad=1; }
defined --dynamic "$O/libheaptap.so" >"$TMP/shared"
compare libheaptap.so "$TMP/shared"
defined --extern-only "$O/libheaptap.a" >"$TMP/static"
compare libheaptap.a "$TMP/static"
sed -nE 's/^\.Fn (heaptap_[a-z_]+)( .*)?$/\1/p' "$page" | sort -u >"$TMP/described"
compare "$page" "$TMP/described"
exit $bad
