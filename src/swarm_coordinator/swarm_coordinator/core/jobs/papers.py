# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is read of a job far more seldom than it is kept: its specification, outputs and story.

Owns these values and their compact form: ten thousand ended jobs stay in memory of every robot, so
an ended job keeps its papers packed. Knows nothing of phases.
"""

import json
import zlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

from swarm_coordinator.core.jobs.routes import RouteCandidate
from swarm_coordinator.core.jobs.spec import FileRef, JobSpec
from swarm_coordinator.core.replicated.rows import items, reader, writer

HISTORY_MAX = 40  # lines kept per job; a job that is re-issued for ever must not grow for ever
LINE_CHARS_MAX = 500  # of a line; the reason of a failure may be longer than anybody reads
_ENCODER = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of a job's story: log index, stamp (Unix ns), sentence."""

    index: int
    stamp_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class Papers:
    """`told` is the story: UTF-8 lines of index, nanoseconds since the submission (`base_ns`,
    which the job has) and sentence. `result` is JSON. `candidates` are those of the last grant;
    `stages_done` are names, of a pipeline."""

    spec: JobSpec
    output_dir: str
    outputs: tuple[FileRef, ...] = ()
    result: str = ''
    candidates: tuple[RouteCandidate, ...] = ()
    stages_done: tuple[str, ...] = ()
    told: bytes = b''

    def with_line(self, line: StoryLine, base_ns: int) -> 'Papers':
        """The story goes on. Its first line stays: it is what the story starts from."""
        what = line.what.replace('\n', ' ')[:LINE_CHARS_MAX]
        since_ns = line.stamp_ns - base_ns
        text = f'{line.index} {since_ns} {what}'.encode('utf-8', 'surrogatepass')
        lines = [*self.told.split(b'\n'), text] if self.told else [text]
        if len(lines) > HISTORY_MAX:
            del lines[1]
        return replace(self, told=b'\n'.join(lines))

    def story(self, base_ns: int) -> list[StoryLine]:
        """Raises ValueError where `told` is not what with_line makes."""
        lines = []
        for line in self.told.split(b'\n') if self.told else ():
            index, since_ns, what = line.decode('utf-8', 'surrogatepass').split(' ', 2)
            lines.append(StoryLine(int(index), base_ns + int(since_ns), what))
        return lines

    def text(self) -> str:
        """As JSON, the same on every robot."""
        told = self.told.decode('utf-8', 'surrogatepass')
        return _ENCODER.encode([*writer(_Row)(self), told])


@dataclass(frozen=True, slots=True)
class _Row:
    """The fields of Papers as their text holds them, in order; the story comes after."""

    spec: JobSpec
    output_dir: str
    outputs: tuple[FileRef, ...]
    result: str
    candidates: tuple[RouteCandidate, ...]
    stages_done: tuple[str, ...]


def papers_from(fields: Any) -> Papers:
    """From the parsed text. Raises Malformed (a ValueError) where it is not as Papers.text."""
    *row, told = items(fields, 'papers', 7)
    known = reader(_Row)(row, 'papers')
    return Papers(
        known.spec,
        known.output_dir,
        known.outputs,
        known.result,
        known.candidates,
        known.stages_done,
        reader(str)(told, 'papers').encode('utf-8', 'surrogatepass'),
    )


# What most papers have in common; the end of it is cheapest to refer to. It may change with any
# version: packed papers never leave the process.
_USUAL = (
    b' failed: outputs delivered handed back by cancelled: no word from  for its lease'
    b'submitted at done by  started it attempt 1 granted to : '
    b'[[["exec",[[],[],"",""]],[],[],0,0,3,0,1000,"IDEMPOTENT",0,[],0,0,0,0,"",[]],"",[],"",[],[]'
)
_WINDOW_BITS = -12  # 4 KiB, raw: papers are mostly smaller


_recent: 'OrderedDict[bytes, Papers]' = OrderedDict()  # what was packed or unpacked last
RECENT_MAX = 512  # a job that has just ended is looked at by its origin, its client and watchers


def pack(papers: Papers) -> bytes:
    packed = pack_text(papers.text())
    _remember(packed, papers)
    return packed


def pack_text(text: str) -> bytes:
    """The result may differ between builds of zlib: it is for this process only."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, 5, zlib.Z_DEFAULT_STRATEGY, _USUAL)
    return squeeze.compress(text.encode('utf-8', 'surrogatepass')) + squeeze.flush()


def unpack_text(packed: bytes) -> str:
    text = zlib.decompressobj(_WINDOW_BITS, _USUAL).decompress(packed)
    return text.decode('utf-8', 'surrogatepass')


def unpack(packed: bytes) -> Papers:
    papers = _recent.get(packed)
    if papers is None:
        papers = papers_from(json.loads(unpack_text(packed)))
        _remember(packed, papers)
    return papers


def _remember(packed: bytes, papers: Papers) -> None:
    _recent[packed] = papers
    if len(_recent) > RECENT_MAX:
        _recent.popitem(last=False)
