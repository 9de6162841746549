#!/usr/bin/python3
"""measure.py -- runs a command bare, under heaptap or under a peer, and says what it cost in the target and beside it

A run is a dict; what a variant does not have is missing:
  target_ns   CPU (user and system) of the traced process          all_ns      everything: the recorder, daemons, compressors too
  bytes       on disk                                              events      heap calls recorded (heaptap)
  peak, anon, shmem   memory of the target at its end              beside      the most that the processes beside it had resident
  batch_ns    what bench/micro printed: nanoseconds per event, 10th percentile of its batches

CPU comes from wait4() and, for the parts, from the scheduler's account (schedstat). A run that fails is None.
"""
import glob
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time

HEAPTRACK_PRELOAD = "/usr/lib/heaptrack/libheaptrack_preload.so"
LTTNG_WRAPPER = "/usr/lib/x86_64-linux-gnu/liblttng-ust-libc-wrapper.so.1"
MEMORY_LIMIT = 6 << 30  # heaptrack_interpret has been seen to take all there is
SECONDS = 180
HELPERS = {"heaptrack_inter", "zstd", "heaptap"}


def proc(pid, name):
    try:
        with open(f"/proc/{pid}/{name}", encoding="ascii", errors="replace") as f:
            return f.read()
    except OSError:
        return ""


def scheduled_ns(pid):
    return sum(int((proc(pid, f"task/{t}/schedstat") or "0").split()[0]) for t in os.listdir(f"/proc/{pid}/task"))


def descendants(pid):
    found = []
    for task in glob.glob(f"/proc/{pid}/task/*"):
        for child in proc(pid, f"task/{os.path.basename(task)}/children").split():
            found += [int(child)] + descendants(int(child))
    return found


def memory(text):
    words = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {k: int(words.get(w, "0 kB").split()[0]) * 1024 for k, w in (("peak", "VmHWM"), ("anon", "RssAnon"), ("shmem", "RssShmem"))}


class Watch(threading.Thread):
    """Looks now and then how much the helpers have had resident at most."""

    def __init__(self, root, extra):
        super().__init__(daemon=True)
        self.root, self.extra, self.most, self.over = root, extra, {}, threading.Event()

    def run(self):
        while not self.over.wait(0.02):
            for pid in [self.root] + descendants(self.root) + self.extra:
                if pid in self.extra or proc(pid, "comm").strip() in HELPERS:
                    self.most[pid] = max(self.most.get(pid, 0), memory(proc(pid, "status"))["peak"])


