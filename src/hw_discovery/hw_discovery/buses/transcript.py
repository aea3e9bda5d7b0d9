# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What buses were asked and answered, and what the kernel listed, as lines of JSON.

For tests and bug reports. The first line names format and version; each further line is a scan
with its blind spots, a node of that scan, an event of the kernel, or an operation with its
outcome. Bytes are hex. A file that was damaged or written by a newer program is refused with the
line that shows it; nothing is guessed. Host facts (memory, processor) are not recorded.
"""

import json
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hw_discovery.buses.performer import Performer
from hw_discovery.buses.transcript_json import Mask, TranscriptError, decode_line, encode_line
from hw_discovery.buses.worker import UeventSource
from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import Event, UeventSeen
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.probing.operation import Operation, Outcome
from hw_discovery.core.scan import BlindSpot, Scan

FORMAT = 'swarm-hardware-transcript'
VERSION = 1
WRITTEN_BYTES_MAX = 16 << 20     # a scan of a large robot takes about 200 kB
READ_BYTES_MAX = 64 << 20
# A node has at most 128 properties of 256 characters, an outcome 16 KiB of bytes as hex.
LINE_CHARS_MAX = 256 << 10


@dataclass(frozen=True, slots=True)
class Cut:
    """The writer reached its limit here: what follows was not recorded."""

    bytes_max: int


Item = Scan | UeventSeen | Outcome | Cut


class TranscriptWriter:
    """Writes one transcript. Threads may share it. Past its limit it says so and falls silent."""

    def __init__(
        self, stream: IO[str], mask: Mask | None = None, bytes_max: int = WRITTEN_BYTES_MAX,
    ) -> None:
        """mask: hides serial numbers and hardware addresses; None = they are written."""
        self._stream = stream
        self._mask = mask
        self._left = bytes_max
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._is_cut = False
        self._put({'format': FORMAT, 'version': VERSION, 'masked': mask is not None})

    def scan(self, scan: Scan) -> None:
        """Record what one look at the host brought back."""
        blind = [{'buses': sorted(k.value for k in spot.buses), 'notice': spot.notice}
                 for spot in scan.blind_spots]
        lines = [{'line': 'scan', 'nodes': len(scan.nodes), 'blind': blind}]
        self._put(*lines, *(encode_line(node, self._mask) for node in scan.nodes))

    def uevent(self, event: UeventSeen) -> None:
        """Record an event of the kernel."""
        self._put(encode_line(event, self._mask))

    def outcome(self, outcome: Outcome) -> None:
        """Record an operation and what came of it."""
        self._put(encode_line(outcome, self._mask))

    def _put(self, *lines: dict[str, Any]) -> None:
        text = ''.join(json.dumps(line, separators=(',', ':')) + '\n' for line in lines)
        with self._lock:
            if self._is_cut:
                return
            if len(text) > self._left:      # ASCII: a character is a byte
                self._is_cut = True
                text = json.dumps({'line': 'cut', 'bytes_max': self._bytes_max}) + '\n'
            self._left -= len(text)
            self._stream.write(text)
            self._stream.flush()


class RecordingPerformer:
    """Performs through another performer and writes down what came of it."""

    def __init__(self, performer: Performer, writer: TranscriptWriter) -> None:
        self._performer, self._writer = performer, writer

    def perform(self, operation: Operation) -> Outcome:
        """Return the other performer's outcome."""
        outcome = self._performer.perform(operation)
        self._writer.outcome(outcome)
        return outcome


class RecordingUevents:
    """Follows another source of events and writes down what it says."""

    def __init__(self, source: UeventSource, writer: TranscriptWriter) -> None:
        self._source, self._writer = source, writer

    def fileno(self) -> int:
        """Return the other source's descriptor."""
        return self._source.fileno()

    def drain(self) -> Sequence[Event]:
        """Return the other source's events."""
        events = self._source.drain()
        for event in events:
            if isinstance(event, UeventSeen):
                self._writer.uevent(event)
        return events


def recording_scan(
    scan: Callable[[frozenset[BusKind]], Scan], writer: TranscriptWriter,
) -> Callable[[frozenset[BusKind]], Scan]:
    """Return a scan, as DiscoveryWorker takes one, that writes down what it brings back."""
    def recorded(buses: frozenset[BusKind]) -> Scan:
        found = scan(buses)
        writer.scan(found)
        return found
    return recorded


