# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which place is asked when: lanes, the interlock, what is held, what is remembered. No IO."""

from collections.abc import Iterator

import pytest
from fakes.gps import FakeGps

from hw_discovery.catalogue_files import bundled
from hw_discovery.core.device import Verdict
from hw_discovery.core.places import PlaceSeen, ProbePolicy
from hw_discovery.core.prober import (
    Effect,
    Perform,
    Probed,
    Prober,
    ProbingBegan,
    StopPerforming,
)
from hw_discovery.core.probing.consent import (
    Grant,
    Interlock,
    OperationClass,
    place_key,
)
from hw_discovery.core.probing.operation import (
    I2cPlace,
    Outcome,
    Place,
    SerialListen,
    SerialPlace,
)
from hw_discovery.core.probing.verdict import PlaceState

MS = 1_000_000
CATALOGUE = bundled()
PORT = SerialPlace('/dev/ttyUSB0', '/devices/usb1/1-2/ttyUSB0')
OTHER = SerialPlace('/dev/ttyUSB1', '/devices/usb1/1-3/ttyUSB1')


def seen(place: Place = PORT, device_id: str = 'port', generation: int = 1) -> PlaceSeen:
    return PlaceSeen(place, device_id, generation)


def says_nmea(baud: int = 9600) -> bytes:
    gps = FakeGps(ubx=False)
    return b''.join(gps.says() for _ in range(8))


class Bus:
    """Performs what the prober wants, in made-up time."""

    def __init__(self, prober: Prober, heard: bytes = b'') -> None:
        self.prober, self.said = prober, heard
        self.now_ns = 0
        self.asked: list[Perform] = []
        self.told: list[Probed] = []
        self.began: list[ProbingBegan] = []

    def take(self, effects: tuple[Effect, ...]) -> list[Perform]:
        self.prober.check_invariants()
        self.told += [e for e in effects if isinstance(e, Probed)]
        self.began += [e for e in effects if isinstance(e, ProbingBegan)]
        return [e for e in effects if isinstance(e, Perform)]

    def run(self, effects: tuple[Effect, ...], steps: int = 3000) -> None:
        """Go on until nothing is asked and nothing waits for less than a minute."""
        todo = self.take(effects)
        for _ in range(steps):
            if todo:
                one = todo.pop(0)
                self.asked.append(one)
                self.now_ns += 10 * MS
                todo += self.take(self.prober.heard(
                    one.lane, self.answer(one), self.now_ns))
                continue
            due = self.prober.next_due_ns
            if due is None or due - self.now_ns > 60_000 * MS:
                return
            self.now_ns = max(due, self.now_ns)
            todo += self.take(self.prober.time_passed(self.now_ns))

    def answer(self, one: Perform) -> Outcome:
        data = self.said if isinstance(one.operation, SerialListen) else b''
        return Outcome(one.operation, data, at_ns=self.now_ns)


@pytest.fixture
def prober() -> Iterator[Prober]:
    made = Prober(CATALOGUE, ProbePolicy(serial=('*',), declared={'/dev/ttyUSB0': ('gps',)}))
    yield made
    made.check_invariants()


def test_a_receiver_that_speaks_is_identified_and_told_once(prober: Prober) -> None:
    bus = Bus(prober, says_nmea())
    bus.run(prober.places_changed((seen(),), 0))
    assert bus.began == [ProbingBegan('port', 1)]
    last = bus.told[-1].verdicts[0]
    assert (last.verdict, last.entry_id) == (Verdict.IDENTIFIED, 'gps_nmea')
    assert prober.verdicts_of('port') == bus.told[-1].verdicts
    assert prober.baud_of(PORT) in CATALOGUE.by_id('gps_nmea').serial.bauds  # type: ignore


def test_the_same_places_again_ask_nothing_anew(prober: Prober) -> None:
    bus = Bus(prober, says_nmea())
    bus.run(prober.places_changed((seen(),), 0))
    count = len(bus.asked)
    bus.run(prober.places_changed((seen(),), bus.now_ns))
    assert len(bus.asked) == count


