#!/bin/bash
# man-commands.sh -- what `heaptap help CMD` offers is what the man page describes, option by option, both ways
#
# Options are read from the help text (a line that begins with -x or --name) and from the page's `.It Fl` lines; a page without a
# command, or a command without a page, is a difference too.
set -u
bad=0

options_of_help() {
	sed -nE 's/^[[:space:]]+(-.*)/\1/p' | sed -E 's/ {2,}.*//' | grep -oE -- '(^|[ ,])--?[a-z][a-z-]*' | tr -d ' ,' | sort -u
}
options_of_page() { # .It Fl o Ar FILE | .It Fl -overflow Ns = Ns Cm block | .It Fl h , Fl -help
	sed -nE '/^\.It Fl/p' "$1" | grep -oE 'Fl [^ ]+' | sed -E 's/^Fl /-/' | sort -u
}

if ! help=$("$HEAPTAP" --help); then
	echo "heaptap --help failed"
	exit 1
fi
commands=$(sed -nE 's/^  ([a-z]+) .*/\1/p' <<<"$help" | grep -vx help)
[ -n "$commands" ] || bad=1
for c in $commands; do
	page=man/heaptap-$c.1
	if [ ! -e "$page" ]; then
		echo "$page: missing, and heaptap --help has the command $c"
		bad=1
		continue
	fi
	if ! diff --label "heaptap help $c" --label "$page" -u <("$HEAPTAP" help "$c" | options_of_help) <(options_of_page "$page"); then
		bad=1
	fi
	grep -q "heaptap-$c 1" man/heaptap.1 || { echo "man/heaptap.1: does not point to heaptap-$c(1)"; bad=1; }
done
for page in man/heaptap-*.1; do
	c=$(basename "$page" .1) c=${c#heaptap-}
	grep -qx "$c" <<<"$commands" || { echo "$page: heaptap --help has no command $c"; bad=1; }
done
exit $bad
