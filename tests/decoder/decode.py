#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""decode.py -- a second reader of trace files, written from docs/trace-format.md alone

Tests run it beside heaptap and compare: what two readers, written apart from one page, agree on is what it says.

  decode.py blocks FILE    a table of the blocks and damages, in file order
  decode.py script FILE    every event in replay order, the JSON Lines of `heaptap script --json`
  decode.py verify FILE    the account, the object of `heaptap verify --json`
  decode.py info FILE      what is in the file, the object of `heaptap info --json`

    bytes --scan--> blocks, damages --Trace--> metadata, streams of rows --Replay--> events, counts

The numbers in brackets are sections of the page. It takes no shortcut: it never uses the INDEX, it checks every sum,
and it holds the whole file in memory. It never imports or calls heaptap. Exit status as heaptap's: 0, 1 bad verdict,
2 usage, 3 not a trace or unreadable, 4 answered from a damaged or incomplete trace.
"""
import bisect
import heapq
import itertools
import json
import os
import stat
import struct
import sys
from array import array

import xxhash
import zstandard

MAGIC = b"\x89HTAP\r\n\x1a"
HEADER = struct.Struct("<8sHHIQQIIQQQIIQQ")  # [3]
LIMIT = 64 << 20
ZSTD = 1
MASK = (1 << 64) - 1
MASK32 = (1 << 32) - 1
LOOK_AHEAD_ROWS = 1000  # [7]
FUNCTION, STOP, CALLERS, DEEPEST = 1, 3, (0, 2, 4), 4096  # [5.5]
REASONS = {1: "depth", 2: "no_unwind", 3: "bad_pointer", 4: "tree_full"}

SESSION, IMAGE, MODULE, THREAD, CONTEXT, CLOCK, EVENTS, LOSS, ACCOUNT, END, INDEX, CHECKPOINT = range(1, 13)
PROCESS = 15
KIND_NAMES = "- SESSION IMAGE MODULE THREAD CONTEXT CLOCK EVENTS LOSS ACCOUNT END INDEX CHECKPOINT KERNEL MARK PROCESS".split()

# The records of section 5: fields in order; a name with $ is a string, one with ~ a zigzag, all others varints.
RECORDS = {
    SESSION: "clock start_ticks start_realtime_ns policy flags pid heaptap$ host$ command$",
    IMAGE: "image ticks status pid glibc process forked_from fork_ticks before exe$ allocator$ command$ before_why$",
    PROCESS: "process parent pid ppid start_ticks end_ticks exit code comm$ command$",
    MODULE: "change ticks generation image start end offset path$ build_id$",
    THREAD: "stream tid image ticks name$",
    CONTEXT: "context~ parent kind generation pc",
    CLOCK: "ticks monotonic_ns realtime_ns",
    LOSS: "stream first_seq count from_ticks to_ticks reason",
    ACCOUNT: "stream ticks entered recorded counted_only lost nested blocked_ns",
    CHECKPOINT: "image address~ size age seq stream context",
    END: "ticks reason status forked_children contexts_cut damaged_streams events unheard modules_left_out",
}

ALLOC, ALLOC_FAILED, FREE, REALLOC_BEGIN, REALLOC_END, REALLOC_FREED, REALLOC_FAILED, EXISTING = range(1, 9)  # [6.1]
HAS_ADDRESS = {ALLOC, FREE, REALLOC_BEGIN, REALLOC_END, EXISTING}
HAS_SIZE = {ALLOC, ALLOC_FAILED, REALLOC_END, REALLOC_FAILED, EXISTING}
REALLOC_ENDS = {REALLOC_END, REALLOC_FREED, REALLOC_FAILED}
CALLS = {ALLOC, ALLOC_FAILED, FREE} | REALLOC_ENDS

FUNCTIONS = [None] + (
    "malloc|calloc|realloc|reallocarray|free|posix_memalign|aligned_alloc|memalign|valloc|pvalloc"
    "|free_sized|free_aligned_sized"
    "|new|new[]|new(nothrow)|new[](nothrow)|new(align)|new[](align)|new(align, nothrow)|new[](align, nothrow)"
    "|delete|delete[]|delete(nothrow)|delete[](nothrow)|delete(size)|delete[](size)|delete(align)|delete[](align)"
    "|delete(size, align)|delete[](size, align)|delete(align, nothrow)|delete[](align, nothrow)"
).split(
    "|"
)  # [6.3]
HEAPS = (None, "main", "other")


class Damage(Exception):
    """These bytes are not what the page allows."""


class Refusal(Exception):
    """This file is not for us."""


# ---- the smallest parts [1] ----


def varint(data, at):
    """The number at data[at:], and the place behind it."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise Damage("a varint without end")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
    if value > MASK:
        raise Damage("a varint above 64 bits")
    return value, at