def test_a_new_attachment_is_asked_anew_and_what_was_there_is_asked_first(
    prober: Prober,
) -> None:
    bus = Bus(prober, says_nmea())
    bus.run(prober.places_changed((seen(),), 0))
    first = len(bus.asked)
    bus.run(prober.places_changed((seen(generation=2),), bus.now_ns))
    again = bus.asked[first:]
    assert bus.told[-1].generation == 2 and bus.told[-1].verdicts[0].entry_id == 'gps_nmea'
    assert 1 <= len(again) <= first


def test_one_lane_has_one_operation_and_two_ports_two(prober: Prober) -> None:
    effects = prober.places_changed((seen(), seen(OTHER, 'other')), 0)
    performed = [e for e in effects if isinstance(e, Perform)]
    assert {e.lane for e in performed} == {('serial', PORT.device), ('serial', OTHER.device)}
    assert not [e for e in prober.time_passed(MS) if isinstance(e, Perform)]


@pytest.mark.parametrize('interlock', [Interlock(armed=True), Interlock(emergency=True)])
def test_arming_and_emergency_stop_what_runs_and_its_outcome_counts_for_nothing(
    prober: Prober, interlock: Interlock,
) -> None:
    (begun,) = [e for e in prober.places_changed((seen(),), 0) if isinstance(e, Perform)]
    assert prober.interlocked(interlock, MS) == (StopPerforming((begun.lane,)),)
    assert prober.interlocked(interlock, MS) == (), 'told once'
    late = Outcome(begun.operation, says_nmea(), at_ns=2 * MS)
    assert prober.heard(begun.lane, late, 2 * MS) == ()
    assert prober.next_due_ns is None and prober.time_passed(10_000 * MS) == ()
    again = [e for e in prober.interlocked(Interlock(), 20_000 * MS) if isinstance(e, Perform)]
    assert [e.operation for e in again] == [begun.operation]


def test_a_place_that_appears_while_armed_is_asked_only_afterwards(prober: Prober) -> None:
    prober.interlocked(Interlock(armed=True), 0)
    assert prober.places_changed((seen(),), 1) == ()
    assert prober.interlocked(Interlock(), 2)


def test_a_place_that_is_held_is_left_alone(prober: Prober) -> None:
    (begun,) = [e for e in prober.places_changed((seen(),), 0) if isinstance(e, Perform)]
    assert prober.held({place_key(PORT)}, 1) == (StopPerforming((begun.lane,)),)
    prober.heard(begun.lane, Outcome(begun.operation, error='failed'), 2)
    assert prober.again((), 3) == () and prober.time_passed(10**12) == ()
    free = prober.held((), 10**12)
    assert [e.operation for e in free if isinstance(e, Perform)] == [begun.operation]


def test_a_port_in_use_is_tried_again_after_a_while(prober: Prober) -> None:
    (begun,) = [e for e in prober.places_changed((seen(),), 0) if isinstance(e, Perform)]
    busy = Outcome(begun.operation, error='busy', detail='in use by gpsd (42)')
    effects = prober.heard(begun.lane, busy, MS)
    (told,) = [e for e in effects if isinstance(e, Probed)]
    assert told.verdicts[0].state is PlaceState.BUSY and 'gpsd' in told.verdicts[0].detail
    due = prober.next_due_ns
    assert due is not None and due > 1000 * MS
    assert [e for e in prober.time_passed(due) if isinstance(e, Perform)]


def test_a_place_that_went_is_stopped_and_its_outcome_is_nobodys(prober: Prober) -> None:
    (begun,) = [e for e in prober.places_changed((seen(),), 0) if isinstance(e, Perform)]
    assert prober.places_changed((), 1) == (StopPerforming((begun.lane,)),)
    assert prober.heard(begun.lane, Outcome(begun.operation, says_nmea()), 2) == ()
    assert prober.verdicts_of('port') == ()


