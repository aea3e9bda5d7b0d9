# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The thread of the coordinator: no event is lost, order is kept, ends are told."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')

from swarm_coordinator.core.coordinator import Coordinator  # noqa: E402
from swarm_coordinator.core.delivery import FetchOutputs, PlaceOutputs  # noqa: E402
from swarm_coordinator.core.emergency import EmergencyTick  # noqa: E402
from swarm_coordinator.core.events import (  # noqa: E402
    Answer,
    Changed,
    DiscardFile,
    Halt,
    InputsFailed,
    InputsReady,
    OutputsFetched,
    OutputsNotFetched,
    OutputsPlaced,
    Persist,
    Progressed,
    RoleChanged,
    Send,
    SweepFiles,
    Tick,
    UnpinFiles,
)
from swarm_coordinator.core.ids import RobotId  # noqa: E402
from swarm_coordinator.core.raft import PROFILES, Heartbeat, VoteRequest  # noqa: E402
from swarm_coordinator.core.worker import FetchInputs, StopProcess  # noqa: E402
from swarm_coordinator.ros.engine import EVENTS_PER_BATCH, Engine  # noqa: E402
from swarm_coordinator.storage.faults import StorageFull  # noqa: E402

WAIT_S = 10.0
R1 = RobotId('r1')


