# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which places are to be probed when, by which plan, and what came of it.

Owns: the plans, one lane for each port or bus with one operation at a time, the interlock, and
what was found here before. Refuses to know what a question means: that is the plan's.

An operation that was stopped has no outcome for its plan: the plan asks it again later.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.device import Verdict
from hw_discovery.core.memory import PLACES_MAX, Memory, Remembered
from hw_discovery.core.places import PlaceSeen, ProbePolicy
from hw_discovery.core.probing.consent import (
    Consent,
    Grant,
    Hints,
    Interlock,
    memory_key,
    place_key,
)
from hw_discovery.core.probing.neighbours import settle_bus
from hw_discovery.core.probing.operation import (
    I2cPlace,
    Operation,
    Outcome,
    Place,
    SerialPlace,
)
from hw_discovery.core.probing.planner import Finished, Plan, Wait
from hw_discovery.core.probing.verdict import PlaceState, ProbeVerdict

GRANTS_MAX = 64
REMEMBERED_MAX = PLACES_MAX  # the oldest is forgotten first
# A port that another program holds, or that may not be opened yet, is tried again so often.
# Chosen without data; a person who ends gpsd or adds himself to a group expects minutes.
RETRY_NS = 60_000_000_000
# A chip that was found is asked again so often: no event tells that it was pulled off its bus.
LOOK_AFTER_NS = 60_000_000_000
# One missed acknowledge is noise; the plan's next round comes after a quarter of a second.
ABSENT_ROUNDS_MIN = 2
_TRIED_AGAIN = (PlaceState.BUSY, PlaceState.DENIED, PlaceState.GONE)
Lane = tuple[str, str]


@dataclass(frozen=True)
class Perform:
    """Do it on the lane's thread and bring OutcomeHeard."""

    lane: Lane
    operation: Operation


@dataclass(frozen=True)
class StopPerforming:
    """Whatever runs on these lanes ends at once."""

    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class ProbingBegan:
    """A device is asked for the first time in this attachment."""

    device_id: str
    generation: int


@dataclass(frozen=True)
class Probed:
    """What is known now of everything below a device; `is_over`: nothing more is asked soon."""

    device_id: str
    generation: int
    verdicts: tuple[ProbeVerdict, ...]
    is_over: bool


Effect = Perform | StopPerforming | ProbingBegan | Probed


@dataclass
class _Task:
    seen: PlaceSeen
    plan: Plan
    is_held: bool = False
    is_finished: bool = False
    due_ns: int = 0
    why_waiting: str = ''
    told: ProbeVerdict | None = None


@dataclass
class _Lane:
    tasks: dict[str, _Task] = field(default_factory=dict)
    running: str = ''            # key of the task whose operation is performed; '' = none
    operation: Operation | None = None
    is_stopping: bool = False
    turn: int = 0


def lane_of(place: Place) -> Lane:
    """Return what places share: a wire."""
    if isinstance(place, SerialPlace):
        return 'serial', place.device
    return ('i2c' if isinstance(place, I2cPlace) else 'spi'), str(place.bus)


