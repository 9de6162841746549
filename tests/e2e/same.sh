#!/bin/bash
# same.sh -- 40 command lines with and without heaptap: the same bytes on stdout and stderr, the same status (API-06 in small)
#
# Among them what a program sees of itself: descriptors, signal dispositions, umask, limits, pipes, its parent's terminal.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need perl sqlite3 git jq
count=0
printf 'one\ntwo\nthree\n' >words
mkdir -p dir && touch dir/a dir/b

same() { # same CMD...
	local plain recorded
	"$@" <words >plain.out 2>plain.err
	plain=$?
	rm -f same.htap
	"$HEAPTAP" record -o same.htap -- "$@" <words >same.out 2>same.err
	recorded=$?
	[ $plain = $recorded ] || fail "$*: status $plain, recorded $recorded: $(cat same.err)"
	cmp plain.out same.out || fail "$*: stdout: $(diff plain.out same.out)"
	cmp plain.err same.err || fail "$*: stderr: $(diff plain.err same.err)"
	verified same.htap
	count=$((count + 1))
}

# The agent does not survive an emptied environment. What runs then is not recorded, and the recorder says so, if the image lives long
# enough to be seen; the program's own output is the same all the same.
unrecorded() { # unrecorded CMD...
	"$@" <words >plain.out 2>plain.err
	"$HEAPTAP" record -o unrecorded.htap -- "$@" <words >same.out 2>same.err || fail "$*: status $?: $(cat same.err)"
	sed -i '/^heaptap: warning: unrecorded\.htap: not recorded: /d' same.err
	cmp plain.out same.out || fail "$*: stdout: $(diff plain.out same.out)"
	cmp plain.err same.err || fail "$*: stderr: $(diff plain.err same.err)"
	rm -f unrecorded.htap
	count=$((count + 1))
}

same cat
same sort -r words
same wc
same head -c 3
same tail -n 1 words
same grep -n t
same grep nothing words
same sed s/o/0/g words
same awk '{ print NR, $0 }' words
same tr a-z A-Z
same cut -c 2- words
same uniq -c words
same od -c words
same md5sum words
same sha256sum words
same ls -la dir
same ls /nowhere
same find dir -type f
same du -b words
same stat -c '%a %s' words
same date -u -d @0
unrecorded env -i A=1 printenv A
same seq 1 500
same expr 6 '*' 7
same expr 1 - 1
same test -e /nowhere
same basename /a/b/c
same bash -c 'umask; ulimit -a'
same bash -c 'grep -E "^Sig(Pnd|Blk|Ign|Cgt)" /proc/self/status'
same bash -c 'ls /proc/self/fd | wc -l; ls -l /proc/self/fd | sed "s/.*[0-9] \([0-9]*\) -> \(.\).*/\1 \2/; s/total.*//" | sort | head -3'
same bash -c 'echo out; echo err >&2; exit 42'
same bash -c 'kill -TERM $$'
same bash -c 'kill -SEGV $$'
same bash -c 'for i in 1 2 3; do (echo $i | cat); done | sort -r; wait; echo ${PIPESTATUS[*]}'
same bash -c 'trap "echo term; exit 3" TERM; kill $$'
same bash -c 'cat <(echo x) <(echo y); ls nofile 2>&1; exec 5>dir/five; echo z >&5; cat dir/five; ls -l /proc/$$/fd/5 | wc -l'
same sh -c 'yes | head -n 2; echo $?'
same perl -e 'open F, "<", "words" or die; print fileno(F), " ", scalar(<F>); print STDERR $0; exit 9'
same perl -e '$SIG{ALRM} = sub { print "alarm\n"; exit 5 }; alarm 1; select undef, undef, undef, 9'
same perl -e 'die "dead\n"'
same sqlite3 :memory: 'select 1/0, 7, hex(zeroblob(9)); select nothing;'
same git --no-pager log -1 --format=%s /nowhere
same git version
same /usr/bin/python3 -c 'import os, sys, signal; print(sorted(os.listdir("/proc/self/fd"))[:3], sys.stdin.read(), signal.getsignal(13), os.getpgrp() == os.getpid())'
same /usr/bin/python3 -c 'import subprocess; print(subprocess.run(["sort", "-r", "words"], stdout=-1).stdout); raise SystemExit(17)'
same /usr/bin/python3 -c 'import resource, os; print(resource.getrlimit(resource.RLIMIT_NOFILE), os.nice(0), os.getpriority(0, 0), os.sched_getaffinity(0), os.isatty(0))'
same "$TARGETS/edges"
same "$TARGETS/edges" limit
echo "$count command lines, all the same"
[ $count -ge 40 ]
