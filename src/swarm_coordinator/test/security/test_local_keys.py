# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys that robots of one machine make for themselves when they start for the first time."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from identity_samples import DAY, NOW, modes, refused
from stopping_key_files import NEVER, Stopped, StoppingFiles

from swarm_coordinator.core.identity import Role
from swarm_coordinator.security import callers, key_files, robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.local_keys import AUTHORITY, OPERATOR, enrol, make_local_keys

NAMES = ('r1', 'r2', 'r3')


def keyrings(folders: dict[str, Path]) -> list[Keyring]:
    return [Keyring.load(folder, 'swarm', name) for name, folder in folders.items()]


def test_the_first_start_makes_an_authority_and_keys_that_fit_together(tmp_path: Path) -> None:
    folders = make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW)
    assert folders == {name: tmp_path / 'keys' / name for name in NAMES}
    robots = keyrings(folders)
    for one in robots:
        assert one.certificate.roles == (Role.VOTER,)
        for other in robots:
            assert one.admit(other.encoded, NOW).robot_id == other.robot_id
    found = modes(tmp_path / 'keys')
    assert {found.pop(name) for name in (*NAMES, OPERATOR, AUTHORITY)} == {'0700'}
    assert set(found.values()) == {'0600'}


def test_whoever_uses_the_machine_is_an_operator(tmp_path: Path) -> None:
    folders = make_local_keys(tmp_path / 'keys', 'swarm', ['r1'], now_s=NOW)
    person = Keyring.load(tmp_path / 'keys' / OPERATOR, 'swarm', OPERATOR)
    assert person.certificate.roles == (Role.OPERATOR,)
    (robot,) = keyrings(folders)
    assert robot.admit(person.encoded, NOW).robot_id == OPERATOR


def test_no_operator_is_made_where_there_is_one_or_was_one(tmp_path: Path) -> None:
    keys = tmp_path / 'keys'
    make_local_keys(keys, 'swarm', ['r1'], now_s=NOW)
    shutil.rmtree(keys / OPERATOR)
    make_local_keys(keys, 'swarm', ['r1'], now_s=NOW)
    assert not (keys / OPERATOR).exists(), 'it was taken away on purpose'
    other = tmp_path / 'other'
    other.mkdir(mode=0o700)
    enrol(Authority.create(other / AUTHORITY, 'swarm', NOW), other / 'anna', 'anna',
          (Role.OPERATOR,), NOW, 30)
    make_local_keys(other, 'swarm', ['r1'], now_s=NOW)
    assert not (other / OPERATOR).exists()


def test_robot_of_that_name_is_no_operator(tmp_path: Path) -> None:
    (robot,) = keyrings(make_local_keys(tmp_path / 'keys', 'swarm', [OPERATOR], now_s=NOW))
    assert robot.certificate.roles == (Role.VOTER,)


def test_the_second_start_changes_nothing(tmp_path: Path) -> None:
    def content() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in tmp_path.rglob('*') if path.is_file()}

    make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW)
    before = content()
    make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW + DAY)
    assert content() == before


def test_a_robot_that_comes_later_gets_keys_of_the_same_authority(tmp_path: Path) -> None:
    (first,) = keyrings(make_local_keys(tmp_path / 'keys', 'swarm', ['r1'], now_s=NOW))
    (later,) = keyrings(make_local_keys(tmp_path / 'keys', 'swarm', ['r2'], now_s=NOW))
    assert first.admit(later.encoded, NOW) and later.admit(first.encoded, NOW)


def test_certificates_are_renewed_in_their_last_month(tmp_path: Path) -> None:
    folders = make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW)
    before = [one.certificate for one in keyrings(folders)]
    make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW + 340 * DAY)
    for old, robot in zip(before, keyrings(folders), strict=True):
        assert robot.certificate.not_after == NOW + (340 + 365) * DAY
        assert robot.certificate.sign_key == old.sign_key


def test_certificates_that_have_ended_are_renewed_too(tmp_path: Path) -> None:
    folders = make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW)
    for later in (400, 2000):
        make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW + later * DAY)
        for robot in keyrings(folders):
            assert robot.refusal(NOW + later * DAY) is None