def signed(zigzag):
    return (zigzag >> 1) ^ -(zigzag & 1)


def text(raw):
    """Names for people: what is not UTF-8 is shown as \\xNN."""
    return raw.decode("utf-8", "backslashreplace")


# ---- blocks and recovery [3, 3.1] ----


class Block:
    """One block with a good header; `content` once its payload was found good."""

    def __init__(self, offset, fields):
        self.offset = offset
        (
            _,
            self.version,
            self.kind,
            self.flags,
            self.session,
            self.number,
            self.stream,
            self.rows,
            self.first_seq,
            self.first_time,
            self.last_time,
            self.stored_bytes,
            self.plain_bytes,
            self.payload_sum,
            _,
        ) = fields
        self.end = offset + HEADER.size + self.stored_bytes
        self.content = None
        self.note = ""


def header_at(data, offset):
    """The block whose good header stands at offset, or None."""
    if data[offset : offset + 8] != MAGIC or offset + HEADER.size > len(data):
        return None
    block = Block(offset, HEADER.unpack_from(data, offset))
    if xxhash.xxh3_64_intdigest(data[offset : offset + 80]) != HEADER.unpack_from(data, offset)[-1]:
        return None
    if block.version > 1 and offset == 0:
        raise Refusal("trace format version %d is newer than this reader (1)" % block.version)
    return block if block.version == 1 and max(block.stored_bytes, block.plain_bytes) <= LIMIT else None


def next_header(data, offset):
    """The first offset behind this one, a multiple of 8, with a good header; else the end of the file."""
    while True:
        offset = data.find(MAGIC, offset + 1)
        if offset < 0:
            return len(data)
        if offset % 8 == 0 and header_at(data, offset):
            return offset


def plain_payload(data, block):
    stored = data[block.offset + HEADER.size : block.end]
    if xxhash.xxh3_64_intdigest(stored) != block.payload_sum:
        raise Damage("payload_sum is wrong")
    if block.kind not in RECORDS and block.kind not in (EVENTS, INDEX):
        return stored
    if block.flags & ZSTD:
        frame = zstandard.ZstdDecompressor().decompressobj()
        try:
            stored = frame.decompress(stored)
        except zstandard.ZstdError as error:
            raise Damage(str(error)) from error
        if not frame.eof or frame.unused_data:
            raise Damage("not exactly one zstd frame")
    if len(stored) != block.plain_bytes:
        raise Damage("plain_bytes is wrong")
    return stored


def parse(block, plain):
    """The content of a block: a list of records, Rows, or None for what we do not look at."""
    if block.kind in (SESSION, END, INDEX) and block.rows != 1:
        raise Damage("not exactly one record")
    if block.kind == EVENTS:
        return Rows(block, plain)
    if block.kind == INDEX:
        return parse_index(plain)
    if block.kind not in RECORDS:
        return None
    records, at = [], 0
    for _ in range(block.rows):
        record = {}
        for field in RECORDS[block.kind].split():
            value, at = varint(plain, at)
            if field.endswith("~"):
                value = signed(value)
            elif field.endswith("$"):
                if value > len(plain) - at:
                    raise Damage("a string without end")
                value, at = plain[at : at + value], at + value
            record[field.rstrip("~$")] = value
        records.append(record)
    if block.kind == CONTEXT:
        number_contexts(records)
    if block.kind == CHECKPOINT:
        for before, record in zip([{"address": 0}] + records, records):
            record["address"] = before["address"] + record["address"] & MASK
    return records


def number_contexts(records):
    """From differences to numbers [5.5]."""
    number = 0
    for record in records:
        number += record["context"]
        if not 0 <= number <= MASK32 or record["parent"] > MASK32 or record["kind"] > MASK32:
            raise Damage("a context above 32 bits")
        record["context"] = number


def parse_index(plain):
    """[5.10], only to see that it parses: we do not need it."""
    if plain[-8:] != b"HTAPEND1" or len(plain) < 16 or len(plain) % 8:
        raise Damage("the index has no tail")
    body = plain[:-16]
    count, at = varint(body, 0)
    for _ in range(count):
        for _ in range(6):
            _, at = varint(body, at)