class Prober:
    """`next_due_ns`: when `time_passed` is to come. All verbs return effects, in order."""

    def __init__(
        self, catalogue: Catalogue, policy: ProbePolicy,
        memory: Memory = MappingProxyType({}),
    ) -> None:
        self._catalogue = catalogue
        self._policy = policy
        self._lanes: dict[Lane, _Lane] = {}
        self._interlock = Interlock()
        self._grants: tuple[Grant, ...] = ()
        self._held: frozenset[str] = frozenset()
        self._remembered = {key: item.entry_id for key, item in memory.items()}
        self._bauds = {key: item.baud for key, item in memory.items() if item.baud}
        self._refused: dict[str, PlaceSeen] = {}
        self._began: set[tuple[str, int]] = set()

    # ---- what is known

    @property
    def next_due_ns(self) -> int | None:
        """Return when something is to be asked that waits; None = nothing waits."""
        if self._interlock.reason:
            return None          # its end is an event
        due = [task.due_ns for lane in self._lanes.values() if not lane.running
               for task in lane.tasks.values()
               if not task.is_held and task.due_ns and not (
                   task.is_finished and not _is_retried(task))]
        return min(due, default=None)

    @property
    def places(self) -> tuple[PlaceSeen, ...]:
        """Return every place that is known, also those that are not asked."""
        tasks = [task.seen for lane in self._lanes.values() for task in lane.tasks.values()]
        return tuple(sorted((*tasks, *self._refused.values()), key=lambda s: place_key(s.place)))

    @property
    def interlock(self) -> Interlock:
        """Return why nothing is asked now."""
        return self._interlock

    def verdicts_of(self, device_id: str) -> tuple[ProbeVerdict, ...]:
        """Return what was last told of the places of a device."""
        return tuple(task.told for lane in self._lanes.values() for task in lane.tasks.values()
                     if task.seen.device_id == device_id and task.told is not None)

    def grants(self, now_ns: int) -> tuple[Grant, ...]:
        """Return what an operator allows now."""
        return tuple(grant for grant in self._grants if now_ns < grant.until_ns)

    # ---- verbs

    def places_changed(self, seen: Sequence[PlaceSeen], now_ns: int) -> tuple[Effect, ...]:
        """Take all places there are; a new attachment is probed anew."""
        allowed = {place_key(one.place): one for one in seen if not one.refusal}
        self._refused = {place_key(one.place): one for one in seen if one.refusal}
        effects: list[Effect] = []
        for name, lane in list(self._lanes.items()):
            for key, task in list(lane.tasks.items()):
                if allowed.get(key) != task.seen:
                    effects += self._drop(name, lane, key)
            if not lane.tasks and not lane.running:
                del self._lanes[name]
        for key, one in allowed.items():
            lane = self._lanes.setdefault(lane_of(one.place), _Lane())
            if key not in lane.tasks:
                lane.tasks[key] = self._task(one)
        self._began = {(s.device_id, s.generation) for s in allowed.values()} & self._began
        return (*effects, *self._advance(now_ns))

    def heard(self, lane_name: Lane, outcome: Outcome, now_ns: int) -> tuple[Effect, ...]:
        """Take the outcome of what Perform asked for."""
        lane = self._lanes.get(lane_name)
        if lane is None or lane.operation != outcome.operation:
            return ()
        task, stopped = lane.tasks.get(lane.running), lane.is_stopping
        lane.running, lane.operation, lane.is_stopping = '', None, False
        if task is not None and not stopped:
            task.plan.heard(outcome)
        return self._advance(now_ns)

    def interlocked(self, interlock: Interlock, now_ns: int) -> tuple[Effect, ...]:
        """Take a change of arming or emergency: whatever runs is stopped."""
        if interlock == self._interlock:
            return ()
        self._interlock = interlock
        for lane in self._lanes.values():
            for task in lane.tasks.values():
                task.plan.interlocked(interlock)
                if not task.is_finished:
                    task.due_ns = 0
        if not interlock.reason:
            return self._advance(now_ns)
        return self._stop([name for name, lane in self._lanes.items() if lane.running])

    def allowed(self, grant: Grant, now_ns: int) -> tuple[Effect, ...]:
        """Take an operator's consent; one that is over takes an earlier one back."""
        same = (grant.place, grant.entry_id, grant.operation)
        kept = [g for g in self.grants(now_ns) if (g.place, g.entry_id, g.operation) != same]
        if now_ns < grant.until_ns:
            kept.append(grant)
        self._grants = tuple(kept[-GRANTS_MAX:])
        for lane in self._lanes.values():
            for key, task in lane.tasks.items():
                task.plan.consented(Consent(self._grants))
                if key == grant.place and task.is_finished:
                    self._renew(task)
        return self._advance(now_ns)

    def held(self, keys: Collection[str], now_ns: int) -> tuple[Effect, ...]:
        """Take which places drivers or clients hold now: they are left alone."""
        if frozenset(keys) == self._held:
            return ()
        self._held = frozenset(keys)
        stop = []
        for name, lane in self._lanes.items():
            for key, task in lane.tasks.items():
                task.is_held = key in self._held
                if task.is_finished and not task.is_held \
                        and task.plan.verdict().state in _TRIED_AGAIN:
                    self._renew(task)    # it may have been us who held the port
            if lane.running in self._held:
                stop.append(name)
        return (*self._stop(stop), *self._advance(now_ns))

    def again(
        self, device_ids: Collection[str], now_ns: int, certain_too: bool = True,
    ) -> tuple[Effect, ...]:
        """Probe the places of these devices anew; () = of all. What is held is left alone.

        certain_too: also ports whose device is known; to open one resets many boards.
        """
        for lane in self._lanes.values():
            for key, task in lane.tasks.items():
                if key == lane.running or task.is_held:
                    continue
                if device_ids and task.seen.device_id not in device_ids:
                    continue
                known = task.told is not None and task.told.verdict is Verdict.IDENTIFIED
                if certain_too or not (known and isinstance(task.seen.place, SerialPlace)):
                    self._renew(task)
        return self._advance(now_ns)

    def time_passed(self, now_ns: int) -> tuple[Effect, ...]:
        """Go on with what waited."""
        return self._advance(now_ns)

    # ---- one step

    def _advance(self, now_ns: int) -> tuple[Effect, ...]:
        effects: list[Effect] = []
        for name in sorted(self._lanes):
            effects += self._advance_lane(name, self._lanes[name], now_ns)
        return tuple(effects)

    def _advance_lane(self, name: Lane, lane: _Lane, now_ns: int) -> list[Effect]:
        if lane.running or self._interlock.reason:
            return []
        effects: list[Effect] = []
        keys = list(lane.tasks)
        for step in range(len(keys)):
            key = keys[(lane.turn + step) % len(keys)]
            task = lane.tasks[key]
            operation = self._next(task, now_ns)
            if operation is not None:
                lane.running, lane.operation = key, operation
                # One place after the other: a bus is scanned address by address, and a place
                # that answers is asked to its end.
                lane.turn = (lane.turn + step) % len(keys)
                effects += [*self._begin(task), Perform(name, operation)]
                break
        else:
            lane.turn = 0
        return [*self._tell(lane), *effects]

    def _next(self, task: _Task, now_ns: int) -> Operation | None:
        if task.is_held or now_ns < task.due_ns:
            return None
        if task.is_finished:
            if not _is_retried(task) or not task.due_ns:
                return None
            self._renew(task)
        step = task.plan.next(now_ns)
        if isinstance(step, Finished):
            task.is_finished = True
            task.due_ns = now_ns + _again_ns(task) if _is_retried(task) else 0
            task.why_waiting = step.reason
            return None
        if isinstance(step, Wait):
            task.due_ns, task.why_waiting = step.until_ns, step.reason
            return None
        task.due_ns = 0
        return step

    def _begin(self, task: _Task) -> list[Effect]:
        mark = task.seen.device_id, task.seen.generation
        if mark in self._began:
            return []
        self._began.add(mark)
        return [ProbingBegan(*mark)]

    def _tell(self, lane: _Lane) -> list[Effect]:
        """Tell of a device whose places have all come to rest, whatever changed there."""
        by_device: dict[tuple[str, int], list[tuple[str, _Task]]] = {}
        for key, task in lane.tasks.items():
            by_device.setdefault((task.seen.device_id, task.seen.generation), []).append(
                (key, task))
        effects: list[Effect] = []
        for (device_id, generation), tasks in sorted(by_device.items()):
            at_rest = all(key != lane.running and (t.is_finished or t.due_ns or t.is_held)
                          for key, t in tasks)
            if not at_rest:
                continue
            verdicts = self._settled([t for _, t in tasks])
            changed = False
            for (_, task), verdict in zip(tasks, verdicts, strict=True):
                changed |= _says(verdict) != _says(task.told)
                task.told = verdict
                self._remember(verdict)
            if changed:
                effects.append(Probed(device_id, generation, verdicts,
                                      all(t.is_finished for _, t in tasks)))
        return effects

    def _settled(self, tasks: list[_Task]) -> tuple[ProbeVerdict, ...]:
        verdicts = tuple(_believed(task) for task in tasks)
        if isinstance(tasks[0].seen.place, I2cPlace):
            return settle_bus(verdicts, self._catalogue.entries)
        return verdicts

    # ---- plans

    def _task(self, seen: PlaceSeen) -> _Task:
        return _Task(seen, self._plan(seen), place_key(seen.place) in self._held)

    def _plan(self, seen: PlaceSeen) -> Plan:
        place = seen.place
        declared = self._policy.declared_at(place)
        key = memory_key(place)
        bauds = (self._bauds[key],) if key in self._bauds else ()
        hints = Hints(
            declared=declared, remembered=self._remembered.get(key, ''), bauds=bauds,
            allowed_bus=isinstance(place, I2cPlace),
            no_loose_actuators=self._policy.rules_out_actuators(place))
        return Plan(place, hints, self._catalogue, Consent(self._grants), self._interlock)

    def _renew(self, task: _Task) -> None:
        task.plan = self._plan(task.seen)
        task.is_finished, task.due_ns = False, 0

    def _drop(self, name: Lane, lane: _Lane, key: str) -> list[Effect]:
        del lane.tasks[key]
        if lane.running != key:
            return []
        return list(self._stop([name]))

    def _stop(self, names: list[Lane]) -> tuple[Effect, ...]:
        stopping = [name for name in names if not self._lanes[name].is_stopping]
        for name in stopping:
            self._lanes[name].is_stopping = True
        return (StopPerforming(tuple(sorted(stopping))),) if stopping else ()

    def _remember(self, verdict: ProbeVerdict) -> None:
        if verdict.verdict is not Verdict.IDENTIFIED or not verdict.entry_id:
            return
        key = memory_key(verdict.place)
        if verdict.baud:
            self._bauds[key] = verdict.baud
        self._remembered.pop(key, None)
        self._remembered[key] = verdict.entry_id
        while len(self._remembered) > REMEMBERED_MAX:
            forgotten = next(iter(self._remembered))
            del self._remembered[forgotten]
            self._bauds.pop(forgotten, None)

    def baud_of(self, place: Place) -> int:
        """Return the baud at which the device of a port was identified; 0 = not known."""
        return self._bauds.get(memory_key(place), 0)

    @property
    def memory(self) -> Memory:
        """Return what was identified where, the latest last."""
        return {key: Remembered(entry_id, self._bauds.get(key, 0))
                for key, entry_id in self._remembered.items()}

    def check_invariants(self) -> None:
        """Assert what must hold between any two events."""
        for lane in self._lanes.values():
            assert bool(lane.running) == (lane.operation is not None)
            assert not lane.is_stopping or lane.running
            assert not (self._interlock.reason and lane.running and not lane.is_stopping)
        assert len(self._grants) <= GRANTS_MAX
        assert len(self._remembered) <= REMEMBERED_MAX


