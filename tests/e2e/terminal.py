#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""terminal.py -- types into a shell on a pseudo terminal and reads its screen, bare and with heaptap record before the command.

Run by terminal.sh in its folder. Each scene starts an interactive bash on a new terminal, types lines and keys, and waits for
words. What the target prints and the statuses that the shell reports must be the same with and without heaptap.
"""
import json
import os
import pty
import re
import select
import shlex
import signal
import subprocess
import sys
import time

# Reports SIGINT and goes on; allocates all the time; ends by itself when told by a line on stdin.
STUBBORN = r"""$SIG{INT} = sub { print "caught\n" }; $| = 1; print "ready\n";
while (1) { push @a, "x" x 50 for 1 .. 100; @a = (); my $r = ""; vec($r, 0, 1) = 1;
if (select($r, undef, undef, 0.001) > 0) { my $l = <STDIN>; print "pong\n" if $l =~ /ping/; last if $l =~ /end/; } } print "over\n"; exit 5"""
PLAIN = r"""$| = 1; print "ready\n"; while (1) { push @a, "x" x 50 for 1 .. 100; @a = (); select undef, undef, undef, 0.001 }"""
# More than one SIGHUP comes: the shell's, the kernel's, and the one that heaptap hands on because it was sent to its group.
HANGUP = r"""$SIG{HUP} = sub { $SIG{HUP} = "IGNORE"; open F, ">", $ARGV[0]; print F "hup\n"; exit 0 }; """ + PLAIN
LIMIT_S = 30


class Terminal:
    def __init__(self):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="$ ", TERM="dumb")
            os.execl("/bin/bash", "bash", "--norc", "--noprofile", "-i")
        self.screen = ""
        self.say("stty -echo; bind 'set enable-bracketed-paste off'; PS1=; echo be''gin")
        self.wait("begin")

    def say(self, line):
        os.write(self.fd, (line + "\n").encode())

    def key(self, key):
        os.write(self.fd, key)

    def wait(self, pattern):
        """Reads until the pattern appears; forgets everything up to its end."""
        end = time.monotonic() + LIMIT_S
        while True:
            found = re.search(pattern, self.screen)
            if found:
                self.screen = self.screen[found.end():]
                return found
            if time.monotonic() > end or not select.select([self.fd], [], [], LIMIT_S)[0]:
                sys.exit(f"no {pattern!r} on the screen: {self.screen!r}")
            try:
                self.screen += os.read(self.fd, 4096).decode(errors="replace")
            except OSError:
                sys.exit(f"terminal closed before {pattern!r}: {self.screen!r}")

    def status(self):
        self.say("echo status=$?=")
        return int(self.wait(r"status=(\d+)=").group(1))

    def leave(self):
        self.say("exit 0")
        self.finish()

    def finish(self):
        try:
            while os.read(self.fd, 4096):
                pass
        except OSError:
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def command(prefix, name, program):
    with open(name + ".pl", "w", encoding="ascii") as f:
        f.write(program)
    record = f"{os.environ['HEAPTAP']} record -o {name}.htap -- " if prefix else ""
    return f"{record}perl {name}.pl hup.{name}"


def interrupted(prefix):
    t = Terminal()
    t.say(command(prefix, "interrupt", PLAIN))
    t.wait("ready")
    t.key(b"\x03")
    status = t.status()
    t.leave()
    return status


def stubborn(prefix):
    """Ctrl-C reaches the target once, and only the target decides."""
    t = Terminal()
    t.say(command(prefix, "stubborn", STUBBORN))
    t.wait("ready")
    t.key(b"\x03")
    t.wait("caught")
    t.key(b"\x03")
    t.wait("caught")
    t.say("end")
    t.wait("over")
    status = t.status()
    t.leave()
    return status


def suspended(prefix):
    """Ctrl-Z stops the job, the shell has the terminal; fg brings it back, and input reaches the target again."""
    t = Terminal()
    t.say(command(prefix, "suspend", STUBBORN))
    t.wait("ready")
    for _ in range(2):
        t.key(b"\x1a")
        t.wait("Stopped")
        stopped = t.status()
        t.say("fg")
        t.wait("perl")
        t.say("ping")
        t.wait("pong")
    t.say("end")
    t.wait("over")
    status = t.status()
    t.leave()
    return stopped, status


def hung_up(prefix):
    """The terminal goes away: the target gets its SIGHUP and does what it wants."""
    t = Terminal()
    t.say(command(prefix, "hangup", HANGUP))
    t.wait("ready")
    t.say("")
    os.kill(t.pid, signal.SIGHUP)
    t.finish()
    end = time.monotonic() + LIMIT_S
    while not (os.path.exists("hup.hangup") and os.path.getsize("hup.hangup")):
        if time.monotonic() > end:
            sys.exit("the target saw no SIGHUP")
        time.sleep(0.01)
    os.unlink("hup.hangup")
    while prefix and not finished("hangup.htap"):
        if time.monotonic() > end:
            sys.exit("hangup.htap was not finished")
        time.sleep(0.01)
    return 0


def gist(name, program, whole):
    """After a recording: three lines with the figures of the report, and a command that can be typed as it is."""
    t = Terminal()
    t.say(f"\"$HEAPTAP\" record -o {shlex.quote(name)} -- {program}")
    figures = t.wait(r"heaptap: (\d+) calls in [\d.]+ [mun]?s, kept in [\d.]+ [KM]?i?B\r\n"
                     r"heaptap: ([^\r]*)\r\nheaptap: [^\r]*:  heaptap (report [^\r]*)\r\n")
    calls, memory, command_line = figures.groups()
    t.leave()
    answers = {}
    for question in (("verify", "--json"), ("report", "--json", "-n1"), ("report", "-n1")):
        done = subprocess.run([os.environ["HEAPTAP"], *question, name], capture_output=True, encoding="utf-8")
        if done.returncode:
            sys.exit(f"{name}: {question}: {done.returncode}: {done.stdout}{done.stderr}; the recorder said: {figures.group(0)}")
        answers[question] = done.stdout
    recorded = json.loads(answers["verify", "--json"])["recorded"]
    if int(calls) != recorded:
        sys.exit(f"{name}: {calls} calls, {recorded} were recorded")
    if whole:
        text = answers["report", "-n1"]
        peak = re.search(r"^peak +(.*), after ", text, re.M).group(1)
        leaked = re.search(r"^leaked +(.*) (?:was|were) never freed", text, re.M).group(1)
        expected = f"peak {peak}; leaked {leaked}"
    else:
        totals = json.loads(answers["report", "--json", "-n1"])["totals"]
        left = totals["leaked_bytes"] + totals["runtime_bytes"]
        told = re.fullmatch(r"live at the end ([\d.]+) (B|KiB|MiB); 0 calls lost", memory)
        unit = {"B": 1, "KiB": 1024, "MiB": 1024**2}[told.group(2)] if told else 1
        expected = memory if told and abs(float(told.group(1)) * unit - left) <= 0.05 * unit else f"{left} bytes"
    if memory != expected:
        sys.exit(f"{name}: {memory!r}, the report has {expected!r}")
    typed = subprocess.run(["bash", "-c", f"\"$HEAPTAP\" {command_line} -n1 2>/dev/null"], stdout=subprocess.PIPE, encoding="utf-8")
    if typed.returncode or typed.stdout != answers["report", "-n1"]:
        sys.exit(f"{name}: {command_line!r} does not report it")
    print(f"{name}: {calls} calls, {memory}")


def finished(path):
    with open(path, "rb") as f:
        return f.read()[-8:] == b"HTAPEND1"


for scene in (interrupted, stubborn, suspended, hung_up):
    bare, recorded = scene(False), scene(True)
    if bare != recorded:
        sys.exit(f"{scene.__name__}: {bare} without heaptap, {recorded} with it")
    print(f"{scene.__name__}: {recorded} with and without heaptap")

gist("it's one.htap", "perl -e '@a = map { qq(x) x $_ } 1 .. 500'", True)
gist("long.htap", os.environ["TARGETS"] + "/storm random 1 2 900000", False)