def test_a_revoked_robot_stays_revoked_and_the_others_know(tmp_path: Path) -> None:
    folders = make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW)
    Authority.open(tmp_path / 'keys' / AUTHORITY).revoke('r1', NOW, 'lost')
    make_local_keys(tmp_path / 'keys', 'swarm', NAMES, now_s=NOW + 340 * DAY)
    r1, r2, _ = keyrings(folders)
    refusal = r1.refusal(NOW)
    assert refusal is not None and refusal.reason == 'revoked'
    with refused('revoked'):
        r2.admit(r1.encoded, NOW)


def test_the_authority_of_another_swarm_is_not_used(tmp_path: Path) -> None:
    make_local_keys(tmp_path / 'keys', 'swarm', ['r1'], now_s=NOW)
    with refused('wrong_swarm') as caught:
        make_local_keys(tmp_path / 'keys', 'fleet', ['r2'], now_s=NOW)
    assert 'of swarm swarm' in str(caught.value) and 'swarm_id is fleet' in str(caught.value)


def test_no_second_authority_is_made_beside_robots_that_were_enrolled(tmp_path: Path) -> None:
    operator = Authority.create(tmp_path / 'operator', 'swarm', NOW)
    (tmp_path / 'keys').mkdir(mode=0o700)
    enrol(operator, tmp_path / 'keys' / 'r1', 'r1', [Role.VOTER], NOW, 30)
    assert make_local_keys(tmp_path / 'keys', 'swarm', ['r1'], now_s=NOW)
    assert not (tmp_path / 'keys' / AUTHORITY).exists()
    with refused('unknown_authority') as caught:
        make_local_keys(tmp_path / 'keys', 'swarm', ['r1', 'r2'], now_s=NOW)
    assert 'swarmctl keys request' in str(caught.value)


def test_a_robot_that_waits_for_its_papers_goes_on_waiting(tmp_path: Path) -> None:
    (tmp_path / 'keys').mkdir(mode=0o700)
    robot_folder.request(tmp_path / 'keys' / 'r1', 'swarm', 'r1')
    with refused('missing') as caught:
        make_local_keys(tmp_path / 'keys', 'swarm', ['r1'], now_s=NOW)
    assert 'r1 has asked an authority' in str(caught.value)
    assert not (tmp_path / 'keys' / AUTHORITY).exists()


def test_a_first_start_that_was_cut_short_is_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_files, 'PrivateFiles', StoppingFiles)
    crashes = 0
    for stop in range(80):
        folder = tmp_path / f'keys{stop}'
        StoppingFiles.stop_after(stop)
        try:
            make_local_keys(folder, 'swarm', ['r1'], now_s=NOW)
        except Stopped:
            crashes += 1
        StoppingFiles.stop_after(NEVER)
        r1, r2 = keyrings(make_local_keys(folder, 'swarm', ['r1', 'r2'], now_s=NOW))
        assert r1.admit(r2.encoded, NOW) and r2.admit(r1.encoded, NOW)
        assert callers.chosen(folder, '', 'r1') == OPERATOR
    assert 20 < crashes < 80


START = """
import sys
from pathlib import Path
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.local_keys import make_local_keys
folder, own = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
folders = make_local_keys(folder, 'swarm', sys.argv[3:])
sys.stdout.buffer.write(Keyring.load(folders[own], 'swarm', own).encoded)
"""


def test_robots_that_start_at_the_same_moment_make_one_authority(tmp_path: Path) -> None:
    for attempt in range(3):
        folder = tmp_path / f'keys{attempt}'
        processes = [
            subprocess.Popen(
                [sys.executable, '-c', START, str(folder), name, *NAMES],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )
            for name in NAMES
        ]
        for process in processes:  # all have come to the line that waits, or will
            assert process.stdin
            process.stdin.write(b'go\n')
            process.stdin.flush()
        certificates = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0, 0]
        robots = keyrings({name: folder / name for name in NAMES})
        for robot in robots:
            for certificate in certificates:
                assert robot.admit(certificate, robot.certificate.not_before + 400)
        assert len(Authority.open(folder / AUTHORITY).issued()) == len((*NAMES, OPERATOR))
