# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The folder of a robot: what is installed, what is refused, and what a crash leaves."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from identity_samples import DAY, NOW, modes, refused
from stopping_key_files import NEVER, Stopped, StoppingFiles

from swarm_coordinator.core.identity import IdentityRefused, Role
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.papers import KeyRequest, Papers
from swarm_coordinator.security import key_files, keys, robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.local_keys import enrol


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / 'authority', 'swarm', NOW)


@pytest.fixture
def robot(tmp_path: Path) -> Path:
    return tmp_path / 'r1'


def papers_for(authority: Authority, robot: Path, now_s: int = NOW) -> Papers:
    request = robot_folder.request(robot, 'swarm', 'r1')
    return authority.papers(authority.issue(request, [Role.VOTER], now_s, 30))


def test_enrolment_goes_over_two_files_that_hold_no_private_key(
    authority: Authority, robot: Path
) -> None:
    request = robot_folder.request(robot, 'swarm', 'r1').encode()
    signed = authority.issue(KeyRequest.decode(request), [Role.VOTER], NOW, 30)
    papers = authority.papers(signed).encode()
    robot_folder.install(robot, Papers.decode(papers), NOW)
    identity = robot_folder.load(robot)
    assert identity.certificate.robot_id == 'r1'
    for pem in robot.glob('*.pem'):
        private = pem.read_bytes().splitlines()[1]
        raw = keys.to_pem(identity.pair.sign if 'sign' in pem.name else identity.pair.exchange)
        assert raw == pem.read_bytes()
        assert private not in request + papers and private[-40:] not in request + papers
    assert set(modes(robot).values()) == {'0600'}


def test_asking_again_is_the_same_request(robot: Path) -> None:
    assert robot_folder.request(robot, 'swarm', 'r1') == robot_folder.request(
        robot, 'swarm', 'r1'
    )


def test_a_robot_without_papers_is_told_what_to_do(robot: Path) -> None:
    with refused('missing'):
        robot_folder.load(robot)
    robot_folder.request(robot, 'swarm', 'r1')
    with refused('missing') as caught:
        robot_folder.load(robot)
    assert 'swarmctl keys install' in str(caught.value)


def test_papers_for_another_robot_are_refused(
    authority: Authority, robot: Path, tmp_path: Path
) -> None:
    papers = papers_for(authority, robot)
    robot_folder.request(tmp_path / 'r2', 'swarm', 'r2')
    with refused('other_keys') as caught:
        robot_folder.install(tmp_path / 'r2', papers, NOW)
    assert 'swarmctl keys request' in str(caught.value)
    with refused('wrong_robot'):
        robot_folder.install(robot, papers, NOW, robot_id='r2')
    assert not (tmp_path / 'r2' / 'certificate').exists()
    assert not (robot / 'certificate').exists() and not (robot / 'revocations').exists()


def test_the_authority_may_be_named_on_the_first_installation(
    authority: Authority, robot: Path
) -> None:
    papers = papers_for(authority, robot)
    with refused('unknown_authority'):
        robot_folder.install(robot, papers, NOW, authority='0' * 32)
    (public,) = authority.register.authorities
    robot_folder.install(robot, papers, NOW, authority=key_id(public))


def test_a_robot_does_not_change_its_authority_by_papers(
    authority: Authority, robot: Path, tmp_path: Path
) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    for swarm_id, reason in (('swarm', 'unknown_authority'), ('fleet', 'wrong_swarm')):
        other = Authority.create(tmp_path / swarm_id, swarm_id, NOW)
        other.rotate(NOW)
        request = robot_folder.request(robot, swarm_id, 'r1')
        papers = other.papers(other.issue(request, [Role.OPERATOR], NOW, 30))
        with refused(reason):
            robot_folder.install(robot, papers, NOW)
    assert robot_folder.load(robot).certificate.roles == (Role.VOTER,)


@pytest.mark.parametrize(
    ('now_s', 'reason'), [(NOW + 31 * DAY, 'expired'), (NOW - 3600, 'not_yet'), (0, 'clock_off')]
)
def test_papers_are_not_installed_by_a_wrong_clock(
    authority: Authority, robot: Path, now_s: int, reason: str
) -> None:
    papers = papers_for(authority, robot)
    with refused(reason):
        robot_folder.install(robot, papers, now_s)


def test_revoked_papers_are_not_installed(authority: Authority, robot: Path) -> None:
    papers = papers_for(authority, robot)
    authority.revoke('r1', NOW, 'lost')
    with refused('revoked'):
        robot_folder.install(robot, authority.papers(papers.certificate), NOW)


