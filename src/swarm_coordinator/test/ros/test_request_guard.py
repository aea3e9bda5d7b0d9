# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Signed requests between real nodes over DDS, and the shape of every service."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

import rclpy  # noqa: E402
from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from spun_nodes import SpunNodes  # noqa: E402
from swarm_msgs import msg, srv  # noqa: E402
from swarm_msgs.action import RunJob  # noqa: E402

from swarm_coordinator.cli.client import SwarmClient  # noqa: E402
from swarm_coordinator.core.identity.certificate import Role  # noqa: E402
from swarm_coordinator.core.identity.policy import NEEDS, STOP, Policy  # noqa: E402
from swarm_coordinator.core.identity.request_bytes import to_sign  # noqa: E402
from swarm_coordinator.ros import robot_calls  # noqa: E402
from swarm_coordinator.ros.asking_node import AskingNode, CallerKeys  # noqa: E402
from swarm_coordinator.ros.deferred import Promise, serve  # noqa: E402
from swarm_coordinator.ros.guarded_node import Guard, GuardedNode  # noqa: E402
from swarm_coordinator.ros.request_guard import (  # noqa: E402
    RequestGuard,
    Signer,
    has_credential,
    refuse,
    signing,
)
from swarm_coordinator.ros.requests import ALWAYS_ANSWERED, NotAllowed, answered  # noqa: E402
from swarm_coordinator.security.authority import Authority  # noqa: E402
from swarm_coordinator.security.callers import NoCaller  # noqa: E402
from swarm_coordinator.security.keyring import Keyring  # noqa: E402
from swarm_coordinator.security.local_keys import (  # noqa: E402
    AUTHORITY,
    OPERATOR,
    enrol,
    make_local_keys,
)

SERVICES = sorted(
    (one for one in vars(srv).values() if isinstance(one, type) and hasattr(one, 'Request')
     and one is not srv.AskConcealed),  # in which the others travel
    key=lambda one: one.__name__,
)


@pytest.mark.parametrize('kind', SERVICES, ids=lambda one: one.__name__)
def test_every_service_begins_with_a_credential_and_can_say_no(kind: Any) -> None:
    assert has_credential(kind.Request)
    response = kind.Response()
    refuse(response, 'no')
    assert response.code == kind.Response.REFUSED != 0 and response.reason == 'no'


def test_policy_knows_every_service_and_the_action_and_no_other() -> None:
    assert {one.__name__ for one in SERVICES} | {'RunJob'} == {*NEEDS, STOP}
    assert has_credential(RunJob.Goal)


@pytest.mark.parametrize('name', sorted(ALWAYS_ANSWERED))
def test_refusal_of_what_always_answers_is_not_taken_for_an_answer(name: str) -> None:
    kind = getattr(srv, name)
    assert answered(kind, kind.Response()) is not None
    response = kind.Response()
    refuse(response, 'not you')
    with pytest.raises(NotAllowed, match='not you'):
        answered(kind, response)


