# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Two towers watch one swarm, each on a robot of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parent))

from fake_services import FakeServices  # noqa: E402
from rclpy.node import Node  # noqa: E402
from robots_on_air import OnAir  # noqa: E402

from swarm_tower.ros.part import PART  # noqa: E402


class Second:
    """Another tower in the same swarm: its page and its own token."""

    def __init__(self, air: OnAir, folder: Path) -> None:
        self.node = Node(PART.node_name, namespace='/robot_b')
        self.tokens = folder / 'tokens.json'
        self.tower = PART.create(self.node, replace(air.config(), tower_tokens=str(self.tokens)))
        self.url = f'http://127.0.0.1:{self.tower.port}'
        air.executor.add_node(self.node)

    def token(self) -> str:
        return str(json.loads(self.tokens.read_text())['tokens'][0]['token'])

    def close(self) -> None:
        self.tower.close()
        self.node.destroy_node()


@pytest.fixture
def second(air: OnAir) -> Iterator[Second]:
    with tempfile.TemporaryDirectory() as folder:
        made = Second(air, Path(folder))
        yield made
        made.close()


def swarm_at(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f'{url}/api/v1/state', timeout=5) as answer:
        found: dict[str, Any] = json.load(answer)['swarm']
        return found


def override(air: OnAir, url: str, token: str) -> int:
    """Order one while the swarm goes on; return the HTTP status."""
    body = json.dumps({'mode': 'defensive', 'reason': 'people near', 'duration_s': 60})
    headers = {'Content-Type': 'application/json', 'Authorization': f'Bearer {token}'}
    request = urllib.request.Request(
        f'{url}/api/v1/commands/override', body.encode(), headers, method='POST')

    def ask() -> int:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as refused:
            return refused.code

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(ask)
        air.until(future.done, 'it is answered')
        return future.result()


def leaders(air: OnAir, second: Second) -> list[tuple[str, int]]:
    found = [swarm_at(url)['leader'] for url in (air.url, second.url)]
    return [(one['leader'], one['term']) for one in found]


def test_both_name_the_same_leader_and_the_next_one(air: OnAir, second: Second) -> None:
    air.swarm.publish_state()
    air.until(lambda: leaders(air, second) == [('robot_a', 7)] * 2, 'the leader')
    air.swarm.term, air.swarm.leader = 8, 'robot_c'
    air.until(lambda: leaders(air, second) == [('robot_c', 8)] * 2, 'the next leader')
    quorums = [swarm_at(url)['quorum'] for url in (air.url, second.url)]
    assert all(one['voters'] == 3 for one in quorums), 'no tower votes'


def test_override_that_was_ordered_at_one_is_shown_by_the_other(
    air: OnAir, second: Second
) -> None:
    FakeServices(air.swarm)
    air.swarm.publish_state()
    air.until(lambda: leaders(air, second) == [('robot_a', 7)] * 2, 'the leader')
    assert override(air, second.url, second.token()) == 200

    def reasons() -> set[tuple[bool, str]]:
        modes = [swarm_at(url)['mode'] or {} for url in (air.url, second.url)]
        return {(one.get('overridden', False), one.get('override_reason', '')) for one in modes}

    air.until(lambda: reasons() == {(True, 'people near')}, 'both show the override')


def test_token_of_one_tower_is_nothing_to_the_other(air: OnAir, second: Second) -> None:
    robots = FakeServices(air.swarm)
    assert air.token() != second.token()
    assert override(air, air.url, second.token()) == 401
    assert override(air, second.url, air.token()) == 401
    assert robots.of('set_override') == []
