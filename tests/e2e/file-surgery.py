#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""file-surgery.py -- asks heaptap about traces that were cut, hit and rearranged, and compares with the second decoder

  file-surgery.py GOLDEN    run by file-surgery.sh in a scratch folder; $HEAPTAP is the program

    every.htap --> cuts, flips      a sample; damages must be what the two readers agree on, events must never shrink as the cut moves right
               --> rearranged       each block dropped, doubled, swapped with the next; joined with itself and with another
                                    recording: the number of damages follows from docs/trace-format.md 3.1, section by section
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
import decode  # pylint: disable=wrong-import-position

HEAPTAP = os.environ["HEAPTAP"]
SCRATCH = "surgery.htap"
KEYS = ("entered", "recorded", "counted_only", "lost", "in_flight", "reordered", "history_violations", "damaged_blocks",
        "missing_sequences", "complete")
failures = 0


def complain(what, says):
    global failures
    failures += 1
    print("%s: %s" % (what, says))
    if failures == 20:
        sys.exit(1)


def ask(question, path=SCRATCH):
    return subprocess.run([HEAPTAP, question, "--json", path], capture_output=True, timeout=60, check=False)


def compare(what, data, damages=None):
    """Both readers on these bytes; returns how many events there are, None if it is no trace."""
    with open(SCRATCH, "wb") as file:
        file.write(data)
    verify, script = ask("verify"), ask("script")
    try:
        trace = decode.Trace(data)
    except decode.Refusal:
        if (verify.returncode, script.returncode) != (3, 3):
            complain(what, "no trace, but exit %d and %d" % (verify.returncode, script.returncode))
        return None
    if verify.returncode not in (0, 1) or script.returncode not in (0, 4):
        complain(what, "exit %d and %d: %s" % (verify.returncode, script.returncode, verify.stderr + script.stderr))
        return None
    expected, got = decode.verdict(trace), json.loads(verify.stdout)
    for key in KEYS:
        if got.get(key) != expected[key]:
            complain(what, "verify: %s is %s, expected %s" % (key, got.get(key), expected[key]))
    if damages is not None and got["damaged_blocks"] != damages:
        complain(what, "%s damages, expected %d" % (got["damaged_blocks"], damages))
    if trace.damages and script.returncode != 4:
        complain(what, "script answers from a damaged trace with status %d" % script.returncode)
    events = [json.loads(line) for line in script.stdout.splitlines()]
    if events != list(decode.Replay(decode.Trace(data)).events()):
        complain(what, "script differs from the decoder's")
    return len(events)


def damages_are_named(data, offset):
    """The text of verify says where the damage is."""
    with open(SCRATCH, "wb") as file:
        file.write(data)
    answer = subprocess.run([HEAPTAP, "verify", SCRATCH], capture_output=True, timeout=60, check=False)
    if str(offset).encode() not in answer.stdout + answer.stderr:
        complain("damage at %d" % offset, "verify does not name the offset: %s" % (answer.stdout + answer.stderr))


def flipped(data, bit):
    hit = bytearray(data)
    hit[bit // 8] ^= 1 << bit % 8
    return bytes(hit)


def main(arguments):
    def golden(name):
        with open(os.path.join(arguments[1], name), "rb") as file:
            return file.read()

    data, other = golden("every.htap"), bytearray(golden("clean.htap"))
    blocks = decode.Trace(data).blocks
    parts = [data[b.offset:n.offset] for b, n in zip(blocks, blocks[1:])] + [data[blocks[-1].offset:]]

    before = 0
    for cut in range(1, len(data) + 1, 5):
        events = compare("cut at %d" % cut, data[:cut]) or 0
        if events < before:
            complain("cut at %d" % cut, "%d events, %d with a shorter file" % (events, before))
        before = events
    for bit in range(0, 8 * len(data), 53):
        compare("bit %d" % bit, flipped(data, bit))
    for block in blocks:
        damages_are_named(flipped(data, 8 * block.offset + 8 * 40), block.offset)

    last = len(parts) - 1
    for i in range(len(parts)):
        compare("block %d dropped" % i, b"".join(parts[:i] + parts[i + 1:]), 0 if i == last else 1)
        compare("block %d doubled" % i, b"".join(parts[:i + 1] + parts[i:]), 1)
        if i < last:
            compare("block %d swapped" % i, b"".join(parts[:i] + [parts[i + 1], parts[i]] + parts[i + 2:]), 2)
    compare("joined with itself", data + data, len(parts))
    others = decode.Trace(bytes(other)).blocks
    for b in others:    # another recording
        other[b.offset + 16] ^= 1
        other[b.offset + 80:b.offset + 88] = decode.xxhash.xxh3_64_intdigest(bytes(other[b.offset:b.offset + 80])).to_bytes(8, "little")
    compare("joined with another", data + bytes(other), len(others))
    return failures != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
