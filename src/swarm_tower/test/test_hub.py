# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The window, the one encoding for all, and what a slow browser gets."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from swarm_facts import S, beacon, event

from swarm_tower.core.view import SwarmView
from swarm_tower.web import hub as hub_module
from swarm_tower.web.client_queue import ClientQueue
from swarm_tower.web.hub import Client, Hub


class Clock:
    def __init__(self) -> None:
        self.ns = 0

    def __call__(self) -> int:
        return self.ns


def new_hub(clock: Clock | None = None, queue_capacity: int = 3) -> Hub:
    view = SwarmView('swarm', 7, 1500, 5000)
    return Hub(view, 10, clock or Clock(), lambda: 0, queue_capacity)


def read(hub: Hub, client: Client) -> list[dict[str, Any]]:
    found = []
    while (message := hub.next_message(client)) is not None:
        found.append(json.loads(message))
    return found


def test_new_browser_gets_a_snapshot_and_then_deltas_that_follow_it() -> None:
    hub = new_hub()
    client = hub.join()
    hub.fold([beacon()])
    (snapshot,) = read(hub, client)
    hub.fold([beacon(term=4)])
    hub.flush()
    (delta,) = read(hub, client)
    assert snapshot['type'] == 'snapshot' and 'robot_a' in snapshot['robots']
    assert delta['revision'] == snapshot['revision'] + 1
    assert delta['robots']['robot_a'] == {'term': 4}


def test_delta_is_encoded_once_for_all_browsers(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = new_hub()
    clients = [hub.join() for _ in range(5)]
    for client in clients:
        read(hub, client)
    calls = []
    encode = hub_module.encode
    monkeypatch.setattr(hub_module, 'encode', lambda m: calls.append(m) or encode(m))
    hub.fold([beacon()])
    hub.flush()
    assert len(calls) == 1
    assert [len(read(hub, c)) for c in clients] == [1] * 5


def test_nothing_is_encoded_while_nobody_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    hub = new_hub()
    monkeypatch.setattr(hub_module, 'encode', lambda m: pytest.fail('encoded for nobody'))
    hub.fold([beacon()])
    hub.tick()
    hub.flush()


def test_browser_that_does_not_read_gets_one_snapshot_and_the_dropped_count() -> None:
    hub = new_hub(queue_capacity=3)
    slow, quick = hub.join(), hub.join()
    read(hub, slow), read(hub, quick)
    for i in range(6):
        hub.fold([event(f'e{i}')])
        hub.flush()
        assert len(read(hub, quick)) == 1
    (snapshot,) = read(hub, slow)
    assert (snapshot['type'], snapshot['dropped']) == ('snapshot', 4)
    assert [e['text'] for e in snapshot['events']] == [f'e{i}' for i in range(6)]
    hub.fold([event('after')])
    hub.flush()
    (delta,) = read(hub, slow)
    assert delta['revision'] == snapshot['revision'] + 1


def test_queue_never_holds_more_than_its_capacity() -> None:
    queue = ClientQueue(4)
    queue.snapshot_taken()
    for i in range(1000):
        queue.offer(str(i))
        assert len(queue) <= 4
    assert queue.snapshot_due and queue.dropped == 5


def test_silent_swarm_still_shows_that_the_tower_is_alive() -> None:
    clock = Clock()
    hub = new_hub(clock)
    client = hub.join()
    read(hub, client)
    clock.ns = 20 * S
    hub.flush()
    assert [m['type'] for m in read(hub, client)] == ['alive']


def test_changes_within_a_window_are_one_message() -> None:
    async def scenario() -> int:
        hub = new_hub()
        hub.attach_loop(asyncio.get_running_loop())
        client = hub.join()
        read(hub, client)
        for i in range(20):
            hub.fold([beacon(term=i + 10)])
        client.wake.clear()
        await asyncio.wait_for(client.wake.wait(), 5)
        return len(read(hub, client))

    assert asyncio.run(scenario()) == 1
