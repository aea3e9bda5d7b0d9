# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recordings as the page asks for them: which there are, and the picture at a time. Owns which
file belongs to which name; a name from outside is looked up, never made into a path.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from swarm_tower.core.facts import Fact
from swarm_tower.core.time_travel import Timeline
from swarm_tower.core.view import SwarmView
from swarm_tower.recorder.keeping import AUTOMATIC, Asked, NotKept, kept_files
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable, Recorded, readable
from swarm_tower.recorder.recorder import Recorder, about
from swarm_tower.recorder.ring import ring_files

NS_PER_MS = 1_000_000
SAVE_S = 10.0
IDLE_S = 120.0  # then a timeline is let go
OPEN_MAX = 3  # timelines kept: each holds copies of a picture
LIVE = ''  # the name of what the tower records just now


class Decoder(Protocol):
    """Messages to facts."""

    notes: list[str]

    def facts(self, message: Recorded) -> Iterable[Fact]:
        """Return what a message tells; nothing for one that is not understood."""


class NotFound(LookupError):
    """There is no such recording."""


class _Tape:
    """One recording: a file, or all of a ring."""

    def __init__(
        self, paths: Callable[[], list[Path]], decoder: Decoder, begin: Callable[[int], SwarmView]
    ) -> None:
        self._paths, self.decoder = paths, decoder
        self._files: dict[Path, McapFile] = {}
        self.used_s = 0.0
        self.refresh()
        self.line = Timeline(lambda: begin(self.start_ns), self._play)

    def refresh(self) -> None:
        """Take in what is new. Raises NotReadable where there is nothing at all."""
        files, trouble = {}, 'nothing has been recorded yet'
        for path in self._paths():
            try:
                file = self._files.get(path) or McapFile(path)
                if not file.complete:
                    file.scan()
                if file.pieces:
                    files[path] = file
                else:
                    trouble = f'{path.name}: {"; ".join(file.notes) or "no message in it"}'
            except NotReadable as error:
                trouble = str(error)
        if not files:
            raise NotReadable(trouble)
        self._files = files
        self.start_ns = min(one.start_ns for one in files.values())
        self.end_ns = max(one.end_ns for one in files.values())

    @property
    def notes(self) -> list[str]:
        several = len(self._files) > 1
        own = [
            f'{one.path.name} is {note}' if several else f'this recording is {note}'
            for one in self._files.values()
            for note in one.notes
            if not (several and not one.complete)  # the one that is being written
        ]
        return [*own, *self.decoder.notes][:8]

    def _play(self, after_ns: int) -> Iterator[tuple[int, Fact]]:
        for file in list(self._files.values()):
            for message in file.messages(after_ns):
                for fact in self.decoder.facts(message):
                    yield message.at_ns, fact


