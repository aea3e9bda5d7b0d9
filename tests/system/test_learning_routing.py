# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is learnt of routes on real robots with real jobs: who is slow or failing loses jobs, and
gets them back when it has healed.

One swarm of three with learners, one slot each. All jobs are the same script; how long it takes
and how often it fails is in a file for each robot, which the test writes. A job's folder says
which robot it runs on.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from swarm_msgs import msg

Make = Callable[..., Any]
ROBOTS = ('r1', 'r2', 'r3')
SICK = 'r3'
WORK_S = 0.5
ALL_BUSY = 4  # jobs that are open at a time: every robot is needed
SPARE = 2  # one robot more than needed: where all are, the slow one has its share by right
JOBS = 30
ADVICE_S = 20.0  # learners repeat it every 2.5 s
FORGET_S = 10.0  # time constant of the learners: what was bad is tried again soon
HEALED_S = 90.0
DONE = msg.JobStatus.PHASE_DONE
# $0: the folder with a file for each robot: seconds, failures of a hundred, evenly spread from
# the first one on. A robot runs one job at a time, so it can count them.
SCRIPT = """
robot=${HOME#*/swarm/}; robot=${robot%%/*}
read -r seconds failing < "$0/$robot"; read -r ran < "$0/$robot.ran"
sleep "$seconds"
echo $(( ran + 1 )) > "$0/$robot.ran"
[ $(( ((ran + 1) * failing + 99) / 100 )) -eq $(( (ran * failing + 99) / 100 )) ]
"""


class Robots:
    """The swarm, and how each of its robots is."""

    def __init__(self, field: Any, folder: Path) -> None:
        self.field, self.folder = field, folder
        self.heard: dict[str, msg.Advice] = {}  # by robot
        for robot in ROBOTS:
            field.client.node.create_subscription(
                msg.Advice, f'/{robot}/advice', partial(self.heard.__setitem__, robot), 10)

    def nature(self, robot: str, slower: float = 1.0, failing: int = 0) -> None:
        """Written beside and moved, so that no job reads half a line."""
        (self.folder / f'{robot}.ran').write_text('0\n')
        part = self.folder / f'{robot}.part'
        part.write_text(f'{WORK_S * slower} {failing}\n')
        part.replace(self.folder / robot)

    def run(self, count: int, at_once: int = ALL_BUSY) -> list[str]:
        """Jobs one after another, a few at a time; which robot was chosen for each one's first
        attempt, in the order in which they were submitted; '' where one of the others did not
        answer."""
        field, open_jobs, submitted = self.field, set[str](), []
        argv = ['sh', '-c', SCRIPT, str(self.folder)]
        deadline = time.monotonic() + 120
        while len(submitted) < count or open_jobs:
            while len(submitted) < count and len(open_jobs) < at_once:
                job = field.submit('r1', argv, retries=3, retry_delay_ms=100)
                submitted.append(job)
                open_jobs.add(job)
            seen = field.jobs('r1')
            open_jobs = {job for job in open_jobs if seen[job].phase < DONE}
            assert time.monotonic() < deadline, field.last_words()
            field.client.spin_until(lambda: False, 0.05)
        return [self.first_robot(job) for job in submitted]

    def first_robot(self, job: str) -> str:
        told = self.field.explained('r1', job)
        granted = [line.what for line in told.story if 'granted to ' in line.what]
        silent = [one for one in told.candidates  # of the last grant
                  if one.lost == 'does not answer' and one.robot_id != SICK]
        if silent and len(granted) == 1:
            return ''
        return str(granted[0].partition('granted to ')[2].partition(':')[0])

    def advised(self) -> dict[str, msg.RouteCost]:
        """What the leader's learner has said last of the robots."""
        leader = self.field.leader()
        self.field.until(lambda: leader in self.heard, 'the leader advises')
        return {one.robot_id: one for one in self.heard[leader].routes}

    def known(self, what: str, is_so: Callable[[dict[str, msg.RouteCost]], bool]) -> None:
        """Wait until the leader's learner says so: it repeats its advice now and then."""
        self.field.until(lambda: is_so(self.advised()), f'advice says that {what}', ADVICE_S)

    def healed(self, share: float) -> None:
        """Wait until the sick robot has its share again, jobs going on."""
        deadline, shares = time.monotonic() + HEALED_S, []
        while time.monotonic() < deadline:
            ran = Counter(self.run(12))
            shares.append(ran[SICK] / 12)
            if shares[-1] >= share:
                return
        raise AssertionError(f'shares of {SICK} since it healed: {shares}')


@pytest.fixture(scope='module')
def robots(lasting_field: Make, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Robots]:
    folder = tmp_path_factory.mktemp('natures')
    field = lasting_field(
        parts=('coordinator', 'learning'), exec_allow=['sh'], job_slots=1, routing_tau_s=FORGET_S,
    )
    made = Robots(field, folder)
    for robot in ROBOTS:
        made.nature(robot)
    field.ready()
    yield made


@pytest.fixture
def healthy(robots: Robots) -> Robots:
    """All alike, and every robot has done enough that it is known."""
    for robot in ROBOTS:
        robots.nature(robot)
    robots.healed(0.2)
    return robots


def share(ran: list[str]) -> float:
    chosen = [robot for robot in ran if robot]
    assert 3 * len(chosen) >= 2 * len(ran), f'{ran}: robots did not answer'
    return Counter(chosen)[SICK] / len(chosen)


def test_robot_that_is_throttled_loses_its_share_within_30_jobs_and_regains_it(
    healthy: Robots
) -> None:
    healthy.nature(SICK, slower=4.0)
    ran = healthy.run(JOBS // 2)
    spared = healthy.run(JOBS - JOBS // 2, SPARE)
    assert share(spared) <= 0.15, (ran, spared)
    healthy.known(
        f'{SICK} is slow after {ran + spared}',
        lambda said: all(said[SICK].work_ms > 1.5 * said[robot].work_ms for robot in ('r1', 'r2')),
    )
    healthy.nature(SICK)
    healthy.healed(0.25)


def test_robot_that_fails_a_third_of_the_time_loses_its_share_and_regains_it(
    healthy: Robots
) -> None:
    healthy.nature(SICK, failing=30)
    ran = healthy.run(JOBS)
    healthy.known(
        f'{SICK} fails often after {ran}',
        lambda said: all(
            said[SICK].success < said[robot].success - 0.05 for robot in ('r1', 'r2')
        ),
    )
    ran = healthy.run(JOBS // 2, SPARE)
    assert share(ran) <= 0.2, ran
    healthy.nature(SICK)
    healthy.healed(0.25)


def test_leader_is_advised_on_every_robot(healthy: Robots) -> None:
    healthy.run(6)
    routes = healthy.advised()
    assert set(routes) == set(ROBOTS)
    for one in routes.values():
        assert one.task == 'exec:sh' and one.samples > 0
        assert WORK_S <= one.work_ms / 1000 <= 20 * WORK_S
        assert 0 < one.success <= 1 and 0 < one.quality <= 1 and not one.ejected
