# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The collective memory of a robot in its ROS graph: topics, the service that queries it, and the
thread that keeps it on the disk; decides nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from rclpy.node import Node
from rclpy.task import Future
from swarm_msgs import srv
from swarm_msgs.msg import Envelope, MemoryBlocks, SwarmEvent

from ..core import learner as effects
from ..core.config import LearningConfig
from ..core.events import Event as LearnerEvent
from ..core.learner import Effect as LearnerEffect
from ..core.memory import memory as core
from ..core.memory.chronicle import Chronicle, Told
from ..core.memory.config import MemoryConfig
from ..core.memory.events import Event
from ..core.memory.query import Question, answer
from ..core.observation import LocalState, Outcome, Tick
from ..core.swarm_mind import PublishRegime
from ..storage.memory_store import MemoryStore
from ..storage.memory_writer import MemoryWriter
from . import memory_conversions
from .learning_node import RECEIPTS, Learning

KIB = 1024
TELL_NS = 10_000_000_000    # between two looks at what could be told, which gather everything


class Remembering:
    """Adapter between a learner's node and the memory of its robot. Watches the learner: what it
    is told and what it tells."""

    def __init__(self, node: Node, config: LearningConfig, learning: Learning) -> None:
        self._node = node
        self._config = config
        self._learning = learning
        self._log = node.get_logger()
        self._store = MemoryStore(config.storage_dir) if config.storage_dir else None
        self._thinking = ThreadPoolExecutor(1, thread_name_prefix='learning-recall')
        self._closed = False
        self.memory = self._restored()
        self._writer = None if self._store is None else MemoryWriter(
            self._store, self._stored, self._log.warning)
        self._told_ns: int | None = None
        self._chronicle = Chronicle(config.robot_id)
        self._sequence = 0
        self._publisher = node.create_publisher(MemoryBlocks, '/swarm/memory', RECEIPTS)
        node.create_subscription(MemoryBlocks, '/swarm/memory', self._on_blocks, RECEIPTS)
        node.create_subscription(SwarmEvent, '/swarm/events', self._on_event, RECEIPTS)
        node.create_service(srv.QueryMemory, 'query_memory', self._query)
        learning.watchers.append(self)

    def close(self) -> None:
        """Keep what is remembered and end the threads; never raises."""
        if self._closed:
            return
        self._closed = True
        try:
            self._perform(self.memory.closing())
        except Exception as error:
            self._log.error(f'memory: closing: {type(error).__name__}: {error}')
        if self._writer is not None:
            self._writer.close()
        self._thinking.shutdown(wait=True, cancel_futures=True)

    def facts(self) -> dict[str, int]:
        """For the state of the learner: bytes, blocks, and events that they stand for."""
        histories = [self.memory.own.history, *self.memory.heard.in_order()]
        return {
            'memory_bytes': sum(self.memory.bytes_by_part().values()),
            'memory_blocks': sum(1 for history in histories for _ in history),
            'memory_events': self.memory.own.sequence,
        }

    # ---- what it is told

    def saw_event(self, event: LearnerEvent) -> None:
        """The learner was told this."""
        if isinstance(event, LocalState):
            self._chronicle.hear_state(event)
        elif isinstance(event, Outcome):
            self._note(self._chronicle.hear_outcome(event, self._unix_ns()))
        elif isinstance(event, Tick):
            self._guard('tick', self._tick)

    def saw_effect(self, effect: LearnerEffect) -> None:
        """The learner tells this."""
        leads = self._leads()
        if isinstance(effect, effects.PublishLocal):
            regime = self._learning.core.mind.regime if self._learning.core.mind else None
            goodput = dict(regime.features).get('goodput') if regime and leads else None
            self._note(self._chronicle.hear_figures(effect.figures, goodput, self._unix_ns()))
        elif isinstance(effect, PublishRegime):
            self._note(self._chronicle.hear_regime(effect.view, leads, self._unix_ns()))

    def _on_event(self, msg: SwarmEvent) -> None:
        if msg.envelope.swarm_id != self._config.swarm_id:
            return
        told = Told(msg.envelope.sender, msg.log_index, msg.kind, msg.severity, msg.subject,
                    msg.text)
        self._note(self._chronicle.hear_event(told, self._leads(), self._unix_ns()))

    def _on_blocks(self, msg: MemoryBlocks) -> None:
        envelope = msg.envelope
        if envelope.swarm_id != self._config.swarm_id or envelope.sender == self._config.robot_id:
            return
        self._guard('blocks', partial(self._take, msg))

    def _take(self, msg: MemoryBlocks) -> None:
        try:
            parcel, problems = memory_conversions.parcel_from_msg(msg)
        except ValueError as error:
            self._learning.core.refused += 1
            self._log.warning(f'memory of {msg.envelope.sender[:64]!r}: {error}',
                              throttle_duration_sec=60.0)
            return
        self._learning.core.refused += len(problems)
        if self._config.heard_memory_kib:
            self._perform(self.memory.hear_blocks(parcel, self._unix_ns()))

    # ---- what it does

    def _note(self, events: Iterable[Event]) -> None:
        """Also where learning is frozen: a record is kept, nothing is learned from it."""
        if self._closed:
            return
        for event in events:
            self._guard('note', partial(self._note_one, event))

    def _note_one(self, event: Event) -> None:
        self._perform(self.memory.note(event))

    def _tick(self) -> None:
        now_ns = self._unix_ns()
        if now_ns <= 0:
            return  # a simulation that has not begun
        self._perform(self.memory.tick(now_ns))
        if self._told_ns is not None and 0 <= now_ns - self._told_ns < TELL_NS:
            return
        self._told_ns = now_ns
        parcel = self.memory.blocks_to_send(now_ns)
        if parcel is None:
            return
        self._sequence += 1
        envelope = Envelope(
            swarm_id=self._config.swarm_id, sender=self._config.robot_id,
            sequence=self._sequence, protocol_version=Envelope.PROTOCOL_VERSION)
        self._publisher.publish(memory_conversions.parcel_to_msg(parcel, envelope))

    def _perform(self, found: Iterable[core.Effect]) -> None:
        for effect in found:
            if isinstance(effect, core.Warn):
                self._log.warning(f'memory: {effect.text}')
            elif self._writer is None:
                self.memory.stored(effect.number)
            else:
                self._writer.write(effect.number, effect.puts, effect.deletes)

    def _stored(self, number: int) -> None:
        """In the disk's thread."""
        self._in_executor(partial(self.memory.stored, number))

    async def _query(self, request: Any, response: Any) -> Any:
        try:
            question = memory_conversions.question_from_request(request)
        except ValueError as error:
            return memory_conversions.refusal_to_response(str(error))
        now_ns = self._unix_ns()
        sources = self.memory.sources(question.robot_id)
        done: Future[Any] = Future()
        self._thinking.submit(self._recall, question, sources, now_ns, done)
        return await done

    def _recall(self, question: Question, sources: Any, now_ns: int, done: Any) -> None:
        """In a thread of its own: unpacking the blocks of many robots takes a while."""
        try:
            found = memory_conversions.answer_to_response(answer(question, sources, now_ns))
        except Exception as error:
            found = memory_conversions.refusal_to_response(
                f'{type(error).__name__}: {error}', unavailable=True)
        self._in_executor(partial(done.set_result, found))

    def _in_executor(self, work: Callable[[], Any]) -> None:
        executor = self._node.executor
        if executor is not None and not self._closed:
            executor.create_task(work)

    def _restored(self) -> core.Memory:
        life = secrets.randbits(63)
        config = MemoryConfig(
            own_bytes_max=self._config.memory_kib * KIB,
            heard_bytes_max=max(1, self._config.heard_memory_kib) * KIB,
            stored_first=self._store is not None)
        if self._store is None:
            return core.Memory(config, self._config.robot_id, life)
        try:
            opened = self._store.open()
        except OSError as error:
            self._log.warning(f'memory: {self._store.path}: {error}; nothing is kept')
            self._store = None
            return core.Memory(config, self._config.robot_id, life)
        if opened.problem:
            self._log.warning(f'memory: {self._store.path}: {opened.problem}; the bad file is '
                              f"kept as {opened.kept_as or 'nothing: there is no room'}")
        memory, problems = core.restored(config, self._config.robot_id, opened.records, life)
        for problem in problems[:10]:
            self._log.warning(f'memory: {problem}')
        return memory

    def _leads(self) -> bool:
        return self._learning.core.leads(self._learning.now_ns())

    def _unix_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _guard(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._log.error(f'memory: {what}: {type(error).__name__}: {error}',
                            throttle_duration_sec=5.0)
