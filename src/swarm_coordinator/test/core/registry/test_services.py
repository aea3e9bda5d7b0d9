# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The registry of services: entries live as long as they are renewed and their robot lives."""

from __future__ import annotations

from typing import Any

import pytest
from coordinator_samples import MS, R1, R2, R3, AppliedLog, log_with_robots, registration
from hypothesis import given
from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.services import find, pack, unpack
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.registry.where import MalformedWhere
from swarm_coordinator.core.replicated import service_rules
from swarm_coordinator.core.replicated.apply import Applied
from swarm_coordinator.core.replicated.command import (
    ExpireDue,
    ExtendLeases,
    LeaveSwarm,
    MarkRobot,
    RegisterService,
    UnregisterService,
)
from swarm_coordinator.core.replicated.state import earliest_due_ns

TTL = 1000


def register(
    log: AppliedLog, name: str = 'map', robot: RobotId = R1, incarnation: int = 1, **other: Any
) -> Applied:
    fields = {
        'interface_type': 'nav_msgs/srv/GetMap', 'address': '/map', 'metadata': (), 'ttl_ms': TTL,
        **other,
    }
    command = RegisterService(name=name, robot_id=robot, incarnation=incarnation, **fields)
    return log.do(command, by=robot)


def names(log: AppliedLog, **wanted: Any) -> list[tuple[str, str]]:
    return [(one.robot_id, one.name) for one in find(log.state, **wanted)]


def kinds(done: Applied) -> list[str]:
    return [notable.kind for notable in done.notable]


def test_registered_service_is_found_with_what_was_said_of_it() -> None:
    log = log_with_robots()
    done = register(log, metadata=(('floor', '2'), ('kind', 'lidar')))
    assert done.services and kinds(done) == ['service_registered']
    [one] = find(log.state, 'map')
    assert (one.name, one.interface_type, one.address) == ('map', 'nav_msgs/srv/GetMap', '/map')
    assert (one.robot_id, one.incarnation, one.log_index) == (R1, 1, log.state.applied_index)
    assert one.metadata == (('floor', '2'), ('kind', 'lidar'))
    assert one.expires_ns == log.stamp_ns + TTL * MS


def test_renewal_is_no_news_and_keeps_the_entry() -> None:
    log = log_with_robots()
    register(log)
    index = log.state.applied_index
    log.wait(600)
    done = register(log)
    assert not done.refused and not done.services and not done.notable
    [one] = find(log.state)
    assert (one.log_index, one.expires_ns) == (index, log.stamp_ns + TTL * MS)


def test_entry_that_is_not_renewed_goes_at_its_stamp_and_not_before() -> None:
    log = log_with_robots()
    register(log)
    log.wait(TTL - 1)
    assert not log.do(ExpireDue(0)).services
    log.wait(1)
    assert names(log) == [(R1, 'map')], 'time alone ends nothing'
    done = log.do(ExpireDue(60_000))
    assert done.services and kinds(done) == ['service_gone'] and names(log) == []


def test_entry_without_a_time_lives_as_long_as_its_robot() -> None:
    log = log_with_robots()
    register(log, ttl_ms=0)
    assert earliest_due_ns(log.state, 0) is None
    log.wait(10**9)
    log.do(ExpireDue(0))
    assert names(log) == [(R1, 'map')]


@pytest.mark.parametrize('how', ['dead', 'left', 'restarted'])
def test_entries_of_a_lost_robot_go_with_the_same_entry(how: str) -> None:
    log = log_with_robots()
    register(log, ttl_ms=0)
    register(log, 'arm')
    register(log, robot=R2)
    done = {
        'dead': lambda: log.do(MarkRobot(R1, 1, Liveness.DEAD), by=R2),
        'left': lambda: log.do(LeaveSwarm(R1, 1)),
        'restarted': lambda: log.do(registration(R1, 2), by=R1, incarnation=2),
    }[how]()
    assert done.services and kinds(done).count('service_gone') == 2
    assert names(log) == [(R2, 'map')]


def test_changed_entry_replaces_the_old_one_and_is_news() -> None:
    log = log_with_robots()
    register(log)
    done = register(log, address='/map2', ttl_ms=0)
    assert done.services and 'changed' in done.notable[0].text
    [one] = find(log.state)
    assert (one.address, one.expires_ns, one.log_index) == ('/map2', 0, log.state.applied_index)
    log.wait(TTL)
    assert not log.do(ExpireDue(0)).services, 'the old time to live is forgotten'


def test_new_leader_extends_every_entry_by_one_full_time() -> None:
    log = log_with_robots()
    register(log)
    log.wait(900)
    log.do(ExtendLeases())
    assert earliest_due_ns(log.state, 0) == log.stamp_ns + TTL * MS