class Rows:
    """The columns of an EVENTS block [6], addresses and sizes spread to one a row."""

    def __init__(self, block, plain):
        if len(plain) < 24:
            raise Damage("no column lengths")
        lengths = struct.unpack_from("<6I", plain)
        if sum(lengths) != len(plain) - 24:
            raise Damage("column lengths do not add up")
        columns, at = [], 24
        for length in lengths:
            columns.append(plain[at : at + length])
            at += length
        self.count = block.rows
        self.first_seq = block.first_seq
        self.offset = block.offset
        self.kinds, self.places = columns[0], columns[5]
        if len(self.kinds) != self.count or len(self.places) != self.count:
            raise Damage("a column of the wrong length")
        if any(not ALLOC <= kind <= EXISTING for kind in self.kinds):
            raise Damage("an unknown row kind")
        self.times = array("Q")
        time = block.first_time
        for step in varint_column(columns[1], self.count):
            time += step
            if time > MASK:
                raise Damage("a time above 64 bits")
            self.times.append(time)
        self.contexts = varint_column(columns[2], self.count)
        if any(context > MASK32 for context in self.contexts):
            raise Damage("a context above 32 bits")
        self.addresses = self.spread(HAS_ADDRESS, lambda n: address_column(columns[3], n))
        self.sizes = self.spread(HAS_SIZE, lambda n: varint_column(columns[4], n))

    def spread(self, kinds, take):
        having = [i for i, kind in enumerate(self.kinds) if kind in kinds]
        column = array("Q", bytes(8 * self.count))
        for i, value in zip(having, take(len(having))):
            column[i] = value
        return column


def varint_column(data, count):
    values, at = array("Q"), 0
    for _ in range(count):
        value, at = varint(data, at)
        values.append(value)
    if at != len(data):
        raise Damage("a column with bytes left over")
    return values


def address_column(data, count):
    """[6.2]"""
    values, at, address = array("Q"), 0, 0
    for _ in range(count):
        value, at = varint(data, at)
        if value == 1:
            if len(data) - at < 8:
                raise Damage("an address without end")
            address, at = struct.unpack_from("<Q", data, at)[0], at + 8
        elif value & 1:
            address = (address + signed(value >> 1)) & MASK
        else:
            address = (address + signed(value >> 1) * 16) & MASK
        values.append(address)
    if at != len(data):
        raise Damage("a column with bytes left over")
    return values


def scan(data):
    """All blocks with a good header in file order, and all damages as (offset, what)."""
    blocks, damages, seen = [], [], set()
    offset, session, highest, hole = 0, None, -1, False
    while offset < len(data):
        block = header_at(data, offset)
        if block is None:
            hole, following = True, next_header(data, offset)
            damages.append((offset, "%d bytes that are no block" % (following - offset)))
            offset = following
            continue
        blocks.append(block)
        offset = block.end + -block.end % 8
        if session is None:
            session = block.session
        if block.session != session or block.number in seen:
            block.note = "of another session" if block.session != session else "seen before"
            damages.append((block.offset, block.note))
            continue
        if block.number > highest + 1 and not hole:
            damages.append((block.offset, "%d blocks missing before it" % (block.number - highest - 1)))
        elif block.number < highest:
            damages.append((block.offset, "out of order"))
        seen.add(block.number)
        highest, hole = max(highest, block.number), False
        try:
            if block.end > len(data):
                raise Damage("the file ends inside it")
            block.content = parse(block, plain_payload(data, block))
            block.note = "intact"
        except Damage as damage:
            block.note = str(damage)
            damages.append((block.offset, block.note))
    return blocks, damages


# ---- what a file holds ----


class Stream:
    """The rows of one thread by sequence, with a place to read from."""

    def __init__(self, number):
        self.number = number
        self.parts = []  # Rows, by first_seq
        self.part = self.row = 0
        self.calls = 0
        self.previous = -1  # sequence number of the row before
        self.begin = None  # (row, the block it took out or None)
        self.taken = {}  # releases replayed early: sequence number -> block or None

    def rows_ahead(self):
        """(seq, kind, ticks, context, address, size, place) from here on, without moving."""
        start = self.row
        for part in self.parts[self.part :]:
            for i in range(start, part.count):
                yield (
                    part.first_seq + i,
                    part.kinds[i],
                    part.times[i],
                    part.contexts[i],
                    part.addresses[i],
                    part.sizes[i],
                    part.places[i],
                )
            start = 0

    def step(self):
        self.row += 1
        while self.part < len(self.parts) and self.row >= self.parts[self.part].count:
            self.part, self.row = self.part + 1, 0