def test_old_papers_do_not_replace_newer_ones(authority: Authority, robot: Path) -> None:
    first = papers_for(authority, robot)
    robot_folder.install(robot, papers_for(authority, robot, NOW + DAY), NOW + DAY)
    with refused('rolled_back'):
        robot_folder.install(robot, first, NOW + DAY)


def test_papers_made_before_a_revocation_keep_the_newer_list(
    authority: Authority, robot: Path, tmp_path: Path
) -> None:
    enrol(authority, tmp_path / 'r2', 'r2', [Role.VOTER], NOW, 30)
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    renewed = papers_for(authority, robot, NOW + 1)
    authority.revoke('r2', NOW, 'lost')
    robot_folder.install(robot, authority.papers(), NOW)
    robot_folder.install(robot, renewed, NOW + 1)
    identity = robot_folder.load(robot)
    assert identity.signed == renewed.certificate
    assert identity.revocations.number == 2


def test_an_older_list_alone_is_refused(
    authority: Authority, robot: Path, tmp_path: Path
) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    enrol(authority, tmp_path / 'r2', 'r2', [Role.VOTER], NOW, 30)
    first = authority.papers()
    authority.revoke('r2', NOW, 'lost')
    robot_folder.install(robot, authority.papers(), NOW)
    with refused('rolled_back'):
        robot_folder.install(robot, first, NOW)


def test_a_list_alone_is_no_first_installation(authority: Authority, robot: Path) -> None:
    robot_folder.request(robot, 'swarm', 'r1')
    with refused('missing'):
        robot_folder.install(robot, authority.papers(), NOW)


def test_every_changed_byte_of_papers_is_noticed(authority: Authority, robot: Path) -> None:
    encoded = papers_for(authority, robot).encode()
    for at in range(len(encoded)):
        changed = bytearray(encoded)
        changed[at] ^= 1
        with pytest.raises(IdentityRefused):
            robot_folder.install(robot, Papers.decode(bytes(changed)), NOW)
    assert not (robot / 'certificate').exists()


@pytest.mark.parametrize('name', ['certificate', 'revocations'])
def test_every_cut_of_a_file_is_refused_with_its_name(
    authority: Authority, robot: Path, name: str
) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    whole = (robot / name).read_bytes()
    for length in range(0, len(whole), 5):
        (robot / name).write_bytes(whole[:length])
        with refused('damaged') as caught:
            robot_folder.load(robot)
        assert str(robot / name) in str(caught.value)


@pytest.mark.parametrize('kind', ['sign', 'exchange'])
def test_a_private_key_that_is_damaged_or_of_another_kind_is_refused(
    authority: Authority, robot: Path, kind: str
) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    (path,) = robot.glob(f'{kind}-*.pem')
    sign, exchange = keys.make_sign_key(), keys.make_exchange_key()
    other = {'sign': exchange, 'exchange': sign}[kind]
    same = {'sign': sign, 'exchange': exchange}[kind]
    for content, reason in (
        (b'', 'damaged'),
        (b'garbage', 'damaged'),
        (path.read_bytes()[:60], 'damaged'),
        (keys.to_pem(other), 'damaged'),
        (keys.to_pem(same), 'other_keys'),
        (b'x' * 2000, 'damaged'),
    ):
        path.write_bytes(content)
        with refused(reason):
            robot_folder.load(robot)
    path.unlink()
    with refused('other_keys'):
        robot_folder.load(robot)


def test_an_exposed_key_stops_the_robot(authority: Authority, robot: Path) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    for path in sorted(robot.iterdir()):
        if path.name in ('lock', 'waiting'):
            continue
        path.chmod(0o640)
        with refused('exposed'):
            robot_folder.load(robot)
        path.chmod(0o600)
    assert robot_folder.load(robot)


def test_a_list_changed_by_hand_is_noticed(authority: Authority, robot: Path) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    path = robot / 'revocations'
    line, _, rest = path.read_bytes().partition(b'\n')
    fields = json.loads(line) | {'revoked': ['ab' * 16]}
    body = json.dumps(fields, sort_keys=True, separators=(',', ':')).encode()
    path.write_bytes(body + b'\n' + rest)
    with refused('forged'):
        robot_folder.load(robot)


