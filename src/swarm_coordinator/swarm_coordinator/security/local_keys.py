# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Keys without an operator, for robots that all run on one machine: a demonstration, a test.

Owns what is made when nothing is there. The authority lies beside the robots' keys, so whoever
has the machine has the swarm: for robots of their own machines see docs/SECURITY.md, Enrolment.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.security import register, robot_folder
from swarm_coordinator.security.authority import DAY_S, Authority
from swarm_coordinator.security.callers import identities
from swarm_coordinator.security.key_files import alone, make_private_folder

AUTHORITY = '_authority'  # no robot has such a name: theirs begin with a letter
OPERATOR = 'operator'  # who commands the robots of this machine: its user, without doing anything
DAYS = 365
RENEWED_BEFORE_S = 30 * DAY_S


def make_local_keys(
    folder: Path,
    swarm_id: str,
    robot_ids: Iterable[str],
    roles: Sequence[Role] = (Role.VOTER,),
    now_s: float | None = None,
) -> dict[str, Path]:
    """The folder of each robot for Keyring.load(): made where it is not there, renewed in the
    last 30 days, told what the authority has revoked. Several processes may ask at once. Raises
    IdentityRefused where the robots have keys of another authority. A revoked robot stays so."""
    now_s = time.time() if now_s is None else now_s
    folder = Path(folder)
    folders = {name: folder / name for name in sorted(set(robot_ids))}
    make_private_folder(folder)
    with alone(folder):
        missing = [name for name, path in folders.items() if not _is_enrolled(path)]
        is_here = (folder / AUTHORITY / register.FILE).exists()
        if missing or is_here:
            authority = _authority(folder, swarm_id, now_s)
            for name in missing:
                enrol(authority, folders[name], name, roles, now_s, DAYS)
            for name in sorted(folders.keys() - missing):
                _bring_up_to_date(authority, folders[name], name, now_s)
            if OPERATOR not in folders:
                _keep_operator(authority, folder / OPERATOR, now_s)
    return folders


def _keep_operator(authority: Authority, folder: Path, now_s: float) -> None:
    """Whoever has the authority's folder may command the swarm: this saves the commands. One that
    was taken away is not made again, one that was half made is. Robots start without it, too."""
    try:
        if _is_enrolled(folder):
            _bring_up_to_date(authority, folder, OPERATOR, now_s)
        elif folder.exists() or not (
            authority.register.of(OPERATOR) or _operators(folder.parent)
        ):
            enrol(authority, folder, OPERATOR, (Role.OPERATOR,), now_s, DAYS)
    except (IdentityRefused, OSError):
        return


def _operators(folder: Path) -> list[str]:
    return [who for who, one in identities(folder).items() if Role.OPERATOR in one.roles]


def enrol(
    authority: Authority,
    folder: Path,
    robot_id: str,
    roles: Sequence[Role],
    now_s: float,
    days: int,
    new_keys: bool = False,
) -> None:
    """Request, issue and install in one, where both folders are at hand."""
    request = robot_folder.request(folder, authority.register.swarm_id, robot_id)
    signed = authority.issue(request, roles, now_s, days, new_keys)
    robot_folder.install(folder, authority.papers(signed), now_s, robot_id=robot_id)


def _is_enrolled(robot: Path) -> bool:
    try:
        robot_folder.load(robot)
    except IdentityRefused as error:
        if error.reason == 'missing':
            return False
        raise
    return True


def _bring_up_to_date(authority: Authority, robot: Path, robot_id: str, now_s: float) -> None:
    identity = robot_folder.load(robot)
    if identity.signed.authority not in map(key_id, authority.register.authorities):
        return  # an operator elsewhere has enrolled it, or its authority's key was retired
    robot_folder.install(robot, authority.papers(), now_s)
    certificate = identity.certificate
    if certificate.not_after - now_s > RENEWED_BEFORE_S:
        return
    if certificate.serial not in authority.register.revoked:
        signed = authority.renew(robot_id, now_s, DAYS)
        robot_folder.install(robot, authority.papers(signed), now_s, robot_id=robot_id)


def _authority(folder: Path, swarm_id: str, now_s: float) -> Authority:
    path = folder / AUTHORITY
    if (path / register.FILE).exists():
        authority = Authority.open(path)
        if authority.register.swarm_id != swarm_id:
            raise IdentityRefused(
                'wrong_swarm',
                f'{path}: the authority there is of swarm {authority.register.swarm_id}, '
                f'swarm_id is {swarm_id}: choose another folder of keys',
            )
        return authority
    enrolled = sorted(found.parent.name for found in folder.glob(f'*/{robot_folder.CERTIFICATE}'))
    if enrolled:
        raise IdentityRefused(
            'unknown_authority',
            f'{folder}: {", ".join(enrolled)} has a certificate of an authority that is not here. '
            'Enrol with that one: swarmctl keys request',
        )
    asked = sorted(found.parent.name for found in folder.glob(f'*/{robot_folder.WAITING}'))
    if asked:
        raise IdentityRefused(
            'missing',
            f'{folder / asked[0]}: {asked[0]} has asked an authority for a certificate: install '
            'the answer (swarmctl keys install FILE), or remove that folder to have keys made '
            'for this machine alone',
        )
    return Authority.create(path, swarm_id, now_s)
