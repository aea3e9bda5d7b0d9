# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Three robots on three hosts, with what breaks there: disks, clocks, names, neighbours."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from system.breakage import Clocks, built_clock_shift, compiler, filled, wipe
from system.hosts import Hosts, HostSwarm, Lasting
from system.netns import Network, why_not
from system.stalls import assert_kept, stalls

from swarm_coordinator.local_swarm import robot_names

NAMES = robot_names(3)
GUESTS = ('guest1', 'guest2', 'guest3')
PARAMETERS = {
    'parts': ['coordinator'], 'exec_allow': ['true', 'sh', 'sleep'], 'job_lease_ttl_ms': 6000
}
TTL_S = 6.0
LONGEST_ELECTION_MS = 1000  # of the profile in use
DISK_KB = 16 * 1024
HOUR_NS = 3600 * 10**9
RUNNING, DONE = 2, 3
SUBJECT_JOB = 0
MAINTENANCE = 6

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture(scope='session')
def clock_shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if compiler() is None:
        pytest.skip('not here: no C compiler')
    return built_clock_shift(tmp_path_factory.mktemp('clock'))


@pytest.fixture(scope='module')
def clocks(clock_shift: Path, tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    return Clocks(clock_shift, tmp_path_factory.mktemp('clocks'), NAMES)


@pytest.fixture(scope='module')
def lasting(clocks: Clocks, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lasting]:
    folder = tmp_path_factory.mktemp('hosts')

    def make(stack: contextlib.ExitStack, count: int) -> Hosts:
        network = stack.enter_context(Network((*NAMES, *GUESTS)))
        swarm = HostSwarm(
            folder / str(count), NAMES, PARAMETERS, swarm_id='test', network=network,
            places={'twin': GUESTS[0]}, own={'twin': {'robot_id': 'r2'}},
            variables=clocks.variables(),
        )
        for name in NAMES:
            network.hosts[name].disk(swarm.storage(name), DISK_KB)
        # Shared memory waits by the wall clock: after it was set back a local client is deaf.
        swarm.transports = 'UDPv4'
        return stack.enter_context(Hosts(stack.enter_context(swarm), network))

    made = Lasting(make)
    yield made
    made.discard()


@pytest.fixture
def hosts(lasting: Lasting, clocks: Clocks) -> Iterator[Hosts]:
    clocks.reset()
    with lasting.lent() as made:
        yield made


@pytest.fixture
def fresh(lasting: Lasting, clocks: Clocks) -> Iterator[Hosts]:
    """A swarm that thinks as well of one robot as of another: none was killed yet."""
    lasting.discard()
    clocks.reset()
    with lasting.lent() as made:
        yield made


def others(*but: str) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name not in but)


# ---- disks

def test_leader_whose_disk_is_full_says_so_and_ends_and_returns_when_there_is_room(
    hosts: Hosts,
) -> None:
    leader = hosts.leader()
    term = hosts.term(leader)
    with filled(hosts.swarm.disk(leader)):
        asked = [hosts.submitting(name, ['true']) for name in others(leader)]
        assert hosts.ends(leader) == 2
        assert hosts.said(leader, 'no room on the disk')
        new = hosts.leader(others(leader), above_term=term)
        stalled = stalls(hosts.swarm)
        assert {one.wait()['code'] for one in asked} == {0}, 'the next leader takes them'
        hosts.works(others(leader))
        hosts.swarm.start(leader)
        assert hosts.ends(leader) == 2, 'with a full disk it does not start either'
    hosts.swarm.start(leader)
    assert hosts.ready() == new or stalls(hosts.swarm) > stalled
    hosts.works(NAMES)


