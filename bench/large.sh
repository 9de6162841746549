#!/bin/bash
# large.sh -- a billion events: how much memory their report takes, and how long one second of them: [EVENTS=1e9] bench/large.sh
#
# bench/large.c makes up a program that churns, and writes its trace with the recorder's own writer; it says there why that is fair. For a
# tenth and a hundredth of EVENTS, and for EVENTS (1e9: about 9 GB of room in TMPDIR, twenty minutes), printed: size, CPU time and greatest
# resident memory of `report`, and, once checkpoints were added, what a second at several places costs. Memory must not grow with the events.
# Status 1 if a total is not what was made up, `report` takes 512 MB or more, or a second takes one or reads 2 % of a file of 100 s or longer.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
out=${O:-$top/build}
work=$(mktemp -d "${TMPDIR:-/tmp}/heaptap-large.XXXXXX")
trap 'rm -rf "$work"' EXIT

gcc -std=gnu11 -O2 -g -I"$top/src" -D_GNU_SOURCE -o "$work/large" "$top/bench/large.c" "$out"/collect/trace.o "$out"/format/*.o "$out"/util/*.o -lzstd
/usr/bin/python3 - "$out/heaptap" "$work" "${EVENTS:-1e9}" <<'PY'
import json, os, subprocess, sys, time
heaptap, work, most = sys.argv[1], sys.argv[2], int(float(sys.argv[3]))
path, bad = os.path.join(work, "large.htap"), False

def run(*arguments):
    """What it printed, CPU seconds, wall seconds, MB resident at most, bytes read."""
    begin = time.monotonic()
    with open(os.path.join(work, "out"), "w+") as out:
        child = subprocess.Popen([heaptap, *arguments], stdout=out, stderr=subprocess.DEVNULL)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        with open("/proc/%d/io" % child.pid) as f:
            read = int(next(line.split()[1] for line in f if line.startswith("rchar")))
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = status
        lasted = time.monotonic() - begin
        if status:
            sys.exit("%s: status %d" % (" ".join(arguments), os.waitstatus_to_exitcode(status)))
        out.seek(0)
        return out.read(), used.ru_utime + used.ru_stime, lasted, used.ru_maxrss / 1024, read

def seconds(duration_ns):
    """One second at five places: the shares of the file that were read, the times they took, the memory."""
    shares, times, memory = [], [], []
    for part in (5, 25, 50, 75, 95):
        begin = duration_ns * part // 100
        _, _, lasted, megabytes, read = run("report", "--json", "-n", "0", "--no-symbols", "--from=%dns" % begin, "--to=%dns" % (begin + 10**9), path)
        shares.append(100 * read / os.path.getsize(path))
        times.append(lasted)
        memory.append(megabytes)
    return max(shares), max(times), max(memory)

print("| events | trace, MB | bytes an event | report, CPU s | CPU s per million events | report, MB resident | checkpoints, MB | a second: s at most | MB resident | % of the file read |")
print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
for events in sorted({max(most // 100, 1), max(most // 10, 1), most}):
    made = json.loads(subprocess.run([os.path.join(work, "large"), path, str(events)], stdout=subprocess.PIPE, check=True).stdout)
    plain = os.path.getsize(path)
    answer, cpu, _, memory, _ = run("report", "--json", "-n", "10", "--no-symbols", path)
    totals = json.loads(answer)["totals"]
    wrong = [key for key in ("allocated_bytes", "allocated_count", "leaked_bytes", "leaked_count") if totals[key] != made[key]]
    run("checkpoint", path)
    share, longest, window_memory = seconds(made["duration_ns"])
    print("| %d | %.0f | %.2f | %.1f | %.3f | %.0f | %.0f | %.3f | %.0f | %.2f |"
          % (events, plain / 1e6, plain / events, cpu, cpu * 1e6 / events, memory, (os.path.getsize(path) - plain) / 1e6, longest, window_memory, share), flush=True)
    if wrong:
        print("wrong: " + ", ".join(wrong))
    bad |= bool(wrong) or memory >= 512 or longest >= 1 or (made["duration_ns"] >= 100e9 and share >= 2)
    os.unlink(path)
sys.exit(bad)
PY
