# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose keys the requests of a person or program are signed with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from swarm_coordinator.core.identity import Role
from swarm_coordinator.security import callers
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.callers import NoCaller, chosen
from swarm_coordinator.security.local_keys import AUTHORITY, OPERATOR, enrol, make_local_keys


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    make_local_keys(tmp_path / 'keys', 'swarm', ('r1', 'r2'))
    return tmp_path / 'keys'


def add(keys: Path, name: str, role: Role) -> None:
    enrol(Authority.open(keys / AUTHORITY), keys / name, name, (role,), time.time(), 30)


def test_on_one_machine_there_is_an_operator_without_doing_anything(keys: Path) -> None:
    assert chosen(keys, '', 'r1') == chosen(keys, '', 'r9') == OPERATOR
    assert set(callers.identities(keys)) == {'r1', 'r2', OPERATOR}


def test_name_that_is_given_counts_whatever_its_role(keys: Path) -> None:
    add(keys, 'eve', Role.OBSERVER)
    assert chosen(keys, 'eve', 'r1') == 'eve' and chosen(keys, 'r2', 'r1') == 'r2'
    with pytest.raises(NoCaller, match=r"no keys of 'bob' in .*: eve, operator, r1, r2\. Enrol"):
        chosen(keys, 'bob', 'r1')


def test_of_several_operators_the_person_chooses(keys: Path) -> None:
    add(keys, 'anna', Role.OPERATOR)
    with pytest.raises(NoCaller, match='with --as or .* SWARM_AS: anna, operator'):
        chosen(keys, '', 'r1')
    assert chosen(keys, 'anna', 'r1') == 'anna'


def test_program_on_a_robot_asks_that_robot_as_the_robot(tmp_path: Path, keys: Path) -> None:
    (keys / 'r1').rename(tmp_path / 'r1')
    assert chosen(tmp_path, '', 'r1') == 'r1'
    assert chosen(tmp_path, '', 'r2') == '', 'another robot is asked as nobody'


@pytest.mark.parametrize('content', [b'', b'no certificate', b'\xff' * 5000])
def test_folder_that_holds_something_else_is_passed_over(keys: Path, content: bytes) -> None:
    (keys / 'odd').mkdir()
    (keys / 'odd' / 'certificate').write_bytes(content)
    assert chosen(keys, '', 'r1') == OPERATOR


def test_where_no_keys_are_nobody_is_chosen(tmp_path: Path) -> None:
    assert chosen(tmp_path / 'none', '', 'r1') == ''


def test_folder_and_name_come_from_arguments_else_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv('SWARM_KEYS_DIR', raising=False)
    monkeypatch.delenv('SWARM_AS', raising=False)
    assert callers.base() is None and callers.name_given() == ''
    monkeypatch.setenv('SWARM_KEYS_DIR', '/keys')
    monkeypatch.setenv('SWARM_AS', 'anna')
    assert callers.base() == Path('/keys') and callers.name_given() == 'anna'
    assert callers.base('/own') == Path('/own') and callers.name_given('bob') == 'bob'
