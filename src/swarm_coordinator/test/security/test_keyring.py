# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Robots with real keys in real folders: whom they admit, and what changes while they run."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from identity_samples import DAY, NOW, refused

from swarm_coordinator.core.identity import IdentityRefused, Role, SignedCertificate
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.security import keys, robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.local_keys import enrol


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / 'authority', 'swarm', NOW)


@pytest.fixture
def r1(authority: Authority, tmp_path: Path) -> Keyring:
    return enrolled(authority, tmp_path, 'r1')


@pytest.fixture
def r2(authority: Authority, tmp_path: Path) -> Keyring:
    return enrolled(authority, tmp_path, 'r2')


def enrolled(authority: Authority, folder: Path, name: str, role: Role = Role.VOTER) -> Keyring:
    enrol(authority, folder / name, name, [role], NOW, days=30)
    return Keyring.load(folder / name, 'swarm', name)


def test_a_peer_is_admitted_and_what_it_signs_is_believed(r1: Keyring, r2: Keyring) -> None:
    certificate = r2.admit(r1.encoded, NOW)
    assert (certificate.robot_id, certificate.roles) == ('r1', (Role.VOTER,))
    signature = r1.sign(b'beacon 7')
    assert len(signature) == 64
    assert r2.verify(certificate.sign_key, b'beacon 7', signature)


