# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is read of a job far more seldom than it is kept: its specification, outputs and story.

Owns these values and their compact form: ten thousand ended jobs stay in memory of every robot, so
an ended job keeps its papers packed. Knows nothing of phases.
"""

import json
import re
import zlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

ATTEMPTS_MAX_DEFAULT = 3
HISTORY_MAX = 40  # lines kept per job; a job that is re-issued for ever must not grow for ever
LINE_CHARS_MAX = 500  # of a line; the reason of a failure may be longer than anybody reads
_ENCODER = json.JSONEncoder(separators=(',', ':'), ensure_ascii=False)
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')


class Effects(Enum):
    """What running a job twice would do; decides whether a lost attempt is repeated."""

    NONE = 'none'
    IDEMPOTENT = 'idempotent'
    FENCED = 'fenced'
    ONCE = 'once'


@dataclass(frozen=True, slots=True)
class FileRef:
    """A file by content. `sha256` is lower-case hex; `name` a relative path with '/'.

    Raises ValueError for another hash: it becomes the name of a file on the disk.
    """

    name: str
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        if not _SHA256.match(self.sha256) or self.size_bytes < 0:
            raise ValueError(
                f'file {self.name[:80]!r}: {self.size_bytes} bytes, sha256={self.sha256[:80]!r}: '
                'expected a size and 64 lower-case hexadecimal digits'
            )


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What is to be done; never changes. Fields as in swarm_msgs/msg/JobSpec."""

    kind: str
    argv: tuple[str, ...] = ()
    inputs: tuple[FileRef, ...] = ()
    outputs: tuple[str, ...] = ()
    timeout_ms: int = 0
    attempts_max: int = ATTEMPTS_MAX_DEFAULT
    effects: Effects = Effects.IDEMPOTENT
    priority: int = 0
    requires: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoryLine:
    """One line of a job's story: log index, stamp (Unix ns), sentence."""

    index: int
    stamp_ns: int
    what: str


@dataclass(frozen=True, slots=True)
class Papers:
    """`told` is the story: UTF-8 lines of index, nanoseconds since the submission (`base_ns`,
    which the job has) and sentence."""

    spec: JobSpec
    output_dir: str
    outputs: tuple[FileRef, ...] = ()
    told: bytes = b''

    def with_line(self, line: StoryLine, base_ns: int) -> 'Papers':
        """The story goes on. Its first line stays: it is what the story starts from."""
        what = line.what.replace('\n', ' ')[:LINE_CHARS_MAX]
        since_ns = line.stamp_ns - base_ns
        text = f'{line.index} {since_ns} {what}'.encode('utf-8', 'surrogatepass')
        lines = [*self.told.split(b'\n'), text] if self.told else [text]
        if len(lines) > HISTORY_MAX:
            del lines[1]
        return Papers(self.spec, self.output_dir, self.outputs, b'\n'.join(lines))

    def with_outputs(self, outputs: tuple[FileRef, ...]) -> 'Papers':
        return Papers(self.spec, self.output_dir, outputs, self.told)

    def story(self, base_ns: int) -> list[StoryLine]:
        """Raises ValueError where `told` is not what with_line makes."""
        lines = []
        for line in self.told.split(b'\n') if self.told else ():
            index, since_ns, what = line.decode('utf-8', 'surrogatepass').split(' ', 2)
            lines.append(StoryLine(int(index), base_ns + int(since_ns), what))
        return lines

    def text(self) -> str:
        """As JSON, the same on every robot."""
        spec = self.spec
        plain = [
            spec.kind,
            spec.argv,
            [_plain(ref) for ref in spec.inputs],
            spec.outputs,
            spec.timeout_ms,
            spec.attempts_max,
            spec.effects.name,
            spec.priority,
            spec.requires,
            spec.labels,
            self.output_dir,
            [_plain(ref) for ref in self.outputs],
            self.told.decode('utf-8', 'surrogatepass'),
        ]
        return _ENCODER.encode(plain)


# What the JSON list of `text` holds, in order.
_Ref = tuple[str, int, str]
_Texts = tuple[str, ...]
PAPERS_HINT = tuple[
    str, _Texts, tuple[_Ref, ...], _Texts, int, int, str, int, _Texts, _Texts, str,
    tuple[_Ref, ...], str,
]


def _plain(ref: FileRef) -> tuple[str, int, str]:
    return ref.name, ref.size_bytes, ref.sha256


def papers_from(fields: list[Any]) -> Papers:
    """From the parsed text. Whoever has it from elsewhere has checked the types (PAPERS_HINT);
    raises ValueError or KeyError for a hash or a member of Effects that is none."""
    return Papers(
        JobSpec(
            fields[0],
            tuple(fields[1]),
            tuple(FileRef(*ref) for ref in fields[2]),
            tuple(fields[3]),
            fields[4],
            fields[5],
            Effects[fields[6]],
            fields[7],
            tuple(fields[8]),
            tuple(fields[9]),
        ),
        fields[10],
        tuple(FileRef(*ref) for ref in fields[11]),
        fields[12].encode('utf-8', 'surrogatepass'),
    )


# What most papers have in common; the end of it is cheapest to refer to. It may change with any
# version: packed papers never leave the process.
_USUAL = (
    b' failed: outputs delivered handed back by cancelled: no word from  for its lease"IDEMPOTENT"'
    b',[],[],0,3,"IDEMPOTENT",0,[],[],""submitted at done by  started it attempt 1 granted to : '
    b'least work: holds 0 for 1 slots["exec",["'
)
_WINDOW_BITS = -12  # 4 KiB, raw: papers are mostly smaller


def pack(papers: Papers) -> bytes:
    return pack_text(papers.text())


def pack_text(text: str) -> bytes:
    """The result may differ between builds of zlib: it is for this process only."""
    squeeze = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, 5, zlib.Z_DEFAULT_STRATEGY, _USUAL)
    return squeeze.compress(text.encode('utf-8', 'surrogatepass')) + squeeze.flush()


def unpack_text(packed: bytes) -> str:
    text = zlib.decompressobj(_WINDOW_BITS, _USUAL).decompress(packed)
    return text.decode('utf-8', 'surrogatepass')


@lru_cache(maxsize=64)  # who looks at one of the papers looks at the others next
def unpack(packed: bytes) -> Papers:
    return papers_from(json.loads(unpack_text(packed)))
