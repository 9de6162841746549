#!/usr/bin/python3
"""area_peers.py -- what an event costs, under heaptap and under its peers: CPU in the target, CPU in all, bytes on disk, memory

One round runs every workload under every variant, bare first and last. The figure of a round is the difference to the mean of its two bare
runs, divided by the number of heap calls (heaptap's count, the same for all); the page has medians over the rounds, with the least and
the most in brackets.
"""
import statistics

import workloads

VARIANTS = [("dormant", "dormant"), ("no_stacks", "no stacks"), ("stacks", "stacks"), ("free_stacks", "stacks on frees too"),
            ("heaptrack_inside", "heaptrack, in-process part"), ("heaptrack", "heaptrack as used"), ("lttng_ust", "LTTng-UST, no stacks")]
MB = 1e6


def cell(values, digits=0):
    values = [v for v in values if v is not None]
    if not values:
        return "–"
    mid = f"{statistics.median(values):.{digits}f}"
    return mid if len(values) == 1 else f"{mid} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def geometric(values):
    values = [max(v, 1e-3) for v in values if v is not None]
    return statistics.geometric_mean(values) if values else None


class Area:
    title = "Against the peers"

    def __init__(self, runner, scratch, pairs):
        self.runner = runner
        self.work = workloads.micro(runner.build, pairs) + workloads.programs(runner.build, scratch)
        self.rounds = []  # of {workload: {variant: run}}

    def round(self):
        done = {}
        for w in self.work:
            runs = {"before": self.runner.bare(w)}
            for method, _ in VARIANTS:
                runs[method] = getattr(self.runner, method)(w)
            runs["after"] = self.runner.bare(w)
            done[w.name] = runs
        self.rounds.append(done)

    # ---- figures of one workload and variant, one a round ------------------------------------------------------

    def figures(self, name, variant, of):
        found = []
        for r in self.rounds:
            runs = r[name]
            if runs[variant] and runs["before"] and runs["after"] and runs["stacks"]:
                found.append(of(runs[variant], runs["before"], runs["after"], runs["stacks"]["events"]))
        return [f for f in found if f is not None]

    def added(self, name, variant, key):
        def of(run, before, after, events):
            return None if key not in run else (run[key] - (before[key] + after[key]) / 2) / events
        return self.figures(name, variant, of)

    def batch(self, name, variant):
        def of(run, before, after, _):
            return run["batch_ns"] - min(before["batch_ns"], after["batch_ns"])
        return self.figures(name, variant, of)

    def size(self, name, variant):
        return self.figures(name, variant, lambda run, _before, _after, events: run["bytes"] / events if "bytes" in run else None)

    def memory(self, name, variant, key):
        def of(run, before, _, __):
            return (run[key] - before.get(key, 0)) / MB if key in run and key in before else None
        return self.figures(name, variant, of)

    def beside(self, name, variant):
        return self.figures(name, variant, lambda run, *_: run["beside"] / MB)

    def ratio(self, name, key, ours, theirs):
        """Median of the ratios within a round: both had the same neighbours."""
        mine, other = self.added(name, ours, key), self.added(name, theirs, key)
        pairs = [m / o for m, o in zip(mine, other) if o > 0]
        return statistics.median(pairs) if pairs else None

    # ---- the page ----------------------------------------------------------------------------------------------

    def table(self, names, head, row):
        lines = ["| workload | " + " | ".join(head) + " |", "|---|" + "---|" * len(head)]
        lines += [f"| {n} | " + " | ".join(row(n)) + " |" for n in names]
        return "\n".join(lines)

    def names(self, *chosen):
        return [w.name for w in self.work if w.chosen in chosen]

    def page(self):
        micro, real = self.names("micro"), self.names("the five", "by the rule")
        heads = [h for _, h in VARIANTS]
        out = ["### Events: nanoseconds added to one event in the target, 10th percentile of batches",
               "`loop N`: pairs of malloc and free at one place under N frames. `walk N`: a random walk through a tree of calls, N frames on "
               "average. `threads N`: N threads at depth 20 that free each other's blocks (the first thread's time)."]
        in_target = [v for v in VARIANTS if v[0] != "heaptrack"]
        out.append(self.table(micro, [h for _, h in in_target], lambda n: [cell(self.batch(n, v), 1) for v, _ in in_target]))
        out += ["### Programs: CPU nanoseconds added to one event in the target",
                "`heaptrack` takes stacks of allocations only; so does `stacks`. The last column is `stacks` divided by its in-process part.",
                self.table(real, ["events", "bare, CPU s"] + [h for _, h in in_target] + ["ratio"], lambda n: [
                    self.events(n), cell(self.figures(n, "before", lambda run, *_: run["all_ns"] / 1e9), 2),
                    *[cell(self.added(n, v, "target_ns")) for v, _ in in_target],
                    number(self.ratio(n, "target_ns", "stacks", "heaptrack_inside"))])]
        out += ["### Everything: CPU nanoseconds added to one event, recorders and daemons included",
                "The last column is `stacks` divided by heaptrack as used.",
                self.table(micro + real, heads + ["ratio"], lambda n: [
                    *[cell(self.added(n, v, "all_ns")) for v, _ in VARIANTS],
                    number(self.ratio(n, "all_ns", "stacks", "heaptrack"))])]
        on_disk = [v for v in VARIANTS if v[0] != "dormant"]
        out += ["### Bytes on disk for one event",
                "heaptrack's file holds no time, thread or address of an event; LTTng's holds no stack.",
                self.table(micro + real, [h for _, h in on_disk], lambda n: [cell(self.size(n, v), 2) for v, _ in on_disk])]
        out += ["### Memory, MB",
                "Added to the target's own at its end (anonymous; shared with the recorder), and the most that was resident beside it, rings "
                "included.",
                self.table(real, ["stacks: anonymous", "stacks: shared", "stacks: beside", "heaptrack: anonymous", "heaptrack: beside",
                                  "LTTng: anonymous", "LTTng: shared", "LTTng: beside"], lambda n: [
                    cell(self.memory(n, "stacks", "anon"), 1), cell(self.memory(n, "stacks", "shmem"), 1), cell(self.beside(n, "stacks"), 0),
                    cell(self.memory(n, "heaptrack_inside", "anon"), 1), cell(self.beside(n, "heaptrack"), 0),
                    cell(self.memory(n, "lttng_ust", "anon"), 1), cell(self.memory(n, "lttng_ust", "shmem"), 1),
                    cell(self.beside(n, "lttng_ust"), 0)])]
        return "\n\n".join(out + [self.losses(micro, real)])

    def events(self, name):
        found = self.figures(name, "stacks", lambda run, *_: run["events"])
        return f"{statistics.median(found) / 1e6:.2f} M" if found else "–"

    def losses(self, micro, real):
        """Every cell in which a peer is cheaper than heaptap with stacks."""
        lines = []
        for n in micro + real:
            for variant, head in VARIANTS[4:]:
                for what, key in (("CPU in the target", "target_ns"), ("CPU in all", "all_ns")):
                    r = self.ratio(n, key, "stacks", variant)
                    if r and r > 1:
                        lines.append(f"* {n}: {what}, {r:.2f} times {head}")
                ours, theirs = self.size(n, "stacks"), self.size(n, variant)
                if ours and theirs and statistics.median(ours) > statistics.median(theirs):
                    lines.append(f"* {n}: bytes on disk, {statistics.median(ours):.2f} against {statistics.median(theirs):.2f} of {head}")
        return "### Where heaptap (`stacks`) loses\n\n" + ("\n".join(lines) or "In no cell of these tables.")

    def goals(self):
        """(what, goal, value) of each; a value that could not be measured is None."""
        real = self.names("the five", "by the rule")
        five = self.names("the five")
        mid = lambda values: statistics.median(values) if values else None
        ratios = {n: self.ratio(n, "target_ns", "stacks", "heaptrack_inside") for n in real}
        four, one = mid(self.added("threads 4", "stacks", "target_ns")), mid(self.added("threads 1", "stacks", "target_ns"))
        rows = [("dormant, ns", 1, mid(self.batch("loop 20", "dormant"))), ("no stacks, ns", 10, mid(self.batch("loop 20", "no_stacks")))]
        rows += [(f"stack on every event, {n}, ns", g, mid(self.batch(n, "free_stacks")))
                 for n, g in (("loop 5", 25), ("loop 20", 33), ("loop 60", 50), ("walk 26", 64), ("walk 66", 87))]
        rows += [(f"{n}, CPU in the target / heaptrack's in-process part", 0.5 if n == "cc1plus" else 0.35, ratios[n]) for n in five]
        rows += [("five programs, geometric mean of these", 0.25, geometric([ratios[n] for n in five])),
                 ("five programs, CPU in all / heaptrack as used, geometric mean", 0.25,
                  geometric([self.ratio(n, "all_ns", "stacks", "heaptrack") for n in five])),
                 ("4 threads, CPU in all / heaptrack as used", 0.15, self.ratio("threads 4", "all_ns", "stacks", "heaptrack")),
                 ("4 threads, CPU added per event / 1 thread", 1.3, four / one if four and one else None)]
        rows += [(f"{n}, bytes per event on disk", g, mid(self.size(n, "stacks"))) for n, g in (("sqlite3", 3), ("python3", 4), ("cc1plus", 6))]
        rows += [(f"{n}, MB of its own in the target", 4, mid(self.memory(n, "stacks", "anon"))) for n in ("sqlite3", "python3")]
        return rows


def number(value):
    return "–" if value is None else f"{value:.2f}"