def test_who_cannot_tell_whose_keys_to_use_is_refused_and_not_told_to_try_again(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    class Undecided:
        def service_is_ready(self) -> bool:
            return True

        def call_async(self, request: Any) -> Any:
            raise NoCaller('several operators have keys: say whom you are')

    asking = SwarmClient(robot='r1')
    asking._clients = {'/r1/list_jobs': Undecided()}
    monkeypatch.setattr(asking, 'spin_until', lambda *_: True)
    with pytest.raises(NotAllowed, match='say whom you are'):
        asking.call_async(srv.ListJobs, 'list_jobs', srv.ListJobs.Request(), 'r1')
    with pytest.raises(NotAllowed, match='say whom you are'):
        robot_calls._sent(Undecided(), srv.ListJobs.Request())


def over_the_wire(request: Any) -> Any:
    return deserialize_message(serialize_message(request), type(request))


@pytest.mark.parametrize('kind', SERVICES, ids=lambda one: one.__name__)
def test_request_has_the_same_bytes_at_both_ends(kind: Any) -> None:
    request = filled(kind.Request())
    assert to_sign('/r1/x', kind.__name__, over_the_wire(request)) == to_sign(
        '/r1/x', kind.__name__, request
    )


def filled(message: Any, depth: int = 0) -> Any:
    """Something in every field, that would be written differently if it were mistaken."""
    for name, told in message.get_fields_and_field_types().items():
        value = getattr(message, name)
        if hasattr(value, 'get_fields_and_field_types'):
            filled(value, depth + 1)
        elif isinstance(value, bool):
            setattr(message, name, True)
        elif isinstance(value, float):
            setattr(message, name, 0.1)
        elif isinstance(value, int):
            setattr(message, name, 3)
        elif isinstance(value, str):
            setattr(message, name, f'{name} ä')
        elif told.startswith('sequence<'):
            element = told[9:-1].split(',')[0]
            if '/' in element:
                package, _, kind = element.partition('/')
                made = getattr(__import__(f'{package}.msg', fromlist=['msg']), kind)()
                setattr(message, name, [filled(made, depth + 1)] if depth < 4 else [])
            elif element == 'string':
                setattr(message, name, ['a', 'bc'])
            elif element in ('float', 'double'):
                setattr(message, name, [0.1, 2.5])
            elif element == 'boolean':
                setattr(message, name, [True, False])
            else:
                setattr(message, name, [1, 2, 3])
    return message


class Air(SpunNodes):
    """Robots and people with keys of one authority, until closed."""

    wait_s = 15.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.folders = make_local_keys(folder, 'swarm', ('r1', 'r2'))
        self.authority = Authority.open(folder / AUTHORITY)
        self.rings: dict[str, Keyring] = {}
        self.asked: list[Any] = []

    def robot(self, name: str = 'r1', policy: Policy | None = None) -> Any:
        ring = Keyring.load(self.folders[name], 'swarm', name, 86_400)
        guard = Guard('swarm', name, ring, lambda _: None)
        guard.requests = RequestGuard('swarm', name, ring, policy or Policy())
        self.rings[name] = ring
        return self.add(GuardedNode('node', namespace=name, guard=guard, addressed=True))

    def person(self, name: str, role: Role) -> Any:
        enrol(self.authority, self.folder / name, name, (role,), time.time(), 10)
        return self.asking(name)

    def asking(self, name: str = '', folder: Path | None = None) -> Any:
        keys = CallerKeys(str(folder or self.folder), name)
        return self.add(AskingNode(f'asks_{len(self.nodes)}', signer=Signer(keys.of)))

    def offer(self, node: Any, kind: Any = srv.CancelJob, name: str = 'cancel_job') -> None:
        def note(request: Any, response: Any) -> Any:
            self.asked.append(request)
            return response

        node.create_service(kind, name, note)


@pytest.fixture
def air(tmp_path: Path) -> Iterator[Air]:
    made = Air(tmp_path / 'keys')
    yield made
    made.close()


def cancel(node: Any, robot: str = 'r1') -> Any:
    return node.create_client(srv.CancelJob, f'/{robot}/cancel_job')


def test_request_of_the_operator_of_this_machine_is_signed_without_doing_anything(
    air: Air,
) -> None:
    robot = air.robot()
    air.offer(robot)
    answer = air.ask(cancel(air.asking()), srv.CancelJob.Request(job_id='j', reason='ä'))
    assert answer.code == answer.ACCEPTED and air.asked[0].job_id == 'j'
    assert robot.guard.requests.caller_of(air.asked[0]).name == OPERATOR


def test_unsigned_request_is_refused_with_a_sentence_counted_and_not_carried_out(
    air: Air, tmp_path: Path
) -> None:
    robot = air.robot()
    air.offer(robot)
    stranger = air.asking(folder=tmp_path / 'none')
    answer = air.ask(cancel(stranger), srv.CancelJob.Request(job_id='j'))
    assert answer.code == answer.REFUSED and 'swarmctl keys request' in answer.reason
    assert not air.asked
    assert robot.guard.counts() == {'request is not signed': 1}
    assert robot.guard.last() == 'somebody to /r1/cancel_job: request is not signed'


def test_observer_may_look_and_is_refused_the_rest(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    air.offer(robot, srv.ListModels, 'list_models')
    eve = air.person('eve', Role.OBSERVER)
    look = eve.create_client(srv.ListModels, '/r1/list_models')
    assert air.ask(look, srv.ListModels.Request()).code == 0
    answer = air.ask(cancel(eve), srv.CancelJob.Request())
    assert answer.code == answer.REFUSED and 'eve (observer) has: look' in answer.reason


def test_robots_sign_with_their_own_keys(air: Air) -> None:
    robot, other = air.robot(), air.robot('r2')
    air.offer(robot, srv.AcquireLease, 'acquire_lease')
    client = other.create_client(srv.AcquireLease, '/r1/acquire_lease')
    assert air.ask(client, srv.AcquireLease.Request(resource='dock')).code == 0
    assert robot.guard.requests.caller_of(air.asked[0]).name == 'r2'
    air.offer(robot, srv.SetOverride, 'set_override')
    client = other.create_client(srv.SetOverride, '/r1/set_override')
    assert air.ask(client, srv.SetOverride.Request()).code == srv.SetOverride.Response.REFUSED
    client = other.create_operator_client(srv.SetOverride, '/r1/set_override')
    assert air.ask(client, srv.SetOverride.Request()).code == srv.SetOverride.Response.REFUSED


def test_recorded_request_is_refused_also_at_another_robot_and_service(air: Air) -> None:
    robot, other = air.robot(), air.robot('r2')
    air.offer(robot)
    air.offer(other)
    air.offer(robot, srv.RetryJob, 'retry_job')
    request = srv.CancelJob.Request(job_id='j')
    assert air.ask(cancel(air.asking()), request).code == 0
    plain = air.add(rclpy.create_node('recorder'))
    assert 'had before' in air.ask(cancel(plain), request).reason
    assert "for 'r1', this is r2" in air.ask(cancel(plain, 'r2'), request).reason
    again = srv.RetryJob.Request(credential=request.credential, job_id='j')
    again.credential.sequence += 1
    retry = plain.create_client(srv.RetryJob, '/r1/retry_job')
    assert 'does not fit' in air.ask(retry, again).reason
    assert len(air.asked) == 1


def test_revoked_operator_is_refused_once_the_robot_has_the_list(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    anna = air.person('anna', Role.OPERATOR)
    assert air.ask(cancel(anna), srv.CancelJob.Request()).code == 0
    air.authority.revoke('anna', time.time(), 'left')
    air.rings['r1'].take_revocations(air.authority.papers().revocations.encode())
    answer = air.ask(cancel(anna), srv.CancelJob.Request())
    assert answer.code == answer.REFUSED and 'revoked' in answer.reason


def test_stop_is_accepted_of_anybody(air: Air, tmp_path: Path) -> None:
    robot = air.robot(policy=Policy({}, {}))
    air.offer(robot, srv.RaiseEmergency, 'raise_emergency')
    client = air.asking(folder=tmp_path / 'none').create_client(
        srv.RaiseEmergency, '/r1/raise_emergency'
    )
    assert air.ask(client, srv.RaiseEmergency.Request(reason='fire')).code == 0
    assert air.asked[0].reason == 'fire'


def test_service_that_answers_later_refuses_at_once(air: Air, tmp_path: Path) -> None:
    robot = air.robot()
    promise = Promise()

    async def later(request: Any, response: Any) -> Any:
        air.asked.append(request)
        await promise
        return response

    serve(robot, srv.CancelJob, 'cancel_job', later, robot.default_callback_group)
    refused = air.ask(cancel(air.asking(folder=tmp_path / 'none')), srv.CancelJob.Request())
    assert refused.code == refused.REFUSED and not air.asked
    client = cancel(air.asking())
    air.until(client.service_is_ready)
    future = client.call_async(srv.CancelJob.Request(job_id='j'))
    air.until(lambda: air.asked)
    promise.set_result(None)
    air.until(future.done)
    assert future.result().code == 0


def test_coroutine_of_rclpy_is_guarded_too(air: Air, tmp_path: Path) -> None:
    robot = air.robot()

    async def claim(request: Any, response: Any) -> Any:
        air.asked.append(request)
        return response

    robot.create_service(srv.ClaimDevice, 'claim_device', claim)

    def ask(node: Any) -> Any:
        client = node.create_client(srv.ClaimDevice, '/r1/claim_device')
        return air.ask(client, srv.ClaimDevice.Request())

    assert ask(air.asking(folder=tmp_path / 'none')).code == srv.ClaimDevice.Response.REFUSED
    assert not air.asked
    assert ask(air.asking()).code == 0 and air.asked


def test_service_of_others_is_left_alone(air: Air) -> None:
    from rcl_interfaces.srv import GetParameters

    robot = air.robot()
    air.offer(robot, GetParameters, 'driver/get')
    client = air.asking().create_client(GetParameters, '/r1/driver/get')
    assert air.ask(client, GetParameters.Request()) is not None


def test_each_request_is_signed_anew_also_when_it_is_sent_again(air: Air) -> None:
    robot = air.robot()
    air.offer(robot)
    client, request = cancel(air.asking()), srv.CancelJob.Request(job_id='j')
    assert [air.ask(client, request).code for _ in range(3)] == [0, 0, 0]


def test_role_of_a_token_has_what_the_policy_gives_to_it(air: Air) -> None:
    robot = air.robot()
    request = srv.SetOverride.Request()
    assert robot.role_refusal('operator', 'SetOverride', request) == ''
    assert 'mode.override' in robot.role_refusal('observer', 'SetOverride', request)
    assert 'not signed' in robot.role_refusal('anonymous', 'SetOverride', request)


def test_without_keys_nothing_is_signed(air: Air) -> None:
    node = air.add(rclpy.create_node('plain'))
    client = node.create_client(srv.CancelJob, '/r1/cancel_job')
    assert signing(client, node, None) is client
    signer, request = Signer(lambda robot: None), srv.CancelJob.Request(
        credential=msg.Credential(caller='old')
    )
    signer.sign('/r1/cancel_job', 'CancelJob', request)
    assert request.credential == msg.Credential()