class Trace:
    """The metadata and the streams of a file, ready for replay."""

    def __init__(self, data):
        self.bytes_on_disk = len(data)
        self.blocks, self.damages = scan(data)
        used = sorted((b for b in self.blocks if b.note == "intact"), key=lambda b: b.number)
        if data[:8] != MAGIC and not used:
            raise Refusal("not a heaptap trace")
        records = {kind: [r for b in used if b.kind == kind for r in b.content] for kind in RECORDS}
        self.session = records[SESSION][0] if records[SESSION] else None
        self.end = records[END][0] if records[END] else None
        self.images = {r["image"]: r for r in records[IMAGE]}
        self.processes = {r["process"]: r for r in records[PROCESS]}
        self.threads = {r["stream"]: r for r in records[THREAD]}
        self.accounts = {r["stream"]: r for r in records[ACCOUNT]}
        self.losses = records[LOSS]
        self.contexts = {}
        for block in used:
            for record in block.content if block.kind == CONTEXT else ():
                self.contexts[record["context"]] = record
        self.clock = Clock(records[CLOCK], self.session["start_ticks"] if self.session else 0)
        self.streams = {}
        for block in used:
            if block.kind == EVENTS and block.rows:
                self.streams.setdefault(block.stream, Stream(block.stream)).parts.append(block.content)
        self.kind_counts = [0] * (EXISTING + 1)
        for stream in self.streams.values():
            stream.parts.sort(key=lambda part: part.first_seq)
            for part in stream.parts:
                for kind in range(ALLOC, EXISTING + 1):
                    count = part.kinds.count(kind)
                    self.kind_counts[kind] += count
                    stream.calls += count if kind in CALLS else 0
        self.missing = sum(self.missing_of(stream) for stream in set(self.streams) | {r["stream"] for r in self.losses})
        if self.damages or self.missing:
            self.unknown_from = 0
        else:
            self.unknown_from = min((r["from_ticks"] for r in self.losses), default=MASK + 1)

    def broken(self):
        """Something that should be in the file is not, so an answer may not be the whole one."""
        return bool(self.damages or self.missing or not self.session or not self.end)

    def missing_of(self, number):
        """Sequence numbers below the highest that neither a row nor a LOSS record covers [8]."""
        if number == 0:
            return 0
        spans = [(r["first_seq"], r["count"]) for r in self.losses if r["stream"] == number]
        if number in self.streams:
            spans += [(part.first_seq, part.count) for part in self.streams[number].parts]
        missing = reached = 0
        for first, count in sorted(spans):
            missing += max(0, first - reached)
            reached = max(reached, first + count)
        return missing

    def before_of(self, image):
        """How many blocks from before its rows may not know [5.2]."""
        record = self.images.get(image)
        if record and 0 < record["forked_from"] < image and record["forked_from"] in self.images:
            return self.before_of(record["forked_from"])
        return record["before"] if record else 0

    def image_of(self, number):
        return self.threads[number]["image"] if number in self.threads else 1

    def process_of(self, image):
        return self.images[image]["process"] if image in self.images else 1

    def place(self, context):
        """Function, callers and what the stack lacks, of an event's context [5.5]."""
        node = self.contexts.get(context)
        if node is None or node["kind"] != FUNCTION:
            return None, [], "unknown" if context else None
        function = FUNCTIONS[node["pc"]] if node["pc"] < len(FUNCTIONS) else None
        stack = []
        while node["parent"]:
            node = self.contexts.get(node["parent"])
            if node is None or node["kind"] not in CALLERS:
                reason = node["pc"] if node and node["kind"] == STOP else 0
                return function, stack, REASONS.get(reason, "unknown")
            if len(stack) == DEEPEST:
                return function, stack, REASONS[1]
            stack.append(hex(node["pc"]))
        return function, stack, None


