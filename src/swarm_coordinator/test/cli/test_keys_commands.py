# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl keys: from an empty folder to a robot that is admitted, renewed and revoked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from swarm_coordinator.cli.swarmctl import main
from swarm_coordinator.security.keyring import Keyring


@dataclass
class Terminal:
    """Runs commands in a folder; `out` and `err` are what the last one said."""

    capsys: pytest.CaptureFixture[str]
    out: str = ''
    err: str = ''

    def keys(self, *words: str, at: str = 'robot', before: tuple[str, ...] = ()) -> int:
        try:
            code = main([*before, 'keys', *words, '--keys', at])
        except SystemExit as end:
            code = int(end.code or 0)
        self.out, self.err = self.capsys.readouterr()
        return code

    def json(self, *words: str, at: str = 'robot', code: int = 0) -> Any:
        assert self.keys(*words, at=at, before=('--json',)) == code, self.err
        return json.loads(self.out)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Terminal:
    monkeypatch.chdir(tmp_path)
    return Terminal(capsys)


@pytest.fixture
def depot(terminal: Terminal) -> Terminal:
    """The authority is in `office`, robot r1 is enrolled in `robot`."""
    assert terminal.keys('init', '--swarm-id', 'depot', at='office') == 0
    assert terminal.keys('request', 'r1', '--swarm-id', 'depot') == 0
    assert terminal.keys(
        'issue', '--request', 'r1.request', '--role', 'voter', at='office'
    ) == 0
    assert terminal.keys('install', 'r1.papers') == 0
    return terminal


def keyring(name: str = 'r1', at: str = 'robot') -> Keyring:
    return Keyring.load(Path(at) / name, 'depot', name)


def test_a_robot_is_enrolled_over_two_files(terminal: Terminal) -> None:
    assert terminal.keys('init', '--swarm-id', 'depot', at='office') == 0
    assert 'Whoever has this folder decides' in terminal.out
    assert terminal.keys('request', 'r1', '--swarm-id', 'depot') == 0
    assert 'swarmctl keys issue --request r1.request' in terminal.out
    assert terminal.keys('check') == 1
    assert 'swarmctl keys install FILE' in terminal.out
    issue = ('issue', '--request', 'r1.request', '--role', 'voter', '--days', '10')
    assert terminal.keys(*issue, at='office') == 0
    assert 'r1: voter of swarm depot until' in terminal.out
    assert 'swarmctl keys install r1.papers' in terminal.out
    assert terminal.keys('install', 'r1.papers') == 0
    assert 'trusts authority' in terminal.out
    assert terminal.keys('check') == 0
    assert 'good' in terminal.out and 'ends in 10 days: swarmctl keys renew r1' in terminal.out
    assert keyring().certificate.robot_id == 'r1'
    assert sorted(path.name for path in Path('office').rglob('*.pem')) != sorted(
        path.name for path in Path('robot').rglob('*.pem')
    )


def test_keys_made_by_the_authority_are_a_folder_to_copy(depot: Terminal) -> None:
    assert depot.keys('issue', 'r2', '--role', 'voter', '--out', 'r2_keys', at='office') == 0
    assert 'mode 0700' in depot.out
    Path('r2_keys').rename('robot/r2')
    assert keyring().admit(keyring('r2').encoded, keyring().certificate.not_before + 400)
    assert depot.keys('issue', 'r2', '--role', 'voter', '--out', 'robot/r2', at='office') == 2
    assert 'has a certificate already' in depot.err


def test_renewing_and_revoking_reach_the_robot_by_a_file(depot: Terminal) -> None:
    before = keyring().certificate
    assert depot.keys('renew', 'r1', '--days', '700', at='office') == 0
    assert depot.keys('install', 'r1.papers') == 0
    after = keyring().certificate
    assert after.not_after > before.not_after and after.sign_key == before.sign_key
    assert depot.keys('revoke', 'r1', '--reason', 'stolen', at='office') == 0
    assert before.serial in depot.out and after.serial in depot.out
    assert depot.keys('install', 'office/_authority/revocations.json') == 0
    assert depot.keys('check') == 1
    assert 'revoked' in depot.out
    assert depot.keys('list', at='office') == 0
    assert ': stolen' in depot.out
    assert depot.keys('renew', 'r1', at='office') == 1


