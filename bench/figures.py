#!/usr/bin/python3
"""figures.py -- what heaptap costs: per event in the target, in the collector, on disk, in replay.

Run by bench/run.sh with the build directory. Each round runs every variant once, in turn; the table shows medians over the rounds with
the smallest and largest value, and for costs in the target the median of the differences within a round.

The collector's CPU time is the scheduler's own account of the heaptap process (schedstat), read before it is reaped; it does not
contain the target's.
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

ROUNDS = int(os.environ.get("ROUNDS", "9"))
PAIRS = os.environ.get("PAIRS", "2000000")
SQL = """create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<300000)
insert into t select i, 'name '||i, i*0.5 from n; create index u on t(b); select count(*), sum(c) from t;"""
PYTHON = """import json
d=[{'k%d'%i:[i,str(i),i*0.5] for i in range(200)} for j in range(20)]
for _ in range(6): json.loads(json.dumps(d))"""
PERL = "my %h; for my $i (1..200000) { $h{'k'.($i%5000)} .= join(',', split(/ /, \"a b c $i\")); } print scalar(keys %h), qq(\\n);"


def run(argv, env=None):
    """(stdout, CPU ns of the process alone)"""
    p = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env)
    out = p.stdout.read()
    os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
    with open(f"/proc/{p.pid}/schedstat", encoding="ascii") as f:
        cpu = int(f.read().split()[0])
    if p.wait() != 0:
        sys.exit(f"figures.py: {' '.join(argv)} failed with status {p.returncode}")
    return out, cpu


class Bench:
    def __init__(self, build, scratch):
        self.heaptap = os.path.join(build, "heaptap")
        self.agent = os.path.join(build, "libheaptap-agent.so")
        self.micro = os.path.join(build, "bench", "micro")
        self.trace = os.path.join(scratch, "t.htap")
        self.rows = {}

    def note(self, name, value):
        self.rows.setdefault(name, []).append(value)

    def record(self, options, command, env=None):
        if os.path.exists(self.trace):
            os.unlink(self.trace)
        return run([self.heaptap, "record", *options, "-o", self.trace, "--", *command], env)

    def read(self):
        info = json.loads(run([self.heaptap, "info", "--json", self.trace])[0])
        _, cpu = run([self.heaptap, "verify", self.trace])
        return info, cpu

    def loop_round(self):
        bare = float(run([self.micro, "loop", "20", PAIRS])[0].split()[0])
        dormant = float(run([self.micro, "loop", "20", PAIRS], dict(os.environ, LD_PRELOAD=self.agent))[0].split()[0])
        self.note("loop, untraced, ns per event", bare)
        self.note("loop, agent loaded but dormant, added ns per event", dormant - bare)
        for name, options in (("without stacks", ["--no-stacks"]), ("default", [])):
            out, collector = self.record(options, [self.micro, "loop", "20", PAIRS])
            ns, events = float(out.split()[0]), int(out.split()[1])
            self.note(f"loop, recording {name}, added ns per event", ns - bare)
            self.note(f"loop, recording {name}, collector CPU ns per event", collector / events)
            info, cpu = self.read()
            self.note(f"loop, recording {name}, file bytes per event", info["bytes_on_disk"] / info["events"])
            self.note(f"loop, recording {name}, verify CPU s per million events", cpu / 1e3 / info["events"])

    def program_round(self, name, command, env=None):
        _, collector = self.record([], command, env)
        info, cpu = self.read()
        self.note(f"{name}, collector CPU ns per event", collector / info["events"])
        self.note(f"{name}, file bytes per event", info["bytes_on_disk"] / info["events"])
        self.note(f"{name}, verify CPU s per million events", cpu / 1e3 / info["events"])


def main():
    with tempfile.TemporaryDirectory() as scratch:
        b = Bench(sys.argv[1], scratch)
        programs = [
            ("sqlite3", ["sqlite3", ":memory:", SQL], None),
            ("python3", ["/usr/bin/python3", "-c", PYTHON], dict(os.environ, PYTHONMALLOC="malloc")),
            ("perl", ["perl", "-e", PERL], None),
        ]
        for _ in range(ROUNDS):
            b.loop_round()
            for name, command, env in programs:
                if shutil.which(command[0]):
                    b.program_round(name, command, env)
    print(f"{'figure':<72} {'median':>8} {'least':>8} {'most':>8}")
    for name, values in b.rows.items():
        print(f"{name:<72} {statistics.median(values):8.3f} {min(values):8.3f} {max(values):8.3f}")


if __name__ == "__main__":
    main()
