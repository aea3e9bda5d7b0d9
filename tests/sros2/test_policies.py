# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Policies of DDS-Security have the form that sros2 asks for, and allow no more than is needed;
the command makes papers by `ros2 security`. What robots really use: tests/system/test_sros2.py."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sros2.allowed import Allowed
from swarm_coordinator.cli.swarmctl import main
from swarm_coordinator.core.identity.concealed import SUFFIX
from swarm_coordinator.ros.secrecy import KEYS, Secrecy
from swarm_coordinator.ros.topics import TOPICS
from swarm_coordinator.sros2_policy import FOLDER, ROLES, policy_for

ROOT = Path(__file__).resolve().parent.parent.parent
SCHEMA = Path(__file__).resolve().parent / 'policy.xsd'
SERVICES = [
    re.sub('(?<=[a-z])(?=[A-Z])', '_', path.stem).lower()
    for path in sorted((ROOT / 'src/swarm_msgs/srv').glob('*.srv'))
    if path.stem != 'AskConcealed'  # in which the others travel
]
READABLE = {'raise_emergency'}
# Where a star may stand: for the name of a robot, of a device, and of a process's own node.
STARS = (r'/\*/(\w+/)*\w+', r'(/\w+|/\*)/sensors/\*', r'/swarmctl_\*/get_type_description')
CHANGING = {'cancel_job', 'submit_job', 'set_override', 'change_member', 'clear_emergency',
            'claim_device', 'store_file', 'freeze_learning', 'change_policy', 'acquire_lease'}


def test_there_is_a_file_for_each_role() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(
        f'{role}.policy.xml' for role in ROLES)