class Clock:
    """Ticks to nanoseconds [5.6]."""

    def __init__(self, records, start_ticks):
        pairs = {}
        for record in records:
            pairs.setdefault(record["ticks"], record["monotonic_ns"])
        self.ticks = sorted(pairs)
        self.nanoseconds = [pairs[t] for t in self.ticks]
        self.start = self.ns(start_ticks)

    def ns(self, ticks):
        if len(self.ticks) < 2:
            return ticks + (self.nanoseconds[0] - self.ticks[0] if self.ticks else 0)
        i = min(max(bisect.bisect_right(self.ticks, ticks) - 1, 0), len(self.ticks) - 2)
        t0, t1 = self.ticks[i : i + 2]
        n0, n1 = self.nanoseconds[i : i + 2]
        return n0 + (ticks - t0) * (n1 - n0) // (t1 - t0)

    def time_ns(self, ticks):
        return max(0, self.ns(ticks) - self.start)


# ---- order and replay [7] ----


class Live:
    """A live block, named by the row that made it."""

    def __init__(self, image, stream, row, size):
        self.image, self.stream, self.seq, self.size = image, stream, row[0], size
        self.address, self.ticks, self.context = row[4], row[2], row[3]


class Space:
    """The address space of an image."""

    def __init__(self, image, joined):
        self.image, self.joined = image, joined
        self.live, self.unsure = {}, {}  # address -> Live
        self.left_alone = []
        self.children, self.copied = [], []  # (fork_ticks, Space), by fork: those to come, those whose agent has not joined
        self.parent = None
        self.before = 0
        self.streams = []
        self.running = 0  # streams with rows to come
        self.replaced = self.ending = self.over = False


