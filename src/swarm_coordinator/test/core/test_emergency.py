# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stopping never waits; only the end needs the log."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable

import pytest
from coordinator_samples import R1, R2, R3
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.emergency import (
    BURST_FOR_NS,
    BURST_NS,
    EPOCH_JUMP_MAX,
    EPOCH_MAX,
    FAST_FOR_NS,
    FAST_NS,
    QUIET_REPEATS,
    RAISE_AGAIN_NS,
    SLOW_NS,
    TEXT_MAX,
    Announce,
    ClearApplied,
    Emergency,
    EmergencyEffect,
    EmergencyEvent,
    EmergencyTick,
    PersistEmergency,
    Raised,
    Register,
    RegisterHeard,
    RegisterRefused,
    Release,
    Started,
    Stop,
    join,
)
from swarm_coordinator.core.ids import RobotId

MS = 1_000_000
FIRE = Raised('r1', 'fire')


def heard(register: Register, sender: RobotId = R2) -> RegisterHeard:
    return RegisterHeard(
        sender, register.epoch, register.active, register.raised_by, register.reason
    )


def kinds(effects: tuple[EmergencyEffect, ...]) -> list[type]:
    return [type(one) for one in effects]


# ---- the register as a join

NAMES = st.sampled_from(['', 'r1', 'r2', 'ada'])
REGISTERS = st.builds(
    lambda epoch, active, by, why: Register(epoch, active and epoch > 0, by, why),
    st.integers(0, 4), st.booleans(), NAMES, st.sampled_from(['', 'fire', 'water']),
)


@given(REGISTERS, REGISTERS, REGISTERS)
def test_joining_is_commutative_associative_and_idempotent(
    a: Register, b: Register, c: Register
) -> None:
    assert join(a, b) == join(b, a)
    assert join(a, join(b, c)) == join(join(a, b), c)
    assert join(a, a) == a


@given(REGISTERS, REGISTERS)
def test_joining_never_goes_back(a: Register, b: Register) -> None:
    both = join(a, b)
    assert both.epoch == max(a.epoch, b.epoch)
    if a.epoch == b.epoch:
        assert both.active == (a.active or b.active)


def test_smaller_name_wins_at_one_epoch_and_any_name_over_none() -> None:
    r1, r2, nobody = (Register(3, True, by, 'x') for by in ('r1', 'r2', ''))
    assert join(r2, r1) == r1 and join(nobody, r2) == r2