@pytest.mark.parametrize('roles', [*((role,) for role in ROLES), ('robot', 'tower')])
def test_a_policy_has_the_form_of_sros2(roles: tuple[str, ...], tmp_path: Path) -> None:
    xmllint = shutil.which('xmllint')
    if xmllint is None:
        pytest.skip('not here: xmllint (libxml2-utils)')
    file = tmp_path / 'policy.xml'
    for text in (policy_for('alpha', roles), (FOLDER / f'{roles[0]}.policy.xml').read_text()):
        file.write_text(text)
        done = subprocess.run(
            [xmllint, '--noout', '--nonet', '--schema', str(SCHEMA), str(file)],
            capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_schema_notices_what_is_wrong(tmp_path: Path) -> None:
    xmllint = shutil.which('xmllint')
    if xmllint is None:
        pytest.skip('not here: xmllint (libxml2-utils)')
    file = tmp_path / 'policy.xml'
    file.write_text(policy_for('alpha', ('robot',)).replace('publish="ALLOW"', 'publish="MAY"', 1))
    done = subprocess.run(
        [xmllint, '--noout', '--nonet', '--schema', str(SCHEMA), str(file)],
        capture_output=True, check=False)
    assert done.returncode != 0


@pytest.mark.parametrize('role', ROLES)
def test_a_star_stands_only_for_one_name_that_is_not_known_before(role: str) -> None:
    allowed = Allowed.of(policy_for('alpha', (role,)))
    for way, expressions in allowed.ways.items():
        assert len(expressions) == len(set(expressions)) or role == 'robot', (way, role)
        for one in expressions:
            if '*' in one:
                assert any(re.fullmatch(star, one) for star in STARS), (way, one)
            else:
                assert re.fullmatch(r'(/\w+)+', one), (way, one)
            assert 'NAME' not in one


def test_a_robot_may_use_every_topic_of_the_table_and_of_its_own_name_only() -> None:
    allowed = Allowed.of(policy_for('alpha', ('robot',)))
    for topic in TOPICS:
        name = topic if topic.startswith('/') else f'/alpha/{topic}'
        assert allowed.allows('publish', name), name
        if Secrecy.covers(name):
            assert allowed.allows('publish', name + SUFFIX), name + SUFFIX
    assert allowed.allows('publish', KEYS) and allowed.allows('subscribe', KEYS)
    assert not allowed.allows('publish', '/beta/local_state')
    assert not allowed.allows('reply', '/beta/submit_job')
    assert not allowed.allows('publish', '/swarm/anything')


def test_every_service_has_somebody_who_offers_it_and_somebody_who_may_ask() -> None:
    robot = Allowed.of(policy_for('alpha', ('robot',)))
    operator = Allowed.of(policy_for('anna', ('operator',)))
    for service in SERVICES:
        suffix = '' if service in READABLE else SUFFIX
        names = {f'/alpha/{service}', f'/alpha/{service}{suffix}'}
        for name in names:
            assert robot.allows('reply', name), name
            assert operator.allows('request', name), name


def test_an_observer_asks_for_nothing_that_changes_anything_but_the_stop() -> None:
    observer = Allowed.of(policy_for('guest', ('observer',)))
    assert observer.allows('request', '/alpha/raise_emergency')
    assert observer.allows('request', '/alpha/list_jobs')
    assert not [one for one in CHANGING for suffix in ('', SUFFIX)
                if observer.allows('request', f'/alpha/{one}{suffix}')]
    assert not observer.allows('publish', '/swarm/heartbeat')
    assert not observer.ways['call']


def test_nobody_but_a_robot_says_what_robots_say() -> None:
    for role in ('tower', 'operator', 'observer'):
        allowed = Allowed.of(policy_for('alpha', (role,)))
        for topic in ('/swarm/heartbeat', '/swarm/append', '/swarm/vote', '/swarm/emergency'):
            assert not allowed.allows('publish', topic), (role, topic)


@pytest.mark.parametrize(('name', 'roles', 'why'), [
    ('al/pha', ('robot',), 'not a valid name'), ('alpha', ('king',), 'expected one of'),
    ('alpha', (), 'no role'),
])
def test_wrong_names_and_roles_are_refused(name: str, roles: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        policy_for(name, roles)


# ---- the command

FAKE = """#!/bin/sh
echo "$@" >> "$LOG"
case "$2" in
  create_keystore) mkdir -p "$3/enclaves" ;;
  create_enclave) mkdir -p "$3/enclaves$4" ;;
  create_permission) cp "$5" "$3/enclaves$4/seen.xml" ;;
esac
"""


@pytest.fixture
def ros2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `ros2` that notes what it is asked; returns its notes."""
    program = tmp_path / 'bin' / 'ros2'
    program.parent.mkdir()
    program.write_text(FAKE)
    program.chmod(0o755)
    monkeypatch.setenv('PATH', f'{program.parent}:{os.environ["PATH"]}')
    monkeypatch.setenv('LOG', str(tmp_path / 'log'))
    return tmp_path / 'log'


def test_papers_are_made_in_order_and_only_permissions_again(
    ros2: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keystore = tmp_path / 'keystore'
    create = ['sros2', 'create', 'alpha', '--role', 'robot', '--keystore', str(keystore)]
    assert main(create) == 0
    verbs = [line.split()[1] for line in ros2.read_text().splitlines()]
    assert verbs == ['--help', 'create_keystore', 'create_enclave', 'create_permission']
    seen = keystore / 'enclaves/swarm/alpha/seen.xml'
    assert seen.read_text() == policy_for('alpha', ('robot',))
    assert '--enclave /swarm/alpha' in capsys.readouterr().out
    assert main(create) == 0
    verbs = [line.split()[1] for line in ros2.read_text().splitlines()][4:]
    assert verbs == ['--help', 'create_permission']


def test_a_missing_ros2_security_is_said_clearly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv('PATH', str(tmp_path))
    assert main(['sros2', 'create', 'alpha', '--role', 'robot']) == 2
    assert 'ros-$ROS_DISTRO-sros2' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_policy_is_printed_without_ros(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['sros2', 'policy', 'alpha', '--role', 'robot', '--role', 'tower']) == 0
    assert capsys.readouterr().out == policy_for('alpha', ('robot', 'tower'))
