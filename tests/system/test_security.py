# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who does not belong changes nothing: forged, recorded and garbage messages over real DDS, and
requests of services of those who may not."""

from __future__ import annotations

import importlib
import itertools
import json
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticArray, KeyValue
from rclpy.action import get_action_names_and_types
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from swarm_msgs import msg, srv
from system.stalls import assert_kept, stalls

from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.identity.concealed import SUFFIX
from swarm_coordinator.core.identity.sealed import BLANK, padded
from swarm_coordinator.orders import JobOptions
from swarm_coordinator.ros.asking_node import CallerKeys
from swarm_coordinator.ros.job_client import JobClient
from swarm_coordinator.ros.request_guard import Signer, signing
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.security import robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.local_keys import AUTHORITY, enrol

Make = Callable[..., Any]
HUGE = 2**62
LEADER_S = 60.0
MARKER = b'a-word-that-is-nowhere-else-4711'
FLOOD_PER_S = 10_000
FLOODS_MAX = 3
ROUNDS_MAX = 5
ASK_AGAIN_S = 5.0
FLOOD = """
import sys, time
import rclpy
from rclpy.serialization import serialize_message
from swarm_msgs import msg
from swarm_coordinator.ros.topics import TOPICS

rate, seconds = int(sys.argv[1]), float(sys.argv[2])
rclpy.init()
node = rclpy.create_node('flood')
topic = TOPICS['/swarm/heartbeat']
out = node.create_publisher(topic.kind, topic.name, topic.qos)
while out.get_subscription_count() < 3:
    rclpy.spin_once(node, timeout_sec=0.05)
envelope = msg.Envelope(swarm_id='test', sender='r1', storage_id=1, protocol_version=1,
                        incarnation=2**60, signature=[1] * 64)
raws = []
for number in range(100):
    envelope.sequence = number + 1
    raws.append(bytes(serialize_message(
        msg.Heartbeat(envelope=envelope, role=3, leader='r1', term=2**60))))
print('begins', flush=True)
began, sent = time.monotonic(), 0
while (now := time.monotonic() - began) < seconds:
    while sent < rate * now:
        out.publish(raws[sent % 100])
        sent += 1
    time.sleep(0.001)