def test_voter_with_a_new_disk_learns_everything_and_gets_its_vote_back(hosts: Hosts) -> None:
    leader = hosts.leader()
    term, stalled = hosts.term(leader), stalls(hosts.swarm)
    renewed = others(leader)[0]
    known = {**hosts.works(NAMES), **hosts.works([renewed]), **hosts.works([renewed])}
    before = hosts.status(renewed)
    hosts.swarm.kill(renewed)
    wipe(hosts.swarm.disk(renewed))
    hosts.swarm.start(renewed)
    hosts.leader()
    hosts.until(lambda: hosts.status(renewed)['has_vote'], 'it has its vote again')
    hosts.ready()
    assert_kept(hosts, leader, term, stalled)
    after = hosts.status(renewed)
    assert after['storage_id'] not in (0, before['storage_id'])
    assert after['incarnation'] > before['incarnation'], 'or it would be taken for its past'
    assert set(known) <= set(hosts.jobs(renewed))
    hosts.works([renewed])


def test_wiped_voter_does_not_help_to_elect_one_that_missed_what_was_confirmed(
    hosts: Hosts,
) -> None:
    """With the wiped one's vote they would be two of three, and the job would be gone."""
    leader = hosts.leader()
    wiped, behind = others(leader)
    hosts.network.unplug(behind)
    job = hosts.submit(leader)
    hosts.swarm.kill(leader)
    hosts.swarm.kill(wiped)
    before = max(hosts.leaders_by_term())
    wipe(hosts.swarm.disk(wiped))
    hosts.swarm.start(wiped)
    hosts.network.plug(behind)
    hosts.until(lambda: hosts.observers[wiped].fresh, 'the wiped one is back')
    hosts.passes(wiped, 5 * LONGEST_ELECTION_MS)
    assert not any(hosts.beacon(name)['leader'] for name in (wiped, behind))
    assert max(hosts.leaders_by_term()) == before
    hosts.swarm.start(leader)
    again = hosts.ready()
    led = hosts.leaders_by_term()
    assert led[min(term for term in led if term > before)] == {leader}, (
        'only it has all that was confirmed'
    )
    assert job in hosts.jobs(again)
    hosts.until(lambda: hosts.status(wiped)['has_vote'], 'it has its vote again')


# ---- names and neighbours


def test_second_robot_of_the_same_name_yields_and_the_first_one_goes_on(hosts: Hosts) -> None:
    leader = hosts.leader()
    term, stalled = hosts.term(leader), stalls(hosts.swarm)
    hosts.swarm.start('twin')
    assert hosts.ends('twin') == 2
    assert hosts.said('twin', 'robot_id=r2 is already used')
    assert_kept(hosts, leader, term, stalled)
    hosts.works(NAMES)


def test_swarm_with_another_id_and_the_same_names_in_one_network_stays_apart(
    hosts: Hosts, tmp_path: Path
) -> None:
    leader = hosts.leader()
    term, stalled = hosts.term(leader), stalls(hosts.swarm)
    swarm = HostSwarm(
        tmp_path, NAMES, PARAMETERS, swarm_id='other', network=hosts.network,
        places=dict(zip(NAMES, GUESTS, strict=True)),
    )
    with swarm, Hosts(swarm, hosts.network) as theirs:
        swarm.start_all()
        theirs.ready()
        theirs.submit('r1', labels=['other'])
        theirs.works(NAMES)
        hosts.works(NAMES)
        assert not any('other' in job['spec']['labels'] for job in hosts.jobs('r1').values())
        assert_kept(hosts, leader, term, stalled)  # nobody heard their election
        for name in NAMES:
            hosts.swarm.kill(name)
        leader = theirs.leader()
        term, stalled = theirs.term(leader), stalls(swarm)
        theirs.works(NAMES)
        assert_kept(theirs, leader, term, stalled)
        theirs.assert_promises()


# ---- clocks


ROUNDS_MAX = 5
# A job that has said something is expected to say more: one that has not may be of a silent kind.
SPEAKING = 'echo "##swarm progress 0.01 begun"; sleep "$0"'


def all_speak(hosts: Hosts, robot: str, jobs: list[str]) -> None:
    def spoken() -> bool:
        known = hosts.jobs(robot)
        return all(known[job]['progress_permille'] > 0 for job in jobs)

    hosts.until(spoken, 'each says how far it is')