def test_service_is_unregistered_by_name_and_robot() -> None:
    log = log_with_robots()
    register(log)
    register(log, robot=R2)
    done = log.do(UnregisterService('map', R1))
    assert done.services and kinds(done) == ['service_gone'] and names(log) == [(R2, 'map')]
    assert 'offers no service' in log.do(UnregisterService('map', R1)).refused


def test_robot_registers_for_itself_and_its_present_life_only() -> None:
    log = log_with_robots()
    command = RegisterService('map', '', '', R2, 1, (), 0)
    assert 'may not say this' in log.do(command, by=R1).refused
    assert 'not present' in register(log, incarnation=2).refused
    log.do(MarkRobot(R1, 1, Liveness.DEAD), by=R2)
    assert 'not present' in register(log).refused


@pytest.mark.parametrize(
    ('field', 'value'),
    [
        ('name', ''), ('name', '1map'), ('name', 'x' * 65), ('name', 'a b'),
        ('interface_type', 'nav msgs'), ('interface_type', 'x' * 129),
        ('address', 'x' * 257), ('address', '/m\x1e'), ('ttl_ms', 1), ('ttl_ms', -1),
        ('metadata', (('', 'x'),)), ('metadata', (('a', 'x'), ('a', 'y'))),
        ('metadata', (('a', '\x1f'),)), ('metadata', (('a', 'x' * 257),)),
        ('metadata', tuple((f'k{n}', '') for n in range(33))),
    ],
)
def test_entry_out_of_bounds_is_refused(field: str, value: Any) -> None:
    log = log_with_robots()
    done = register(log, **{field: value})
    assert done.refused and not done.services and names(log) == []


def test_number_of_entries_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_rules, 'SERVICES_PER_ROBOT_MAX', 2)
    monkeypatch.setattr(service_rules, 'SERVICES_MAX', 3)
    log = log_with_robots()
    assert [register(log, name).refused for name in 'ab'] == ['', '']
    assert 'r1 offers 2 services already' in register(log, 'c').refused
    assert not register(log, 'a').refused, 'what is there can be renewed'
    assert not register(log, 'a', R2).refused
    assert '3 services are registered already' in register(log, 'b', R2).refused


# ---- finding


def found() -> AppliedLog:
    log = AppliedLog()
    log.do(registration(R1, offers=('lidar', 'gpu')), by=R1)
    log.do(registration(R2, offers=('lidar',)), by=R2)
    log.do(registration(R3, offers=()), by=R3)
    register(log, robot=R3, metadata=(('floor', '1'), ('kind', 'lidar')))
    register(log, robot=R1, metadata=(('floor', '2'), ('kind', 'lidar')))
    register(log, robot=R2, metadata=(('floor', '10'), ('kind', 'camera')))
    register(log, 'arm', R1)
    return log


@pytest.mark.parametrize(
    ('wanted', 'expected'),
    [
        ({}, 'r1/arm r1/map r2/map r3/map'),
        ({'name': 'map'}, 'r1/map r2/map r3/map'),
        ({'robot_id': 'r1'}, 'r1/arm r1/map'),
        ({'robot_id': 'r9'}, ''),
        ({'capabilities': ('lidar',)}, 'r1/arm r1/map r2/map'),
        ({'capabilities': ('lidar', 'gpu'), 'name': 'map'}, 'r1/map'),
        ({'where': 'floor >= 2'}, 'r1/map r2/map'),
        ({'where': 'floor >= 2, kind = lidar'}, 'r1/map'),
        ({'metadata': (('kind', 'lidar'),)}, 'r1/map r3/map'),
        ({'metadata': (('kind', 'lidar'), ('floor', '1'))}, 'r3/map'),
        ({'metadata': (('kind', 'lidar'),), 'where': 'floor < 2', 'robot_id': 'r1'}, ''),
    ],
)
def test_search_gives_what_meets_everything_ordered_by_name_and_robot(
    wanted: dict[str, Any], expected: str
) -> None:
    pairs = names(found(), **wanted)
    assert ' '.join(f'{robot}/{name}' for robot, name in pairs) == expected


def test_search_changes_nothing() -> None:
    log = found()
    before = repr(log.state)
    find(log.state, where='floor > 1')
    assert repr(log.state) == before


def test_bad_condition_is_refused_with_its_position() -> None:
    with pytest.raises(MalformedWhere, match='position 6'):
        find(found().state, where='floor ?')


TEXTS = st.text(st.characters(min_codepoint=32, exclude_categories=['Cs', 'Cc']), max_size=9)


@given(pairs=st.dictionaries(TEXTS.filter(bool), TEXTS, max_size=5))
def test_packed_metadata_comes_out_as_it_went_in(pairs: dict[str, str]) -> None:
    metadata = tuple(pairs.items())
    assert unpack(pack(metadata)) == metadata
