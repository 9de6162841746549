#!/usr/bin/env python3
"""symbols-agree.py -- compares the frames of heaptap with those of addr2line or llvm-symbolizer, address by address

    symbols-agree.py addresses FILE COUNT [SEED]                    addresses inside functions, spread over the file
    symbols-agree.py compare addr2line|llvm FILE ANSWERS [folded]   ANSWERS: what `symbolize -x FILE` printed

Names, files, lines and who is inlined into whom have to be equal, frame by frame. What is not compared, and why:

  names     c++filt writes all of them, without `[clone .cold]` and `[abi:cxx11]` and white space. addr2line gives a name of the
            symbol table to the innermost frame, where it is the outermost's: such addresses differ from it, not from llvm
  files     as real paths: `a/../b` is `b`
  line 0    is no line: the compiler says that the code belongs to none
  folded    (only if asked for) the name of the outermost function may be another one, if nm has both names as symbols at the very
            address where the function begins: the compiler folded identical functions, and every tool picks one of the names
"""
import bisect
import random
import re
import subprocess
import sys


def functions(path):
    text = subprocess.run(["readelf", "-sW", path], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        part = line.split()
        if len(part) >= 8 and part[3] == "FUNC" and part[6] not in ("UND", "ABS") and part[2] != "0":
            yield int(part[1], 16), int(part[2], 0)


def addresses(path, count, seed):
    rng = random.Random(seed)
    known = sorted(set(functions(path)))
    chosen = set()
    while len(chosen) < count:
        start, size = rng.choice(known)
        chosen.add(start + rng.randrange(size))
        if len(chosen) >= sum(size for _, size in known):
            break
    for a in sorted(chosen):
        print(f"0x{a:x}")


def plain_name(name):
    name = re.sub(r"\s*(\[clone [^]]*\]|\(\.[\w.]+\))", "", name)
    name = re.sub(r"\[abi:\w+\]", "", name)
    name = re.sub(r"\s+", "", name)
    return re.sub(r"\.(cold|part|constprop|isra|llvm)[.\d]*$", "", name)


def plain_place(place):
    file, _, line = place.rpartition(":")
    line = re.match(r"\d*", line).group() or "0"
    if line == "0" or file in ("", "??"):
        return "?"
    parts = []
    for part in file.split("/"):
        if part == ".." and parts and parts[-1] not in ("", ".."):
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts) + ":" + line


def ours(path):
    answers, at = {}, None
    for line in open(path):
        line = line.rstrip("\n")
        if line.startswith("warning: "):
            continue
        if re.fullmatch(r"0x[0-9a-f]+", line):
            at = answers.setdefault(int(line, 16), [])
            continue
        field = line.split("\t")
        at.append((plain_name(field[0]), plain_place(field[1]), len(field) > 2))
    return answers


def theirs(tool, path, asked):
    command = {
        "addr2line": ["addr2line", "-e", path, "-a", "-i", "-f"],
        "llvm": ["llvm-symbolizer", "--obj=" + path, "-a", "-i", "-f", "--no-demangle", "--output-style=GNU"],
    }[tool]
    text = "".join(f"0x{a:x}\n" for a in asked)
    for command in [command, ["c++filt"]]:
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout
    answers, at, name = {}, None, None
    for line in text.splitlines():
        if re.fullmatch(r"0x[0-9a-f]+", line):
            at = answers.setdefault(int(line, 16), [])
            name = None
        elif name is None and line:
            name = line
        elif line:
            at.append([plain_name(name), plain_place(re.sub(r" \(.*\)$", "", line)), True])
            name = None
    for frames in answers.values():
        frames[-1][2] = False
    return {a: [tuple(f) for f in frames] for a, frames in answers.items()}


def symbols(path):
    """The names at each address that has any, and for how many bytes."""
    text = subprocess.run(["nm", "-S", path], capture_output=True, text=True, check=True).stdout
    text = subprocess.run(["c++filt"], input=text, capture_output=True, text=True, check=True).stdout
    names, size = {}, {}
    for line in text.splitlines():
        part = line.split(None, 3)
        if len(part) == 4 and part[2] in "tTwWiu":
            start = int(part[0], 16)
            names.setdefault(start, set()).add(plain_name(part[3]))
            size[start] = max(size.get(start, 0), int(part[1], 16))
    return sorted(names), names, size


def is_folded(a, mine, other, known):
    """All is the same, but for the name of the outermost function, and both names are symbols at its first address."""
    starts, names, size = known
    if len(mine) != len(other) or mine[:-1] != other[:-1] or mine[-1][1:] != other[-1][1:]:
        return False
    at = bisect.bisect_right(starts, a) - 1
    return at >= 0 and a < starts[at] + size[starts[at]] and {mine[-1][0], other[-1][0]} <= names[starts[at]]


def compare(tool, path, answers, accepts_folded):
    mine = ours(answers)
    other = theirs(tool, path, sorted(mine))
    known = symbols(path) if accepts_folded else None
    same = different = folded = 0
    for a in sorted(mine):
        if mine[a] == other[a]:
            same += 1
            continue
        if known and is_folded(a, mine[a], other[a], known):
            folded += 1
            continue
        different += 1
        if different <= 5:
            pairs = zip(mine[a] + [None], other[a] + [None])
            print(f"0x{a:x}: the first that differs: heaptap, {tool}:", *next(p for p in pairs if p[0] != p[1]), sep="\n  ")
    inlined = sum(f[2] for a in mine for f in mine[a])
    if folded:
        print(f"{tool}: {folded} addresses in folded functions have the other name")
    print(f"{tool}: {same} of {same + folded + different} addresses have the same frames; {inlined} inlined frames")
    return 1 if different or not same else 0


if sys.argv[1] == "addresses":
    addresses(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else 1)
else:
    sys.exit(compare(sys.argv[2], sys.argv[3], sys.argv[4], sys.argv[5:] == ["folded"]))