def test_consent_reaches_plans_that_run_and_ends(prober: Prober) -> None:
    grant = Grant(place_key(PORT), 'gps_nmea', OperationClass.REQUEST, 1000)
    prober.allowed(grant, 0)
    assert prober.grants(999) == (grant,) and prober.grants(1000) == ()
    back = Grant(place_key(PORT), 'gps_nmea', OperationClass.REQUEST, 0)
    prober.allowed(back, 1)
    assert prober.grants(1) == ()


def test_refused_places_are_known_with_their_reason_and_not_asked(prober: Prober) -> None:
    never = PlaceSeen(PORT, 'port', 1, 'the configuration says never (never_probe)')
    assert prober.places_changed((never,), 0) == ()
    assert prober.places == (never,)


def test_a_bus_is_told_of_when_all_its_addresses_were_asked(prober: Prober) -> None:
    places = [seen(I2cPlace(1, address, '/devices/i2c-1'), 'bus')
              for address in (0x68, 0x76, 0x40)]

    class Empty(Bus):
        def answer(self, one: Perform) -> Outcome:
            return Outcome(one.operation, error='absent', at_ns=self.now_ns)

    bus = Empty(prober)
    todo = bus.take(prober.places_changed(places, 0))
    for _ in range(3):
        assert not bus.told
        (one,) = todo
        todo = bus.take(prober.heard(one.lane, bus.answer(one), MS))
    (told,) = bus.told
    assert {v.state for v in told.verdicts} == {PlaceState.ABSENT} and not told.is_over


class Chip(Bus):
    """An MPU-6050 at 0x68 while `is_there`; everything else is absent."""

    is_there = True

    def answer(self, one: Perform) -> Outcome:
        operation = one.operation
        if not self.is_there or operation.place.address != 0x68:  # type: ignore[union-attr]
            return Outcome(operation, error='absent', at_ns=self.now_ns)
        value = 0x68 if getattr(operation, 'register', 0) == 0x75 else 0
        size = getattr(operation, 'size', 1)
        return Outcome(operation, bytes((value,)).ljust(size, b'\0'), at_ns=self.now_ns)

    def pass_minutes(self, count: int) -> None:
        end_ns = self.now_ns + count * 60_000 * MS
        while (due := self.prober.next_due_ns) is not None and due <= end_ns:
            self.now_ns = max(due, self.now_ns)
            self.run_now(self.prober.time_passed(self.now_ns))

    def run_now(self, effects: tuple[Effect, ...]) -> None:
        todo = self.take(effects)
        while todo:
            one = todo.pop(0)
            self.asked.append(one)
            self.now_ns += MS
            todo += self.take(self.prober.heard(one.lane, self.answer(one), self.now_ns))


def test_a_chip_that_is_pulled_off_its_bus_is_missed_and_one_missed_answer_is_not(
    prober: Prober,
) -> None:
    bus = Chip(prober)
    bus.run_now(prober.places_changed([seen(I2cPlace(1, 0x68, '/devices/i2c-1'), 'bus')], 0))
    bus.pass_minutes(1)
    assert bus.told[-1].verdicts[0].verdict is Verdict.IDENTIFIED
    count = len(bus.told)
    bus.pass_minutes(5)
    assert len(bus.told) == count, 'it is looked after, and nothing is new'
    bus.is_there = False
    before = len(bus.asked)
    while len(bus.asked) == before:
        due = prober.next_due_ns
        assert due is not None
        bus.now_ns = due
        bus.run_now(prober.time_passed(due))
    assert len(bus.told) == count, 'missed once'
    bus.is_there = True
    bus.pass_minutes(2)
    assert len(bus.told) == count, [
        (t.verdicts[0].state, t.verdicts[0].verdict, t.verdicts[0].alternatives) for t in bus.told]
    bus.is_there = False
    bus.pass_minutes(3)
    assert bus.told[-1].verdicts[0].state is PlaceState.ABSENT
