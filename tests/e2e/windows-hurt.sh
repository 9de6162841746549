#!/bin/bash
# windows-hurt.sh -- a part of the time of a damaged trace: the answer of the whole one, or it is said (status 4); never less, as if all were there
#
# A trace with checkpoints, which let most damage lie aside, is damaged block by block, in a header or behind one, and asked for closed
# windows and for those to the end. Both must happen: that the damage does not matter, and that it does.
. "$(dirname "$0")/lib.sh"
need jq
/usr/bin/python3 -c 'import xxhash, zstandard' 2>/dev/null || skip "python3-xxhash, python3-zstandard are not installed"

record whole.htap "$TARGETS/storm" random 7 2 150000 >/dev/null 2>&1 || fail "storm: exit $?"
"$HEAPTAP" checkpoint whole.htap | grep -qE '^[1-9][0-9]* checkpoint' || fail "no checkpoint"
end=$("$HEAPTAP" info --json whole.htap | jq .duration_ns)
"$TOP/tests/decoder/decode.py" blocks whole.htap | awk '$1 ~ /^[0-9]+$/ { print $1, $3 }' >blocks
/usr/bin/python3 - "$HEAPTAP" "$end" <<'PY'
import subprocess, sys
heaptap, end = sys.argv[1], int(sys.argv[2])

def ask(path, options):
    run = subprocess.run([heaptap, "report", "--json", "-n", "0", "--no-symbols", *options, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return run.returncode, run.stdout, run.stderr.decode()

begin, finish = ["--from=%dns" % (end * 90 // 100)], ["--to=%dns" % (end * 95 // 100)]
asked = [["--from=%dns" % (end * 20 // 100), "--to=%dns" % (end * 25 // 100)], begin + finish, begin, ["--by=leaked"] + begin + finish]
right = [ask("whole.htap", q) for q in asked]
assert all(r[0] == 0 for r in right), right
whole, of_kind, seen, wrong = open("whole.htap", "rb").read(), {}, {0: 0, 4: 0}, 0
for line in open("blocks"):
    of_kind.setdefault(line.split()[1], []).append(int(line.split()[0]))
for kind, starts in of_kind.items():
    for i, at in enumerate(starts if kind in ("EVENTS", "CHECKPOINT") else starts[:1]):
        place = at + (20 if i % 2 else 84)
        with open("hurt.htap", "wb") as f:
            f.write(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1:])
        for q, (_, answer, _) in zip(asked, right):
            status, got, says = ask("hurt.htap", q)
            if (status == 0 and got == answer) or (status == 4 and says):
                seen[status] += 1
                continue
            if kind == "END" and status == 2 and not got:  # how long the recording was is not known then
                continue
            print("%s at %d, damaged at %d: %s: status %d: %s" % (kind, at, place, " ".join(q), status, says))
            wrong += 1
print(seen)
sys.exit(1 if wrong or not all(seen.values()) else 0)
PY
