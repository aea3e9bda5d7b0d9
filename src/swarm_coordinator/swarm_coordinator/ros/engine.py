# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The thread that owns the coordinator: drains its inbox, ticks, performs effects in order.

Everything else (ROS callbacks, staging, job processes) only posts events here. Nothing here waits
for a job, a file transfer or a probe; the one thing it waits for is the write of the log.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from swarm_coordinator.core.comprehension import NewerLog
from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.delivery import FetchOutputs, ForgetOutputs, PlaceOutputs, TellStored
from swarm_coordinator.core.emergency import Announce, EmergencyTick, PersistEmergency
from swarm_coordinator.core.events import (
    DiscardFile,
    Effect,
    Event,
    Halt,
    InputsFailed,
    InputsReady,
    Left,
    OutputsFetched,
    OutputsNotFetched,
    OutputsPlaced,
    Persist,
    ProcessEnded,
    RefuseProposal,
    Renumbered,
    SaveSnapshot,
    Send,
    SendProposal,
    SweepFiles,
    Tick,
    UnpinFiles,
)
from swarm_coordinator.core.ids import start_number
from swarm_coordinator.core.jobs.offers import AnswerOffer, AskOffer
from swarm_coordinator.core.raft import Heartbeat, HeartbeatReply, RaftTiming
from swarm_coordinator.core.registry.probing import AnswerPeer, AskPeer
from swarm_coordinator.core.worker import (
    FetchInputs,
    Note,
    OfferOutputs,
    StartProcess,
    StopProcess,
)
from swarm_coordinator.ros.transport import Transport
from swarm_coordinator.runner.job_runner import JobRunner
from swarm_coordinator.runner.stager import Stager
from swarm_coordinator.storage.emergency_latch import save_emergency
from swarm_coordinator.storage.faults import StorageFault
from swarm_coordinator.storage.log_store import LogStore

EVENTS_PER_BATCH = 256  # bounds how long one write can hold up what came after it

Call = Callable[[Coordinator], None]


