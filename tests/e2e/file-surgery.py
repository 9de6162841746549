#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""file-surgery.py -- asks heaptap about traces that were cut, hit and rearranged, and compares with the second decoder

  file-surgery.py GOLDEN    run by file-surgery.sh in a scratch folder; $HEAPTAP is the program

    every.htap --> cuts, flips   a sample; both readers agree, and there are never fewer events as the cut moves right
               --> rearranged    each block dropped, doubled, swapped with the next, moved to the end; the file joined
                                 with itself and with another recording: docs/trace-format.md, 3.1, counts the damages
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "decoder"))
import decode  # pylint: disable=wrong-import-position
from both import Both  # pylint: disable=wrong-import-position


def flipped(data, bit):
    hit = bytearray(data)
    hit[bit // 8] ^= 1 << bit % 8
    return bytes(hit)


def of_another_recording(data):
    """The same blocks with another session number."""
    changed = bytearray(data)
    for block in decode.Trace(data).blocks:
        at = block.offset
        changed[at + 16] ^= 1
        changed[at + 80 : at + 88] = decode.xxhash.xxh3_64_intdigest(bytes(changed[at : at + 80])).to_bytes(8, "little")
    return bytes(changed)


def cut_and_flip(both, data):
    before = 0
    for cut in range(1, len(data) + 1, 5):
        events = both.compare("cut at %d" % cut, data[:cut])
        if events < before:
            both.complain("cut at %d" % cut, "%d events, %d with a shorter file" % (events, before))
        before = events
    for bit in range(0, 8 * len(data), 53):
        both.compare("bit %d" % bit, flipped(data, bit))
    for block in decode.Trace(data).blocks:
        answer = both.ask(flipped(data, 8 * block.offset + 320), "verify")
        if b"%d" % block.offset not in answer.stdout + answer.stderr:
            both.complain(
                "damage at %d" % block.offset, "verify does not name it: %s" % (answer.stdout + answer.stderr)
            )


def rearrange(both, name, data):
    blocks = decode.Trace(data).blocks
    parts = [data[b.offset : n.offset] for b, n in zip(blocks, blocks[1:])] + [data[blocks[-1].offset :]]
    last = len(parts) - 1
    for i, part in enumerate(parts):
        what, left, right = "%s, block %d " % (name, i), parts[:i], parts[i + 1 :]
        both.compare(what + "dropped", b"".join(left + right), 0 if i == last else 1)
        both.compare(what + "doubled", b"".join(left + [part, part] + right), 1)
        if i < last:
            both.compare(what + "swapped", b"".join(left + right[:1] + [part] + right[1:]), 2)
            both.compare(what + "moved", b"".join(left + right + [part]), 2)
    both.compare(name + ", joined with itself", data + data, len(parts))


def main(arguments):
    def golden(name):
        with open(os.path.join(arguments[1], name + ".htap"), "rb") as file:
            return file.read()

    both, every, clean = Both(), golden("every"), golden("clean")
    cut_and_flip(both, every)
    for name in ("every", "exec", "clean"):
        rearrange(both, name, golden(name))
    both.compare("joined with another", every + of_another_recording(clean), len(decode.Trace(clean).blocks))
    return both.complaints != 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