class Runner:
    def __init__(self, build, scratch):
        self.build, self.scratch = build, scratch
        self.heaptap = os.path.join(build, "heaptap")
        self.agent = os.path.join(build, "libheaptap-agent.so")
        self.gauge = os.path.join(build, "bench", "gauge.so")
        self.lttng = Lttng(scratch) if shutil.which("lttng-sessiond") and os.path.exists(LTTNG_WRAPPER) else None

    def close(self):
        if self.lttng:
            self.lttng.close()

    def execute(self, workload, argv, preload=(), env=None, limit=None, daemons=()):
        """The plain run: everything that is the same for all variants."""
        gauge = os.path.join(self.scratch, "gauge")
        if os.path.exists(gauge):
            os.unlink(gauge)
        full = dict(os.environ, HT_GAUGE=gauge, HT_GAUGE_OF=workload.program, LC_ALL="C.UTF-8", **workload.env, **(env or {}))
        full["LD_PRELOAD"] = ":".join([*preload, self.gauge])
        with open(os.path.join(self.scratch, "out"), "w+", encoding="utf-8", errors="replace") as out:
            p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.DEVNULL, env=full, cwd=self.scratch,
                                 preexec_fn=limit)
            watch = Watch(p.pid, list(daemons))
            watch.start()
            killer = threading.Timer(SECONDS, p.kill)
            killer.start()
            if workload.drive:
                workload.drive()
            os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)
            own_ns = scheduled_ns(p.pid)
            _, status, usage = os.wait4(p.pid, 0)
            killer.cancel()
            watch.over.set()
            watch.join()
            p.returncode = os.waitstatus_to_exitcode(status)
            if p.returncode != 0:
                return None
            out.seek(0)
            printed = re.search(r"^(\d+\.\d+) \d+ \d+$", out.read(4000), re.MULTILINE)
        run = {"all_ns": int((usage.ru_utime + usage.ru_stime) * 1e9), "own_ns": own_ns, "beside": sum(watch.most.values())}
        run["target_ns"] = run["all_ns"]
        if os.path.exists(gauge):
            with open(gauge, encoding="ascii", errors="replace") as f:
                run.update(memory(f.read()))
        if workload.chosen == "micro" and printed:
            run["batch_ns"] = float(printed[1])
        return run

    # ---- the variants ------------------------------------------------------------------------------------------

    def bare(self, w):
        return self.execute(w, w.command)

    def dormant(self, w):
        return self.execute(w, w.command, [self.agent])

    def recorded(self, w, options):
        trace = os.path.join(self.scratch, "t.htap")
        if os.path.exists(trace):
            os.unlink(trace)
        run = self.execute(w, [self.heaptap, "record", *options, "-o", trace, "--", *w.command])
        if not run:
            return None
        run["target_ns"] = run["all_ns"] - run["own_ns"]
        run["bytes"] = os.path.getsize(trace)
        info = json.loads(subprocess.run([self.heaptap, "info", "--json", trace], capture_output=True, check=True).stdout)
        run["events"] = info["events"]
        if info["lost"]:
            return None
        return run

    def no_stacks(self, w):
        return self.recorded(w, ["--no-stacks"])

    def stacks(self, w):
        return self.recorded(w, [])

    def free_stacks(self, w):
        return self.recorded(w, ["--free-stacks"])

    def heaptrack_inside(self, w):
        """Its in-process part alone: the raw text into a file."""
        if not os.path.exists(HEAPTRACK_PRELOAD):
            return None
        raw = os.path.join(self.scratch, "raw")
        run = self.execute(w, w.command, [HEAPTRACK_PRELOAD], {"DUMP_HEAPTRACK_OUTPUT": raw})
        if run and os.path.exists(raw):
            run["bytes"] = os.path.getsize(raw)
            os.unlink(raw)
        return run

    def heaptrack(self, w):
        """As its users run it: interpreted and compressed beside the program."""
        if not shutil.which("heaptrack"):
            return None

        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))

        for old in glob.glob(os.path.join(self.scratch, "ht.*")):
            os.unlink(old)
        run = self.execute(w, ["heaptrack", "-o", os.path.join(self.scratch, "ht"), *w.command], limit=limit)
        files = glob.glob(os.path.join(self.scratch, "ht.*"))
        if not run or not files:
            return None
        del run["target_ns"]
        run["bytes"] = sum(os.path.getsize(f) for f in files)
        return run

    def lttng_ust(self, w):
        """Its libc wrapper, no stacks, 8 sub-buffers of 4 MiB, so that nothing is discarded."""
        if not self.lttng:
            return None
        directory = self.lttng.begin()
        before = self.lttng.scheduled_ns()
        run = self.execute(w, w.command, [LTTNG_WRAPPER], self.lttng.env, daemons=self.lttng.pids())
        self.lttng.end()
        if run:
            run["all_ns"] += self.lttng.scheduled_ns() - before
            run["bytes"] = sum(os.path.getsize(os.path.join(at, f)) for at, _, files in os.walk(directory) for f in files)
        shutil.rmtree(directory, ignore_errors=True)
        return run


class Lttng:
    """A session daemon of our own, in the foreground, without the kernel's part."""

    def __init__(self, scratch):
        self.home = tempfile.mkdtemp(dir=scratch)
        self.env = {"LTTNG_HOME": self.home, "LTTNG_UST_REGISTER_TIMEOUT": "2000"}
        self.daemon = subprocess.Popen(["lttng-sessiond", "--no-kernel"], env=dict(os.environ, **self.env),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(100):
            if self.command("list"):
                break
            time.sleep(0.05)

    def command(self, *words):
        return subprocess.run(["lttng", "--no-sessiond", *words], env=dict(os.environ, **self.env), check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0

    def pids(self):
        return [self.daemon.pid] + descendants(self.daemon.pid)

    def scheduled_ns(self):
        return sum(scheduled_ns(p) for p in self.pids())

    def begin(self):
        directory = tempfile.mkdtemp(dir=self.home)
        self.command("create", "bench", "-o", directory)
        self.command("enable-channel", "-u", "--subbuf-size", "4M", "--num-subbuf", "8", "c")
        self.command("enable-event", "-u", "-c", "c", "lttng_ust_libc:*")
        self.command("start")
        return directory

    def end(self):
        self.command("stop")
        self.command("destroy", "bench")

    def close(self):
        self.daemon.terminate()
        self.daemon.wait()