def _is_retried(task: _Task) -> bool:
    verdict = task.plan.verdict()
    return verdict.state in _TRIED_AGAIN or (
        isinstance(task.seen.place, I2cPlace) and verdict.verdict is Verdict.IDENTIFIED)


def _again_ns(task: _Task) -> int:
    return RETRY_NS if task.plan.verdict().state in _TRIED_AGAIN else LOOK_AFTER_NS


def _believed(task: _Task) -> ProbeVerdict:
    """Return what is believed of a place; what is in use, or missed once, is as it was."""
    verdict = task.plan.verdict()
    if task.told is None:
        return verdict
    was_there = task.told.verdict is Verdict.IDENTIFIED
    missed = verdict.state is PlaceState.ABSENT and task.plan.rounds < ABSENT_ROUNDS_MIN
    return task.told if task.is_held or (was_there and missed) else verdict


def _says(verdict: ProbeVerdict | None) -> tuple[object, ...]:
    """Return what the world is told of a verdict; shares may wander below it."""
    if verdict is None:
        return ()
    why = verdict.detail if verdict.state in _TRIED_AGAIN else ''
    return (verdict.verdict, verdict.entry_id, verdict.state, verdict.same_as, why,
            verdict.confidence >= 0.9, tuple(a.entry_id for a in verdict.alternatives))
