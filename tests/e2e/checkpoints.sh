#!/bin/bash
# checkpoints.sh -- heaptap checkpoint: what it adds is what the second decoder's replay says, windows are answered alike and from little
. "$(dirname "$0")/lib.sh"
need jq
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"
checkpoints() { /usr/bin/python3 "$TOP/tests/decoder/checkpoints.py" "$@"; }

report() { # report FILE OPTION...: without files for names
	"$HEAPTAP" report --json -n 0 --no-symbols "${@:2}" "$1"
}
bytes_read() { # bytes_read FILE OPTION...: by such a report, of all files; libraries are mapped, not read
	/usr/bin/python3 - "$HEAPTAP" report --json --no-symbols "${@:2}" "$1" <<'PY'
import subprocess, sys
def read():
    return int(next(line.split()[1] for line in open("/proc/self/io") if line.startswith("rchar")))
before = read()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(read() - before)
PY
}

# Threads that hand blocks to each other; and a family, each member with a heap of its own.
record storm.htap "$TARGETS/storm" random 7 3 100000 >/dev/null 2>&1 || fail "storm: exit $?"
"$HEAPTAP" record --follow=all -o family.htap -- /bin/bash -c \
	'for i in 1 2 3; do x=$(perl -e "for (1 .. 8000) { push @k, q(y) x (\$_ % 300) }; print 1"); done; (x=$(printf %s "$x")); exec perl -e "for (1 .. 20000) { push @k, q(y) x (\$_ % 200) }"' ||
	fail "family: exit $?"
for name in storm family; do
	cp $name.htap with.htap
	"$HEAPTAP" checkpoint with.htap >says || fail "$name: checkpoint: exit $?: $(cat says)"
	grep -qE '^[0-9]+ checkpoints? added, ' says || fail "$name: $(cat says)"
	cmp -n "$(stat -c %s $name.htap)" $name.htap with.htap || fail "$name: what was there was changed"
	checkpoints with.htap >there || fail "$name: $(cat there)"
	grep -q ': 0 checkpoints' there && fail "$name: $(cat there)"
	"$HEAPTAP" verify --json $name.htap >verdict
	"$HEAPTAP" verify --json with.htap | cmp - verdict || fail "$name: another verdict"
	end=$("$HEAPTAP" info --json $name.htap | jq .duration_ns)
	for part in 10 45 95; do
		from=$((end * part / 100))ns to=$((end * part / 100 + end / 1000))ns
		for options in "--from=$from --to=$to" "--at=$from" "--by=peak --from=$from --to=$to" "--by=aofi --group=thread --from=$from --to=$to --min-size=40" \
			"--by=allocated --to=$to" "--by=leaked --from=$from --to=$to" "--from=$from" "--by=leaked --from=$from" "--by=peak --from=$from" \
			"--from=$from --min-lifetime=1us" "--from=$from --tail-cut=1%" "--at=$from --by=leaked"; do
			# shellcheck disable=SC2086
			report $name.htap $options >expected || fail "$name: $options: exit $?"
			# shellcheck disable=SC2086
			report with.htap $options >got || fail "$name: $options, with checkpoints: exit $?"
			cmp expected got || fail "$name: $options: another answer"
		done
	done
	"$HEAPTAP" checkpoint with.htap | grep -q 'there already' || fail "$name: checkpoints twice"
	mv with.htap $name-with.htap
done

# Of a longer trace a fraction is read, whatever came before: of each thread the block that the window is in, and where that one begins behind
# the checkpoint, or ends within the window, a second one. Two threads have about 28 blocks here. The share of a large trace: bench/window.sh.
record long.htap "$TARGETS/storm" random 8 2 1000000 >/dev/null 2>&1 || fail "a longer storm: exit $?"
"$HEAPTAP" checkpoint long.htap >says || fail "checkpoint: exit $?"
end=$("$HEAPTAP" info --json long.htap | jq .duration_ns)
read=$(bytes_read long.htap --from=$((end / 2))ns --to=$((end / 2 + end / 10000))ns) || fail "a window: exit $?"
[ $((read * 4)) -lt "$(stat -c %s long.htap)" ] || fail "$read bytes read of $(stat -c %s long.htap)"
# So it is from a moment to the end, and when leaks are asked for, which only the end tells.
for options in "" --by=leaked "--by=leaked --to=$((end / 20 * 19 + 1000))ns"; do
	# shellcheck disable=SC2086
	read=$(bytes_read long.htap --from=$((end / 20 * 19))ns $options) || fail "the last twentieth: exit $?"
	[ $((read * 4)) -lt "$(stat -c %s long.htap)" ] || fail "the last twentieth $options: $read bytes read of $(stat -c %s long.htap)"
done
end=$("$HEAPTAP" info --json storm.htap | jq .duration_ns)

# Damage elsewhere does not matter, damage in what is needed is said.
cp storm-with.htap hurt.htap
printf 'XXXXXXXX' | dd of=hurt.htap bs=1 seek=20000 conv=notrunc status=none
"$HEAPTAP" verify hurt.htap >says 2>&1
[ $? != 0 ] || fail "nothing was hurt: $(cat says)"
report hurt.htap --at=$((end - 1))ns >got || fail "damage elsewhere: exit $?"
report storm.htap --at=$((end - 1))ns | cmp - got || fail "damage elsewhere: another answer"
"$HEAPTAP" report --to=$((end - 1))ns hurt.htap >got 2>says
[ $? = 4 ] || fail "damage in what is needed: $(cat says)"
# To the end, what is left of the trace is told, as without checkpoints.
cp storm.htap bare.htap
printf 'XXXXXXXX' | dd of=bare.htap bs=1 seek=$(($(stat -c %s storm.htap) * 3 / 4)) conv=notrunc status=none
cp storm-with.htap late.htap
printf 'XXXXXXXX' | dd of=late.htap bs=1 seek=$(($(stat -c %s storm.htap) * 3 / 4)) conv=notrunc status=none
# Which moment that is in the file depends on how evenly the program ran: a window that begins behind the damage does not meet it.
for part in 2 4 8 16 32; do
	report late.htap --from=$((end / part))ns >late.got 2>says
	late=$?
	[ $late = 0 ] || break
done
[ $late = 4 ] || fail "damage before the end: exit $late: $(cat says)"
report bare.htap --from=$((end / part))ns >bare.got 2>says
[ $? = 4 ] || fail "damage before the end, without checkpoints: $(cat says)"
cmp bare.got late.got || fail "damage before the end: another answer"
"$HEAPTAP" checkpoint hurt.htap 2>says
[ $? = 4 ] || fail "a damaged trace got checkpoints"

# What an interrupted run leaves is cut off by the next one; nothing else is.
long=$(stat -c %s storm.htap)
head -c $((long + 300)) storm-with.htap >left.htap
"$HEAPTAP" checkpoint left.htap >says || fail "after an interrupted run: exit $?"
cmp left.htap storm-with.htap || fail "after an interrupted run there is something else"
head -c $((long - 300)) storm-with.htap >cut.htap
"$HEAPTAP" checkpoint cut.htap 2>says
[ $? = 4 ] || fail "a truncated trace got checkpoints"
[ "$(stat -c %s cut.htap)" = $((long - 300)) ] || fail "a truncated trace was changed"

cp "$TOP/tests/golden/clean.htap" tiny.htap
"$HEAPTAP" checkpoint tiny.htap | grep -q 'no checkpoint added' || fail "a tiny trace"
"$HEAPTAP" checkpoint nowhere.htap 2>says
[ $? = 3 ] || fail "no file: $(cat says)"
