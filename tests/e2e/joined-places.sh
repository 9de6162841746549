#!/bin/bash
# joined-places.sh -- a process is recorded wherever it lives and whatever it may do; or it is refused with the reason, and goes on as if nobody had asked
. "$(dirname "$0")/lib.sh"
need jq setpriv unshare prlimit

[ "$(id -u)" = 0 ] || skip "only root may enter the processes of others"

begin() { # begin COMMAND...: pid is its process, or with `inner` set, the only child of it
	rm -f in out
	mkfifo in out
	"$@" <in >out 2>&1 &
	outer=$!
	exec 6>in 5<out
	read -r -t 20 -u 5 said && [ "$said" = ready ] || fail "$*: not ready: $said"
	pid=$outer
	if [ "${inner:-}" ]; then pid=$(cat "/proc/$outer/task/$outer/children"); fi
	pid=${pid// /}
}

end() { # end WHAT: nothing of ours is left in it, it found nothing wrong, and it ends well
	grep -E 'memfd:heaptap|r-xp 00000000 00:00 0 *$' "/proc/$pid/maps" && fail "$1: memory is left in it"
	[ "$(awk '$1 == "TracerPid:" { print $2 }' "/proc/$pid/status")" = 0 ] || fail "$1: somebody traces it"
	exec 6>&-
	cat <&5 >confession
	exec 5<&-
	wait "$outer" || fail "$1: it ended with $?: $(cat confession)"
	grep -q 'nothing wrong' confession || fail "$1: $(cat confession)"
	echo "$1: $(cat result)"
}

recorded() { # recorded WHAT COMMAND...
	begin "${@:2}"
	record_it "$1"
	end "$1"
}

record_it() { # record_it WHAT
	rm -f trace
	timeout 30 "$HEAPTAP" record -p "$pid" -d 60ms -o trace >result 2>&1 || fail "$1: exit $?: $(cat result)"
	[ ! -s result ] || fail "$1: $(cat result)"
	verified trace
	echo recorded >result
}

refuse_it() { # refuse_it WHAT REASON
	local before
	before=$(cut -d' ' -f1,6 "/proc/$pid/maps" | grep -F '/')
	rm -f trace
	timeout 30 "$HEAPTAP" record -p "$pid" -d 60ms -o trace >result 2>&1
	[ $? = 125 ] || fail "$1: not refused: $(cat result)"
	[ "$(wc -l <result)" = 1 ] || fail "$1: not one line: $(cat result)"
	grep -qE "$2" result || fail "$1: not '$2': $(cat result)"
	[ ! -e trace ] || fail "$1: a file is left"
	[ "$(cut -d' ' -f1,6 "/proc/$pid/maps" | grep -F '/')" = "$before" ] || fail "$1: its mappings have changed"
}

checker=$TARGETS/checker
recorded "another user" setpriv --reuid=65534 --regid=65534 --clear-groups "$checker" busy 2
recorded "limited address space" prlimit --as=400000000 "$checker" busy 2
unshare -m true 2>/dev/null && recorded "no /proc" unshare -m sh -c 'umount -l /proc && exec "$@"' sh "$checker" busy 2
unshare -U true 2>/dev/null && recorded "a user namespace" unshare -U "$checker" busy 2
unshare -n true 2>/dev/null && recorded "a network namespace" unshare -n "$checker" busy 2

begin "$checker" busy 2
prlimit --pid "$pid" --fsize=0:
record_it "no files to write"
prlimit --pid "$pid" --fsize=unlimited:
end "no files to write"

cp "$checker" gone
begin ./gone busy 2
rm gone
record_it "a deleted program"
end "a deleted program"

mkdir -p root
gcc -static -O1 -g -fno-builtin -pthread -I"$TOP/src" -D_GNU_SOURCE -w -o root/checker "$TOP/tests/targets/checker.c" || fail "no static program"
recorded "another root" chroot root /checker busy 2

begin "$checker" busy 2
prlimit --pid "$pid" --nofile=0:
refuse_it "no descriptors" 'descriptor'
end "no descriptors"

if unshare -p --fork true 2>/dev/null; then
	inner=1 begin unshare -p --fork "$checker" busy 2
	refuse_it "a pid namespace" 'pid namespace.*nsenter'
	end "a pid namespace"
fi

begin "$checker" busy 2
kill -STOP "$pid"
record_stopped() {
	rm -f trace
	timeout 30 "$HEAPTAP" record -p "$pid" -d 60ms -o trace >result 2>&1 || fail "stopped: exit $?: $(cat result)"
	[ "$(awk '$1 == "State:" { print $2 }' "/proc/$pid/status")" = T ] || fail "it is not stopped any more"
}
record_stopped
kill -CONT "$pid"
end "stopped"

# What holds its memory in place (mlockall) may not get ours with it.
begin python3 -c '
import ctypes, sys, threading
assert ctypes.CDLL(None).mlockall(7) == 0 or ctypes.CDLL(None).mlockall(3) == 0
print("ready", flush=True)
over = []
threading.Thread(target=lambda: over.append(sys.stdin.read()), daemon=True).start()
while not over: bytearray(3000)
print("nothing wrong")'
rm -f trace
"$HEAPTAP" record -p "$pid" -d 300ms -o trace >result 2>&1 5<&- 6>&- &
recorder=$!
until awk '/memfd:heaptap/ { ours = 1 } ours && /^VmFlags:/ { exit / lo( |$)/ ? 1 : 0 } END { if (!ours) exit 1 }' "/proc/$pid/smaps"; do
	kill -0 $recorder 2>/dev/null || fail "locked memory: the channel was never unlocked: $(cat result)"
done
wait $recorder || fail "locked memory: exit $?: $(cat result)"
verified trace
echo recorded >result
end "locked memory"
