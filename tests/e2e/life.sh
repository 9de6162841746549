#!/bin/bash
# life.sh -- children that end in every way, close everything, become somebody else, outlive the recorder, or come by the thousand
#
# LIFE-05, LIFE-09, LIFE-10, LIFE-12, and full memory, full files. Each is recorded whole, or the trace says what is missing.
# shellcheck disable=SC2016
. "$(dirname "$0")/lib.sh"
need jq perl setpriv
processes() { # processes FILE FILTER: how many there are of that kind
	"$HEAPTAP" info --json "$1" | jq "[.processes[] | select($2)] | length"
}

# Each way to end (tests/targets/ends.c), in a child: its last call is there, its status is its own.
for way in return exit _exit _Exit quick_exit abort segv kill term lastthread atexit dtor busy; do
	record ends.htap bash -c '"$1" "$2"; echo $? >status; true' x "$TARGETS/ends" $way 2>/dev/null || fail "$way: exit $?"
	verified ends.htap
	[ "$(sized ends.htap 1001)" = 1 ] || fail "$way: the last call is missing"
	[ "$(processes ends.htap ".comm == \"ends\" and .exit == $(cat status)")" = 1 ] || fail "$way: status $(cat status): $("$HEAPTAP" info --json ends.htap | jq -c .processes)"
done

# A child that closes all descriptors, leaves its directory and its session, and gives up its name goes on as before.
record closed.htap perl -e 'use POSIX;
	unless (fork) { POSIX::close($_) for 0 .. 255; POSIX::setsid(); chdir "/"; $0 = "other"; my @a = map { "x" x 7000 } 1 .. 50; POSIX::_exit(7) }
	wait; exit($? >> 8)'
[ $? = 7 ] || fail "closed: status"
verified closed.htap
[ "$(processes closed.htap '.exit == 7')" = 2 ] || fail "closed: processes"
[ "$("$HEAPTAP" info --json -p '#2' closed.htap | jq '.allocated_bytes > 350000 or .peak_bytes > 300000')" = true ] || fail "closed: the child's memory"

# Another user, without exec: recorded on. With exec: the recorder cannot be reached, and that is declared.
if [ "$(id -u)" = 0 ]; then
	record user.htap perl -e 'unless (fork) { $> = $< = 65534; my @a = map { "y" x 7000 } 1 .. 50; exit 3 } wait; exit 0' || fail "user: exit $?"
	verified user.htap
	[ "$("$HEAPTAP" info --json -p '#2' user.htap | jq '.peak_bytes > 300000')" = true ] || fail "user: the child's memory"
	record nobody.htap setpriv --reuid=65534 --clear-groups perl -e 'my @a = map { "z" x 7000 } 1 .. 50' 2>says || fail "nobody: exit $?"
	"$HEAPTAP" verify --json nobody.htap >got && fail "nobody: complete"
	jq -e '.unrecorded_images == 1 and .lost == 0 and .history_violations == 0' got >/dev/null || fail "nobody: $(jq -c 'del(.threads)' got)"
	grep -q 'not recorded' says || fail "nobody: not said: $(cat says)"

	# Set-uid, run by another user: the loader drops the agent.
	others=$(mktemp -d /tmp/heaptap-life.XXXXXX)
	trap 'rm -rf "$others"' EXIT
	chmod 777 "$others"
	cp "$HEAPTAP" "$O/libheaptap-agent.so" "$others"
	cp /bin/true "$others/privileged" && chmod 4755 "$others/privileged"
	(cd "$others" && setpriv --reuid=65534 --clear-groups ./heaptap record -o setuid.htap -- sh -c './privileged; ./privileged; exit 4') 2>says
	[ $? = 4 ] || fail "setuid: status: $(cat says)"
	"$HEAPTAP" verify --json "$others/setuid.htap" >got && fail "setuid: complete"
	[ "$(processes "$others/setuid.htap" '(.comm == "privileged" or .comm == null) and .traced == false and .exit == 0')" = 2 ] ||
		fail "setuid: $("$HEAPTAP" info --json "$others/setuid.htap" | jq -c .processes)"
fi

# A daemon outlives the recording: it ends with the program, whole, and the daemon is dormant from then on, whatever it does.
mkfifo go
record daemon.htap perl -e 'use POSIX; unless (fork) { POSIX::setsid(); exit 0 if fork; my @a = map { "d" x 7000 } 1 .. 20;
	open my $up, ">", "up"; close $up; open my $f, "<", "go"; my $line = <$f>; for my $i (1 .. 200000) { $a[$i % 20] = "d" x (7000 + $i % 9) }
	open my $told, ">", "told"; print $told scalar(@a); exit 0 }
	wait; select(undef, undef, undef, 0.05) until -e "up"; exit 0' || fail "daemon: exit $?"
verified daemon.htap
[ "$(processes daemon.htap '.end_ns == null and .traced')" = 1 ] || fail "daemon: $("$HEAPTAP" info --json daemon.htap | jq -c .processes)"
size=$(stat -c %s daemon.htap)
echo on >go
for _ in $(seq 100); do [ -s told ] && break || sleep 0.1; done
[ "$(cat told)" = 20 ] || fail "daemon: it did not come to its end"
[ "$(stat -c %s daemon.htap)" = "$size" ] || fail "daemon: the trace grew"

# A thousand processes at a time, each with memory: every one accounted, and those whose agent came faster than the recorder looked declared.
record bomb.htap perl -e 'my $n = 0; pipe(my $r, my $w); for my $i (1 .. 1000) { my $p = fork; last unless defined $p; $n++;
	if (!$p) { close $w; my @a = map { "b" x 3000 } 1 .. 10; <$r>; exit 0 } } close $w; 1 while wait > 0; open my $f, ">", "forked"; print $f $n; exit 0' || fail "bomb: exit $?"
"$HEAPTAP" verify --json bomb.htap >got
jq -e '.history_violations == 0 and .lost == 0 and ([.threads[] | select(.closes | not)] | length) == 0' got >/dev/null || fail "bomb: $(jq -c 'del(.threads)' got)"
[ "$(processes bomb.htap '.exit == 0')" = $(($(cat forked) + 1)) ] || fail "bomb: $(processes bomb.htap true) processes of $(cat forked) and one"
[ $(($(processes bomb.htap .traced) + $(jq .unrecorded_images got))) -gt "$(cat forked)" ] || fail "bomb: not declared: $(jq -c 'del(.threads)' got)"

# The file is full in the middle: the tree runs on, the trace ends properly and says why.
rm -f full.htap
"$HEAPTAP" record --max-file=128K -o full.htap -- perl -e 'for (1 .. 8) { unless (fork) { my @a; $a[$_ % 50] = "f" x (100 + $_ % 77) for 1 .. 100000; exit 0 } } 1 while wait > 0; exit 5' 2>says
[ $? = 5 ] || fail "full: the tree did not run on: $(cat says)"
[ "$("$HEAPTAP" info --json full.htap | jq -r .end_reason)" = limit ] || fail "full: $("$HEAPTAP" info full.htap | head -9)"
[ "$(stat -c %s full.htap)" -le 131072 ] || fail "full: $(stat -c %s full.htap) bytes"
[ "$("$HEAPTAP" verify --json full.htap | jq .history_violations)" = 0 ] || fail "full: violations"
exit 0
