# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The recorder: takes messages from any thread and writes them in its own. Owns the queue, what is
done when the disk does not take it, and what it says of itself.

Memory is bounded by the queue; what does not fit is counted and told. Nothing here ends a tower.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from swarm_tower.core.recording import Thinner, Topic, sender_of
from swarm_tower.recorder.keeping import Asked, Keeper, NotKept
from swarm_tower.recorder.mcap_reading import McapFile
from swarm_tower.recorder.ring import MIB, Line, Ring, SchemaOf

LOG = logging.getLogger('swarm_tower.recorder')
QUEUE_BYTES_MAX = 8 * MIB
QUEUE_MAX = 20_000
MESSAGE_BYTES_MAX = 4 * MIB
ASKED_MAX = 8
JOIN_S = 10.0
NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class Settings:
    """Where and how much."""

    folder: Path
    swarm_id: str = 'swarm'
    file_bytes: int = 16 * MIB
    ring_bytes: int = 256 * MIB
    kept_bytes: int = 256 * MIB
    tail_s: float = 60.0
    flush_s: float = 2.0  # what a killed process loses at most
    again_s: float = 30.0  # after a failure
    alarm_gap_s: float = 60.0  # of automatic saves: the tail of the one before reaches so far


@dataclass(frozen=True)
class Condition:
    """How it goes. state: starting, recording, failing (told by `trouble`), closed."""

    state: str = 'starting'
    trouble: str = ''
    written: int = 0
    dropped: int = 0  # no room in the queue, or the disk did not take it
    unknown: int = 0  # of types that this installation does not know
    saved: int = 0
    not_saved: str = ''


class Recorder:
    """`take`, `alarm` and `save` may be called by any thread."""

    def __init__(
        self, settings: Settings, schema_of: SchemaOf, wall_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.settings = settings
        self._schema_of, self._wall_ns = schema_of, wall_ns
        self._queue: deque[Line] = deque()
        self._queued_bytes = 0
        self._asked: deque[tuple[Asked, Future[Path]]] = deque()
        self._thinners: dict[str, Thinner] = {}
        self._wake = threading.Condition()
        self._closing = False
        self._ring: Ring | None = None
        self._alarm_ns = 0
        self._again_at = 0.0
        self.condition = Condition()
        self._thread = threading.Thread(target=self._run, name='tower_recorder', daemon=True)
        self._thread.start()

    # -- from any thread

    def take(self, topic: Topic, name: str, data: bytes) -> None:
        """Write a message, soon; drops it where there is no room."""
        at_ns = self._wall_ns()
        if topic.gap_ms and not self._thinner(topic).admits(sender_of(data), at_ns):
            return
        with self._wake:
            full = (
                len(self._queue) >= QUEUE_MAX
                or self._queued_bytes + len(data) > QUEUE_BYTES_MAX
                or len(data) > MESSAGE_BYTES_MAX
            )
            if full or self._closing:
                self._tell(dropped=self.condition.dropped + 1)
                return
            self._queue.append(Line(topic, name, at_ns, data))
            self._queued_bytes += len(data)

    def alarm(self, reason: str) -> Future[Path] | None:
        """Something is wrong: keep what led to it. None = the last alarm's recording has it."""
        now_ns = self._wall_ns()
        gap_ns = self.settings.alarm_gap_s * NS_PER_S
        if self._alarm_ns and 0 <= now_ns - self._alarm_ns < gap_ns:
            return None
        self._alarm_ns = now_ns
        return self.save(Asked(reason, 'tower', automatic=True))

    def save(self, asked: Asked) -> Future[Path]:
        """Keep the last seconds; the answer is the new file, or NotKept, or OSError."""
        answer: Future[Path] = Future()
        with self._wake:
            if self._closing or len(self._asked) >= ASKED_MAX:
                answer.set_exception(NotKept('too many are asked for at once'))
            else:
                self._asked.append((asked, answer))
                self._wake.notify()
        return answer

    def close(self) -> None:
        """Write what is there and end the thread; never raises, may be called twice."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            LOG.error('the recorder did not end within %s s', JOIN_S)

    def _thinner(self, topic: Topic) -> Thinner:
        return self._thinners.setdefault(topic.name, Thinner(topic.gap_ms))

    def _tell(self, **changes: Any) -> None:
        self.condition = replace(self.condition, **changes)

    # -- the thread

    def _run(self) -> None:
        while True:
            with self._wake:
                if not self._closing and not self._asked:
                    self._wake.wait(self.settings.flush_s)
                lines, self._queue = self._queue, deque()
                self._queued_bytes = 0
                asked, self._asked = self._asked, deque()
                closing = self._closing
            self._write(lines)
            for one, answer in asked:
                self._keep(one, answer)
            if closing:
                self._end()
                return

    def _write(self, lines: deque[Line]) -> None:
        written = unknown = 0
        try:
            ring = self._opened()
            if ring is not None:
                for line in lines:
                    try:
                        ring.write(line)
                        written += 1
                    except KeyError:
                        unknown += 1
                ring.flush()
                self._well()
        except Exception as error:
            self._fail(error)
        lost = len(lines) - written - unknown
        with self._wake:
            now = self.condition
            self._tell(
                written=now.written + written, unknown=now.unknown + unknown,
                dropped=now.dropped + lost,
            )

    def _well(self) -> None:
        if self.condition.state != 'recording':
            LOG.info('recording into %s', self.settings.folder)
            with self._wake:
                self._tell(state='recording', trouble='')

    def _opened(self) -> Ring | None:
        if self._ring is None:
            if time.monotonic() < self._again_at:
                return None
            about = {'swarm_id': self.settings.swarm_id}
            settings = self.settings
            self._ring = Ring(
                settings.folder, settings.file_bytes, settings.ring_bytes, self._schema_of, about
            )
        return self._ring

    def _fail(self, error: Exception) -> None:
        text = f'{getattr(error, "strerror", None) or error}'
        trouble = f'cannot record into {self.settings.folder}: {text}'
        if trouble != self.condition.trouble:
            LOG.error('%s; trying again every %s s', trouble, self.settings.again_s)
        with self._wake:
            self._tell(state='failing', trouble=trouble)
        ring, self._ring = self._ring, None
        self._again_at = time.monotonic() + self.settings.again_s
        if ring is not None:
            ring.abandon()

    def _keep(self, asked: Asked, answer: Future[Path]) -> None:
        settings = self.settings
        try:
            if self._ring is None:
                raise NotKept(self.condition.trouble or 'nothing is recorded')
            keeper = Keeper(
                settings.folder, settings.tail_s, settings.kept_bytes, self._schema_of,
                settings.swarm_id,
            )
            found = keeper.keep(asked, self._wall_ns())
        except Exception as error:
            text = str(getattr(error, 'strerror', None) or error)
            LOG.error('not saved (%s): %s', asked.reason, text)
            with self._wake:
                self._tell(not_saved=text)
            answer.set_exception(error)
            return
        LOG.info('saved the last %g s: %s', settings.tail_s, found)
        with self._wake:
            self._tell(saved=self.condition.saved + 1, not_saved='')
        answer.set_result(found)

    def _end(self) -> None:
        ring, self._ring = self._ring, None
        try:
            if ring is not None:
                ring.close()
        except Exception as error:
            LOG.error('the last recording was not finished: %s', error)
        with self._wake:
            self._tell(state='closed')


def about(file: McapFile) -> dict[str, str]:
    """Return what a recorder has written about a file; empty for other people's."""
    return file.metadata.get('swarm_tower', {})
