#!/bin/bash
# refusals.sh -- commands that cannot run or cannot be captured: one line with the reason, the right status, nothing was started
. "$(dirname "$0")/lib.sh"
need gcc jq

refused() { # refused STATUS REASON CMD...: on stderr one line that says so, nothing on stdout, no file left
	local status=$1 reason=$2 got
	shift 2
	rm -f r.htap ran
	HT_CONFESS=$TMP/ran "$HEAPTAP" record -o r.htap -- "$@" >out 2>err </dev/null
	got=$?
	[ $got = "$status" ] || fail "$*: exit $got, not $status: $(cat err)"
	[ "$(wc -l <err)" = 1 ] || fail "$*: not one line: $(cat err)"
	grep -qiE "$reason" err || fail "$*: no reason like '$reason': $(cat err)"
	[ -s out ] && fail "$*: wrote on stdout"
	[ -e ran ] && fail "$*: it ran"
	[ -e r.htap ] && fail "$*: left a file"
	cat err
}

refused 127 'not found|no such file' ./missing
refused 127 'not found|no such file' no-such-command-anywhere
printf '#!/nowhere/interpreter\n' >bad-script && chmod 755 bad-script
refused 127 'not found|no such file|interpreter' ./bad-script
printf '#!/bin/sh\n' >plain-file
refused 126 'permission|not executable' ./plain-file
refused 126 'directory|permission' /tmp
printf '\177ELF\2\1\1garbage' >garbage && chmod 755 garbage
refused 126 'neither a program|format' ./garbage
refused 125 'static' "$TARGETS/static-hello"

cp /bin/true suid && chmod 4755 suid
refused 125 'set-uid|setuid|privilege|set-user' ./suid

printf 'int main(void) { return 0; }\n' >t.c
if gcc -m32 -o t32 t.c 2>/dev/null; then
	refused 125 '32' ./t32
else
	# Without a 32-bit libc: the header says 32 bit, that is all a refusal needs.
	cp /bin/true t32 && printf '\1' | dd of=t32 bs=1 seek=4 conv=notrunc status=none
	refused 125 '32' ./t32
fi

# A Go program: dynamically linked or not, its runtime allocates by itself. The note section is what marks it.
gcc -o go t.c || fail "gcc"
printf 'go1.22' >note
objcopy --add-section .note.go.buildid=note go || fail "objcopy"
refused 125 'Go' ./go

"$HEAPTAP" record >out 2>err
[ $? = 125 ] || fail "record without a command: exit $?"
"$HEAPTAP" record --overflow=maybe -- true >out 2>err
[ $? = 125 ] || fail "bad --overflow: exit $?"
"$HEAPTAP" record --max-file=lots -- true >out 2>err
[ $? = 125 ] || fail "bad --max-file: exit $?"
exit 0
