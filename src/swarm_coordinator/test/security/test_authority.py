# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The authority in a real folder: whom it admits, what it remembers, and what a crash leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from identity_samples import DAY, NOW, modes, refused
from stopping_key_files import NEVER, Stopped, StoppingFiles

from swarm_coordinator.core.identity import IdentityRefused, Role
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.papers import KeyRequest
from swarm_coordinator.security import key_files, register, robot_folder
from swarm_coordinator.security.authority import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / 'authority', 'swarm', NOW)


@pytest.fixture
def request_of(tmp_path: Path) -> Callable[[str], KeyRequest]:
    return lambda name: robot_folder.request(tmp_path / name, 'swarm', name)


RequestOf = Callable[[str], KeyRequest]


def test_all_that_it_writes_is_private(authority: Authority, request_of: RequestOf) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.revoke('r1', NOW, 'lost')
    assert authority.folder.stat().st_mode & 0o777 == 0o700
    found = modes(authority.folder)
    assert set(found.values()) == {'0600'}
    (public,) = authority.register.authorities
    assert sorted(found) == [
        f'authority-{key_id(public)}.pem', 'lock', 'register.json', 'revocations.json',
    ]


def test_there_is_one_authority_in_a_folder(authority: Authority) -> None:
    with refused('conflict') as caught:
        Authority.create(authority.folder, 'other', NOW)
    assert 'of swarm swarm' in str(caught.value)
    with refused('missing') as caught:
        Authority.open(authority.folder / 'nothing')
    assert 'swarmctl keys init' in str(caught.value)


def test_what_it_issued_is_there_when_it_is_opened_again(
    authority: Authority, request_of: RequestOf
) -> None:
    signed = authority.issue(request_of('r1'), [Role.VOTER, Role.OPERATOR], NOW, 30)
    (found,) = Authority.open(authority.folder).issued()
    assert found.signed == signed and found.is_latest and found.authority_counts
    assert found.certificate.roles == (Role.OPERATOR, Role.VOTER)
    assert found.certificate.not_before == NOW - 300
    assert found.certificate.not_after == NOW + 30 * DAY


def test_serial_numbers_differ(authority: Authority, request_of: RequestOf) -> None:
    request = request_of('r1')
    serials = {
        authority.issue(request, [Role.VOTER], NOW, 30).certificate.serial for _ in range(20)
    }
    assert len(serials) == 20


@pytest.mark.parametrize('days', [0, -1, 3661, True])
def test_days_are_bounded(authority: Authority, request_of: RequestOf, days: int) -> None:
    with refused('damaged'):
        authority.issue(request_of('r1'), [Role.VOTER], NOW, days)
    assert not authority.issued()


def test_a_request_for_another_swarm_is_refused(authority: Authority, tmp_path: Path) -> None:
    request = robot_folder.request(tmp_path / 'r1', 'fleet', 'r1')
    with refused('wrong_swarm') as caught:
        authority.issue(request, [Role.VOTER], NOW, 30)
    assert 'swarm fleet' in str(caught.value) and 'authority of swarm' in str(caught.value)


def test_a_request_that_was_changed_is_refused(
    authority: Authority, request_of: RequestOf
) -> None:
    request = request_of('r1')
    for changed in (
        replace(request, robot_id='r2'),
        replace(request, exchange_key=bytes(32)),
        replace(request, signature=bytes(64)),
    ):
        with refused('forged'):
            authority.issue(changed, [Role.VOTER], NOW, 30)
    assert not authority.issued()


