#!/usr/bin/python3
"""doctor.py -- whom `heaptap doctor PID` lets enter, against what the kernel does when it is asked: doctor.py (as root)

For each kind of process and each kind of user: a child with that user's rights asks doctor, then tries PTRACE_SEIZE itself. Where the kernel refuses,
doctor must miss `attach`, with the reason expected; where it allows, doctor may only refuse what heaptap cannot enter (a foreign
word size, a filter that may not be suspended). The process is looked at before and after: nothing was done to it.
"""
import atexit
import ctypes
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time


def for_everybody(heaptap):
    """A copy that other users may run: the folders above a build are often closed to them."""
    folder = tempfile.mkdtemp(dir="/tmp", prefix="heaptap-doctor.")
    atexit.register(shutil.rmtree, folder)
    os.chmod(folder, 0o755)
    for name in ("heaptap", "libheaptap-agent.so"):
        shutil.copy(os.path.join(os.path.dirname(heaptap), name), folder)
    return os.path.join(folder, "heaptap")


heaptap = for_everybody(os.environ["HEAPTAP"])
libc = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE = 0x4206
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_PDEATHSIG = 4, 38, 22, 1
NOBODY, SOMEBODY = 65534, 54321
checks = 0


def become(uid):
    if uid:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)


def child(uid, do):
    """A process that has done `do` as that user, and waits."""
    ready, told = os.pipe()
    pid = os.fork()
    if not pid:
        become(uid)
        libc.prctl(PR_SET_DUMPABLE, 1)
        do()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.write(told, b".")
        while True:
            signal.pause()
    os.close(told)
    assert os.read(ready, 1)
    os.close(ready)
    while looks(pid)[0].startswith("R"):
        time.sleep(0.01)
    return pid


def allow_everything():
    """A seccomp filter of one instruction."""
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    code = struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000)
    program = ctypes.create_string_buffer(code)
    head = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 1, ctypes.addressof(program)))
    assert libc.prctl(PR_SET_SECCOMP, 2, head, 0, 0) == 0


def looks(pid):
    status = open(f"/proc/{pid}/status").read()
    return [re.search(key + r":\s*(.*)", status).group(1) for key in ("State", "TracerPid", "SigBlk", "SigPnd", "Threads")]


def as_user(uid, do):
    """What `do` returns in a process of that user."""
    got, send = os.pipe()
    asker = os.fork()
    if not asker:
        become(uid)
        os.write(send, json.dumps(do()).encode())
        os._exit(0)
    os.close(send)
    answer = b""
    while part := os.read(got, 65536):
        answer += part
    os.close(got)
    os.waitpid(asker, 0)
    return json.loads(answer)


def doctor(pid):
    run = subprocess.run([heaptap, "doctor", "--json", str(pid)], capture_output=True, text=True, cwd="/")
    return run.returncode, run.stdout, run.stderr


def expect(what, uid, pid, reason, kernel_allows):
    """reason: a pattern of the refusal; None: it may be entered."""
    global checks
    before = looks(pid)
    status, out, err = as_user(uid, lambda: doctor(pid))
    assert looks(pid) == before, (what, before, looks(pid))
    seized = as_user(uid, lambda: libc.ptrace(PTRACE_SEIZE, pid, None, None) == 0)
    assert seized == kernel_allows, (what, "the kernel's word", seized)
    assert out, (what, err)
    attach = [f for f in json.loads(out)["findings"] if f["name"] == "attach"][0]
    assert status == (1 if reason else 0), (what, status, attach)
    if reason:
        assert attach["state"] == "missing" and re.search(reason, attach["says"]), (what, attach)
    else:
        assert attach["state"] == "ok" and json.loads(out)["modules"], (what, attach)
    checks += 1


nothing = lambda: None
own, other, root = child(NOBODY, nothing), child(SOMEBODY, nothing), child(0, nothing)
expect("one's own", NOBODY, own, None, True)
expect("another's", NOBODY, other, r"belongs to .*54321", False)
expect("root's", NOBODY, root, r"belongs to root", False)
for pid in (own, other, root):
    expect("by root", 0, pid, None, True)
hidden = child(NOBODY, lambda: libc.prctl(PR_SET_DUMPABLE, 0))
expect("not dumpable", NOBODY, hidden, r"to itself", False)
expect("not dumpable, by root", 0, hidden, None, True)
filtered = child(NOBODY, allow_everything)
expect("seccomp", NOBODY, filtered, r"seccomp filter.*CAP_SYS_ADMIN", True)
expect("seccomp, by root", 0, filtered, None, True)
if os.path.exists("/proc/2/status") and looks(2) and open("/proc/2/comm").read() == "kthreadd\n":
    expect("kernel thread", 0, 2, r"thread of the kernel", False)
os.kill(own, signal.SIGSTOP)
os.waitpid(own, os.WUNTRACED)
expect("stopped", NOBODY, own, None, True)
os.kill(own, signal.SIGCONT)

held = child(NOBODY, nothing)
assert libc.ptrace(PTRACE_SEIZE, held, None, None) == 0
expect("held", 0, held, rf"held by .*process {os.getpid()}\)", False)
ended = os.fork()
if not ended:
    os._exit(0)
while not looks(ended)[0].startswith("Z"):
    time.sleep(0.01)
expect("ended", 0, ended, rf"has ended; only its parent {os.getpid()}", False)
print(checks, "pairs of a process and a user judged as the kernel does")
for pid in (own, other, root, hidden, filtered, held):
    os.kill(pid, signal.SIGKILL)
