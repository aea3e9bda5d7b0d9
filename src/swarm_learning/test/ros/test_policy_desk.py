# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the desk where operators bring policies: what is accepted, what is refused and why,
and that it outlives a restart."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
rclpy = pytest.importorskip('rclpy')

from rclpy.context import Context  # noqa: E402
from rclpy.node import Node  # noqa: E402
from swarm_msgs import msg, srv  # noqa: E402

from swarm_learning.core.config import LearningConfig  # noqa: E402
from swarm_learning.core.mode.buckets import MODES  # noqa: E402
from swarm_learning.core.mode.policies import INPUTS  # noqa: E402
from swarm_learning.core.policies.network import NetworkPolicy, Observation  # noqa: E402
from swarm_learning.ros.part import PART  # noqa: E402
from swarm_learning.ros.policy_desk import PolicyDesk  # noqa: E402
from swarm_learning.storage import archive  # noqa: E402

ASK = srv.ChangePolicy.Request
ACCEPTED, REFUSED = srv.ChangePolicy.Response.ACCEPTED, srv.ChangePolicy.Response.REFUSED
UNAVAILABLE = srv.ChangePolicy.Response.UNAVAILABLE


@pytest.fixture(scope='module')
def context() -> Iterator[Context]:
    made = Context()
    rclpy.init(context=made)
    yield made
    rclpy.try_shutdown(context=made)


@contextmanager
def learner(context: Context, **settings: Any) -> Iterator[Any]:
    """A learner of r1 that nobody spins: its services are called as rclpy would."""
    node = Node(PART.node_name, namespace='/r1', context=context)
    part = PART.create(node, LearningConfig(**settings))
    try:
        yield part
        assert part.errors == 0
    finally:
        part.close()
        node.destroy_node()


def desk_of(part: Any) -> PolicyDesk:
    [found] = [one for one in part.watchers if isinstance(one, PolicyDesk)]
    return found


def change(part: Any, action: int, **fields: Any) -> Any:
    request = ASK(action=action, **{'name': 'mode', 'owner': 'ann', 'reason': 'try', **fields})
    return desk_of(part)._change(request, srv.ChangePolicy.Response())


def listed(part: Any, name: str = '') -> list[Any]:
    answer = desk_of(part)._list(srv.ListPolicies.Request(name=name), srv.ListPolicies.Response())
    return list(answer.policies)


def network(inputs: int = INPUTS, actions: int = len(MODES)) -> NetworkPolicy:
    return NetworkPolicy(
        Observation('numbers', (inputs,)), [np.ones((inputs, 4)), np.ones((4, actions))],
        [np.zeros(4), np.arange(float(actions))])


def brought(folder: Path, policy: NetworkPolicy | None = None) -> str:
    made = policy or network()
    archive.save(folder, made.manifest(), made.arrays())
    return str(folder)


def test_a_network_from_outside_is_loaded_as_a_shadow(context: Context, tmp_path: Path) -> None:
    path = brought(tmp_path / 'mine')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        answer = change(part, ASK.LOAD, path=path)
        assert answer.code == ACCEPTED, answer.reason
        one = answer.policy
        assert (one.name, one.version, one.parent, one.kind) == ('mode', 2, 1, 'network')
        assert one.phase == msg.PolicyVersion.PHASE_SHADOW and one.source == path
        assert len(one.sha256) == 64 and 'ann' in one.reason
        assert [(each.version, each.phase) for each in listed(part)] == [
            (2, msg.PolicyVersion.PHASE_SHADOW), (1, msg.PolicyVersion.PHASE_ACTIVE)]
        assert listed(part, 'other') == [] and len(listed(part, 'mode')) == 2


def test_the_manifest_is_as_good_as_its_folder(context: Context, tmp_path: Path) -> None:
    path = Path(brought(tmp_path / 'mine')) / archive.MANIFEST_NAME
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        assert change(part, ASK.LOAD, path=str(path)).code == ACCEPTED


def test_it_is_not_followed_before_its_decisions(context: Context, tmp_path: Path) -> None:
    path = brought(tmp_path / 'mine')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        change(part, ASK.LOAD, path=path)
        answer = change(part, ASK.PROMOTE, version=2)
        assert answer.code == REFUSED and 'expected 200 decisions' in answer.reason
        assert listed(part)[0].phase == msg.PolicyVersion.PHASE_SHADOW


@pytest.mark.parametrize(('policy', 'expected'), [
    (network(actions=3), 'expected 6 actions'), (network(inputs=2), f'{INPUTS} inputs')])