def test_a_second_robot_of_the_same_name_is_refused(
    authority: Authority, request_of: RequestOf, tmp_path: Path
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    impostor = robot_folder.request(tmp_path / 'elsewhere', 'swarm', 'r1')
    with refused('conflict') as caught:
        authority.issue(impostor, [Role.VOTER], NOW, 30)
    assert '--new-keys' in str(caught.value) and 'another name' in str(caught.value)
    assert authority.issue(impostor, [Role.VOTER], NOW + 31 * DAY, 30)  # the first has ended


def test_two_robots_cannot_have_the_same_keys(
    authority: Authority, request_of: RequestOf, tmp_path: Path
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    copied = robot_folder.request(tmp_path / 'r1', 'swarm', 'r2')
    with refused('conflict') as caught:
        authority.issue(copied, [Role.VOTER], NOW, 30)
    assert 'each robot makes its own' in str(caught.value)


def test_a_robot_with_new_keys_renews_them_by_a_request_as_before(
    authority: Authority, tmp_path: Path
) -> None:
    for new_keys in (False, True, False):
        request = robot_folder.request(tmp_path / 'r1', 'swarm', 'r1', new_keys)
        signed = authority.issue(request, [Role.VOTER], NOW, 30, new_keys)
        robot_folder.install(tmp_path / 'r1', authority.papers(signed), NOW)
    assert len(authority.issued()) == 3


def test_revoked_keys_get_no_certificate_again(
    authority: Authority, request_of: RequestOf, tmp_path: Path
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.revoke('r1', NOW, 'stolen')
    with refused('revoked') as caught:
        authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    assert 'stolen' in str(caught.value) and '--new-keys' in str(caught.value)
    with refused('missing'):
        authority.renew('r1', NOW, 30)
    fresh = robot_folder.request(tmp_path / 'again', 'swarm', 'r1')
    assert authority.issue(fresh, [Role.VOTER], NOW, 30)


def test_renewing_keeps_keys_and_roles_and_changes_what_is_asked(
    authority: Authority, request_of: RequestOf
) -> None:
    first = authority.issue(request_of('r1'), [Role.VOTER], NOW, 30).certificate
    second = authority.renew('r1', NOW + DAY, 60).certificate
    assert second == replace(
        first,
        serial=second.serial,
        not_before=first.not_before + DAY,
        not_after=NOW + 61 * DAY,
    )
    third = authority.renew('r1', NOW + DAY, 60, [Role.NON_VOTER]).certificate
    assert third.roles == (Role.NON_VOTER,)
    assert [one.is_latest for one in authority.issued()] == [False, False, True]


def test_who_was_never_admitted_is_named_with_those_who_were(
    authority: Authority, request_of: RequestOf
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    for act in (
        lambda: authority.renew('r7', NOW, 30), lambda: authority.revoke('r7', NOW, 'x')
    ):
        with refused('missing') as caught:
            act()
        assert 'issued to: r1' in str(caught.value)


def test_revoking_a_name_takes_all_of_it_and_a_serial_number_one(
    authority: Authority, request_of: RequestOf
) -> None:
    one = authority.issue(request_of('r1'), [Role.VOTER], NOW, 30).certificate
    two = authority.renew('r1', NOW, 30).certificate
    other = authority.issue(request_of('r2'), [Role.VOTER], NOW, 30).certificate
    assert authority.revoke(one.serial[:8], NOW, 'renewed') == [one]
    assert authority.revoke('r1', NOW, 'lost') == [two]
    with refused('missing'):
        authority.revoke(two.serial, NOW, 'again')
    listed = authority.papers().revocations.revocations
    assert listed.revoked == {one.serial, two.serial}
    assert listed.number == 3
    assert [one.revoked.reason if one.revoked else '' for one in authority.issued()] == [
        'renewed', 'lost', '',
    ]
    assert other.serial not in listed.revoked


@pytest.mark.parametrize('reason', ['', 'x' * 201, 'two\nlines', '\x1b[31m'])
def test_a_reason_is_a_line_of_text(
    authority: Authority, request_of: RequestOf, reason: str
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    with refused('damaged'):
        authority.revoke('r1', NOW, reason)
    assert authority.register.number == 1


def test_a_reason_may_be_in_any_language(authority: Authority, request_of: RequestOf) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.revoke('r1', NOW, 'gestohlen: Förderband 7 盗難')
    (found,) = Authority.open(authority.folder).issued()
    assert found.revoked and found.revoked.reason == 'gestohlen: Förderband 7 盗難'


def test_what_ended_long_ago_leaves_register_and_list(
    authority: Authority, request_of: RequestOf
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.revoke('r1', NOW, 'lost')
    authority.issue(request_of('r2'), [Role.VOTER], NOW + 119 * DAY, 30)
    assert len(authority.issued()) == 2
    authority.rotate(NOW + 121 * DAY)
    assert [one.certificate.robot_id for one in authority.issued()] == ['r2']
    assert not authority.papers().revocations.revocations.revoked
    authority.rotate(NOW + 1000 * DAY)
    assert authority.renew('r2', NOW + 1000 * DAY, 30)  # the last one of a robot stays


def test_the_bound_of_the_list_is_told_with_a_way_out(
    authority: Authority, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, 'REVOKED_MAX', 1)
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.renew('r1', NOW, 30)
    before = (authority.folder / 'register.json').read_bytes()
    with refused('full') as caught:
        authority.revoke('r1', NOW, 'lost')
    assert 'swarmctl keys rotate' in str(caught.value)
    assert (authority.folder / 'register.json').read_bytes() == before


def test_the_bound_of_the_register_is_told(
    authority: Authority, request_of: RequestOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, 'ISSUED_MAX', 2)
    for _ in range(2):
        authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    with refused('full') as caught:
        authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    assert 'leaves 90 days after its end' in str(caught.value)
    assert len(authority.issued()) == 2
    authority.issue(request_of('r1'), [Role.VOTER], NOW + 121 * DAY, 30)  # those have left


def test_the_only_key_of_the_authority_cannot_be_retired(authority: Authority) -> None:
    (key,) = authority.register.authorities
    with refused('conflict'):
        authority.retire(key_id(key), NOW)
    with refused('missing') as caught:
        authority.retire('0' * 32, NOW)
    assert key_id(key) in str(caught.value)


def test_a_key_is_not_retired_while_robots_hang_on_it(
    authority: Authority, request_of: RequestOf
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    authority.issue(request_of('r2'), [Role.VOTER], NOW, 30)
    (old,) = authority.register.authorities
    authority.rotate(NOW)
    authority.renew('r2', NOW, 30)
    with refused('conflict') as caught:
        authority.retire(key_id(old), NOW)
    assert 'r1 would have no certificate' in str(caught.value)
    authority.renew('r1', NOW, 30)
    authority.retire(key_id(old), NOW)
    assert old not in authority.papers().revocations.revocations.authorities


def test_keys_that_sign_no_more_are_removed_from_the_folder(authority: Authority) -> None:
    for _ in range(8):
        authority.rotate(NOW)
        assert len(authority.papers().revocations.revocations.authorities) == 2
        authority.retire(key_id(authority.register.authorities[0]), NOW)
    assert len(list(authority.folder.glob('authority-*.pem'))) == 4
    assert len(authority.papers().revocations.signatures) == 4
    for _ in range(3):
        authority.rotate(NOW)
    with refused('full'):
        authority.rotate(NOW)


def test_an_exposed_authority_does_nothing(
    authority: Authority, request_of: RequestOf
) -> None:
    request = request_of('r1')
    authority.folder.chmod(0o755)
    for act in (
        lambda: Authority.open(authority.folder),
        lambda: authority.issue(request, [Role.VOTER], NOW, 30),
    ):
        with refused('exposed'):
            act()
    authority.folder.chmod(0o700)
    for path in authority.folder.glob('*.pem'):
        path.chmod(0o644)
    with refused('exposed'):
        authority.issue(request, [Role.VOTER], NOW, 30)
    assert not authority.issued()


def changed_register(authority: Authority, **changes: object) -> None:
    path = authority.folder / 'register.json'
    fields = json.loads(path.read_bytes()) | changes
    path.write_text(json.dumps(fields, sort_keys=True, separators=(',', ':')))


@pytest.mark.parametrize(
    ('changes', 'expected'),
    [
        ({'v': 2}, 'v: expected'),
        ({'v': True}, 'v: expected'),
        ({'swarm_id': '..'}, 'swarm_id'),
        ({'number': 0}, 'number'),
        ({'number': 2**60}, 'number'),
        ({'made': -1}, 'made'),
        ({'authorities': []}, 'authorities'),
        ({'authorities': ['aa' * 32] * 2}, 'different keys'),
        ({'authorities': [1]}, '64 lower case hex'),
        ({'retired': {}}, 'retired: expected a list'),
        ({'issued': ['x']}, 'certificate: expected'),
        ({'issued': [7]}, 'issued: expected ASCII'),
        ({'issued': 'x'}, 'issued: expected a list'),
        ({'revoked': []}, 'revoked: expected an object'),
        ({'revoked': {'aa': {}}}, '32 lower case hex'),
        ({'revoked': {'aa' * 16: {'at': 1}}}, 'at and reason'),
        ({'revoked': {'aa' * 16: {'at': 1, 'reason': ''}}}, 'reason: expected'),
        ({'more': 1}, 'exactly the fields'),
    ],
)
def test_a_register_that_is_not_right_is_refused_with_its_file(
    authority: Authority, changes: dict[str, object], expected: str
) -> None:
    changed_register(authority, **changes)
    with refused('damaged') as caught:
        authority.issued()
    assert expected in str(caught.value) and 'register.json' in str(caught.value)


def test_every_cut_of_the_register_is_refused(
    authority: Authority, request_of: RequestOf
) -> None:
    authority.issue(request_of('r1'), [Role.VOTER], NOW, 30)
    path = authority.folder / 'register.json'
    whole = path.read_bytes()
    for length in range(0, len(whole), 17):
        path.write_bytes(whole[:length])
        with refused('damaged'):
            authority.issued()


def test_a_crash_at_any_write_leaves_all_of_a_change_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create, issue, revoke, rotate, each stopped at every operation on files, then done again."""
    monkeypatch.setattr(key_files, 'PrivateFiles', StoppingFiles)
    StoppingFiles.stop_after(NEVER)
    request = robot_folder.request(tmp_path / 'r1', 'swarm', 'r1')
    crashes = 0
    for stop in range(60):
        folder = tmp_path / f'authority{stop}'
        StoppingFiles.stop_after(stop)
        done = []
        try:
            authority = Authority.create(folder, 'swarm', NOW)
            done.append('create')
            authority.issue(request, [Role.VOTER], NOW, 30)
            done.append('issue')
            authority.revoke('r1', NOW, 'lost')
            done.append('revoke')
            authority.rotate(NOW)
            done.append('rotate')
        except Stopped:
            crashes += 1
        StoppingFiles.stop_after(NEVER)
        if not (folder / 'register.json').exists():
            assert not done
            Authority.create(folder, 'swarm', NOW)
        opened = Authority.open(folder)
        held, listed = opened.register, opened.papers().revocations
        assert listed.revocations.number == held.number
        assert set(listed.revocations.authorities) == set(held.authorities)
        assert listed.revocations.revoked == held.revoked.keys()
        assert len(held.issued) >= ('issue' in done)
        assert len(held.revoked) >= ('revoke' in done)
        assert len(held.authorities) >= 1 + ('rotate' in done)
    assert 20 < crashes < 60


ISSUE = """
import sys
from pathlib import Path
from swarm_coordinator.core.identity import Role
from swarm_coordinator.security import robot_folder
from swarm_coordinator.security.authority import Authority
folder, name = Path(sys.argv[1]), sys.argv[2]
authority = Authority.open(folder / 'authority')
request = robot_folder.request(folder / name, 'swarm', name)
for _ in range(5):
    authority.issue(request, [Role.VOTER], 1_800_000_000, 30)
"""


def test_operators_at_the_same_time_lose_nothing(authority: Authority, tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, '-c', ISSUE, str(tmp_path), f'r{number}'])
        for number in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert len(authority.issued()) == 15


def test_a_damaged_list_is_made_again(authority: Authority) -> None:
    path = authority.folder / 'revocations.json'
    whole = path.read_bytes()
    path.write_bytes(whole[:100])
    with pytest.raises(IdentityRefused):
        authority.papers()
    Authority.open(authority.folder)
    assert path.read_bytes() == whole
