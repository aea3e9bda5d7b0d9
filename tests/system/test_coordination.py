# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leases, registry, events, members and the stop, as robot code and operators use them."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg, srv
from system.gates import gated

from swarm_coordinator.ros.swarm import LeaseLost, LeaseRefused, Refused, Swarm

Make = Callable[..., Any]
WAIT_S = 30.0


@pytest.fixture(scope='module')
def lasting(lasting_field: Make) -> Any:
    return lasting_field(job_lease_ttl_ms=2000)


@pytest.fixture
def made(lasting: Any) -> Any:
    lasting.anew()
    return lasting


def test_lease_is_held_by_one_and_passes_on_to_who_waits_with_a_higher_token(
    made: Any,
) -> None:
    made.ready()
    order: list[tuple[str, int]] = []
    with Swarm('r1') as one, Swarm('r2') as other:
        with one.lease('dock', ttl_s=15) as first:
            assert first.check() == first.token
            with pytest.raises(LeaseRefused, match='r1/'), other.lease('dock', ttl_s=5):
                pass

            def wait() -> None:
                with other.lease('dock', ttl_s=5, wait_s=WAIT_S) as second:
                    order.append(('second', second.check()))

            waiter = threading.Thread(target=wait)
            waiter.start()
            listed = srv.ListLeases.Request(resource='dock', linearizable=True)
            made.until(
                lambda: one.ask(srv.ListLeases, 'list_leases', listed).leases[0].waiters,
                'somebody waits',
            )
            order.append(('first', first.check()))
        waiter.join(WAIT_S)
    assert [who for who, _ in order] == ['first', 'second']
    assert order[0][1] < order[1][1], 'the fencing token grows'


def test_holder_whose_robot_died_stops_before_anybody_else_can_hold(made: Any) -> None:
    leader = made.ready()
    robot = next(name for name in made.swarm.names if name != leader)
    lost = threading.Event()
    with (
        Swarm(robot) as mine, Swarm(leader) as other, pytest.raises(LeaseLost),
        mine.lease('dock', ttl_s=6, on_lost=lambda why: lost.set()) as held,
    ):
        made.swarm.kill(robot)
        with other.lease('dock', ttl_s=6, wait_s=WAIT_S) as next_one:
            assert not held.is_valid and lost.wait(5)
            assert next_one.token > held.token


def test_services_are_found_by_what_they_say_and_go_with_their_robot(made: Any) -> None:
    leader = made.ready()
    robot = next(name for name in made.swarm.names if name != leader)
    with Swarm(robot) as mine, Swarm(leader) as other:
        facts = {'floor': '2', 'kind': 'lidar'}
        mine.register_service('map', 'nav_msgs/srv/GetMap', '/map', facts)
        other.register_service('map', metadata={'floor': '10'})
        found = other.find_services('map', where='floor >= 3', linearizable=True)
        assert [one.robot_id for one in found] == [leader]
        found = other.find_services(where='kind = lidar', robot=robot, linearizable=True)
        assert [one.address for one in found] == ['/map']
        with pytest.raises(Refused, match='where'):
            other.find_services(where='floor >=')
        made.swarm.kill(robot)
        made.until(
            lambda: [one.robot_id for one in other.find_services('map')] == [leader],
            'the services of the dead robot are gone',
        )


def test_durable_events_are_seen_once_each_and_in_order_over_a_change_of_leader(
    made: Any,
) -> None:
    leader = made.ready()
    term = made.term(leader)
    robot = next(name for name in made.swarm.names if name != leader)
    seen: list[str] = []
    with Swarm(robot) as swarm:
        _, now = swarm.replay()
        with swarm.watch(lambda event: seen.append(event.text), kinds=['note*'], from_index=now):
            for number in range(10):
                if number == 5:
                    made.swarm.kill(leader)
                    made.leader(tuple(n for n in made.swarm.names if n != leader), term)
                swarm.publish_event('note.x', f'{number}', durable=True)
            made.until(lambda: len(seen) >= 10, 'all events are seen')
        for durable in (True, False):
            with pytest.raises(Refused, match='said by the log itself'):
                swarm.publish_event('robot_dead', 'r1 is dead, believe me', durable=durable)
    assert seen == [str(number) for number in range(10)]


