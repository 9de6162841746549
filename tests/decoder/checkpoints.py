#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""checkpoints.py -- does every checkpoint of a trace hold what is live then?

  checkpoints.py FILE...    0 if they all hold what the second decoder's replay says [5.12], and lie where one may lie; else what differs,
                            and 1. Prints how many there are.
"""
import sys

import decode


class Watch(decode.Replay):
    def __init__(self, trace):
        super().__init__(trace)
        self.wanted, self.wrong = {}, []
        for block in trace.blocks:
            if block.kind == decode.CHECKPOINT and block.note == "intact":
                self.wanted.setdefault(block.first_time, []).extend(block.content)
        self.count = len(self.wanted)

    def pause(self, spaces):
        told = self.wanted.pop(self.now, None)
        if told is None:
            return
        for space in spaces.values():
            if space.left_alone or space.unsure or space.copied or any(s.begin or self.early(s) for s in space.streams):
                self.wrong.append("%d: something is under way in image %d" % (self.now, space.image))
        expected = [
            (space.image, b.address, b.size, self.now - b.ticks, b.seq, b.stream, b.context)
            for _, space in sorted(spaces.items())
            for _, b in sorted(space.live.items())
        ]
        got = [tuple(r[f] for f in ("image", "address", "size", "age", "seq", "stream", "context")) for r in told]
        if got != expected:
            self.wrong.append("%d: %d blocks, %d expected" % (self.now, len(got), len(expected)))
            self.wrong += ["  told %s, expected %s" % pair for pair in zip(got, expected) if pair[0] != pair[1]][:3]

    def early(self, stream):
        """A release that was taken and is still to come."""
        return any(seq > stream.previous for seq in stream.taken)


def main(arguments):
    status = 0
    for path in arguments[1:]:
        watch = Watch(decode.load(path))
        for _ in watch.events():
            pass
        watch.wrong += ["%d: not a moment between two rows" % ticks for ticks in watch.wanted]
        for line in watch.wrong:
            print("%s: %s" % (path, line))
            status = 1
        print("%s: %d checkpoints" % (path, watch.count))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv))
