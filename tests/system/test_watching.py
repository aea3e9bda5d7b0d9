# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What rviz, rqt and Prometheus get from a real swarm with a real tower."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile
from visualization_msgs.msg import Marker, MarkerArray

Make = Callable[..., Any]
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
TASKS = {'leader', 'timing', 'storage', 'jobs', 'faults', 'emergency', 'power', 'learner',
         'sensors', 'hardware'}


class Watching:
    """Listens as rviz and rqt do, and asks as Prometheus does."""

    def __init__(self, made: Any, port: int) -> None:
        node = made.client.node
        self.url = f'http://127.0.0.1:{port}'
        self.statuses: dict[str, DiagnosticStatus] = {}
        self.tree: dict[str, DiagnosticStatus] = {}
        self.arrays: list[MarkerArray] = []
        node.create_subscription(DiagnosticArray, '/diagnostics', self.hear, 10)
        node.create_subscription(DiagnosticArray, '/diagnostics_agg', self.hear_tree, 10)
        node.create_subscription(MarkerArray, '/swarm/markers', self.see, LATCHED)

    def hear(self, msg: DiagnosticArray) -> None:
        self.statuses.update({one.name: one for one in msg.status})

    def hear_tree(self, msg: DiagnosticArray) -> None:
        self.tree = {one.name: one for one in msg.status}

    def see(self, msg: MarkerArray) -> None:
        self.arrays[:] = [msg]

    def level(self, robot: str, task: str) -> bytes:
        found = self.statuses.get(f'/{robot}/coordinator: {task}')
        return b'' if found is None else found.level

    def drawn(self, space: str) -> list[Marker]:
        shown = self.arrays[-1].markers if self.arrays else []
        return [one for one in shown if one.ns == space and one.action == Marker.ADD]

    def metrics(self) -> dict[str, float]:
        with urllib.request.urlopen(f'{self.url}/metrics', timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        told = (line.rpartition(' ') for line in lines if not line.startswith('#'))
        return {name: float(value) for name, _, value in told}

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f'{self.url}/readyz', timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:  # it is not, or has not started yet
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return int(probe.getsockname()[1])


def test_swarm_that_loses_a_robot_is_seen_by_everything_that_watches(
    field: Make, tmp_path: Path
) -> None:
    port = free_port()
    made = field(start=False)
    made.swarm.own = {
        'tower': {
            'parts': ['tower'], 'tower_port': port, 'voters': None, 'storage_dir': None,
            'exec_allow': None, 'job_cage': None, 'tower_tokens': str(tmp_path / 'tokens.json'),
            'publish_aggregate': True,
        }
    }
    made.swarm.start('tower')
    made.swarm.start_all()
    leader = made.ready()
    seen = Watching(made, port)

    made.until(
        lambda: all(seen.level(r, t) for r in made.swarm.names for t in TASKS),
        'every robot tells every task',
    )
    made.until(lambda: all(seen.level(r, 'leader') == b'\x00' for r in made.swarm.names),
               'all know the leader')
    for name, status in seen.statuses.items():
        assert isinstance(status.level, bytes) and status.message, name
    assert seen.statuses[f'/{leader}/coordinator: jobs'].hardware_id == leader
    made.until(seen.ready, 'the tower is ready')
    made.until(lambda: all(f'/Swarm/{r}/leader' in seen.tree for r in made.swarm.names),
               'the tower has heard each of them')
    made.until(lambda: len(seen.drawn('robots')) == 3 and seen.drawn('leader'), 'all are drawn')
    made.until(lambda: seen.drawn('links') and len(seen.drawn('links')[0].points) == 8,
               'leader and followers hear each other')

    job = made.submit(leader, ['sleep', '0.3'])
    made.ended(leader, [job])
    done = 'swarm_job_attempts_total{outcome="done"}'
    made.until(lambda: seen.metrics()[done] == 1, 'the job is counted')
    assert seen.metrics()['swarm_job_run_seconds_bucket{le="0.25"}'] == 0
    assert seen.metrics()['swarm_job_run_seconds_bucket{le="+Inf"}'] == 1

    leader = made.leader()
    term = made.term(leader)
    made.swarm.kill(leader)
    rest = tuple(name for name in made.swarm.names if name != leader)
    made.leader(rest, term)
    lost = f'swarm_robot_up{{robot="{leader}"}}'
    made.until(lambda: seen.metrics()[lost] == 0, 'its metrics say that it is gone')
    leads = lambda: made.watcher.agreed_leader(rest)  # noqa: E731
    made.until(lambda: seen.metrics().get(f'swarm_robot_leads{{robot="{leads()}"}}') == 1,
               'who leads')
    stale = (f'/Swarm/{leader}/leader', f'/Swarm/{leader}')
    made.until(lambda: all(seen.tree[one].level == DiagnosticStatus.STALE for one in stale),
               'its tasks are stale')
    labels = [one.text for one in seen.drawn('labels')]
    made.until(lambda: f'{leader}\nlost' in [one.text for one in seen.drawn('labels')],
               f'it is drawn as lost, not {labels}')


def test_robots_without_a_quorum_say_so(field: Make, tmp_path: Path) -> None:
    made = field()
    leader = made.ready()
    seen = Watching(made, 0)
    alone = next(name for name in made.swarm.names if name != leader)
    for name in made.swarm.names:
        if name != alone:
            made.swarm.kill(name)
    made.until(lambda: seen.level(alone, 'leader') == DiagnosticStatus.ERROR, 'an error')
    made.until(
        lambda: 'no quorum' in seen.statuses[f'/{alone}/coordinator: leader'].message,
        'that there is no quorum',
    )