class Recordings:
    """What a tower has recorded, or one file that is replayed. Thread-safe; slow: not for the
    serving loop."""

    def __init__(
        self,
        begin: Callable[[int], SwarmView],
        decoder: Callable[[], Decoder],
        recorder: Recorder | None = None,
        folder: Path | None = None,
        file: Path | None = None,
    ) -> None:
        self._begin, self._decoder = begin, decoder
        self.recorder, self._folder, self._file = recorder, folder, file
        self._lock = threading.Lock()
        self._tapes: dict[str, _Tape] = {}
        self._scanned: dict[Path, McapFile] = {}

    @property
    def replayed(self) -> bool:
        """Tell whether there is no live swarm behind it, but a file."""
        return self._file is not None

    def listing(self) -> dict[str, Any]:
        """Return what there is."""
        with self._lock:
            self._let_go()
            rows = [self._row(name, path) for name, path in self._named().items()]
            span = self._span()
        return {
            'replay': None if self._file is None else self._file.name,
            'recorder': self._condition(),
            'span': span,
            'recordings': rows,
        }

    def path(self, name: str) -> Path:
        """Return the file of a name. Raises NotFound."""
        found = self._named().get(name)
        if found is None:
            raise NotFound(f'no recording {name[:60]!r}; GET /api/v1/recordings lists them')
        return found

    def save(self, reason: str, by: str) -> Path:
        """Keep the last seconds. Raises NotKept, OSError."""
        if self.recorder is None:
            raise NotKept('this tower records nothing; set the parameter recorder_dir')
        asked = Asked(reason, by, automatic=False)
        return self.recorder.save(asked).result(timeout=SAVE_S)

    def picture(self, name: str, at_ns: int) -> dict[str, Any]:
        """Return the frame of a time, which is clamped to the recording's span; name '' = all
        that the recorder has. Raises NotFound, NotReadable."""
        with self._lock:
            tape = self._tape(name)
            tape.refresh()
            at_ns = max(tape.start_ns, min(at_ns, tape.end_ns))
            view = tape.line.at(at_ns)
            view.delta(at_ns)
            return {
                'type': 'snapshot',
                'mono_ms': at_ns // NS_PER_MS,
                'wall_ms': at_ns // NS_PER_MS,
                **view.snapshot(),
                'recorded': {
                    'name': name,
                    'at_ms': at_ns // NS_PER_MS,
                    'start_ms': tape.start_ns // NS_PER_MS,
                    'end_ms': tape.end_ns // NS_PER_MS,
                    'notes': tape.notes,
                },
            }

    def _tape(self, name: str) -> _Tape:
        known = self._tapes.pop(name, None)
        if known is None:
            if name == LIVE and self._file is None:
                known = _Tape(self._ring, self._decoder(), self._begin)
            else:
                path = self._file if name == LIVE and self._file else self.path(name)
                known = _Tape(lambda: [path], self._decoder(), self._begin)
        known.used_s = time.monotonic()
        self._tapes[name] = known
        while len(self._tapes) > OPEN_MAX:
            del self._tapes[next(iter(self._tapes))]
        return known

    def _let_go(self) -> None:
        now_s = time.monotonic()
        for name in [n for n, tape in self._tapes.items() if now_s - tape.used_s > IDLE_S]:
            del self._tapes[name]

    def _ring(self) -> list[Path]:
        try:
            return [] if self._folder is None else ring_files(self._folder)
        except OSError:
            return []

    def _named(self) -> dict[str, Path]:
        if self._file is not None:
            return {self._file.name: self._file}
        if self._folder is None:
            return {}
        try:
            kept = kept_files(self._folder)
        except OSError:
            kept = []
        return {path.name: path for path in (*reversed(kept), *reversed(self._ring()))}

    def _row(self, name: str, path: Path) -> dict[str, Any]:
        row = {
            'name': name, 'kept': path.parent != self._folder, 'bytes': 0, 'start_ms': None,
            'end_ms': None, 'messages': 0, 'reason': '', 'by': '', 'complete': False,
            'automatic': AUTOMATIC in name, 'trouble': '',
        }
        try:
            row['bytes'] = path.stat().st_size
            file = self._scan(path)
        except (NotReadable, OSError) as error:
            return {**row, 'trouble': str(error)}
        told = about(file)
        return {
            **row,
            'start_ms': file.start_ns // NS_PER_MS or None,
            'end_ms': file.end_ns // NS_PER_MS or None,
            'messages': sum(file.counts.values()),
            'reason': told.get('reason', '')[:500],
            'by': told.get('by', '')[:64],
            'complete': file.complete,
            'trouble': '' if self._written(path) else '; '.join(file.notes),
        }

    def _written(self, path: Path) -> bool:
        ring = self._ring()
        return self.recorder is not None and bool(ring) and path == ring[-1]

    def _scan(self, path: Path) -> McapFile:
        known = self._scanned.get(path)
        file = known or McapFile(path)
        if not file.complete:
            file.scan()
        gone = [one for one in self._scanned if not one.exists()]
        for one in gone:
            del self._scanned[one]
        self._scanned[path] = file
        return file

    def _span(self) -> dict[str, int] | None:
        """What can be travelled over without naming a recording."""
        paths = [self._file] if self._file is not None else self._ring()
        files = [one for path in paths if (one := self._scanned.get(path)) and one.pieces]
        if not files:
            return None
        return {
            'start_ms': min(one.start_ns for one in files) // NS_PER_MS,
            'end_ms': max(one.end_ns for one in files) // NS_PER_MS,
        }

    def _condition(self) -> dict[str, Any] | None:
        recorder = self.recorder
        if recorder is None:
            return None
        settings = recorder.settings
        return {
            **asdict(recorder.condition),
            'folder': str(settings.folder),
            'ring_bytes_max': settings.ring_bytes,
            'kept_bytes_max': settings.kept_bytes,
            'tail_s': settings.tail_s,
        }


def replay_of(
    path: Path, begin: Callable[[int], SwarmView], decoder: Callable[[], Decoder]
) -> Recordings:
    """Return one file for replay. Raises NotReadable that says why it cannot be shown."""
    readable(path)
    return Recordings(begin, decoder, file=path)
