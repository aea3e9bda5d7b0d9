# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The file that says who may ask for what, and the commands that look at it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from swarm_coordinator import policy_file
from swarm_coordinator.cli import swarmctl
from swarm_coordinator.core.identity.policy import DEFAULT, Caller, Policy

SHIPPED = Path(__file__).resolve().parents[1] / 'policy' / 'default.yaml'


def test_shipped_file_is_the_default() -> None:
    assert policy_file.load(str(SHIPPED)) == policy_file.load('') == Policy(DEFAULT, {})


def test_what_is_written_is_read() -> None:
    policy = Policy({**DEFAULT, 'observer': ()}, {'anna': ('jobs.submit.exec', 'leases')})
    assert policy_file.read(policy_file.write(policy), 'x') == policy


def test_role_that_is_not_named_has_nothing_and_a_name_what_it_is_given() -> None:
    policy = policy_file.read(
        'version: 1\nroles: {observer: [look]}\nnames:\n  anna: [jobs.submit]\n', 'x'
    )
    assert policy.granted(Caller('r1', frozenset({'voter'}))) == ()
    assert policy.granted(Caller('anna', frozenset({'observer'}))) == ('jobs.submit', 'look')


@pytest.mark.parametrize(
    ('text', 'said'),
    [
        ('', 'nothing in it'),
        ('roles: {}', 'x:1:1: version: expected 1'),
        ('version: 2\nroles: {}', 'x:1:10: version: expected 1'),
        ('version: 1', 'roles: expected, with the permissions of each role'),
        ('version: 1\nroles: {}\nrules: {}', "x:3:1: the policy: unknown key 'rules': expected"),
        ('version: 1\nroles: {king: []}', "unknown key 'king': expected one of anonymous"),
        ('version: 1\nroles: {voter: look}', 'roles.voter: expected a list'),
        ('version: 1\nroles:\n  voter: [look, fly]', "x:3:17: roles.voter: no permission 'fly'"),
        ('version: 1\nroles: {voter: [look], voter: []}', "key 'voter' comes twice"),
        ('version: 1\nroles: {}\nnames: {a b: [look]}', "names='a b' is not a valid name"),
        ('version: 1\nroles: {}\nnames: []', 'names: expected a mapping'),
        ('version: 1\nroles: &r {}\nnames: *r', 'anchors and aliases are not read'),
        ('version: [', 'not YAML'),
    ],
)
def test_wrong_file_is_refused_with_place_key_and_what_was_expected(text: str, said: str) -> None:
    with pytest.raises(ValueError, match='x') as caught:
        policy_file.read(text, 'x')
    assert said in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ValueError, match='x') as caught:
        policy_file.read('version: 3\nroles: {voter: [a, b]}', 'x')
    assert len(str(caught.value).splitlines()) == 3


def test_file_that_is_not_there_too_large_or_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='policy_file: .*none.yaml: No such file'):
        policy_file.load(str(tmp_path / 'none.yaml'))
    (tmp_path / 'large').write_bytes(b'#' * (policy_file.FILE_BYTES_MAX + 1))
    with pytest.raises(ValueError, match='at most 262144 bytes'):
        policy_file.load(str(tmp_path / 'large'))
    (tmp_path / 'raw').write_bytes(b'\xff\xfe')
    with pytest.raises(ValueError, match='expected text in UTF-8'):
        policy_file.load(str(tmp_path / 'raw'))


def test_check_says_yes_or_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swarmctl.main(['policy', 'check', str(SHIPPED)]) == 0
    assert 'in order' in capsys.readouterr().out
    wrong = tmp_path / 'policy.yaml'
    wrong.write_text('version: 1\nroles: {voter: [fly]}')
    assert swarmctl.main(['policy', 'check', str(wrong)]) == 2
    assert f"{wrong}:2:17: roles.voter: no permission 'fly'" in capsys.readouterr().err


def test_show_says_what_is_given_to_whom(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swarmctl.main(['policy', 'show']) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines()}
    head = rows['permission']
    assert rows['look'][head.index('anonymous')] == 'yes'
    assert rows['mode.override'][head.index('voter')] == '-'
    assert rows['mode.override'][head.index('operator')] == 'yes'
    one = tmp_path / 'policy.yaml'
    one.write_text('version: 1\nroles: {}\nnames: {anna: [leases]}')
    assert swarmctl.main(['--json', 'policy', 'show', str(one)]) == 0
    assert json.loads(capsys.readouterr().out)['names'] == {'anna': ['leases']}
