#!/usr/bin/python3
"""workloads.py -- what the bench runs: one program at a time, each the same under every tracer

Five programs are those that the design was tuned with. Three more were not: of the packages in scripts/packages.txt, in alphabetical order,
the first three of different source packages that bring a program which makes more than 100 000 heap calls on input that is at hand, which is
this source tree and its history. (binutils does not reach it; clang, cppcheck, git.)
"""
import os
import socket
import subprocess
import time

SQL = """create table t(a integer primary key, b text, c real);
with recursive n(i) as (select 1 union all select i+1 from n where i<200000)
insert into t select i, 'name '||(i*7919%200000), i*0.5 from n; create index u on t(b);
select count(*), sum(c), max(substr(b,3)) from t group by a%100; update t set b=b||'x' where a%3=0; select b from t order by c desc limit 5;"""
PYTHON = """import json, re
d=[{'k%d'%i:[i,str(i),i*0.5] for i in range(200)} for j in range(20)]
for _ in range(30): x=json.loads(json.dumps(d))
w=sorted(re.findall('[a-z]+', json.dumps(d)*3))"""
PERL = """my %h; for my $i (1..400000) { $h{'k'.($i%5000)} .= join(',', split(/ /, "a b c $i")); }
print scalar(keys %h), "\n";"""
CXX = """#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <vector>
int main(int argc, char **argv)
{
    std::map<std::string, std::vector<std::function<int(int)>>> m;
    for (int i = 0; i < argc; i++) m[argv[i]].push_back([i](int n) { return n + i; });
    std::regex r("(a|b)*c");
    std::vector<std::pair<std::string, int>> v;
    for (auto &e : m) if (std::regex_match(e.first, r)) v.emplace_back(e.first, e.second[0](1));
    std::stable_sort(v.begin(), v.end());
    for (auto &e : v) std::cout << e.first << e.second;
}
"""


class Workload:
    """command, and how to drive it from outside while it runs; `program` is the name of the process that counts."""

    def __init__(self, name, command, env=None, drive=None, program=None, chosen="the five"):
        self.name, self.command, self.drive, self.chosen = name, command, drive, chosen
        self.env = env or {}
        self.program = program or os.path.basename(command[0])


def micro(build, pairs):
    exe = os.path.join(build, "bench", "micro")
    shapes = [("loop", 5), ("loop", 20), ("loop", 60), ("walk", 26), ("walk", 66), ("threads", 1), ("threads", 4)]
    return [Workload(f"{what} {n}", [exe, what, str(n), str(pairs)], chosen="micro") for what, n in shapes]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def redis(requests):
    port = str(free_port())

    def drive():
        cli = ["redis-cli", "-p", port]
        for _ in range(200):
            if subprocess.run(cli + ["ping"], capture_output=True, check=False).stdout.startswith(b"PONG"):
                break
            time.sleep(0.05)
        else:
            return
        subprocess.run(["redis-benchmark", "-q", "-p", port, "-P", "16", "-n", str(requests), "-t", "set,lpush,hset,zadd,get"],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        subprocess.run(cli + ["shutdown", "nosave"], capture_output=True, check=False)

    return Workload("redis", ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no"], drive=drive)


def preprocessed(scratch, name, text, compiler="g++"):
    source, out = os.path.join(scratch, name + ".cc"), os.path.join(scratch, name + ".ii")
    with open(source, "w", encoding="utf-8") as f:
        f.write(text)
    subprocess.run([compiler, "-E", "-std=c++17", "-o", out, source], check=True)
    return out


def programs(build, scratch):
    """All inputs are made once, so that every run of a workload does the same."""
    cc1plus = subprocess.run(["g++", "-print-prog-name=cc1plus"], capture_output=True, text=True, check=True).stdout.strip()
    unit = preprocessed(scratch, "unit", CXX)
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    chosen = "by the rule"
    return [
        Workload("sqlite3", ["sqlite3", ":memory:", SQL]),
        Workload("python3", ["/usr/bin/python3", "-c", PYTHON], {"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"}),
        Workload("perl", ["perl", "-e", PERL], {"PERL_HASH_SEED": "0"}),
        redis(100000),
        Workload("cc1plus", [cc1plus, "-quiet", "-O1", "-std=c++17", "-fpreprocessed", unit, "-o", os.path.join(scratch, "unit.s")]),
        Workload("clang", ["clang", "-O1", "-std=c++17", "-c", preprocessed(scratch, "clang", CXX, "clang++"), "-o", os.path.join(scratch, "clang.o")], chosen=chosen),
        Workload("cppcheck", ["cppcheck", "--quiet", "-I" + top + "/src", top + "/src/util", top + "/src/inspect"], chosen=chosen),
        Workload("git", ["git", "--no-pager", "-C", top, "log", "-p", "--stat", "--no-ext-diff"], chosen=chosen),
    ]
