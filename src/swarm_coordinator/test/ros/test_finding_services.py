# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How long who asks looks for what a robot offers: longer where the robot itself is there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from rclpy.context import Context  # noqa: E402
from rclpy.executors import SingleThreadedExecutor  # noqa: E402
from rclpy.node import Node  # noqa: E402
from swarm_msgs import srv  # noqa: E402

from swarm_coordinator.cli.client import SwarmClient, Unavailable  # noqa: E402

FIND_S = 0.5


@pytest.fixture
def robot() -> Iterator[Node]:
    """r1, which offers nothing yet, in a participant of its own."""
    context = Context()
    context.init()
    node = Node('coordinator', namespace='/r1', context=context, enable_rosout=False,
                start_parameter_services=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield node
    executor.shutdown()
    thread.join()
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[SwarmClient]:
    monkeypatch.setenv('SWARM_SECURITY', 'off')  # this robot proves nothing
    with SwarmClient('r1') as made:
        made.find_s = FIND_S
        yield made


def ask(client: SwarmClient) -> Any:
    return client.call(srv.ListModels, 'list_models', srv.ListModels.Request())


def test_robot_that_is_not_there_is_not_waited_for_long(client: SwarmClient) -> None:
    client.offered_s = 3600.0
    with pytest.raises(Unavailable, match=r'/r1/list_models is not offered: does the robot run'):
        ask(client)


def test_what_a_robot_that_is_there_offers_later_is_found(
    client: SwarmClient, robot: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.spin_until(
        lambda: ('coordinator', '/r1') in client.node.get_node_names_and_namespaces(), 60.0)
    waits: list[float] = []
    wait = client.spin_until

    def offered_in_the_second_wait(done: Any, timeout_s: float) -> bool:
        waits.append(timeout_s)
        if waits == [FIND_S, client.offered_s]:
            robot.create_service(
                srv.ListModels, '/r1/list_models', lambda request, response: response)
        return wait(done, timeout_s)

    client.offered_s = 60.0
    monkeypatch.setattr(client, 'spin_until', offered_in_the_second_wait)
    assert list(ask(client).models) == []
    assert waits[:2] == [FIND_S, 60.0]


def test_robot_that_runs_without_that_part_is_given_up(client: SwarmClient, robot: Node) -> None:
    client.offered_s = FIND_S
    with pytest.raises(Unavailable, match='with that part'):
        ask(client)