class Engine:
    """`post` events and `ask` questions from any thread; `views` performs what is published."""

    def __init__(
        self,
        coordinator: Coordinator,
        log_store: LogStore,
        transport: Transport,
        stager: Stager,
        runner: JobRunner,
        tick_ms: int,
        timing: RaftTiming,
        beacon: Callable[[Heartbeat | HeartbeatReply], None],
        views: 'Mapping[type, Callable[[Any], None]]',
        halted: Callable[[Halt], None],
        log: logging.Logger,
    ) -> None:
        self._coordinator = coordinator
        self._log_store = log_store
        self._transport = transport
        self._stager = stager
        self._runner = runner
        self._tick_ns = tick_ms * 1_000_000
        self._late_ns = timing.election_timeout_ticks_min * self._tick_ns // 2
        self._beacon = beacon
        self._halted = halted
        self._log = log
        self._inbox: queue.SimpleQueue[Event | Call | None] = queue.SimpleQueue()
        self._performers: dict[type, Callable[[Any], None]] = {
            Persist: self._persist,
            SaveSnapshot: self._save_snapshot,
            Renumbered: self._renumber,
            PersistEmergency: lambda effect: save_emergency(log_store, effect),
            Announce: transport.publish_emergency,
            AskPeer: transport.ask_peer,
            AnswerPeer: transport.answer_probe,
            Send: self._send,
            SendProposal: transport.send_proposal,
            RefuseProposal: transport.refuse_proposal,
            AskOffer: transport.ask_offer,
            AnswerOffer: transport.answer_offer,
            OfferOutputs: transport.offer_outputs,
            TellStored: transport.tell_stored,
            FetchInputs: self._fetch_inputs,
            FetchOutputs: self._fetch_outputs,
            ForgetOutputs: lambda effect: stager.forget(
                ('outputs', effect.job_id, effect.token)
            ),
            PlaceOutputs: self._place_outputs,
            StartProcess: runner.start,
            StopProcess: self._stop_process,
            DiscardFile: lambda effect: stager.discard(effect.sha256),
            UnpinFiles: lambda effect: stager.accounted(effect.sha256),
            SweepFiles: lambda effect: stager.sweep(effect.needed),
            Left: lambda effect: self.left.set(),
            Note: lambda effect: log.info('%s', effect.text),
            Halt: self._halt,
            **views,
        }
        self.left = threading.Event()  # the swarm knows that this robot leaves
        self._fsync_ns = 0  # slowest write since the last tick
        self.tick_late_ns_max = 0
        self.fsync_ns_max = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name='coordinator', daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._inbox.put(None)
        self._thread.join()

    def post(self, event: Event) -> None:
        self._inbox.put(event)

    def ask(self, question: Call) -> None:
        """Have `question` called with the coordinator, on its own thread."""
        self._inbox.put(question)

    def process_ended(self, end: Any) -> None:
        self.post(ProcessEnded(end))

    # ---- the thread

    def _run(self) -> None:
        try:
            self._loop()
        except (StorageFault, NewerLog) as error:
            self._halt(Halt(2, str(error)))
        except Exception as error:  # a broken core must stop, not go on half
            self._log.exception('the coordinator failed')
            self._halt(Halt(1, f'the coordinator failed: {error!r}'))

    def _loop(self) -> None:
        next_tick_ns = time.monotonic_ns() + self._tick_ns
        while not self._stopping:
            now_ns = time.monotonic_ns()
            due_ns = self._coordinator.due_ns
            wake_ns = next_tick_ns if due_ns is None else min(next_tick_ns, due_ns)
            batch, questions = self._take((wake_ns - now_ns) / 1e9)
            now_ns = time.monotonic_ns()
            if due_ns is not None and now_ns >= due_ns:
                batch.append(EmergencyTick())
            if now_ns >= next_tick_ns:
                late_ns = now_ns - next_tick_ns
                self.tick_late_ns_max = max(self.tick_late_ns_max, late_ns)
                self._stager.late(late_ns)
                # What came in while we were held up is taken before the timers are: a leader
                # that spoke all the time must not look silent.
                late = late_ns > self._late_ns
                if late:
                    self._log.warning('held up for %d ms', late_ns // 1_000_000)
                batch.append(Tick(late, late_ns, self._fsync_ns))
                self._fsync_ns = 0
                next_tick_ns = max(next_tick_ns + self._tick_ns, now_ns)
            if batch:
                self._perform(self._coordinator.handle(batch, now_ns, time.time_ns()))
            # After what was posted before them.
            for question in questions:
                question(self._coordinator)

    def _take(self, timeout_s: float) -> tuple[list[Event], list[Call]]:
        """What is there, or the first that comes within the time: events and questions."""
        batch: list[Event] = []
        questions: list[Call] = []
        try:
            item = self._inbox.get(timeout=max(0.0, timeout_s))
            while item is not None:
                if callable(item):
                    questions.append(item)
                else:
                    batch.append(item)
                if len(batch) + len(questions) >= EVENTS_PER_BATCH:
                    return batch, questions
                item = self._inbox.get_nowait()
            self._stopping = True
        except queue.Empty:
            pass
        return batch, questions

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._performers[type(effect)](effect)

    def _persist(self, effect: Persist) -> None:
        began_ns = time.monotonic_ns()
        self._log_store.save(effect.hard_state, effect.truncate_from, effect.entries)
        self._took(time.monotonic_ns() - began_ns)

    def _save_snapshot(self, effect: SaveSnapshot) -> None:
        began_ns = time.monotonic_ns()
        self._log_store.save_snapshot(effect.snapshot, effect.first_kept, effect.install)
        took_ns = time.monotonic_ns() - began_ns
        self._log.info(
            'snapshot up to entry %d, %d bytes, %s in %d ms',
            effect.snapshot.index,
            len(effect.snapshot.data),
            'received and installed' if effect.install else 'written',
            took_ns // 1_000_000,
        )
        self._took(took_ns)

    def _renumber(self, effect: Renumbered) -> None:
        self._log_store.set_incarnation(effect.incarnation)
        self._transport.storage.incarnation = effect.incarnation
        self._log.warning(
            'the disk lost its past: this is start %d', start_number(effect.incarnation)
        )

    def _took(self, took_ns: int) -> None:
        self._fsync_ns = max(self._fsync_ns, took_ns)
        self.fsync_ns_max = max(self.fsync_ns_max, took_ns)
        if took_ns > self._late_ns:
            self._log.warning('the disk took %d ms for a durable write', took_ns // 1_000_000)

    def _send(self, effect: Send) -> None:
        if isinstance(effect.message, (Heartbeat, HeartbeatReply)):
            self._beacon(effect.message)
        else:
            self._transport.send_raft(effect.message)

    def _fetch_inputs(self, effect: FetchInputs) -> None:
        job_id, token = effect.job_id, effect.token

        def done(problem: str) -> None:
            self.post(
                InputsFailed(job_id, token, problem) if problem else InputsReady(job_id, token)
            )

        self._stager.want(('inputs', job_id, token), effect.refs, effect.holder, done)

    def _fetch_outputs(self, effect: FetchOutputs) -> None:
        job_id, token = effect.job_id, effect.token

        def done(problem: str) -> None:
            if problem:
                self._log.warning('outputs of %s: %s', job_id, problem)
            self.post(
                OutputsNotFetched(job_id, token) if problem else OutputsFetched(job_id, token)
            )

        # Durable: the worker lets go of them when it hears that they are here.
        key = ('outputs', job_id, token)
        self._stager.want(key, effect.refs, effect.holder, done, durable=True)

    def _place_outputs(self, effect: PlaceOutputs) -> None:
        def done(problem: str) -> None:
            self.post(OutputsPlaced(effect.job_id, effect.token, problem))

        self._stager.place(effect.refs, effect.output_dir, done)

    def _stop_process(self, effect: StopProcess) -> None:
        self._runner.stop(effect.job_id, effect.token, effect.why)
        self._stager.forget(('inputs', effect.job_id, effect.token))

    def _halt(self, effect: Halt) -> None:
        self._stopping = True
        self._halted(effect)


class Handover:
    """Calls handed from other threads to the executor's: rclpy futures are completed there.

    As tasks of the executor, because not every executor supports guard conditions.
    """

    def __init__(self, executor: Callable[[], Any], log: logging.Logger) -> None:
        self._executor = executor
        self._log = log

    def put(self, call: Callable[[], None]) -> None:
        """Dropped where the node is in no executor yet or any more: then nobody waits for it."""
        executor = self._executor()
        if executor is not None:
            executor.create_task(lambda: self._guarded(call))

    def _guarded(self, call: Callable[[], None]) -> None:
        """What leaves a task can end the process (guard.py)."""
        try:
            call()
        except Exception:
            self._log.exception('a callback failed')