def test_a_network_for_something_else_is_refused_and_leaves_no_file(
    context: Context, tmp_path: Path, policy: NetworkPolicy, expected: str
) -> None:
    path = brought(tmp_path / 'mine', policy)
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        answer = change(part, ASK.LOAD, path=path)
        assert answer.code == REFUSED and expected in answer.reason
        assert len(listed(part)) == 1
        assert not list((tmp_path / 'r1').glob('policies/versions/*/*'))
        again = change(part, ASK.LOAD, path=brought(tmp_path / 'good'))
        assert again.code == ACCEPTED, 'a refusal costs nothing'


def test_a_wrong_file_is_refused_with_what_was_expected(context: Context, tmp_path: Path) -> None:
    broken = Path(brought(tmp_path / 'broken'))
    for file in broken.iterdir():
        file.write_bytes(file.read_bytes()[:-7] + b'garbage')
    (tmp_path / 'text').mkdir()
    (tmp_path / 'text' / archive.MANIFEST_NAME).write_text('hello')
    other = tmp_path / 'other'
    archive.save(other, {'schema': 1, 'kind': 'tree'}, {})
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        for path, expected in (
            ('relative/path', 'absolute'), (str(tmp_path / 'nowhere'), 'nowhere'),
            (str(broken), ''), (str(tmp_path / 'text'), ''), (str(other), 'expected one of'),
        ):
            answer = change(part, ASK.LOAD, path=path)
            assert answer.code == REFUSED and answer.reason, path
            assert expected in answer.reason
        assert len(listed(part)) == 1


@pytest.mark.parametrize(('action', 'fields', 'expected'), [
    (9, {}, 'LOAD, PROMOTE'), (ASK.PROMOTE, {'version': 7}, '7'),
    (ASK.PROMOTE, {'version': 1, 'name': 'other'}, "'mode'"),
    (ASK.REMOVE, {'version': 1}, 'stays'), (ASK.ROLL_BACK, {'owner': ' '}, 'who and why'),
    (ASK.PROMOTE, {'version': 1, 'reason': ''}, 'who and why'),
])
def test_what_cannot_be_is_refused_with_what_was_expected(
    context: Context, tmp_path: Path, action: int, fields: dict[str, Any], expected: str
) -> None:
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        before = listed(part)
        answer = change(part, action, **fields)
        assert answer.code == REFUSED and expected in answer.reason
        assert listed(part) == before


def test_without_storage_nothing_can_be_brought(context: Context, tmp_path: Path) -> None:
    with learner(context) as part:
        answer = change(part, ASK.LOAD, path=brought(tmp_path / 'mine'))
        assert answer.code == UNAVAILABLE and 'storage_dir' in answer.reason
        assert len(listed(part)) == 1


def test_versions_outlive_a_restart_and_the_file_that_they_came_from(
    context: Context, tmp_path: Path
) -> None:
    path = brought(tmp_path / 'mine')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        change(part, ASK.LOAD, path=path)
        before = listed(part)
    shutil.rmtree(path)
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        assert listed(part) == before
        assert part.core.mind.policies.missing() == ()
        assert desk_of(part).facts()['policies'] == before


def test_a_version_whose_file_is_damaged_leaves_the_shelf_alone(
    context: Context, tmp_path: Path
) -> None:
    path = brought(tmp_path / 'mine')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        for _ in range(2):
            assert change(part, ASK.LOAD, path=path).code == ACCEPTED
    for file in (tmp_path / 'r1' / 'policies' / 'versions' / 'mode' / '2').iterdir():
        file.write_bytes(b'gone')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        assert [one.version for one in listed(part)] == [3, 1]


def test_damaged_records_are_kept_aside_and_the_own_table_goes_on(
    context: Context, tmp_path: Path
) -> None:
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        change(part, ASK.LOAD, path=brought(tmp_path / 'mine'))
    state = tmp_path / 'r1' / 'policies' / 'state'
    (state / 'learning.json').write_text('{')
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        assert [one.version for one in listed(part)] == [1]
    assert list(state.glob('*.bad-1'))


def test_a_removed_version_is_gone_for_good(context: Context, tmp_path: Path) -> None:
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        change(part, ASK.LOAD, path=brought(tmp_path / 'mine'))
        assert change(part, ASK.REMOVE, version=2).code == ACCEPTED
        assert not list((tmp_path / 'r1').glob('policies/versions/mode/*'))
    with learner(context, storage_dir=str(tmp_path / 'r1')) as part:
        assert [one.version for one in listed(part)] == [1]
        answer = change(part, ASK.LOAD, path=brought(tmp_path / 'again'))
        assert answer.policy.version == 3, 'no number is used twice'
