# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots with keys of one authority, each with its level of security, over DDS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from spun_nodes import SpunNodes  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.identity.doorkeeper import Reason  # noqa: E402
from swarm_coordinator.core.ids import RobotId  # noqa: E402
from swarm_coordinator.ros.guarded_node import level_of  # noqa: E402
from swarm_coordinator.ros.protection import Protection, reader  # noqa: E402
from swarm_coordinator.ros.topics import TOPICS  # noqa: E402

EVENTS = TOPICS['/swarm/events']


class Robots(SpunNodes):
    wait_s = 20.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.protections: dict[str, Protection] = {}
        self.named: dict[str, Any] = {}
        self.heard: dict[str, list[str]] = {}

    def start(self, name: str, level: str) -> Any:
        return self.add(name, Protection(str(self.folder), 'swarm', RobotId(name), level))

    def add(self, name: str, protection: Protection) -> Any:
        self.protections[name] = protection
        node = self.named[name] = protection.node('coordinator', name, True)
        protection.attach(node)
        heard = self.heard[name] = []
        node.create_subscription(
            EVENTS.kind, EVENTS.name, lambda event: heard.append(event.text), EVENTS.qos)
        card = TOPICS['/swarm/robots']
        node.create_publisher(card.kind, card.name, card.qos).publish(
            msg.RobotCard(envelope=self.envelope(name), security=level_of(node)))
        return super().add(node)

    def envelope(self, name: str) -> msg.Envelope:
        return msg.Envelope(swarm_id='swarm', sender=name,
                            protocol_version=msg.Envelope.PROTOCOL_VERSION)

    def says(self, name: str, text: str) -> Callable[[], None]:
        out = self.named[name].create_publisher(EVENTS.kind, EVENTS.name, EVENTS.qos)
        return lambda: out.publish(msg.SwarmEvent(envelope=self.envelope(name), text=text))


@pytest.fixture
def robots(tmp_path: Path) -> Iterator[Robots]:
    made = Robots(tmp_path / 'keys')
    yield made
    made.close()


def test_robots_that_encrypt_hear_each_other(robots: Robots) -> None:
    robots.start('alpha', 'sign_encrypt')
    robots.start('beta', 'sign_encrypt')
    robots.until(lambda: robots.heard['alpha'], robots.says('beta', 'hello'))
    assert set(robots.heard['alpha']) == {'hello'}


def test_one_who_only_listens_has_a_certificate_that_permits_no_more(robots: Robots) -> None:
    robots.start('alpha', 'sign_encrypt')
    robots.add('watcher', reader(str(robots.folder), 'swarm', 'watcher'))
    robots.until(lambda: robots.heard['watcher'], robots.says('alpha', 'hello'))
    refusals = robots.named['alpha'].door_refusals
    robots.until(lambda: refusals.counts[Reason.ROLE], robots.says('watcher', 'no'))
    assert 'no' not in robots.heard['alpha']


def test_robots_of_two_levels_do_not_hear_each_other_and_both_say_what_to_do(
    robots: Robots
) -> None:
    robots.start('alpha', 'sign')
    robots.start('beta', 'sign_encrypt')
    for name, other in (('alpha', 'beta'), ('beta', 'alpha')):
        refusals = robots.named[name].door_refusals
        robots.until(lambda r=refusals: r.counts[Reason.LEVEL], robots.says(other, 'unheard'))
        text = refusals.last[Reason.LEVEL].text
        assert other in text and 'Start all robots with the same one' in text
        assert robots.heard[name] == [] and robots.protections[name].guard.counts()


def test_robot_that_comes_back_with_the_same_level_is_no_longer_named(robots: Robots) -> None:
    alpha = robots.start('alpha', 'sign')
    robots.start('beta', 'sign_encrypt')
    refusals = alpha.door_refusals
    robots.until(lambda: refusals.counts[Reason.LEVEL])
    robots.end(robots.named['beta'])
    robots.start('beta', 'sign')
    robots.until(lambda: robots.heard['alpha'], robots.says('beta', 'hello'))
    robots.until(lambda: not robots.protections['alpha']._levels)  # noqa: SLF001


def test_member_that_is_removed_may_not_read_and_may_again_when_it_is_added(
    robots: Robots
) -> None:
    robots.start('alpha', 'sign_encrypt')
    robots.start('beta', 'sign_encrypt')
    robots.until(lambda: robots.heard['beta'], robots.says('alpha', 'before'))
    protection = robots.protections['alpha']
    protection.guard.removed = frozenset({'beta'})
    beta = robots.named['beta'].door_refusals.counts
    before = beta[Reason.KEYLESS]
    robots.until(lambda: beta[Reason.KEYLESS] > before + 3, robots.says('alpha', 'meanwhile'))
    count = len(robots.heard['beta'])
    robots.until(lambda: beta[Reason.KEYLESS] > before + 20, robots.says('alpha', 'meanwhile'))
    assert len(robots.heard['beta']) == count
    protection.guard.removed = frozenset()
    robots.until(lambda: 'again' in robots.heard['beta'], robots.says('alpha', 'again'))