class Replay:
    """Merges all streams and follows every block in its image; `events` yields, the counters grow."""

    def __init__(self, trace):
        self.trace = trace
        self.reordered = self.violations = self.unknown_releases = 0
        self.live_blocks = self.live_bytes = 0  # when their processes ended
        self.released = None  # the block that the event just yielded took out, or, a realloc that failed, put back

    def gone(self, space, block, why, ticks):
        """A block of this space's own leaves without an event: why is "end", "exec" or "forgotten"."""

    def pause(self, spaces):
        """All rows up to self.now were replayed, and none behind."""

    def make_spaces(self):
        """Every image with its streams, parent and children, and the moments between the rows."""
        images, streams = self.trace.images, self.trace.streams.values()
        numbers = sorted(set(images) | {self.trace.image_of(stream.number) for stream in streams})
        spaces = {n: Space(n, images[n]["ticks"] if n in images else 0) for n in numbers}
        for n in numbers:
            spaces[n].before = self.trace.before_of(n)
        changes = []
        for stream in streams:
            space = spaces[self.trace.image_of(stream.number)]
            space.streams.append(stream)
            space.running += 1
        for image in images.values():
            if 0 < image["forked_from"] < image["image"] and image["forked_from"] in spaces:
                child, parent = spaces[image["image"]], spaces[image["forked_from"]]
                child.parent = parent
                parent.children.append((image["fork_ticks"], child))
                changes.append((image["fork_ticks"], 0, image["image"]))
        of_process = {}
        for number in numbers:
            of_process.setdefault(self.trace.process_of(number), []).append(number)
        for process, chain in of_process.items():
            for image, following in zip(chain, chain[1:]):
                spaces[image].replaced = True
                changes.append((spaces[following].joined, 1, image))
            end = self.trace.processes.get(process, {"end_ticks": 0})["end_ticks"]
            if end:
                changes.append((end, 1, chain[-1]))
        for space in spaces.values():
            space.children.sort(key=lambda child: (child[0], child[1].image))
        return spaces, sorted(changes)

    def events(self):
        spaces, changes = self.make_spaces()
        heads, self.now = [], 0

        def push(stream, space):
            row = next(stream.rows_ahead(), None)
            if row:
                heapq.heappush(heads, (row[2], stream.number, stream, space, row))
                return True
            if stream.begin:
                self.leave_alone(stream, space)
            return False

        for space in spaces.values():
            for stream in space.streams:
                push(stream, space)
        while heads:
            _, _, stream, space, row = heapq.heappop(heads)
            if row[2] > self.now:
                self.pause(spaces)
            while changes and changes[0][0] < row[2]:
                self.change(spaces, *changes.pop(0))
            self.space, self.now = space, row[2]
            self.tell_children(stream, row)
            yield from self.replay(stream, row)
            stream.step()
            if not push(stream, space):
                space.running -= 1
                if not space.running and space.ending:
                    self.end(space, self.now)
        for change in changes:
            self.change(spaces, *change)
        for space in spaces.values():
            if not space.over:
                self.end(space, self.now)

    def change(self, spaces, ticks, is_end, image):
        space = spaces[image]
        if is_end:
            space.ending = True
            if not space.running:
                self.end(space, ticks)
        elif not space.parent.over:
            self.copy(space)

    def copy(self, child):
        if not child.live:
            child.live = dict(child.parent.live)
        child.parent.children = [c for c in child.parent.children if c[1] is not child]
        child.parent.copied.append(child)

    def end(self, space, ticks):
        self.now = max(self.now, ticks)
        for block in space.left_alone:
            if block.address in space.live:
                self.leave(space, block, "forgotten", ticks)
            else:
                space.live[block.address] = block
        for _, child in list(space.children):
            self.copy(child)
        for block in space.live.values():
            self.leave(space, block, "exec" if space.replaced else "end", ticks)
        space.live, space.unsure, space.left_alone, space.copied = {}, {}, [], []
        space.over = True

    def leave(self, space, block, why, ticks):
        if block.image == space.image:
            if why == "end":
                self.live_blocks += 1
                self.live_bytes = self.live_bytes + block.size & MASK
            self.gone(space, block, why, ticks)

    def tell_children(self, stream, row):
        self.space.copied = [child for child in self.space.copied if child.joined >= row[2]]
        if row[1] in HAS_ADDRESS:
            for child in self.space.copied:
                child.unsure[row[4]] = Live(self.space.image, stream.number, row, row[5])

    def leave_alone(self, stream, space):
        row, block = stream.begin
        if block is not None:
            space.left_alone.append(block)
        stream.begin = None

    def pair(self, stream, row):
        """The begin that belongs to this row, if any; rows that do not fit each other are violations."""
        adjacent = row[0] == stream.previous + 1
        stream.previous = row[0]
        begin, is_end = stream.begin, row[1] in REALLOC_ENDS
        if adjacent and is_end != (begin is not None):
            self.violations += 1
        if begin and not (adjacent and is_end):
            self.leave_alone(stream, self.space)
            return None
        stream.begin = None
        return begin

    def made(self, stream, row):
        return Live(self.space.image, stream.number, row, row[5])

    def replay(self, stream, row):
        seq, kind, _, _, address, size, _ = row
        begin = self.pair(stream, row)
        if kind == FREE and seq in stream.taken:
            return
        if kind in (ALLOC, EXISTING):
            yield from self.become_live(stream, row, self.made(stream, row))
            self.released = None
            yield self.simple(stream, row, "alloc" if kind == ALLOC else "existing", size, address)
        elif kind == ALLOC_FAILED:
            self.released = None
            yield self.simple(stream, row, "alloc", size, None)
        elif kind == FREE:
            yield self.freed(stream, row, self.release(row))
        elif kind == REALLOC_BEGIN:
            stream.begin = row, stream.taken[seq] if seq in stream.taken else self.release(row)
        else:
            if kind == REALLOC_END:
                yield from self.become_live(stream, row, self.made(stream, row))
            elif kind == REALLOC_FAILED and begin and begin[1] is not None:
                yield from self.become_live(stream, row, begin[1])
            self.released = begin and begin[1]
            yield self.realloc(stream, row, begin)

    def become_live(self, stream, row, block):
        live, address = self.space.live, block.address
        if self.space.unsure.pop(address, None):
            live.pop(address, None)
        if address in live:
            early = self.find_release(stream, row, address)
            if early:
                other, release = early
                self.reordered += 1
                taken = other.taken[release[0]] = self.release(release)
                if release[1] == FREE:
                    yield self.freed(other, release, taken)
            else:
                self.wonder(row)
        if address in live:
            self.leave(self.space, live.pop(address), "forgotten", row[2])
        live[address] = block

    def wonder(self, row):
        """What this row does to its address cannot be, unless a call in front of it is missing, or the block is from before."""
        if row[2] >= self.trace.unknown_from:
            self.unknown_releases += 1
        elif self.space.before:
            self.space.before -= 1
            self.unknown_releases += 1
        else:
            self.violations += 1

    def find_release(self, stream, row, address):
        """The release of this address by another stream that a late stamp hides behind this row."""
        found, until = None, self.trace.clock.ns(row[2]) + 1000
        for other in self.space.streams:
            if other is stream:
                continue
            for ahead in itertools.islice(other.rows_ahead(), LOOK_AHEAD_ROWS):
                if self.trace.clock.ns(ahead[2]) > until:
                    break
                if ahead[1] in (FREE, REALLOC_BEGIN) and ahead[4] == address and ahead[0] not in other.taken:
                    if found is None or (ahead[2], other.number) < (found[1][2], found[0].number):
                        found = other, ahead
                    break
        return found

    def release(self, row):
        """Takes the block out of the live set and returns it, None if it was not there."""
        unsure = self.space.unsure.pop(row[4], None)
        block = self.space.live.pop(row[4], None) or unsure
        if block is None:
            self.wonder(row)
        return block

    def freed(self, stream, row, block):
        self.released = block
        return self.simple(stream, row, "free", block and block.size, row[4])

    def simple(self, stream, row, event, size, address):
        function, stack, cut = self.trace.place(row[3])
        return {
            "time_ns": self.trace.clock.time_ns(row[2]),
            "thread": stream.number,
            "event": event,
            "function": function,
            "heap": heap(row),
            "size": size,
            "address": None if address is None else hex(address),
            "source": row[6] >> 4,
            "caller": stack[0] if stack else None,
            "process": self.process(stream),
            "stack": stack,
            "stack_cut": cut,
        }

    def realloc(self, stream, row, begin):
        function, stack, cut = self.trace.place(row[3])
        old, block = begin or (None, None)
        return {
            "time_ns": self.trace.clock.time_ns(row[2]),
            "begin_ns": self.trace.clock.time_ns(old[2]) if old else None,
            "thread": stream.number,
            "event": "realloc",
            "function": function,
            "heap": heap(row),
            "source": row[6] >> 4,
            "old_address": hex(old[4]) if old else None,
            "old_size": block and block.size,
            "new_address": hex(row[4]) if row[1] == REALLOC_END else None,
            "new_size": row[5],
            "failed": row[1] == REALLOC_FAILED,
            "caller": stack[0] if stack else None,
            "process": self.process(stream),
            "stack": stack,
            "stack_cut": cut,
        }

    def process(self, stream):
        return self.trace.process_of(self.trace.image_of(stream.number))