@dataclass(frozen=True)
class Transcript:
    """A transcript that was read; `items` in the order in which they were written."""

    masked: bool
    items: tuple[Item, ...] = field(default=())

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Return the scans, in order."""
        return tuple(item for item in self.items if isinstance(item, Scan))

    @property
    def uevents(self) -> tuple[UeventSeen, ...]:
        """Return the kernel's events, in order."""
        return tuple(item for item in self.items if isinstance(item, UeventSeen))

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes, in order."""
        return tuple(item for item in self.items if isinstance(item, Outcome))

    @property
    def is_complete(self) -> bool:
        """The writer did not reach its limit."""
        return not any(isinstance(item, Cut) for item in self.items)


class ReplayPerformer:
    """Answers operations with what was recorded: the first time asked with the first outcome of
    this very operation, and so on; the last one repeats."""

    def __init__(self, transcript: Transcript) -> None:
        self._answers: dict[Operation, deque[Outcome]] = {}
        for outcome in transcript.outcomes:
            self._answers.setdefault(outcome.operation, deque()).append(outcome)
        self.unheard: list[Operation] = []       # asked here, but not recorded

    def perform(self, operation: Operation) -> Outcome:
        """Return the recorded outcome; 'failed' if this was never asked."""
        answers = self._answers.get(operation)
        if not answers:
            self.unheard.append(operation)
            return Outcome(operation, error='failed', detail='not in the transcript')
        return answers.popleft() if len(answers) > 1 else answers[0]


def read_transcript(path: Path) -> Transcript:
    """Return the transcript in a file, or raise TranscriptError; OSError if it cannot be read."""
    with open(path, encoding='utf-8', errors='replace', newline='\n') as opened:
        return parse_transcript(_limited_lines(opened))


def parse_transcript(lines: Iterable[str]) -> Transcript:
    """Return the transcript in some lines, or raise TranscriptError."""
    numbered = iter(enumerate(lines, 1))
    _, first = next(numbered, (1, ''))
    header = _header(first)
    items: list[Item] = []
    for number, line in numbered:
        decoded = decode_line(number, _json(number, line))
        if isinstance(decoded, KernelNode):
            raise TranscriptError(number, 'a node outside of a scan')
        if isinstance(decoded, int):
            items.append(Cut(decoded))
        elif isinstance(decoded, tuple):
            items.append(_scan(number, *decoded, numbered))
        else:
            items.append(decoded)
    return Transcript(header, tuple(items))


def _header(line: str) -> bool:
    """Return whether it is masked, after format and version were found to be ours."""
    try:
        header = _json(1, line)
    except TranscriptError:
        header = {}
    if header.get('format') != FORMAT:
        raise TranscriptError(1, f'expected a header with the format {FORMAT!r}')
    version = header.get('version')
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise TranscriptError(1, f'expected a version from 1; given: {version!r}')
    if version > VERSION:
        raise TranscriptError(
            1, f'written in version {version}; this program reads up to version {VERSION}: use a '
               'newer program')
    return header.get('masked') is True


def _scan(
    number: int, count: int, blind: tuple[BlindSpot, ...], numbered: Iterator[tuple[int, str]],
) -> Scan:
    nodes: list[KernelNode] = []
    for _ in range(count):
        at, line = next(numbered, (number, ''))
        if at == number:
            raise TranscriptError(
                number, f'this scan has {count} nodes, but the file ends after {len(nodes)}')
        node = decode_line(at, _json(at, line))
        if not isinstance(node, KernelNode):
            raise TranscriptError(at, f'expected a node of the scan in line {number}')
        nodes.append(node)
    return Scan(tuple(nodes), blind_spots=blind)


def _json(number: int, line: str) -> dict[str, Any]:
    if len(line) > LINE_CHARS_MAX:
        raise TranscriptError(number, f'longer than {LINE_CHARS_MAX} characters')
    if not line.endswith('\n'):
        raise TranscriptError(number, 'the line is cut off: the file was not written to its end')
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise TranscriptError(number, 'expected one JSON object') from None
    if not isinstance(value, dict):
        raise TranscriptError(number, 'expected one JSON object')
    return value


def _limited_lines(opened: IO[str]) -> Iterator[str]:
    left = READ_BYTES_MAX
    read: Callable[[int], str] = opened.readline
    while line := read(LINE_CHARS_MAX + 1):
        left -= len(line)
        if left < 0:
            raise TranscriptError(0, f'the file is larger than {READ_BYTES_MAX} bytes')
        yield line
