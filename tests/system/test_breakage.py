# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Three robots on three hosts, with what breaks there: disks, clocks, names, neighbours."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from system.hosts import Hosts, HostSwarm, Lasting
from system.netns import Network, why_not

from swarm_coordinator.local_swarm import robot_names

NAMES = robot_names(3)
GUESTS = ('guest1', 'guest2', 'guest3')
PARAMETERS = {
    'parts': ['coordinator'], 'exec_allow': ['true', 'sleep'], 'job_lease_ttl_ms': 3000
}
TTL_S = 3.0
LONGEST_ELECTION_MS = 1000  # of the profile in use
DISK_KB = 16 * 1024
HOUR_NS = 3600 * 10**9
DONE = 3
MAINTENANCE = 6
SHIFT_SOURCE = Path(__file__).with_name('clock_shift.c')

WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

@dataclass
class Clocks:
    """Wall clocks of single robots, moved while they run."""

    library: Path
    folder: Path

    def variables(self) -> dict[str, dict[str, str]]:
        return {
            name: {'LD_PRELOAD': str(self.library), 'CLOCK_SHIFT': str(self.file(name))}
            for name in NAMES
        }

    def file(self, name: str) -> Path:
        return self.folder / f'{name}.clock'

    def reset(self) -> None:
        for name in NAMES:
            self.file(name).touch()
            self.move(name, 0)

    def move(self, name: str, by_ns: int) -> None:
        """From now on its wall clock is off by so much."""
        with open(self.file(name), 'r+b') as file:  # in place: it is mapped
            file.write(by_ns.to_bytes(8, 'little', signed=True))


