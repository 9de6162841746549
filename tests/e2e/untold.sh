#!/bin/bash
# untold.sh -- where the kernel does not tell of processes, the trace says that the shortest may be missing (LIFE-09); where it does, none is
#
# A program makes 20 children by vfork, and each becomes a static program that ends at once: no agent says a word of them. In a network namespace of
# its own the recorder hears nothing from the kernel either.
. "$(dirname "$0")/lib.sh"
need jq gcc unshare
made=20

cat >brief.c <<'END'
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	free(malloc(1));
	for (int n = atoi(argv[argc - 1]); n > 0; n--) {
		pid_t child = vfork();

		if (!child) {
			execl(argv[1], argv[1], (char *)NULL);
			_exit(127);
		}
		if (waitpid(child, NULL, 0) != child)
			return 1;
	}
	return 0;
}
END
gcc -O2 -w -o brief brief.c || fail "gcc"

on_terminal() { # on_terminal CMD...: with a terminal of its own
	/usr/bin/python3 -c 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))' "$@"
}

seen() { # seen FILE OPTION...: what is said is in `says`, what info has in `info`
	local file=$1
	shift
	on_terminal "$@" -o "$file" -- ./brief "$TARGETS/static-hello" $made >says 2>&1 </dev/null || fail "$file: exit $?: $(cat says)"
	"$HEAPTAP" info --json "$file" >info || fail "info: exit $?"
	agreed "$file"
}

if "$HEAPTAP" doctor --json | jq -e '[.findings[] | select(.name == "children" and .state == "ok")] | length == 1' >/dev/null; then
	seen told.htap "$HEAPTAP" record
	[ "$(jq '[.processes[] | select(.reason == "unseen")] | length' info)" = $made ] || fail "told, and not all are there: $(jq -c .processes info)"
	jq -e '.processes_told == true' info >/dev/null || fail "$(jq .processes_told info)"
	! grep -q 'did not tell' says || fail "$(cat says)"
fi
seen alone.htap "$HEAPTAP" record --follow=exec
jq -e '.processes_told == null' info >/dev/null || fail "$(jq .processes_told info)"
! grep -q 'did not tell' says || fail "$(cat says)"

unshare -n true 2>/dev/null || skip "no network namespaces here: a kernel that does not tell is not tested"
seen untold.htap unshare -n "$HEAPTAP" record
echo "$(jq '.processes | length - 1' info) of $made children were seen"
jq -e '.processes_told == false' info >/dev/null || fail "not declared: $(jq .processes_told info)"
grep -q 'the kernel did not tell of processes' says || fail "not said: $(cat says)"
"$HEAPTAP" info untold.htap | grep -q 'cannot be seen  *programs that ended within some 0.1 s' || fail "info does not say it"
exit 0