def test_the_key_of_the_authority_changes_in_the_three_steps_that_it_names(
    depot: Terminal,
) -> None:
    (old,) = depot.json('list', at='office')['authorities']
    assert depot.keys('rotate', at='office') == 0
    assert f'swarmctl keys retire {old}' in depot.out
    assert depot.keys('install', 'office/_authority/revocations.json') == 0
    assert depot.keys('retire', old, at='office') == 2
    assert 'r1 would have no certificate' in depot.err
    assert depot.keys('renew', '--all', at='office') == 0
    assert depot.keys('install', 'r1.papers') == 0
    assert depot.keys('retire', old, at='office') == 0
    assert depot.keys('install', 'office/_authority/revocations.json') == 0
    assert depot.keys('check') == 0
    (new,) = depot.json('list', at='office')['authorities']
    assert new != old and depot.json('check')[0]['authority'] == new


def test_a_robot_changes_its_keys(depot: Terminal) -> None:
    before = keyring().certificate.sign_key
    assert depot.keys('request', 'r1', '--swarm-id', 'depot', '--new-keys') == 0
    issue = ('issue', '--request', 'r1.request', '--role', 'voter')
    assert depot.keys(*issue, at='office') == 2
    assert '--new-keys' in depot.err
    assert depot.keys(*issue, '--new-keys', at='office') == 0
    assert depot.keys('install', 'r1.papers') == 0
    assert keyring().certificate.sign_key != before


def test_every_command_answers_in_json(depot: Terminal) -> None:
    listed = depot.json('list', at='office')
    (row,) = listed['certificates']
    assert (listed['swarm_id'], listed['number']) == ('depot', 1)
    assert (row['robot_id'], row['roles']) == ('r1', ['voter'])
    (checked,) = depot.json('check')
    assert checked['reason'] is None and checked['serial'] == row['serial']
    asked = depot.json('request', 'r1', '--swarm-id', 'depot')
    assert asked['key'] == row['key'] and asked['request'] == 'r1.request'
    issued = depot.json('issue', '--request', 'r1.request', '--role', 'voter', at='office')
    assert issued['path'] == 'r1.papers' and issued['authority'] == listed['authorities'][0]
    (installed,) = depot.json('install', 'r1.papers')
    assert installed['authorities'] == listed['authorities']
    (renewed,) = depot.json('renew', 'r1', at='office')
    assert renewed['serial'] != issued['serial']
    revoked = depot.json('revoke', issued['serial'], '--reason', 'x', at='office')
    assert revoked['revoked'] == [{'robot_id': 'r1', 'serial': issued['serial']}]
    rotated = depot.json('rotate', at='office')
    assert len(rotated['authorities']) == 2
    retired = depot.json('retire', listed['authorities'][0], '--force', at='office')
    assert retired['authorities'] == [rotated['authority']]
    assert depot.json('init', at='other')['swarm_id'] == 'swarm'
    assert len(depot.json('list', '--all', at='office')['certificates']) == 3