def test_a_crash_at_any_write_leaves_a_robot_that_starts(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """First keys, papers, new keys, new papers: stopped at every operation on files, then done
    again from there. What was in use stays in use until the new is whole."""
    monkeypatch.setattr(key_files, 'PrivateFiles', StoppingFiles)
    crashes = 0
    for stop in range(45):
        robot, name = tmp_path / f'robot{stop}', f'r{stop}'
        installed = 0
        StoppingFiles.stop_after(stop)
        try:
            for new_keys in (False, True):
                _change(authority, robot, name, new_keys)
                installed += 1
        except Stopped:
            crashes += 1
        StoppingFiles.stop_after(NEVER)
        if installed:
            robot_folder.load(robot)
        for new_keys in (False, True):
            _change(authority, robot, name, new_keys)
        assert robot_folder.load(robot).certificate.robot_id == name
        assert len(list(robot.glob('*.pem'))) == 2, 'keys of a crash are left'
    assert 25 < crashes < 45


def test_a_crash_while_papers_of_a_new_authority_key_are_installed_stops_no_robot(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_files, 'PrivateFiles', StoppingFiles)
    for stop in range(8):
        robot, name = tmp_path / f'robot{stop}', f'r{stop}'
        enrol(authority, robot, name, [Role.VOTER], NOW, 30)
    authority.rotate(NOW)
    crashes = 0
    for stop in range(8):
        robot, name = tmp_path / f'robot{stop}', f'r{stop}'
        papers = authority.papers(authority.renew(name, NOW + 1, 30))
        StoppingFiles.stop_after(stop)
        try:
            robot_folder.install(robot, papers, NOW + 1)
        except Stopped:
            crashes += 1
        StoppingFiles.stop_after(NEVER)
        robot_folder.load(robot)
    assert crashes == 8, 'eight operations: two files, each written, synced, replaced, synced'


def _change(authority: Authority, robot: Path, name: str, new_keys: bool) -> None:
    request = robot_folder.request(robot, 'swarm', name, new_keys)
    left, StoppingFiles.left = StoppingFiles.left, NEVER  # the authority does not crash here
    signed = authority.issue(request, [Role.VOTER], NOW, 30, new_keys=True)
    papers = authority.papers(signed)
    StoppingFiles.left = left
    robot_folder.install(robot, papers, NOW)


def test_keys_that_wait_survive_a_renewal_of_those_in_use(
    authority: Authority, robot: Path
) -> None:
    robot_folder.install(robot, papers_for(authority, robot), NOW)
    waiting = robot_folder.request(robot, 'swarm', 'r1', new_keys=True)
    renewed = authority.papers(authority.renew('r1', NOW + 1, 30))
    robot_folder.install(robot, renewed, NOW + 1)
    assert robot_folder.load(robot).signed == renewed.certificate
    assert robot_folder.request(robot, 'swarm', 'r1') == waiting
    signed = authority.issue(waiting, [Role.VOTER], NOW + 2, 30, new_keys=True)
    robot_folder.install(robot, authority.papers(signed), NOW + 2)
    assert robot_folder.load(robot).certificate.sign_key == waiting.sign_key


def test_keys_that_were_revoked_before_they_were_used_do_not_come_again(
    authority: Authority, robot: Path
) -> None:
    request = robot_folder.request(robot, 'swarm', 'r1')
    authority.issue(request, [Role.VOTER], NOW, 30)
    authority.revoke('r1', NOW, 'papers went to somebody else')
    with refused('revoked') as caught:
        authority.issue(robot_folder.request(robot, 'swarm', 'r1'), [Role.VOTER], NOW, 30)
    assert '--new-keys' in str(caught.value)
    fresh = robot_folder.request(robot, 'swarm', 'r1', new_keys=True)
    assert len(list(robot.glob('*.pem'))) == 2
    signed = authority.issue(fresh, [Role.VOTER], NOW, 30)
    robot_folder.install(robot, authority.papers(signed), NOW)
    assert robot_folder.load(robot).certificate.sign_key == fresh.sign_key


def test_a_name_that_leads_elsewhere_waits_for_nothing(
    authority: Authority, robot: Path
) -> None:
    robot_folder.request(robot, 'swarm', 'r1')
    for content in (b'../../etc/x', b'', b'\xff\xfe', b'a' * 64):
        (robot / 'waiting').write_bytes(content)
        assert robot_folder.request(robot, 'swarm', 'r1')


def test_papers_signed_by_a_robot_instead_of_the_authority_are_refused(
    authority: Authority, robot: Path, tmp_path: Path
) -> None:
    enrol(authority, tmp_path / 'r2', 'r2', [Role.VOTER], NOW, 30)
    thief = robot_folder.load(tmp_path / 'r2')
    papers = papers_for(authority, robot)
    assert papers.certificate is not None
    signed = papers.certificate
    forged = replace(signed, signature=thief.pair.sign.sign(signed.to_sign(signed.body)))
    with refused('forged'):
        robot_folder.install(robot, replace(papers, certificate=forged), NOW)