print(sent, flush=True)
"""


class Health:
    """What robots say of the task `security` on /diagnostics."""

    def __init__(self, made: Any) -> None:
        self.told: dict[str, Any] = {}
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
        made.client.node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, qos)

    def _hear(self, array: DiagnosticArray) -> None:
        for one in array.status:
            if one.name.endswith(': security'):
                self.told[one.hardware_id] = one

    def count(self, robot: str, reason: str) -> int:
        if robot not in self.told:
            return 0
        return int({one.key: one.value for one in self.told[robot].values}.get(reason, 0))


def beat(sender: str, **fields: Any) -> msg.Heartbeat:
    envelope = msg.Envelope(
        swarm_id='test', sender=sender, protocol_version=1, storage_id=9, incarnation=HUGE,
        sequence=1, signature=list(BLANK),
    )
    return msg.Heartbeat(envelope=envelope, role=3, leader=sender, **fields)


def works(made: Any, robot: str) -> None:
    job = made.submit(robot, ['true'])
    assert made.ended(robot, [job])[job].phase == msg.JobStatus.PHASE_DONE


def test_robot_that_only_claims_to_lead_is_not_believed(field: Make) -> None:
    made = field()
    made.ready()
    stalled = stalls(made.swarm)
    leader, health = made.leader(), Health(made)
    term = made.term(leader)
    topic = TOPICS['/swarm/heartbeat']
    out = made.client.node.create_publisher(topic.kind, topic.name, topic.qos)
    unsigned = beat('r9', term=HUGE)
    unsigned.envelope.signature = []
    for sender, reason, message in (
        ('r9', 'unsigned', unsigned),
        (leader, 'signature does not fit', beat(leader, term=HUGE)),
        ('r9', 'no certificate of the sender', beat('r9', term=HUGE)),
    ):
        others = [name for name in made.swarm.names if name != sender]

        def refused(who: Any = others, why: str = reason, what: Any = message) -> bool:
            out.publish(what)
            return all(health.count(name, why) for name in who)

        made.until(refused, f'all refuse: {reason}')
    works(made, leader)
    assert made.leader() in made.swarm.names
    assert_kept(made, leader, term, stalled)


def test_stranger_tells_nobody_how_the_swarm_is(field: Make, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = int(probe.getsockname()[1])
    made = field(parts=('coordinator', 'learning'), start=False)
    made.swarm.own = {'tower': {
        'parts': ['tower'], 'tower_port': port, 'voters': None, 'storage_dir': None,
        'exec_allow': None, 'job_cage': None, 'tower_tokens': str(tmp_path / 'tokens.json'),
    }}
    made.swarm.start('tower')
    made.swarm.start_all()
    leader, health = made.ready(), Health(made)
    told = msg.SwarmState(leader='r9', term=HUGE, log_index=HUGE)
    mode = msg.ModeState(mode=msg.ModeState.MODE_RECOVERY, log_index=HUGE, reason='a lie')
    outs = [(made.client.node.create_publisher(TOPICS[name].kind, name, TOPICS[name].qos), one)
            for name, one in (('/swarm/state', told), ('/swarm/mode', mode))]

    def shown() -> dict[str, Any]:
        with urllib.request.urlopen(f'http://127.0.0.1:{port}/api/v1/state', timeout=30) as page:
            return dict(json.load(page)['swarm'])

    def all_shown() -> bool:
        try:
            swarm = shown()
        except OSError:  # it has not started yet
            return False
        leads = made.watcher.agreed_leader(made.swarm.names)
        return bool(swarm['mode'] and leads and leads in json.dumps(swarm['leader']))

    made.until(all_shown, 'it is shown')
    log = made.swarm.log_path('tower')
    numbers = itertools.count(HUGE)

    def refused() -> bool:
        for out, one in outs:
            for signature in ([], list(BLANK)):
                one.envelope = beat(leader).envelope
                one.envelope.sequence, one.envelope.signature = next(numbers), signature
                out.publish(one)
        return 'refused' in log.read_text() and all(
            health.count(name, why) for name in made.swarm.names
            for why in ('unsigned', 'signature does not fit'))

    made.until(refused, 'all refuse')
    lied = json.dumps(shown())
    assert 'r9' not in lied and 'a lie' not in lied and str(HUGE) not in lied
    felt: list[msg.SwarmConsciousness] = []
    made.client.node.create_subscription(
        msg.SwarmConsciousness, '/swarm/consciousness', felt.append, 10)
    made.until(
        lambda: felt and felt[-1].envelope.sender == made.watcher.agreed_leader(made.swarm.names),
        'the learner of the leader knows that its robot leads')


def test_what_was_recorded_and_is_played_again_is_not_believed(field: Make) -> None:
    made = field()
    made.ready()
    stalled = stalls(made.swarm)
    leader, health = made.leader(), Health(made)
    term = made.term(leader)
    topic = TOPICS['/swarm/append']
    tape: list[bytes] = []
    node = made.client.node
    recorder = node.create_subscription(topic.kind, topic.name, tape.append, topic.qos, raw=True)

    def recorded() -> bool:
        works(made, leader)
        return len(tape) >= 3

    made.until(recorded, 'appends are recorded')
    node.destroy_subscription(recorder)
    out = node.create_publisher(topic.kind, topic.name, topic.qos)
    followers = [name for name in made.swarm.names if name != leader]

    def replayed() -> bool:
        for raw in tape[:3]:
            out.publish(padded(raw))
        return sum(health.count(name, 'had before') > 0 for name in followers) >= 1

    made.until(replayed, 'it was noticed that these were heard before')
    works(made, leader)
    assert_kept(made, leader, term, stalled)


def test_flood_of_garbage_costs_no_leadership(field: Make) -> None:
    made = field()
    made.ready()
    health = Health(made)
    # A leadership that a busy machine has cost is none that every flood costs.
    assert any(leadership_outlasts_flood(made, health) for _ in range(FLOODS_MAX))


def leadership_outlasts_flood(made: Any, health: Health) -> bool:
    leader = made.leader()
    term = made.term(leader)
    flood = subprocess.Popen(
        [sys.executable, '-c', FLOOD, str(FLOOD_PER_S), '10'],
        env=made.swarm.environment(), stdout=subprocess.PIPE, text=True,
    )
    try:
        assert flood.stdout is not None and flood.stdout.readline().strip() == 'begins'
        works(made, leader)
        works(made, leader)
        made.until(lambda: flood.poll() is not None, 'the flood is over')
        sent = int(flood.stdout.read())
    finally:
        flood.kill()
        flood.wait()
    assert sent >= FLOOD_PER_S, 'it was a flood'
    muted = 'source out of credit'
    made.until(lambda: all(health.count(one, muted) > 1000 for one in made.swarm.names),
               'robots no longer looked at it')
    found = made.leader()
    return (found, made.term(found)) == (leader, term)


def test_robot_of_another_authority_is_left_alone_and_says_what_to_do(
    field: Make, tmp_path: Path
) -> None:
    made = field(own={'r3': {'keys_dir': str(tmp_path / 'own keys')}})
    leader, health = made.ready(('r1', 'r2')), Health(made)
    made.until(lambda: health.count(leader, 'no certificate of the sender'), 'r3 is refused')
    works(made, leader)
    said = made.swarm.log_path(leader).read_text
    made.until(lambda: "certificate of 'r3' refused" in said(), 'that its certificate is refused')
    assert 'swarmctl keys request' in said()


def test_revoked_robot_is_believed_no_longer(field: Make) -> None:
    made = field()
    leader, health = made.ready(), Health(made)
    gone = next(name for name in made.swarm.names if name != leader)
    keys = made.swarm.folder / 'keys' / 'test'
    authority = Authority.open(keys / AUTHORITY)
    authority.revoke(gone, time.time(), 'stolen')
    # One robot is told by its operator; it tells the others.
    robot_folder.install(keys / leader, authority.papers(), time.time(), robot_id=leader)
    others = [name for name in made.swarm.names if name != gone]
    made.until(
        lambda: all(health.count(name, 'no certificate of the sender') for name in others),
        f'{gone} is believed no longer',
    )
    works(made, leader)


class Sniffer:
    """A stranger who hears every topic that there is, as bytes."""

    def __init__(self, made: Any) -> None:
        self.found: set[str] = set()
        self.heard: Counter[str] = Counter()
        self._node = Node('sniffer')
        made.client.node.executor.add_node(self._node)
        self.listen()

    def listen(self) -> None:
        qos = QoSProfile(depth=1000, reliability=ReliabilityPolicy.BEST_EFFORT)
        known = {one.topic_name for one in self._node.subscriptions}
        for topic, kinds in self._node.get_topic_names_and_types():
            if topic not in known and '/msg/' in kinds[0]:  # no action: those are asked for
                package, _, name = kinds[0].partition('/msg/')
                kind = getattr(importlib.import_module(f'{package}.msg'), name)
                hear = partial(self._hear, topic)
                self._node.create_subscription(kind, topic, hear, qos, raw=True)

    def _hear(self, topic: str, data: bytes) -> None:
        self.heard[topic] += 1
        if MARKER in data:
            self.found.add(topic)

    def close(self) -> None:
        self._node.destroy_node()


class Eavesdropper:
    """A stranger who offers services in a robot's place, readable and encrypted ones where there
    are such: all that is asked of them comes to it too. It answers nothing."""

    def __init__(self, made: Any, robot: str, encrypted: bool) -> None:
        self.heard: Counter[str] = Counter()
        self.found: set[str] = set()
        self._node = Node('eavesdropper')
        made.client.node.executor.add_node(self._node)
        for kind, name in (
            (srv.SubmitJob, 'submit_job'), (srv.SubmitJobs, 'submit_jobs'),
            (srv.ListJobs, 'list_jobs'), (srv.ReadJobLog, 'read_job_log'),
        ):
            self._offer(kind, f'/{robot}/{name}')
            if encrypted:
                self._offer(srv.AskConcealed, f'/{robot}/{name}{SUFFIX}')

    def _offer(self, kind: Any, name: str) -> None:
        def note(request: Any, response: Any) -> Any:
            self.heard[name] += 1
            if MARKER in bytes(serialize_message(request)):
                self.found.add(name)
            return response

        service = self._node.create_service(kind, name, note)
        service.send_response = lambda *_: None

    def close(self) -> None:
        self._node.executor.remove_node(self._node)
        self._node.destroy_node()


def ask_secrets(made: Any, robot: str, swarmctl: Make) -> None:
    """The marker is in what a program and swarmctl ask, and in what they are answered."""
    text = MARKER.decode()
    with JobClient(robot) as client:
        job = client.exec(['sh', '-c', f'echo {text}'], JobOptions(labels=(text,)))
        job.wait(LEADER_S)
        assert job.id in [one.id for one in client.jobs(labels=[text])]
        assert MARKER in job.log()
    done = swarmctl(made.swarm, '--robot', robot, 'jobs', 'logs', job.id)
    assert done.returncode == 0 and text in done.stdout, done.stderr


def tell_secrets(made: Any, robot: str, other: str, folder: Path) -> None:
    """The marker is in a job's arguments and environment, in what it says and puts out, and in a
    file that another robot fetches."""
    text = MARKER.decode()
    folder.mkdir()
    spec = msg.ExecWork(
        argv=['sh', '-c', f'echo {text}; cat in > out'],
        environment=[KeyValue(key='WORD', value=text)],
    )
    told = MARKER * 1000 + folder.name.encode()  # what a robot has had is not fetched again
    (folder / 'in').write_bytes(told)
    answer = made.call(robot, srv.SubmitJob, 'submit_job', srv.SubmitJob.Request(
        spec=msg.JobSpec(kind='exec', exec=[spec], outputs=['out'], requires=[f'robot:{other}']),
        input_paths=[str(folder / 'in')], output_dir=str(folder / 'got'),
        idempotency_key=folder.name))
    assert answer.code == srv.SubmitJob.Response.ACCEPTED, answer.reason
    done = made.ended(robot, [answer.job_id])[answer.job_id]
    assert done.phase == msg.JobStatus.PHASE_DONE, done.reason
    assert (folder / 'got' / 'out').read_bytes() == told


@pytest.mark.parametrize('level', ['sign_encrypt', 'sign'])
def test_stranger_who_hears_everything_finds_no_word_where_it_is_encrypted(
    field: Make, swarmctl: Make, tmp_path: Path, level: str
) -> None:
    made = field(security=level)
    leader, health = made.ready(), Health(made)
    sniffer = Sniffer(made)
    eavesdropper = Eavesdropper(made, leader, encrypted=level == 'sign_encrypt')
    other = next(name for name in made.swarm.names if name != leader)
    readable = {'/swarm/append', '/swarm/jobs', '/swarm/file_chunk'} if level == 'sign' else set()
    for number in range(ROUNDS_MAX):
        tell_secrets(made, leader, other, tmp_path / f'round {number}')
        sniffer.listen()
        if number and readable <= sniffer.found:
            break
    ask_secrets(made, leader, swarmctl)
    suffix = SUFFIX if level == 'sign_encrypt' else ''
    asked = {f'/{leader}/{one}{suffix}' for one in ('submit_job', 'list_jobs', 'read_job_log')}
    made.until(lambda: asked <= set(eavesdropper.heard), 'the stranger hears what is asked')
    made.until(lambda: sum(sniffer.heard.values()) > 100, 'the stranger hears')
    sniffer.close()
    eavesdropper.close()
    assert not any(MARKER.decode() in made.swarm.log_path(one).read_text()
                   for one in made.swarm.names)
    if level == 'sign':
        assert sniffer.found >= readable
        assert eavesdropper.found >= {f'/{leader}/submit_job', f'/{leader}/list_jobs'}
        assert f'/{leader}/run_job' in dict(get_action_names_and_types(made.client.node))
        return
    assert not [name for name, _ in get_action_names_and_types(made.client.node)]
    assert eavesdropper.found == set()
    assert all(name.endswith(SUFFIX) for name in eavesdropper.heard), 'nobody asks in the clear'
    assert sniffer.found == set()
    assert sniffer.heard['/swarm/append/concealed'] and sniffer.heard['/swarm/jobs/concealed']
    # Whose certificate is taken back reads nothing that is said after that.
    keys = made.swarm.folder / 'keys' / 'test'
    authority = Authority.open(keys / AUTHORITY)
    authority.revoke(other, time.time(), 'stolen')
    robot_folder.install(keys / leader, authority.papers(), time.time(), robot_id=leader)
    others = [name for name in made.swarm.names if name != other]
    made.until(lambda: all(health.count(one, 'key_epoch') >= 2 for one in others), 'other keys')
    keyless = health.count(other, 'no key of the sender yet')
    made.until(lambda: health.count(other, 'no key of the sender yet') > keyless + 20,
               f'{other} hears, and cannot read')
    works(made, leader)


def asked(made: Any, request: Any, service: str, signer: Signer | None = None) -> Any:
    """The answer of r1, to a request as it is, or signed by somebody."""
    kind = getattr(srv, type(request).__name__.removesuffix('_Request'))
    node = made.client.node
    client = signing(Node.create_client(node, kind, f'/r1/{service}'), node, signer)
    made.until(client.service_is_ready, f'{service} is offered')
    futures: list[Any] = []
    again_s = 0.0

    def answered() -> bool:
        nonlocal again_s
        if time.monotonic() >= again_s:  # an answer is lost that is given before we are found
            futures.append(client.call_async(request))
            again_s = time.monotonic() + ASK_AGAIN_S
        return any(future.done() for future in futures)

    made.until(answered, f'{service} is answered')
    node.destroy_client(client)
    return next(future.result() for future in futures if future.done())


def test_who_may_not_is_refused_with_a_reason_and_anybody_may_stop(field: Make) -> None:
    made = field(1, voters=['r1'])
    made.ready()
    health, keys = Health(made), made.swarm.keys_dir('test')
    job = made.submit('r1', ['sleep', '60'])
    assert 'by:operator' in made.job('r1', job).spec.labels
    override = srv.SetOverride.Request(mode=2, owner='x', reason='y', duration_ms=60_000)
    cancel = srv.CancelJob.Request(job_id=job)

    for request, service in ((cancel, 'cancel_job'), (override, 'set_override')):
        answer = asked(made, request, service)
        assert answer.code == answer.REFUSED and 'not signed' in answer.reason
    enrol(Authority.open(keys / AUTHORITY), keys / 'eve', 'eve', (Role.OBSERVER,), time.time(), 9)
    eve = Signer(CallerKeys(str(keys), 'eve').of)
    answer = asked(made, cancel, 'cancel_job', eve)
    assert answer.code == answer.REFUSED and 'eve (observer) has: look' in answer.reason
    assert asked(made, srv.Status.Request(), 'status', eve).robot_id == 'r1'
    # A robot has keys too, and is no operator: not for the jobs of others.
    answer = asked(made, cancel, 'cancel_job', Signer(CallerKeys(str(keys), 'r1').of))
    assert answer.code == answer.REFUSED and 'was submitted by operator' in answer.reason

    assert made.call('r1', srv.SetOverride, 'set_override', override).code == 0
    again = asked(made, override, 'set_override')
    assert again.code == again.REFUSED and 'had before' in again.reason
    assert made.call('r1', srv.CancelJob, 'cancel_job', cancel).code == 0
    assert made.job('r1', job).phase == msg.JobStatus.PHASE_CANCELLED

    epoch = asked(made, srv.RaiseEmergency.Request(reason='fire'), 'raise_emergency').epoch
    assert epoch >= 1
    clear = srv.ClearEmergency.Request(epoch=epoch, owner='x', reason='out')
    assert asked(made, clear, 'clear_emergency').code == srv.ClearEmergency.Response.REFUSED
    assert made.call('r1', srv.ClearEmergency, 'clear_emergency', clear).code == 0
    made.until(lambda: health.count('r1', 'request is not signed') >= 3, 'refusals are counted')


def test_robot_without_security_says_so_in_red(field: Make) -> None:
    made = field(1, security='off', voters=['r1'])
    made.ready()
    health = Health(made)
    made.until(lambda: 'r1' in health.told, 'it tells')
    assert health.told['r1'].level == b'\x02' and 'off' in health.told['r1'].message


@pytest.mark.parametrize(
    ('parameters', 'sentence'),
    [
        ({'security': 'none'}, "security='none': expected one of sign, sign_encrypt, off"),
        ({'keys_dir': '/proc/none'}, '/proc/none'),
    ],
)
def test_wrong_word_on_security_is_refused_in_one_line(
    field: Make, parameters: dict[str, str], sentence: str
) -> None:
    made = field(1, start=False, voters=['r1'], **parameters)
    made.swarm.start('r1')
    made.until(lambda: made.swarm.processes['r1'].poll() is not None, 'it ends')
    assert made.swarm.processes['r1'].returncode == 2
    assert sentence in made.swarm.last_line('r1')