@given(st.lists(REGISTERS, max_size=8), st.randoms(use_true_random=False))
def test_order_doubling_and_repetition_of_what_is_heard_make_no_difference(
    registers: list[Register], rng: random.Random
) -> None:
    ends = []
    for _ in range(2):
        subject = Emergency(R1)
        mixed = [*registers, *registers[: len(registers) // 2]]
        rng.shuffle(mixed)
        for one in mixed:
            subject.handle(heard(one), 0)
            subject.check_invariants()
        ends.append(subject.register)
    assert ends[0] == ends[1]


@pytest.mark.parametrize(('epoch', 'active'), [(-1, False), (0, True), (EPOCH_MAX + 1, True)])
def test_register_that_cannot_be_is_not_made(epoch: int, active: bool) -> None:
    with pytest.raises(ValueError, match='expected an epoch of 0 to'):
        Register(epoch, active)


# ---- raising


def test_raise_stops_first_tells_then_and_waits_for_no_disk() -> None:
    subject = Emergency(R1)
    register = Register(1, True, 'r1', 'fire')
    assert subject.handle(FIRE, 0) == (
        Stop(register), Announce(register), PersistEmergency(register, False)
    )
    assert subject.active


def test_heard_emergency_stops_is_told_on_at_once_and_is_kept() -> None:
    subject, register = Emergency(R1), Register(4, True, 'r9', 'smoke')
    assert subject.handle(heard(register), 0) == (
        Stop(register), Announce(register), PersistEmergency(register, True)
    )
    assert subject.handle(heard(register), 1) == ()


def test_beacon_without_name_stops_too_and_the_name_follows() -> None:
    subject = Emergency(R1)
    effects = subject.handle(RegisterHeard(R2, 4, True), 0)
    assert kinds(effects) == [Stop, Announce, PersistEmergency]
    named = Register(4, True, 'r2', 'smoke')
    assert subject.handle(heard(named), 1) == (PersistEmergency(named, True),)
    assert subject.handle(RegisterHeard(R2, 4, True), FAST_NS) == (), 'no quarrel with beacons'
    assert subject.register == named


def test_each_raise_is_a_new_one_so_that_clearing_the_old_does_not_end_it() -> None:
    subject = Emergency(R1)
    subject.handle(FIRE, 0)
    subject.handle(Raised('r1', 'water'), 1)
    assert subject.register == Register(2, True, 'r1', 'water')
    assert subject.handle(ClearApplied(1), 2) == ()
    assert subject.active


def test_chattering_button_counts_once_a_second_and_stops_every_time() -> None:
    subject = Emergency(R1)
    effects = [subject.handle(FIRE, n * 10 * MS) for n in range(301)]
    assert all(one[0] == Stop(subject.register) or n < 300 for n, one in enumerate(effects))
    assert subject.register.epoch == 1 + 3 * 1000 * MS // RAISE_AGAIN_NS


def test_emergency_without_a_name_or_with_a_long_reason_still_stops() -> None:
    subject = Emergency(R1)
    assert kinds(subject.handle(Raised('', 'x' * 10_000), 0))[0] is Stop
    assert subject.register.raised_by == R1 and len(subject.register.reason) == TEXT_MAX


# ---- telling


def announcements(subject: Emergency, from_ns: int, to_ns: int) -> list[int]:
    """When it tells, looked at each 10 ms."""
    return [
        now_ns for now_ns in range(from_ns, to_ns, 10 * MS)
        if subject.handle(EmergencyTick(), now_ns)
    ]


def test_it_is_told_fast_for_two_seconds_and_then_each_second_as_long_as_it_lasts() -> None:
    subject = Emergency(R1)
    subject.handle(FIRE, 0)
    fast = announcements(subject, 10 * MS, FAST_FOR_NS)
    assert len(fast) == BURST_FOR_NS // BURST_NS + (FAST_FOR_NS - BURST_FOR_NS) // FAST_NS - 1
    assert len(fast) <= 20 * FAST_FOR_NS // 10**9 + 10
    slow = announcements(subject, FAST_FOR_NS, FAST_FOR_NS + 100 * SLOW_NS)
    assert 99 <= len(slow) <= 101


def test_its_end_is_told_as_fast_and_then_a_few_times_more() -> None:
    subject = Emergency(R1)
    subject.handle(FIRE, 0)
    subject.handle(heard(subject.register), 1)
    subject.handle(ClearApplied(1), 2)
    fast = announcements(subject, 10 * MS, FAST_FOR_NS)
    assert len(fast) >= 40
    repeats = announcements(subject, FAST_FOR_NS, FAST_FOR_NS + 100 * SLOW_NS)
    assert QUIET_REPEATS <= len(repeats) <= QUIET_REPEATS + 1
    assert subject.due_ns is None


def test_who_is_behind_is_answered_at_once_but_not_a_hundred_times() -> None:
    subject = Emergency(R1, Register(5, False, 'r1', 'fire'))
    behind = heard(Register(4, True, 'r1', 'fire'))
    assert subject.handle(behind, 0) == (Announce(subject.register),)
    answers = [subject.handle(behind, n * MS) for n in range(1, 101)]
    assert sum(bool(one) for one in answers) == 100 * MS // FAST_NS
    assert not subject.active


def test_never_raised_is_not_told() -> None:
    subject = Emergency(R1)
    assert subject.handle(Started(), 0) == () and subject.due_ns is None
    assert subject.handle(heard(Register()), 0) == ()


# ---- clearing


def told(subject: Emergency) -> Emergency:
    """Somebody else has what it raised."""
    subject.handle(heard(subject.register), 1)
    return subject


def test_applied_clearing_ends_it_under_a_newer_epoch() -> None:
    subject = Emergency(R1)
    subject.handle(FIRE, 0)
    told(subject)
    cleared = Register(2, False, 'r1', 'fire')
    assert subject.handle(ClearApplied(1), 2) == (
        Announce(cleared), PersistEmergency(cleared, True), Release(cleared)
    )
    assert subject.handle(ClearApplied(1), 3) == (), 'applied again after a start'


def test_clearing_reaches_who_has_not_applied_it() -> None:
    subject = Emergency(R2)
    subject.handle(heard(Register(1, True, 'r1', 'fire')), 0)
    effects = subject.handle(heard(Register(2, False, 'r1', 'fire')), 1)
    assert kinds(effects) == [Announce, PersistEmergency, Release]


def test_clearing_that_a_robot_applies_before_it_heard_the_raise_keeps_it_from_stopping() -> None:
    subject = Emergency(R2)
    effects = subject.handle(ClearApplied(1, 'r1'), 0)
    assert kinds(effects) == [Announce, PersistEmergency], 'it had not stopped'
    assert subject.handle(heard(Register(1, True, 'r1', 'fire')), FAST_NS) == (
        Announce(subject.register),
    )


def test_raise_after_the_clearing_was_asked_for_stays() -> None:
    subject = Emergency(R1, Register(3, True, 'r2', 'x'))
    subject.handle(FIRE, 0)
    assert subject.handle(ClearApplied(3), 1) == () and subject.active


def test_raise_of_a_robot_that_was_cut_off_survives_a_clearing_that_did_not_know_it() -> None:
    alone = Emergency(R3)
    alone.handle(Raised('r3', 'arm stuck'), 0)
    # Meanwhile the others had an emergency of their own and cleared it.
    effects = alone.handle(heard(Register(2, False, 'r1', 'fire')), 10**9)
    again = Register(3, True, 'r3', 'arm stuck')
    assert effects == (Stop(again), Announce(again), PersistEmergency(again, False))
    # The same if it reads it in the log first.
    alone = Emergency(R3)
    alone.handle(Raised('r3', 'arm stuck'), 0)
    assert kinds(alone.handle(ClearApplied(1, 'r1'), 10**9)) == [Stop, Announce, PersistEmergency]
    assert alone.register == again
    # Once the others have it, it can be cleared.
    told(alone)
    assert kinds(alone.handle(ClearApplied(3), 10**10))[-1] is Release


def test_only_robot_of_a_swarm_can_clear_what_it_raised() -> None:
    alone = Emergency(R1)
    alone.handle(FIRE, 0)
    assert kinds(alone.handle(ClearApplied(1, 'r1'), 1))[-1] is Release


def test_clearing_needs_the_epoch_that_holds() -> None:
    subject = Emergency(R1)
    assert subject.clear_refusal(0) == 'there is no emergency'
    subject.handle(FIRE, 0)
    refusal = subject.clear_refusal(7)
    assert refusal is not None and 'expected 1, raised by r1: fire' in refusal
    assert subject.clear_refusal(1) is None


def test_who_heard_no_answer_may_clear_again() -> None:
    subject = Emergency(R1)
    subject.handle(FIRE, 0)
    subject.handle(ClearApplied(1, 'r1'), 1)
    assert not subject.active and subject.clear_refusal(1) is None
    assert subject.clear_refusal(0) == subject.clear_refusal(2) == 'there is no emergency'
    assert Emergency(R1).clear_refusal(0) == 'there is no emergency', 'none was ever raised'


# ---- starts


def test_emergency_outlives_a_restart() -> None:
    register = Register(7, True, 'r2', 'smoke')
    subject = Emergency(R1, register, shared=True)
    assert subject.active
    assert subject.handle(Started(), 0) == (Stop(register), Announce(register))
    assert announcements(subject, 10 * MS, FAST_FOR_NS)


def test_old_clearings_that_are_read_again_after_a_start_clear_nothing_newer() -> None:
    subject = Emergency(R1, Register(7, True, 'r2', 'smoke'))
    for epoch in (1, 3, 5):
        assert subject.handle(ClearApplied(epoch), 0) == ()
    assert subject.active


def test_robot_that_crashed_before_its_raise_was_durable_learns_it_from_the_others() -> None:
    subject = Emergency(R1)  # the disk knows nothing
    assert kinds(subject.handle(heard(Register(1, True, 'r1', 'fire')), 0))[0] is Stop


# ---- garbled and hostile epochs


@pytest.mark.parametrize('epoch', [0, -1, EPOCH_JUMP_MAX + 2, 2**63 - 1, 2**63, 2**64 - 1])
def test_stop_with_an_impossible_epoch_stops_and_its_epoch_is_not_believed(epoch: int) -> None:
    subject = Emergency(R1)
    effects = subject.handle(RegisterHeard(R2, epoch, True, 'r2', '?'), 0)
    assert kinds(effects) == [RegisterRefused, Stop, Announce, PersistEmergency]
    assert subject.register.epoch == 1 and 'r2 says stop' in subject.register.reason
    # It goes on saying so: stopped is stopped, and the epoch does not run away.
    for n in range(100):
        again = subject.handle(RegisterHeard(R2, epoch, True, 'r2', '?'), n * 10**10)
        assert kinds(again) == [RegisterRefused]
    assert subject.register.epoch == 1


@pytest.mark.parametrize('epoch', [-1, EPOCH_JUMP_MAX + 1, 2**64 - 1])
def test_all_clear_with_an_impossible_epoch_clears_nothing(epoch: int) -> None:
    subject = Emergency(R1, Register(1, True, 'r1', 'fire'))
    if epoch > 0:
        epoch += 1
    assert kinds(subject.handle(RegisterHeard(R2, epoch, False), 0)) == [RegisterRefused]
    assert subject.handle(ClearApplied(epoch), 0) == ()
    assert subject.active


def test_at_the_last_epoch_of_all_stopping_still_works_and_is_for_ever() -> None:
    subject = Emergency(R1, Register(EPOCH_MAX - 1, False))
    assert kinds(subject.handle(FIRE, 0))[0] is Stop
    assert kinds(subject.handle(Raised('r1', 'water'), 1))[0] is Stop
    assert subject.register.epoch == EPOCH_MAX and subject.active
    assert subject.handle(ClearApplied(EPOCH_MAX, 'r1'), 2) == () and subject.active


EVENTS = st.one_of(
    st.builds(Raised, NAMES, NAMES),
    st.builds(RegisterHeard, st.sampled_from([R2, R3]), st.integers(-2, 2**64), st.booleans(),
              NAMES, NAMES),
    st.builds(RegisterHeard, st.sampled_from([R2, R3]), st.integers(0, 6), st.booleans(),
              NAMES, NAMES),
    st.builds(ClearApplied, st.integers(0, 2**63 - 1) | st.integers(0, 6), NAMES),
    st.just(EmergencyTick()),
)


@given(st.lists(EVENTS, max_size=30))
def test_whatever_comes_the_epoch_never_falls_and_only_a_newer_one_releases(
    events: list[EmergencyEvent]
) -> None:
    subject = Emergency(R1)
    for n, event in enumerate(events):
        before = subject.register
        effects = subject.handle(event, n * 100 * MS)
        subject.check_invariants()
        after = subject.register
        assert after.age >= before.age
        assert after.epoch <= before.epoch + EPOCH_JUMP_MAX + 1
        assert (Release in kinds(effects)) == (before.active and not after.active)
        if isinstance(event, Raised) or isinstance(event, RegisterHeard) and event.active and (
            event.epoch > before.epoch
        ):
            assert after.active
        if after.active and not before.active:
            assert Stop in kinds(effects)
        if after != before:
            assert any(isinstance(one, PersistEmergency) for one in effects)


# ---- twenty robots, a third of all messages lost


TICK_NS = 10 * MS


class Field:
    """Robots that hear each other with losses; every robot ticks at its own phase."""

    def __init__(self, seed: int, robots: int = 20, lost: float = 0.3) -> None:
        self.rng = random.Random(seed)
        self.lost = lost
        self.names = [RobotId(f'r{n:02}') for n in range(robots)]
        self.cut: Callable[[RobotId, RobotId], bool] = lambda a, b: False
        self.robots = {name: Emergency(name) for name in self.names}
        self.stopped_ns: dict[RobotId, int] = {}
        self.now_ns, self.count, self.announced = 0, 0, 0
        self.queue: list[tuple[int, int, RobotId, EmergencyEvent]] = []
        for name in self.names:
            self.post(self.rng.randrange(TICK_NS), name, EmergencyTick())

    def post(self, in_ns: int, to: RobotId, event: EmergencyEvent) -> None:
        self.count += 1
        heapq.heappush(self.queue, (self.now_ns + in_ns, self.count, to, event))

    def run(self, until_ns: int) -> None:
        while self.queue[0][0] <= until_ns:
            self.now_ns, _, name, event = heapq.heappop(self.queue)
            self.handle(name, event)
            if isinstance(event, EmergencyTick):
                self.post(TICK_NS, name, event)
        self.now_ns = until_ns

    def handle(self, name: RobotId, event: EmergencyEvent) -> None:
        for effect in self.robots[name].handle(event, self.now_ns):
            if isinstance(effect, Stop):
                self.stopped_ns.setdefault(name, self.now_ns)
            elif isinstance(effect, Release):
                self.stopped_ns.pop(name)
            elif isinstance(effect, Announce):
                self.announced += 1
                self.tell(name, effect.register)

    def tell(self, sender: RobotId, register: Register) -> None:
        for name in self.names:
            if name != sender and not self.cut(sender, name) and self.rng.random() >= self.lost:
                self.post(self.rng.randint(1, 20) * MS, name, heard(register, sender))


@pytest.mark.parametrize('robots', [2, 5, 20])
@pytest.mark.parametrize('seed', range(5))
def test_everybody_in_reach_stops_within_200_ms(seed: int, robots: int) -> None:
    """Of 500 seeds each, 2, 5 and 20 robots: worst 95, 88 and 21 ms; p99 80, 48 and 18 ms."""
    field = Field(seed, robots)
    field.run(1000 * MS)
    field.handle(field.names[robots // 2], FIRE)
    field.run(1200 * MS)
    assert set(field.stopped_ns) == set(field.names)


@pytest.mark.parametrize('seed', range(5))
def test_robot_that_one_neighbour_hears_is_enough(seed: int) -> None:
    """A chain: everybody hears the two nearest only. Five hops and a third lost."""
    field = Field(seed, robots=6)
    field.cut = lambda a, b: abs(int(a[1:]) - int(b[1:])) > 1
    field.run(500 * MS)
    field.handle(field.names[0], FIRE)
    field.run(500 * MS + 5 * 200 * MS)
    assert set(field.stopped_ns) == set(field.names)


@pytest.mark.parametrize('seed', range(5))
def test_minority_side_stops_itself_at_once_and_the_others_when_they_are_in_reach(
    seed: int,
) -> None:
    field = Field(seed)
    small = set(field.names[:3])
    field.cut = lambda a, b: (a in small) != (b in small)
    field.handle(field.names[0], FIRE)
    field.run(5000 * MS)
    assert set(field.stopped_ns) == small
    field.cut = lambda a, b: False
    field.run(5000 * MS + SLOW_NS + 200 * MS)
    assert set(field.stopped_ns) == set(field.names)


@pytest.mark.parametrize('seed', range(5))
def test_end_reaches_everybody_although_only_a_majority_applied_it(seed: int) -> None:
    field = Field(seed)
    field.handle(field.names[0], FIRE)
    field.run(3000 * MS)
    epoch = field.robots[field.names[5]].register.epoch
    for name in field.names[:11]:
        field.handle(name, ClearApplied(epoch))
    field.run(4000 * MS)
    assert not field.stopped_ns
    field.run(60_000 * MS)
    before = field.announced
    field.run(120_000 * MS)
    assert field.announced == before, 'silent when all agree'
    assert len({robot.register for robot in field.robots.values()}) == 1


def test_two_raises_at_once_end_as_one() -> None:
    field = Field(3)
    field.handle(field.names[9], Raised('r09', 'smoke'))
    field.handle(field.names[4], Raised('r04', 'fire'))
    field.run(3000 * MS)
    assert {robot.register for robot in field.robots.values()} == {
        Register(1, True, 'r04', 'fire')
    }