def running_everywhere(hosts: Hosts, seconds: int) -> dict[str, dict[str, Any]]:
    """A job on each robot that takes this long: its status by robot, once all have spoken and
    none has ended. The swarm may think better of one robot than of another and let a job wait for
    it; then it is tried again."""
    leader = hosts.leader()
    for _ in range(ROUNDS_MAX):
        jobs = [hosts.submit(leader, ['sh', '-c', SPEAKING, str(seconds)]) for _ in NAMES]
        running = hosts.job_reaches(leader, jobs, RUNNING)
        if {job['robot_id'] for job in running.values()} == set(NAMES):
            all_speak(hosts, leader, jobs)
            known = hosts.jobs(leader)
            by_robot = {known[job]['robot_id']: known[job] for job in jobs}
            if set(by_robot) == set(NAMES) and {known[job]['phase'] for job in jobs} == {RUNNING}:
                return by_robot
        hosts.job_reaches(leader, jobs, DONE, 5.0 * seconds)
    raise AssertionError(f'not within {ROUNDS_MAX} rounds: a job runs on each robot')


def assert_only_the_lost_one_was_run_again(
    hosts: Hosts, by_robot: dict[str, dict[str, Any]], lost: str, seconds: int
) -> None:
    """And in time: after the lease and its grace, on whoever is free then."""
    survivor = others(lost)[0]
    limit_s = 2 * seconds + 2 * TTL_S + 5
    jobs = {robot: status['job_id'] for robot, status in by_robot.items()}
    done = hosts.job_reaches(survivor, list(jobs.values()), DONE, limit_s)
    assert {job['phase'] for job in done.values()} == {DONE}
    more = {robot: done[jobs[robot]]['attempt'] - by_robot[robot]['attempt'] for robot in NAMES}
    assert more.pop(lost) >= 1

    def story(job: str) -> list[str]:
        told = hosts.call(survivor, 'explain', subject=SUBJECT_JOB, id=job)['story']
        return [line['what'] for line in told]

    again = {robot: story(jobs[robot]) for robot, runs in more.items() if runs}
    assert not again, json.dumps(again, indent=1)


@pytest.mark.parametrize('by_ns', [HOUR_NS, -HOUR_NS], ids=['forward', 'back'])
def test_clock_of_the_leader_moved_by_an_hour_ends_no_lease_early_and_none_late(
    fresh: Hosts, clocks: Clocks, by_ns: int
) -> None:
    leader = fresh.leader()
    term, stalled = fresh.term(leader), stalls(fresh.swarm)
    by_robot = running_everywhere(fresh, 8)
    clocks.move(leader, by_ns)
    lost = others(leader)[0]
    fresh.swarm.kill(lost)
    assert_only_the_lost_one_was_run_again(fresh, by_robot, lost, 8)
    assert_kept(fresh, leader, term, stalled, others(lost))


@pytest.mark.parametrize('by_ns', [2 * HOUR_NS, -HOUR_NS], ids=['ahead', 'behind'])
def test_next_leader_whose_clock_is_off_ends_no_lease_early_and_none_late(
    fresh: Hosts, clocks: Clocks, by_ns: int
) -> None:
    """Ahead or behind of the time that the log has come to."""
    leader = fresh.leader()
    term = fresh.term(leader)
    by_robot = running_everywhere(fresh, 8)
    for name in others(leader):
        clocks.move(name, by_ns)
    fresh.swarm.kill(leader)
    fresh.leader(others(leader), above_term=term)
    assert_only_the_lost_one_was_run_again(fresh, by_robot, leader, 8)


def test_override_outlasts_a_change_to_a_leader_whose_clock_is_ahead(
    hosts: Hosts, clocks: Clocks
) -> None:
    leader = hosts.leader()
    term = hosts.term(leader)
    for name in others(leader):
        clocks.move(name, 4 * HOUR_NS)
    answer = hosts.call(
        leader, 'set_override', mode=MAINTENANCE, owner='test', reason='test', duration_ms=60_000
    )
    assert answer['code'] == 0, answer
    hosts.swarm.kill(leader)
    new = hosts.ready(others(leader), above_term=term)
    assert hosts.status(new)['state']['mode']['mode'] == MAINTENANCE
    assert hosts.call(new, 'clear_override', owner='test', reason='over')['code'] == 0
