# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Folders of keys and what is put into them, and envelopes as two readers see them: ours before
anything is verified, and the middleware afterwards."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path

from swarm_coordinator.core.identity import IdentityRefused, Role
from swarm_coordinator.core.identity.papers import Papers
from swarm_coordinator.core.identity.sealed import parted, read_header
from swarm_coordinator.security import keys, register, robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_tower.ros.cdr import message_of

from . import mutation, samples
from .swarm_messages import _cdr_kinds, _cdr_seeds
from .target import Broken, Target

NOW_S = 1_800_000_000.0


@functools.cache
def _swarm() -> tuple[Authority, Path, Papers]:
    """An authority and a robot with papers. Keys are new in each process; what is kept in the
    corpus does not depend on them."""
    folder = samples.scratch() / 'keys'
    authority = Authority.create(folder / 'authority', 'swarm', NOW_S)
    robot = folder / 'robot'
    asked = robot_folder.request(robot, 'swarm', 'r1')
    papers = authority.papers(authority.issue(asked, (Role.VOTER,), NOW_S, 30))
    robot_folder.install(robot, papers, NOW_S)
    return authority, robot, papers


def _register(data: bytes) -> None:
    if register._encode(register._decode(data)) != data:
        raise Broken('it has two encodings')


def _pem(data: bytes) -> None:
    for read in (keys.sign_key_from_pem, keys.exchange_key_from_pem):
        try:
            read(data)
        except ValueError:
            continue


def _install(data: bytes) -> None:
    """Papers that are refused leave the folder of a robot as it was."""
    _, robot, _ = _swarm()
    mine = samples.scratch() / 'robot'
    shutil.rmtree(mine, ignore_errors=True)
    shutil.copytree(robot, mine)
    mine.chmod(0o700)
    before = _content(mine)
    try:
        robot_folder.install(mine, Papers.decode(data), NOW_S)
    except IdentityRefused:
        if _content(mine) != before:
            raise Broken('refused, and yet files were changed') from None
        raise
    robot_folder.load(mine)


def _content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()
            if path.is_file() and path.suffix != '.lock'}


def _envelope(data: bytes) -> None:
    """What is read before the signature is verified is what the middleware reads afterwards: else
    a message could be admitted as one robot's and taken as another's."""
    if not data:
        return
    kind = _cdr_kinds()[data[0] % len(_cdr_kinds())]
    raw = data[1:]
    header = read_header(raw)
    if header.signed:
        parted(raw, header)
    envelope = message_of(raw, kind).envelope
    for name in ('swarm_id', 'sender', 'recipient', 'incarnation', 'storage_id', 'lineage',
                 'sequence', 'protocol_version'):
        if getattr(envelope, name) != getattr(header, name):
            raise Broken(f'{name}: {getattr(header, name)!r} was verified, '
                         f'{getattr(envelope, name)!r} is taken')


_COVERS = ('swarm_coordinator.core.identity', 'swarm_coordinator.security')
TARGETS = (
    Target('installed_papers', _install, (IdentityRefused,), lambda: [_swarm()[2].encode()],
           mutation.of_json, _COVERS),
    Target('key_register', _register, (IdentityRefused,), lambda: [
        register._encode(_swarm()[0].register)], mutation.of_json, _COVERS),
    Target('private_key', _pem, (), lambda: [keys.to_pem(keys.make_sign_key())],
           mutation.of_bytes, _COVERS),
    Target('envelope', _envelope, (ValueError,), _cdr_seeds, mutation.of_bytes, _COVERS),
)
