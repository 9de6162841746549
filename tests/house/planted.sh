#!/bin/bash
# planted.sh -- every house check is given its violation and must refuse it, by the name of the place
#
# Each case copies the tree to $TMP, plants one thing and runs one check there. A check that lets it pass is no check.
set -u
top=$PWD
bad=0

fresh() { # a copy of the tree to spoil, with no build in it
	cd "$top" && rm -rf "$TMP/tree"
	mkdir -p "$TMP/tree"
	tar -cf - --exclude='./build*' --exclude=./.git --exclude='*.htap' . | tar -xf - -C "$TMP/tree"
	cd "$TMP/tree" || exit 1
}

c_file() { # c_file FILE: a well-formed C file whose further text comes from stdin
	{
		echo '/* SPDX-License-Identifier: Apache-2.0 */'
		echo "/* ${1##*/} -- planted */"
		cat
	} >"$1"
}

refused() { # refused CHECK WHERE: the check must fail and name WHERE
	local out
	if out=$("tests/house/$1.sh" 2>&1); then
		echo "$1 lets pass: $2"
		bad=1
	elif ! grep -qF -- "$2" <<<"$out"; then
		echo "$1 fails, but does not name: $2"
		bad=1
	fi
	cd "$top" || exit 1
}

lines() { # lines N TEXT
	for ((i = 0; i < $1; i++)); do echo "$2"; done
}

fresh; echo '#include "util/err.h"' | c_file src/agent/planted.c
refused rooms 'src/agent/planted.c:3: agent may not know util'
fresh; echo '#include "channel/channel.h"' | c_file src/format/planted.c
refused rooms 'src/format/planted.c:3: format may not know channel'
fresh; echo '#include "collect/planted.h"' | c_file src/show/planted.c; c_file src/collect/planted.h </dev/null
refused rooms 'src/show/planted.c:3: only src/show/record.c src/show/running.c src/show/running.h src/show/detach.c src/show/machine.c src/show/patient.c may know collect'
fresh; mkdir src/cellar; c_file src/cellar/planted.c </dev/null
refused rooms 'src/cellar: a room that rooms.sh does not know'
fresh; echo '#include "absent.h"' | c_file src/util/planted.c
refused rooms 'src/util/planted.c:3: "absent.h" is not in src/util'

agent() { # agent FLAGS... <SOURCE: a library that stands in for the agent
	mkdir -p "$TMP/agent"
	gcc -shared -fPIC -nostdlib -x c -o "$TMP/agent/libheaptap-agent.so" - "$@"
}
fresh; agent <<<'int printf(const char *, ...); int f(void); int f(void) { return printf("x"); }'
O=$TMP/agent refused agent-symbols printf
fresh; agent -Wl,--no-as-needed -lc <<<'int x;'
O=$TMP/agent refused agent-symbols NEEDED
fresh
O=$TMP/absent refused agent-symbols 'cannot be read'

fresh; sed -i 's/^const char \*heaptap_version/void heaptap_planted(void);\n&/' include/heaptap/heaptap.h
refused library-symbols '-heaptap_planted'
fresh; mkdir -p "$TMP/library"; echo 'void ht_stray(void) {}' >"$TMP/library/stray.c"
(cd "$TMP/library" && gcc -c -fPIC stray.c && gcc -shared -o libheaptap.so stray.o && ar rcs libheaptap.a stray.o)
O=$TMP/library refused library-symbols '+ht_stray'

fresh; { echo 'static void f(void)'; echo '{'; lines 81 '	;'; echo '}'; } | c_file src/util/planted.c
refused ceilings 'src/util/planted.c:86: a function of 81 lines'
fresh; lines 799 '' | c_file src/util/planted.c
refused ceilings 'a file of 801 lines'
fresh; { echo 'int f(int a, int b, int c,'; echo '      int d, int e, int g, int h)'; echo '{'; echo '}'; } | c_file src/util/planted.c
refused ceilings 'src/util/planted.c:5: more than six parameters'
fresh; { echo 'int f(void)'; echo '{'; printf '\t\t\t\t\tif (1) {\n\t\t\t\t\t\t;\n'; echo '}'; } | c_file src/util/planted.c
refused ceilings 'src/util/planted.c:6: nested 5 deep'
fresh; lines 251 '# more' >>Makefile
refused ceilings 'Makefile:'

fresh; echo 'int x;' >src/util/planted.c
refused opening 'src/util/planted.c:1: not the licence line'
fresh; c_file src/util/planted.c </dev/null; mv src/util/planted.c src/util/renamed.c
refused opening "src/util/renamed.c:2: not '/* renamed.c -- one sentence'"
fresh
{ printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* planted.c -- planted\n'; lines 31 ' *'; echo ' */'; } >src/util/planted.c
refused opening 'longer than thirty lines'
fresh; printf '#!/bin/sh\ntrue\n' >scripts/planted.sh
refused opening "scripts/planted.sh:2: not '# planted.sh -- one sentence'"

fresh; printf 'const char *s = "https://no.offence";\nint x; // scribble\n' | c_file src/util/planted.c
refused comments 'src/util/planted.c:4: a comment with two slashes'

fresh; printf '/* %s: later */\n' "TO""DO" | c_file src/util/planted.c
refused words 'src/util/planted.c:3:'
fresh; echo "see /ho""me/someone/notes" >docs/planted.md
refused words 'docs/planted.md:1:'

fresh; echo 'see [there](tour.md) and [nowhere](absent.md)' >docs/planted.md
refused links 'docs/planted.md:1: leads to absent.md'

# The commands' help is a stand-in here: the check compares two texts, and both ways must show.
heaptap() { # heaptap: a program with one command, record, and one option, -o
	mkdir -p "$TMP/bin"
	cat >"$TMP/bin/heaptap" <<'PROGRAM'
#!/bin/sh
case $1 in
--help) printf 'commands:\n  record  record a program\n' ;;
help) printf 'options:\n  -o, --output=FILE  the trace\n' ;;
esac
PROGRAM
	chmod +x "$TMP/bin/heaptap"
	rm -f man/heaptap-*.1
	printf '.Xr heaptap-record 1\n' >man/heaptap.1
	printf '%s\n' "$@" >man/heaptap-record.1
}
fresh; heaptap '.It Fl o , Fl -output Ns = Ns Ar FILE'
if ! HEAPTAP=$TMP/bin/heaptap tests/house/man-commands.sh; then
	echo "man-commands refuses what agrees"
	bad=1
fi
fresh; heaptap '.It Fl o Ar FILE'
HEAPTAP=$TMP/bin/heaptap refused man-commands '---output'
fresh; heaptap '.It Fl o , Fl -output Ns = Ns Ar FILE' '.It Fl -planted'
HEAPTAP=$TMP/bin/heaptap refused man-commands '+--planted'
fresh; heaptap '.It Fl o , Fl -output Ns = Ns Ar FILE'; echo >man/heaptap-planted.1
HEAPTAP=$TMP/bin/heaptap refused man-commands 'man/heaptap-planted.1: heaptap --help has no command planted'
fresh; heaptap; rm man/heaptap-record.1
HEAPTAP=$TMP/bin/heaptap refused man-commands 'man/heaptap-record.1: missing'
exit $bad