def test_nothing_else_is_believed(r1: Keyring, r2: Keyring) -> None:
    key, signature = r1.certificate.sign_key, r1.sign(b'beacon 7')
    assert not r2.verify(key, b'beacon 8', signature)
    assert not r2.verify(r2.certificate.sign_key, b'beacon 7', signature)
    assert not r2.verify(key, b'beacon 7', signature[:-1])
    assert not r2.verify(key, b'beacon 7', b'')
    assert not r2.verify(b'no key', b'beacon 7', signature)
    for bit in range(0, 512, 7):
        flipped = bytearray(signature)
        flipped[bit // 8] ^= 1 << bit % 8
        assert not r2.verify(key, b'beacon 7', bytes(flipped))


def test_every_changed_byte_of_a_certificate_is_noticed(r1: Keyring, r2: Keyring) -> None:
    for at in range(len(r1.encoded)):
        for flip in (0x01, 0x20, 0x80):
            changed = bytearray(r1.encoded)
            changed[at] ^= flip
            with pytest.raises(IdentityRefused):
                r2.admit(bytes(changed), NOW)


@settings(deadline=None, suppress_health_check=[
    HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.binary(max_size=2500))
def test_no_bytes_break_admission(r1: Keyring, data: bytes) -> None:
    with pytest.raises(IdentityRefused):
        r1.admit(data, NOW)


def test_a_certificate_that_a_robot_makes_for_itself_is_refused(r1: Keyring, r2: Keyring) -> None:
    """Also under the name of the authority."""
    body = replace(r1.certificate, roles=(Role.OPERATOR,)).encode()
    signature = r1.sign(SignedCertificate.to_sign(body))
    (authority,) = r2.revocations.authorities
    with refused('forged'):
        r2.admit(SignedCertificate(body, signature, key_id(authority)).encode(), NOW)
    own = key_id(r1.certificate.sign_key)
    with refused('unknown_authority'):
        r2.admit(SignedCertificate(body, signature, own).encode(), NOW)


def test_what_is_signed_as_another_kind_of_thing_is_no_certificate(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    public = authority.register.authorities[-1]
    private = keys.sign_key_from_pem(
        (authority.folder / f'authority-{key_id(public)}.pem').read_bytes()
    )
    body = r1.certificate.encode()
    for data in (body, b'swarm revocations 1\0' + body):
        with refused('forged'):
            r2.admit(SignedCertificate(body, private.sign(data), key_id(public)).encode(), NOW)


def test_another_authority_is_named_in_the_refusal(r1: Keyring, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / 'other', 'swarm', NOW)
    (tmp_path / 'elsewhere').mkdir()
    stranger = enrolled(other, tmp_path / 'elsewhere', 'r3')
    with refused('unknown_authority') as caught:
        r1.admit(stranger.encoded, NOW)
    for public in (*r1.revocations.authorities, *stranger.revocations.authorities):
        assert key_id(public)[:8] in str(caught.value)
    assert 'swarmctl keys request' in str(caught.value)


def test_the_same_authority_for_another_swarm_admits_nobody(r1: Keyring, tmp_path: Path) -> None:
    other = Authority.create(tmp_path / 'other', 'fleet', NOW)
    enrol(other, tmp_path / 'r9', 'r9', [Role.VOTER], NOW, 30)
    with refused('wrong_swarm'):
        Keyring.load(tmp_path / 'r9', 'swarm', 'r9')


def test_time_is_judged_at_each_admission_not_once(r1: Keyring, r2: Keyring) -> None:
    assert r2.admit(r1.encoded, NOW)
    for now_s, reason in ((NOW + 31 * DAY, 'expired'), (NOW - 7200, 'not_yet'), (0, 'clock_off')):
        with refused(reason):
            r2.admit(r1.encoded, now_s)
    assert r2.admit(r1.encoded, NOW)


def test_an_own_certificate_that_has_ended_is_told_and_loads(r1: Keyring) -> None:
    assert r1.refusal(NOW) is None
    refusal = r1.refusal(NOW + 31 * DAY)
    assert refusal is not None and refusal.reason == 'expired'


def test_two_agree_on_a_secret_that_a_third_has_not(
    authority: Authority, r1: Keyring, r2: Keyring, tmp_path: Path
) -> None:
    r3 = enrolled(authority, tmp_path, 'r3')
    secret = r1.agree(r2.certificate.exchange_key)
    assert len(secret) == 32
    assert secret == r2.agree(r1.certificate.exchange_key)
    assert secret != r3.agree(r1.certificate.exchange_key)


@pytest.mark.parametrize('public', [bytes(32), b'\x01' + bytes(31), b'short', b''])
def test_a_key_that_makes_no_secret_is_refused(r1: Keyring, public: bytes) -> None:
    with refused('damaged'):
        r1.agree(public)


def test_a_revoked_robot_is_refused_once_the_list_arrives(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    r2.admit(r1.encoded, NOW)
    (revoked,) = authority.revoke('r1', NOW, 'stolen')
    assert r2.take_revocations(authority.papers().revocations.encode())
    assert r2.is_revoked(revoked.serial)
    with refused('revoked'):
        r2.admit(r1.encoded, NOW)
    again = Keyring.load(r2.folder, 'swarm', 'r2')
    with refused('revoked'):
        again.admit(r1.encoded, NOW)


def test_a_list_is_taken_once_and_an_older_one_never(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    first = authority.papers().revocations.encode()
    authority.revoke('r1', NOW, 'stolen')
    second = authority.papers().revocations.encode()
    assert not r2.take_revocations(first)
    assert r2.take_revocations(second)
    assert not r2.take_revocations(second)
    with refused('rolled_back'):
        r2.take_revocations(first)
    assert r2.is_revoked(r1.certificate.serial)


def test_an_older_list_put_into_the_folder_is_not_taken_by_a_running_robot(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    path = r2.folder / robot_folder.REVOCATIONS
    first = path.read_bytes()
    authority.revoke('r1', NOW, 'stolen')
    r2.take_revocations(authority.papers().revocations.encode())
    path.write_bytes(first)
    with refused('rolled_back'):
        r2.reload()
    assert r2.is_revoked(r1.certificate.serial)


def test_every_changed_byte_of_a_list_is_noticed(authority: Authority, r2: Keyring) -> None:
    authority.revoke('r2', NOW, 'lost')
    encoded = authority.papers().revocations.encode()
    for at in range(len(encoded)):
        changed = bytearray(encoded)
        changed[at] ^= 1
        with pytest.raises(IdentityRefused):
            r2.take_revocations(bytes(changed))
    assert r2.take_revocations(encoded)


def test_two_copies_of_an_authority_are_noticed(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    """Both revoke somebody else under the same number."""
    before = (authority.folder / 'register.json').read_bytes()
    authority.revoke('r1', NOW, 'stolen')
    assert r2.take_revocations(authority.papers().revocations.encode())
    (authority.folder / 'register.json').write_bytes(before)
    authority.revoke('r2', NOW, 'lost')
    with refused('conflict'):
        r2.take_revocations(authority.papers().revocations.encode())


def test_a_list_that_cannot_be_kept_is_in_force_all_the_same(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    authority.revoke('r1', NOW, 'stolen')
    (r2.folder / 'revocations.tmp').mkdir()  # cannot be written over
    with pytest.raises(IdentityRefused):
        r2.take_revocations(authority.papers().revocations.encode())
    assert r2.is_revoked(r1.certificate.serial)


def test_a_renewed_certificate_is_taken_without_a_stop(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    before = r1.encoded
    later = NOW + 29 * DAY
    renewed = authority.renew('r1', later, days=30)
    robot_folder.install(r1.folder, authority.papers(renewed), later)
    assert r1.encoded == before
    assert r1.reload() and not r1.reload()
    assert r1.encoded != before
    assert r2.admit(r1.encoded, later + 20 * DAY).sign_key == r1.certificate.sign_key
    assert r2.admit(before, later)  # until it ends


def test_new_keys_are_taken_without_a_stop(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    old = r1.certificate
    request = robot_folder.request(r1.folder, 'swarm', 'r1', new_keys=True)
    assert request.sign_key != old.sign_key
    assert request == robot_folder.request(r1.folder, 'swarm', 'r1')
    assert not r1.reload()  # they wait for their certificate
    with refused('conflict'):
        authority.issue(request, [Role.VOTER], NOW, 30)
    signed = authority.issue(request, [Role.VOTER], NOW, 30, new_keys=True)
    robot_folder.install(r1.folder, authority.papers(signed), NOW)
    assert r1.reload()
    new = r2.admit(r1.encoded, NOW)
    assert (new.sign_key, new.exchange_key) == (request.sign_key, request.exchange_key)
    assert r2.verify(new.sign_key, b'x', r1.sign(b'x'))
    assert len(list(r1.folder.glob('*.pem'))) == 2  # the old ones are gone


def test_the_authority_changes_its_key_without_a_stop(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    (old,) = authority.register.authorities
    authority.rotate(NOW)
    both = authority.papers().revocations.encode()
    assert r1.take_revocations(both)  # r2 has not heard of it yet
    assert r1.admit(r2.encoded, NOW) and r2.admit(r1.encoded, NOW)
    assert r2.take_revocations(both)
    for robot in (r1, r2):
        signed = authority.renew(robot.robot_id, NOW, 30)
        robot_folder.install(robot.folder, authority.papers(signed), NOW)
        assert robot.reload()
        assert r1.admit(r2.encoded, NOW) and r2.admit(r1.encoded, NOW)
    former = r1.encoded
    authority.retire(key_id(old), NOW)
    for robot in (r1, r2):
        assert robot.take_revocations(authority.papers().revocations.encode())
        assert old not in robot.revocations.authorities
    assert r2.admit(former, NOW) and r1.refusal(NOW) is None


def test_a_retired_key_of_the_authority_counts_no_longer(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    (old,) = authority.register.authorities
    r2.admit(r1.encoded, NOW)
    authority.rotate(NOW)
    authority.retire(key_id(old), NOW, force=True)
    assert r2.take_revocations(authority.papers().revocations.encode())
    with refused('unknown_authority'):
        r2.admit(r1.encoded, NOW)
    refusal = r2.refusal(NOW)
    assert refusal is not None and refusal.reason == 'unknown_authority'


def test_a_robot_that_was_away_follows_over_several_changes(
    authority: Authority, r1: Keyring
) -> None:
    for _ in range(3):
        authority.rotate(NOW)
        authority.retire(key_id(authority.register.authorities[0]), NOW, force=True)
    assert r1.take_revocations(authority.papers().revocations.encode())
    assert r1.revocations.authorities == authority.register.authorities


def test_a_list_of_a_retired_key_alone_is_refused(
    authority: Authority, r1: Keyring, tmp_path: Path
) -> None:
    """Who has stolen the old key cannot bring it back."""
    (old,) = authority.register.authorities
    stolen = authority.folder / f'authority-{key_id(old)}.pem'
    private = keys.sign_key_from_pem(stolen.read_bytes())
    authority.rotate(NOW)
    authority.retire(key_id(old), NOW, force=True)
    r1.take_revocations(authority.papers().revocations.encode())
    forged = replace(r1.revocations, number=99, authorities=(old,)).encode()
    signed = robot_folder.SignedRevocations(
        forged,
        ((key_id(old), private.sign(robot_folder.SignedRevocations.to_sign(forged))),),
    )
    with refused('unknown_authority'):
        r1.take_revocations(signed.encode())


def test_a_list_has_to_be_signed_by_each_key_that_it_names(
    authority: Authority, r1: Keyring
) -> None:
    authority.rotate(NOW)
    signed = authority.papers().revocations
    for only in signed.signatures:
        with pytest.raises(IdentityRefused):
            r1.take_revocations(replace(signed, signatures=(only,)).encode())


def test_threads_sign_verify_and_reload_at_the_same_time(
    authority: Authority, r1: Keyring, r2: Keyring
) -> None:
    failures: list[str] = []

    def talk() -> None:
        for number in range(100):
            data = b'%d' % number
            certificate = r2.admit(r1.encoded, NOW)
            if not r2.verify(certificate.sign_key, data, r1.sign(data)):
                failures.append(f'{number}')

    threads = [threading.Thread(target=talk) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        signed = authority.renew('r1', NOW, 30)
        robot_folder.install(r1.folder, authority.papers(signed), NOW)
        r1.reload()
        r2.reload()
    for thread in threads:
        thread.join()
    assert not failures