class Recorder:
    """Stands for everything around the engine; writes down what is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.problem = ''
        self.fault: Exception | None = None

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> None:
            if name != 'late':  # said with every tick
                self.calls.append((name, *arguments))
            if name == 'save' and self.fault is not None:
                raise self.fault
            if name in ('want', 'place'):
                arguments[-1](self.problem)

        return call


class Core:
    """A coordinator that keeps the batches it is given and answers with set effects."""

    def __init__(self) -> None:
        self.batches: queue.Queue[list[Any]] = queue.Queue()
        self.effects: list[Any] = []
        self.due_ns: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.fault: Exception | None = None

    def handle(self, events: list[Any], now_ns: int, wall_ns: int) -> list[Any]:
        assert self.gate.wait(WAIT_S)
        if self.fault is not None:
            raise self.fault
        self.batches.put(list(events))
        effects, self.effects = self.effects, []
        return effects


class Bench:
    def __init__(self, tick_ms: int = 10_000) -> None:
        self.core, self.around = Core(), Recorder()
        self.beacons: list[Any] = []
        self.halts: queue.Queue[Halt] = queue.Queue()
        views = {
            kind: lambda effect: self.around.calls.append(('view', effect))
            for kind in (Answer, Changed, RoleChanged)
        }
        around = cast(Any, self.around)
        self.engine = Engine(
            cast(Coordinator, self.core), around, around, around, around, tick_ms,
            PROFILES['wifi'].timing, self.beacons.append, views, self.halts.put,
            logging.getLogger('test'),
        )

    def taken(self, count: int) -> list[Any]:
        events: list[Any] = []
        while len(events) < count:
            events += self.core.batches.get(timeout=WAIT_S)
        return events

    def perform(self, *effects: Any) -> None:
        """Has the engine perform `effects`, and returns when it has."""
        self.core.effects = list(effects)
        self.engine.post(event(0))
        self.taken(1)
        done = threading.Event()
        self.engine.ask(lambda _: done.set())
        assert done.wait(WAIT_S)


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    made.engine.start()
    yield made
    made.core.gate.set()
    made.engine.close()


def event(number: int) -> Progressed:
    return Progressed('j', number, 0)


def test_no_event_is_lost_or_reordered_however_many_come_at_once(bench: Bench) -> None:
    count = 10 * EVENTS_PER_BATCH + 7
    bench.core.gate.clear()
    for number in range(count):
        bench.engine.post(event(number))
    bench.core.gate.set()
    assert bench.taken(count) == [event(number) for number in range(count)]


def test_emergency_is_told_when_it_is_due_and_not_at_the_next_tick(bench: Bench) -> None:
    bench.core.due_ns = time.monotonic_ns()
    bench.engine.post(event(1))
    bench.taken(1)
    assert bench.taken(1) == [EmergencyTick()], 'the next tick is 10 s away'
    bench.core.due_ns = None


def test_events_that_wait_are_taken_together_up_to_a_bound(bench: Bench) -> None:
    bench.core.gate.clear()
    bench.engine.post(event(0))
    for number in range(1, 2 * EVENTS_PER_BATCH):
        bench.engine.post(event(number))
    bench.core.gate.set()
    sizes: list[int] = []
    while sum(sizes) < 2 * EVENTS_PER_BATCH:
        sizes.append(len(bench.core.batches.get(timeout=WAIT_S)))
    assert max(sizes) <= EVENTS_PER_BATCH and len(sizes) <= 4


def test_events_of_several_threads_all_arrive_in_their_own_order(bench: Bench) -> None:
    def post(start: int) -> None:
        for number in range(start, start + 300):
            bench.engine.post(event(number))

    threads = [threading.Thread(target=post, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    numbers = [one.token for one in bench.taken(1200)]
    for thread in threads:
        thread.join()
    for n in range(4):
        own = [number for number in numbers if number // 1000 == n]
        assert own == list(range(1000 * n, 1000 * n + 300))


def test_what_was_posted_before_the_end_is_still_taken() -> None:
    bench = Bench()
    for number in range(EVENTS_PER_BATCH + 5):
        bench.engine.post(event(number))
    bench.engine.start()
    bench.engine.close()
    assert len(bench.taken(EVENTS_PER_BATCH + 5)) == EVENTS_PER_BATCH + 5


def test_ticks_come_by_themselves_after_what_was_heard() -> None:
    bench = Bench(tick_ms=5)
    bench.engine.start()
    try:
        assert isinstance(bench.taken(1)[0], Tick)
        bench.core.gate.clear()
        bench.engine.post(event(1))
        threading.Event().wait(0.1)  # the tick is overdue by then
        bench.core.gate.set()
        events = bench.taken(4)
        last = max(i for i, one in enumerate(events) if isinstance(one, Progressed))
        assert any(isinstance(one, Tick) and one.late for one in events[last:])
    finally:
        bench.core.gate.set()
        bench.engine.close()


def test_questions_are_answered_on_the_thread_of_the_coordinator(bench: Bench) -> None:
    answers: queue.Queue[tuple[Any, str]] = queue.Queue()
    bench.engine.ask(lambda core: answers.put((core, threading.current_thread().name)))
    assert answers.get(timeout=WAIT_S) == (bench.core, 'coordinator')


def test_effects_are_performed_in_their_order(bench: Bench) -> None:
    vote = VoteRequest(R1, None, 1, True, 0, 0)
    beacon = Heartbeat(R1, None, 1, 1, 0, 0)
    bench.perform(
        Persist(None, None, ()), Send(vote), Send(beacon), DiscardFile('a' * 64),
        UnpinFiles(('b',)), SweepFiles(frozenset()), StopProcess('j', 1, 'why'), Answer(1),
    )
    assert [call[0] for call in bench.around.calls] == [
        'save', 'send_raft', 'discard', 'accounted', 'sweep', 'stop', 'forget', 'view'
    ]
    assert bench.beacons == [beacon]


@pytest.mark.parametrize('problem', ['', 'no room'])
def test_staging_comes_back_as_events(bench: Bench, problem: str) -> None:
    bench.around.problem = problem
    bench.core.gate.clear()
    bench.engine.post(event(0))
    bench.core.effects = [
        FetchInputs('j', 1, (), R1), FetchOutputs('j', 2, (), R1), PlaceOutputs('j', 3, (), '/o')
    ]
    bench.core.gate.set()
    events = bench.taken(4)[1:]
    if problem:
        assert events[:2] == [InputsFailed('j', 1, problem), OutputsNotFetched('j', 2)]
    else:
        assert events[:2] == [InputsReady('j', 1), OutputsFetched('j', 2)]
    assert events[2] == OutputsPlaced('j', 3, problem)


def test_nothing_is_sent_when_the_write_before_it_failed(bench: Bench, tmp_path: Any) -> None:
    bench.around.fault = StorageFull(tmp_path / 'log.sqlite', 0)
    bench.core.effects = [Persist(None, None, ()), Send(VoteRequest(R1, None, 1, True, 0, 0))]
    bench.engine.post(event(0))
    halt = bench.halts.get(timeout=WAIT_S)
    assert halt.exit_code == 2 and 'no room' in halt.reason
    assert [call[0] for call in bench.around.calls] == ['save']


def test_broken_core_halts_instead_of_going_on_half(bench: Bench) -> None:
    bench.core.fault = AssertionError('impossible')
    bench.engine.post(event(0))
    halt = bench.halts.get(timeout=WAIT_S)
    assert halt.exit_code == 1 and 'impossible' in halt.reason


def test_halt_ends_the_thread_and_is_told_once(bench: Bench) -> None:
    bench.core.effects = [Halt(2, 'twin')]
    bench.engine.post(event(0))
    assert bench.halts.get(timeout=WAIT_S) == Halt(2, 'twin')
    bench.engine.close()
    assert bench.halts.empty()
