# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Questions from the web server reach robots' services, and every one is answered or given up."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
sys.path.insert(0, str(Path(__file__).parent))

from rclpy.node import Node  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs import msg, srv  # noqa: E402

from swarm_tower.ros.plain import fill, plain_of  # noqa: E402
from swarm_tower.web.site import Refused, Unreachable  # noqa: E402


@pytest.fixture
def air() -> Iterator[OnAir]:
    made = OnAir()
    yield made
    made.close()


class Asked:
    """A question that is asked from a loop of another thread, as the web server does."""

    def __init__(self, air: OnAir, *question: Any, **more: Any) -> None:
        self.result: Any = None
        self._thread = threading.Thread(target=self._run, args=(air, question, more))
        self._thread.start()
        air.until(lambda: not self._thread.is_alive(), 'the question is answered')

    def _run(self, air: OnAir, question: tuple[Any, ...], more: dict[str, Any]) -> None:
        try:
            self.result = asyncio.run(air.tower._robots.ask(*question, **more))
        except Exception as error:
            self.result = error


def test_answer_comes_as_plain_values(air: OnAir) -> None:
    def override(request: Any, response: Any) -> Any:
        response.code, response.log_index = response.ACCEPTED, 7
        response.reason = f'{request.owner}: {request.mode} for {request.duration_ms}'
        return response

    air.swarm_node.create_service(srv.SetOverride, '/robot_b/set_override', override)
    fields = {'mode': 3, 'owner': 'ada', 'duration_ms': 1000}
    answer = Asked(air, 'robot_b', 'set_override', fields).result
    assert answer == {
        'code': 0, 'log_index': 7, 'reason': 'ada: 3 for 1000', 'answered_by': 'robot_b'
    }


def test_robot_that_offers_nothing_is_given_up_and_said(air: OnAir) -> None:
    result = Asked(air, 'robot_b', 'clear_override', {}).result
    assert isinstance(result, Unreachable) and 'robot_b offers no clear_override' in str(result)


def test_robot_that_never_answers_is_given_up_after_the_deadline(air: OnAir) -> None:
    mute = Node('mute')  # nobody spins it
    mute.create_service(srv.ClearOverride, '/robot_b/clear_override', lambda _, answer: answer)
    result = Asked(air, 'robot_b', 'clear_override', {}, timeout_s=0.5).result
    mute.destroy_node()
    assert isinstance(result, Unreachable) and 'did not answer' in str(result)


@pytest.mark.parametrize(
    ('question', 'expected'),
    [
        (('robot_b', '../x', {}), 'no service'),
        (('robot_b', 'no_such_thing', {}), 'no service'),
        (('not a robot', 'status', {}), 'no name of a robot'),
        (('robot_b', 'set_override', {'mode': 999}), 'mode: expected a whole number'),
        (('robot_b', 'set_override', {'nonsense': 1}), 'nonsense: expected one of'),
    ],
)
def test_wrong_question_is_refused(air: OnAir, question: Any, expected: str) -> None:
    result = Asked(air, *question).result
    assert isinstance(result, Refused) and expected in str(result)


def test_nested_messages_survive_both_ways() -> None:
    spec = {
        'kind': 'exec',
        'exec': [{'argv': ['true', 'a']}],
        'inputs': [{'name': 'a', 'size_bytes': 3, 'sha256': 'ab' * 32}],
        'priority': -3,
        'requires': ['sensor:gps'],
    }
    made = fill(msg.JobSpec(), spec)
    plain = plain_of(made)
    assert {key: plain[key] for key in ('kind', 'priority', 'requires')} == {
        key: spec[key] for key in ('kind', 'priority', 'requires')
    }
    assert plain['exec'][0]['argv'] == ['true', 'a']
    assert plain['inputs'][0] == spec['inputs'][0]  # type: ignore[index]


@pytest.mark.parametrize(
    ('fields', 'expected'),
    [
        ({'priority': 40000}, 'priority: expected a whole number from -32768'),
        ({'priority': True}, 'priority: expected a number'),
        ({'inputs': [{'sha256': 'zz'}]}, r'inputs\[0\].sha256: expected hexadecimal'),
        ({'inputs': 'x'}, 'inputs: expected a list'),
        ({'requires': [1]}, r'requires\[0\]: expected text'),
    ],
)
def test_wrong_field_is_named_with_what_was_expected(fields: Any, expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        fill(msg.JobSpec(), fields)


def test_number_that_json_has_not_is_none() -> None:
    assert plain_of(msg.SwarmConsciousness(arousal=float('nan')))['arousal'] is None


def test_tower_that_is_held_up_says_so(air: OnAir) -> None:
    with pytest.raises(Unreachable, match='held up'):  # nobody spins: its executor stands still
        asyncio.run(air.tower._robots.ask('robot_b', 'status', {}, timeout_s=0.1))