@pytest.mark.parametrize(
    ('words', 'at', 'code', 'said'),
    [
        (('init',), 'office', 2, 'there is an authority already, of swarm depot'),
        (('list',), 'nowhere', 1, 'swarmctl keys init'),
        (('issue', '--role', 'voter'), 'office', 2, 'expected the NAME of a robot, or --request'),
        (('issue', 'r1'), 'office', 2, '--role'),
        (('issue', 'r1', '--role', 'king'), 'office', 2, 'invalid choice'),
        (('issue', 'r 1', '--role', 'voter'), 'office', 2, 'a letter first'),
        (('issue', '../r1', '--role', 'voter'), 'office', 2, 'a letter first'),
        (('issue', '--request', 'none', '--role', 'voter'), 'office', 1, 'none: is not there'),
        (('issue', '--request', 'r1.papers', '--role', 'voter'), 'office', 2, 'key request:'),
        (('issue', 'r3', '--role', 'voter', '--days', '0'), 'office', 2, 'expected days'),
        (('issue', 'r3', '--role', 'voter', '--days', '1e9'), 'office', 2, 'expected days'),
        (('issue', 'r3', '--role', 'voter', '--days', '9' * 5000), 'office', 2, 'expected days'),
        (('request', '_authority'), 'robot', 2, 'a letter first'),
        (('request', 'r3', '--swarm-id', 'a/b'), 'robot', 2, 'a letter first'),
        (('install', 'r1.request'), 'robot', 2, 'papers: expected'),
        (('install', 'r1.papers', 'r2'), 'robot', 1, 'robot/r2: is not there'),
        (('install', 'r1.papers', '--authority', 'ab'), 'robot', 2, 'expected ab'),
        (('install', 'office/_authority/revocations.json'), 'empty', 1, 'no robot has keys'),
        (('renew',), 'office', 2, 'expected the NAMEs of robots, or --all'),
        (('renew', 'r1', '--all'), 'office', 2, 'expected the NAMEs of robots, or --all'),
        (('renew', 'r9'), 'office', 1, 'issued to: r1'),
        (('revoke', 'r9', '--reason', 'x'), 'office', 1, 'issued to: r1'),
        (('revoke', 'r1'), 'office', 2, '--reason'),
        (('retire', 'abc'), 'office', 1, 'expected one of'),
        (('check', 'r9'), 'robot', 1, ''),
        (('check',), 'empty', 1, 'swarmctl keys request NAME'),
    ],
)
def test_what_cannot_be_done_is_answered_with_what_was_expected(
    depot: Terminal, words: tuple[str, ...], at: str, code: int, said: str
) -> None:
    assert depot.keys(*words, at=at) == code
    assert said in depot.err, depot.err


def test_each_swarm_has_a_folder_of_its_own_in_the_home_folder(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    for swarm_id in ('depot', 'fleet'):
        assert main(['keys', 'init', '--swarm-id', swarm_id]) == 0
        issue = ['keys', 'issue', 'r1', '--role', 'voter', '--swarm-id', swarm_id]
        assert main(issue) == 0
        assert f'~/.ros/swarm/keys/{swarm_id}/r1' in terminal.capsys.readouterr().out
        Keyring.load(tmp_path / '.ros/swarm/keys' / swarm_id / 'r1', swarm_id, 'r1')


def test_exposed_keys_are_not_used(depot: Terminal) -> None:
    (path,) = Path('robot/r1').glob('sign-*.pem')
    path.chmod(0o644)
    assert depot.keys('check') == 1
    assert 'exposed' in depot.out and f'chmod 0600 {path}' in depot.out
    Path('office/_authority').chmod(0o755)
    assert depot.keys('list', at='office') == 2
    assert 'chmod 0700' in depot.err


def test_a_machine_without_the_time_issues_nothing(
    depot: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr('time.time', lambda: 1000.0)
    for words in (('issue', 'r2', '--role', 'voter'), ('renew', 'r1'), ('rotate',)):
        assert depot.keys(*words, at='office') == 2
        assert 'says 1970-01-01 00:16 UTC' in depot.err
    assert depot.keys('check') == 2


def test_a_folder_under_another_name_is_noticed(depot: Terminal) -> None:
    Path('robot/r1').rename('robot/r2')
    (row,) = depot.json('check', code=1)
    assert row['reason'] == 'wrong_robot' and 'is for r1' in row['sentence']


WITHOUT = """
import sys
sys.modules['cryptography'] = None
from swarm_coordinator.cli.swarmctl import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_cryptography_it_says_what_to_install(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, '-c', WITHOUT, 'keys', 'init', '--keys', str(tmp_path)],
        capture_output=True, text=True,
    )
    assert done.returncode == 1
    assert 'apt-get install python3-cryptography' in done.stderr
    assert 'pip install cryptography' in done.stderr
    assert 'Traceback' not in done.stderr


def test_help_needs_neither_cryptography_nor_ros(tmp_path: Path) -> None:
    code = WITHOUT.replace('] = None', "] = sys.modules['rclpy'] = None")
    done = subprocess.run(
        [sys.executable, '-c', code, 'keys', '--help'], capture_output=True, text=True
    )
    assert done.returncode == 0
    for command in ('init', 'request', 'issue', 'install', 'renew', 'revoke', 'list', 'check'):
        assert command in done.stdout