def heap(row):
    number = row[6] & 15
    return HEAPS[number] if number < len(HEAPS) else None


# ---- answers ----


def verdict(trace):
    """The account [8]."""
    replay = Replay(trace)
    for _ in replay.events():
        pass
    threads, closes = [], True
    for number in sorted(
        set(trace.threads) | set(trace.streams) | set(trace.accounts) | {r["stream"] for r in trace.losses}
    ):
        calls = trace.streams[number].calls if number in trace.streams else 0
        thread, account = trace.threads.get(number), trace.accounts.get(number)
        if account is None:
            lost = sum(r["count"] for r in trace.losses if r["stream"] == number)
            account = {"entered": calls + lost, "recorded": calls, "counted_only": 0, "lost": lost}
            closes = False
        entry = {
            "thread": number,
            "tid": thread["tid"] if thread else None,
            "name": text(thread["name"]) if thread else None,
        }
        entry.update((key, account[key]) for key in ("entered", "recorded", "counted_only", "lost"))
        entry["in_flight"] = entry["entered"] - entry["recorded"] - entry["counted_only"] - entry["lost"]
        closes = closes and entry["in_flight"] in (0, 1) and entry["recorded"] == calls
        threads.append(entry)
    answer = {
        key: sum(entry[key] for entry in threads)
        for key in ("entered", "recorded", "counted_only", "lost", "in_flight")
    }
    answer["reordered"] = replay.reordered
    answer["history_violations"] = replay.violations
    answer["unknown_releases"] = replay.unknown_releases
    answer["live_blocks"], answer["live_bytes"] = replay.live_blocks, replay.live_bytes
    answer["damaged_blocks"] = len(trace.damages)
    answer["missing_sequences"] = trace.missing
    answer["unrecorded_images"] = sum(
        image["status"] not in (1, 6) for image in trace.images.values()
    ) + (trace.end["unheard"] if trace.end else 0)
    answer["complete"] = bool(
        trace.session
        and trace.end
        and trace.images
        and not answer["unrecorded_images"]
        and closes
        and not trace.damages
        and not trace.missing
        and not trace.losses
        and not answer["lost"]
        and not replay.violations
    )
    answer["threads"] = threads
    return answer