def test_emergency_ends_what_runs_and_the_log_lets_it_go_on(made: Any, tmp_path: Path) -> None:
    leader = made.ready()
    gate = tmp_path / 'gate'
    jobs = [made.submit(leader, gated(gate), attempts_max=5) for _ in range(9)]
    begun: dict[str, str] = {}

    def every_robot_runs_one() -> bool:
        known = made.jobs(leader)
        running = (known[job] for job in jobs if known[job].phase == msg.JobStatus.PHASE_RUNNING)
        begun.update({job.job_id: job.robot_id for job in running})
        return set(begun.values()) == set(made.swarm.names)

    made.until(every_robot_runs_one, 'every robot runs one')
    request = srv.RaiseEmergency.Request(raised_by='ada', reason='smoke')
    epoch = made.call('r2', srv.RaiseEmergency, 'raise_emergency', request).epoch
    assert epoch > 0
    made.until(
        lambda: all(made.watcher.heard[n].beacon.emergency_active for n in made.swarm.names),
        'all robots have stopped',
    )
    made.until(
        lambda: all(
            known.phase == msg.JobStatus.PHASE_SUBMITTED
            for job, known in made.jobs(leader).items() if job in begun
        ),
        'what ran was ended',
    )
    wrong = srv.ClearEmergency.Request(epoch=epoch + 6, owner='ada', reason='aired')
    answer = made.call('r3', srv.ClearEmergency, 'clear_emergency', wrong)
    assert answer.code == answer.REFUSED and f'expected {epoch}' in answer.reason
    right = srv.ClearEmergency.Request(epoch=epoch, owner='ada', reason='aired')
    answer = made.call('r3', srv.ClearEmergency, 'clear_emergency', right)
    assert answer.code == answer.ACCEPTED, answer.reason
    gate.touch()
    ended = made.ended(leader, jobs)
    assert {job.phase for job in ended.values()} == {msg.JobStatus.PHASE_DONE}
    assert all(ended[job].attempt > 1 for job in begun), 'the first attempts were ended'


def test_emergency_outlives_the_power_of_a_robot(made: Any) -> None:
    leader = made.ready()
    request = srv.RaiseEmergency.Request(reason='smoke')
    epoch = made.call(leader, srv.RaiseEmergency, 'raise_emergency', request).epoch
    for name in made.swarm.names:
        made.swarm.kill(name)
    made.swarm.start_all()
    made.ready(above_term=0)
    state = made.call('r1', srv.Status, 'status', srv.Status.Request()).state
    assert state.emergency_active and state.emergency_epoch == epoch
    over = srv.ClearEmergency.Request(epoch=epoch, owner='ada', reason='aired')
    assert made.call('r1', srv.ClearEmergency, 'clear_emergency', over).code == 0


def test_operator_changes_who_votes_and_who_leads(made: Any) -> None:
    leader = made.ready()
    follower = next(name for name in made.swarm.names if name != leader)
    kinds = srv.ChangeMember.Request

    def change(what: int, robot: str) -> Any:
        return made.call(
            leader, srv.ChangeMember, 'change_member', kinds(change=what, robot_id=robot)
        )

    answer = change(kinds.CHANGE_DEMOTE, follower)
    assert answer.code == answer.ACCEPTED, answer.reason
    state = made.call(leader, srv.Status, 'status', srv.Status.Request()).state
    assert follower in state.non_voter_ids and state.voters == 2
    answer = change(kinds.CHANGE_PROMOTE, follower)
    assert answer.code == answer.ACCEPTED, answer.reason
    moved = made.call(
        leader, srv.TransferLeadership, 'transfer_leadership',
        srv.TransferLeadership.Request(to=follower),
    )
    assert (moved.code, moved.leader) == (moved.ACCEPTED, follower), moved.reason
    answer = change(kinds.CHANGE_PROMOTE, 'nobody')
    assert answer.code == answer.REFUSED and 'not known' in answer.reason