@pytest.fixture(scope='session')
def clock_shift(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which('cc') or shutil.which('gcc')
    if compiler is None:
        pytest.skip('not here: no C compiler')
    library = tmp_path_factory.mktemp('clock') / 'clock_shift.so'
    subprocess.run(
        [compiler, '-shared', '-fPIC', '-O2', '-o', str(library), str(SHIFT_SOURCE), '-ldl'],
        check=True,
    )
    return library


@pytest.fixture(scope='module')
def clocks(clock_shift: Path, tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    return Clocks(clock_shift, tmp_path_factory.mktemp('clocks'))


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


def others(*but: str) -> tuple[str, ...]:
    return tuple(name for name in NAMES if name not in but)


# ---- disks

@contextlib.contextmanager
def filled(folder: Path) -> Iterator[None]:
    """A file takes all that was left on this disk."""
    path = folder / 'what_else_is_stored_here'
    try:
        with contextlib.suppress(OSError), open(path, 'wb', buffering=0) as file:
            while True:
                file.write(bytes(512))
        yield
    finally:
        path.unlink()


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
        assert {one.wait()['code'] for one in asked} == {0}, 'the next leader takes them'
        hosts.works(others(leader))
        hosts.swarm.start(leader)
        assert hosts.ends(leader) == 2, 'with a full disk it does not start either'
    hosts.swarm.start(leader)
    assert hosts.ready() == new
    hosts.works(NAMES)


def wipe(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def test_voter_with_a_new_disk_learns_everything_and_gets_its_vote_back(hosts: Hosts) -> None:
    leader = hosts.leader()
    term = hosts.term(leader)
    renewed = others(leader)[0]
    known = {**hosts.works(NAMES), **hosts.works([renewed]), **hosts.works([renewed])}
    before = hosts.status(renewed)
    hosts.swarm.kill(renewed)
    wipe(hosts.swarm.disk(renewed))
    hosts.swarm.start(renewed)
    hosts.leader()
    hosts.until(lambda: hosts.status(renewed)['has_vote'], 'it has its vote again')
    assert hosts.ready() == leader and hosts.term(leader) == term
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
    wipe(hosts.swarm.disk(wiped))
    hosts.swarm.start(wiped)
    hosts.network.plug(behind)
    hosts.until(lambda: hosts.observers[wiped].fresh, 'the wiped one is back')
    hosts.passes(wiped, 5 * LONGEST_ELECTION_MS)
    assert not any(hosts.beacon(name)['leader'] for name in (wiped, behind))
    hosts.swarm.start(leader)
    again = hosts.ready()
    assert again == leader, 'only it has all that was confirmed'
    assert job in hosts.jobs(again)
    hosts.until(lambda: hosts.status(wiped)['has_vote'], 'it has its vote again')


# ---- names and neighbours


def test_second_robot_of_the_same_name_yields_and_the_first_one_goes_on(hosts: Hosts) -> None:
    leader = hosts.leader()
    term = hosts.term(leader)
    hosts.swarm.start('twin')
    assert hosts.ends('twin') == 2
    assert hosts.said('twin', 'robot_id=r2 is already used')
    assert hosts.agreed(NAMES) == leader and hosts.term(leader) == term
    hosts.works(NAMES)


def test_swarm_with_another_id_and_the_same_names_in_one_network_stays_apart(
    hosts: Hosts, tmp_path: Path
) -> None:
    term = hosts.term(hosts.leader())
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
        assert not any(job['spec']['labels'] for job in hosts.jobs('r1').values())
        assert hosts.agreed(NAMES) and hosts.term('r1') == term, 'nobody heard their election'
        for name in NAMES:
            hosts.swarm.kill(name)
        theirs_term = theirs.term('r1')
        theirs.works(NAMES)
        assert theirs.agreed(NAMES) and theirs.term('r1') == theirs_term
        theirs.assert_promises()


# ---- clocks


def running_everywhere(hosts: Hosts, seconds: int) -> dict[str, str]:
    """A job on each robot that takes this long: job by robot."""
    leader = hosts.leader()
    jobs = [hosts.submit(leader, ['sleep', str(seconds)]) for _ in NAMES]
    running = hosts.job_reaches(leader, jobs, 2)
    by_robot = {job['robot_id']: job['job_id'] for job in running.values()}
    assert set(by_robot) == set(NAMES)
    return by_robot


def assert_only_the_lost_one_was_run_again(
    hosts: Hosts, by_robot: dict[str, str], lost: str, seconds: int
) -> None:
    """And in time: after the lease and its grace, on whoever is free then."""
    survivor = others(lost)[0]
    limit_s = 2 * seconds + 2 * TTL_S + 5
    done = hosts.job_reaches(survivor, list(by_robot.values()), DONE, limit_s)
    assert {job['phase'] for job in done.values()} == {DONE}
    attempts = {robot: done[job]['attempt'] for robot, job in by_robot.items()}
    assert attempts == {**dict.fromkeys(NAMES, 1), lost: 2}


@pytest.mark.parametrize('by_ns', [HOUR_NS, -HOUR_NS], ids=['forward', 'back'])
def test_clock_of_the_leader_moved_by_an_hour_ends_no_lease_early_and_none_late(
    hosts: Hosts, clocks: Clocks, by_ns: int
) -> None:
    leader = hosts.leader()
    term = hosts.term(leader)
    by_robot = running_everywhere(hosts, 4)
    clocks.move(leader, by_ns)
    lost = others(leader)[0]
    hosts.swarm.kill(lost)
    assert_only_the_lost_one_was_run_again(hosts, by_robot, lost, 4)
    assert hosts.term(leader) == term


@pytest.mark.parametrize('by_ns', [2 * HOUR_NS, -HOUR_NS], ids=['ahead', 'behind'])
def test_next_leader_whose_clock_is_off_ends_no_lease_early_and_none_late(
    hosts: Hosts, clocks: Clocks, by_ns: int
) -> None:
    """Ahead or behind of the time that the log has come to."""
    leader = hosts.leader()
    term = hosts.term(leader)
    by_robot = running_everywhere(hosts, 4)
    for name in others(leader):
        clocks.move(name, by_ns)
    hosts.swarm.kill(leader)
    hosts.leader(others(leader), above_term=term)
    assert_only_the_lost_one_was_run_again(hosts, by_robot, leader, 4)


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