class Sums:
    """Of one process, or of all: what its own blocks add up to."""

    def __init__(self):
        self.allocated, self.live, self.blocks = 0, 0, 0
        self.peak = 0, 0, None  # bytes, blocks, ns
        self.unfreed = [0, 0]

    def born(self, block, existed, ns):
        self.allocated += 0 if existed else block.size
        self.live, self.blocks = self.live + block.size & MASK, self.blocks + 1
        if self.live > self.peak[0]:
            self.peak = self.live, self.blocks, ns

    def died(self, block, unfreed=False):
        self.live, self.blocks = self.live - block.size & MASK, self.blocks - 1
        if unfreed:
            self.unfreed = [self.unfreed[0] + block.size, self.unfreed[1] + 1]

    def answer(self):
        peak_bytes, peak_blocks, peak_ns = self.peak
        return {
            "peak_bytes": peak_bytes,
            "peak_blocks": peak_blocks,
            "peak_ns": peak_ns,
            "unfreed_bytes": self.unfreed[0] & MASK,
            "unfreed_blocks": self.unfreed[1],
        }


class Family(Replay):
    """The sums of every process, and of all (None)."""

    def __init__(self, trace):
        super().__init__(trace)
        self.sums = {None: Sums(), **{process: Sums() for process in sorted(trace.processes)}}
        for event in self.events():
            block, stream = self.released, event["thread"]
            if block and block.image == self.space.image and not event.get("failed"):
                for sums in self.of(block.image):
                    sums.died(block)
            address = event["new_address"] if event["event"] == "realloc" else event["address"]
            if event["event"] != "free" and address is not None:
                for sums in self.of(trace.image_of(stream)):
                    sums.born(self.space.live[int(address, 16)], event["event"] == "existing", event["time_ns"])

    def of(self, image):
        process = self.trace.process_of(image)
        return [self.sums[None]] + ([self.sums[process]] if process in self.sums else [])

    def gone(self, space, block, why, ticks):
        for sums in self.of(block.image):
            sums.died(block, why == "end")


def info(trace):
    counts = trace.kind_counts
    allocs, frees = counts[ALLOC] + counts[ALLOC_FAILED], counts[FREE]
    reallocs = sum(counts[kind] for kind in REALLOC_ENDS)
    sums = Family(trace).sums
    flags = trace.session["flags"] if trace.session else 0  # [5.1]
    return {
        "events": allocs + frees + reallocs,
        "allocs": allocs,
        "frees": frees,
        "reallocs": reallocs,
        "bytes_on_disk": trace.bytes_on_disk,
        "threads": len(trace.threads),
        "contexts": len(trace.contexts),
        "images": len(trace.images),
        "modules_left_out": trace.end["modules_left_out"] if trace.end else 0,
        "forked_children": trace.end["forked_children"] if trace.end else 0,
        "processes_told": not flags & 16 if flags & 12 else None,
        **sums[None].answer(),
        "processes": [
            {
                "process": process,
                "pid": trace.processes[process]["pid"],
                "allocated_bytes": sums[process].allocated & MASK,
                **sums[process].answer(),
            }
            for process in sums
            if process is not None
        ],
    }


def print_blocks(trace):
    print(
        "%10s %6s %-10s %6s %8s %8s %8s %8s  %s"
        % ("offset", "number", "kind", "stream", "rows", "seq", "stored", "plain", "state")
    )
    for b in trace.blocks:
        kind = KIND_NAMES[b.kind] if 0 < b.kind < len(KIND_NAMES) else str(b.kind)
        print(
            "%10d %6d %-10s %6d %8d %8d %8d %8d  %s"
            % (b.offset, b.number, kind, b.stream, b.rows, b.first_seq, b.stored_bytes, b.plain_bytes, b.note)
        )
    for offset, what in trace.damages:
        print("%10d damage: %s" % (offset, what))


def load(path):
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise Refusal("not a regular file")
    with open(path, "rb") as file:
        return Trace(file.read())


def main(arguments):
    commands = ("blocks", "script", "verify", "info")
    if len(arguments) != 3 or arguments[1] not in commands:
        print("usage: decode.py %s FILE" % "|".join(commands), file=sys.stderr)
        return 2
    command, path = arguments[1:]
    try:
        trace = load(path)
    except (OSError, Refusal) as error:
        print("decode.py: %s: %s" % (path, error), file=sys.stderr)
        return 3
    if command == "verify":
        answer = verdict(trace)
        print(json.dumps(answer))
        return 0 if answer["complete"] else 1
    if command == "script":
        for event in Replay(trace).events():
            print(json.dumps(event))
    elif command == "info":
        print(json.dumps(info(trace)))
    else:
        print_blocks(trace)
    return 4 if trace.broken() else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
