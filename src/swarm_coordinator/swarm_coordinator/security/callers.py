# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Whose keys a program of a person signs its requests with.

Owns where they are looked for: a folder and a name that were given, else the only operator in the
keys of the swarm, else the robot that is asked, where its keys are on this machine and readable.
Refuses to know requests.
"""

from __future__ import annotations

import os
from pathlib import Path

from swarm_coordinator.core.identity.certificate import (
    ENCODED_BYTES_MAX,
    Certificate,
    Role,
    SignedCertificate,
)
from swarm_coordinator.core.identity.refusal import IdentityRefused

KEYS_DIR, AS = 'SWARM_KEYS_DIR', 'SWARM_AS'  # of the environment
FOLDER = '~/.ros/swarm/keys'  # and in it a folder for each swarm
CERTIFICATE = 'certificate'  # as in robot_folder, which needs cryptography
IDENTITIES_MAX = 1000  # folders that are looked at


class NoCaller(ValueError):
    """The identity that was asked for is not there, or cannot be used; the text says what to
    do."""


def base(keys_dir: str = '') -> Path | None:
    """The folder of identities that was given, by argument or environment; None if none was."""
    given = keys_dir or os.environ.get(KEYS_DIR, '')
    return Path(given).expanduser() if given else None


def name_given(name: str = '') -> str:
    return name or os.environ.get(AS, '')


def swarms_here() -> list[str]:
    """The swarms of which this user has keys."""
    folder = Path(FOLDER).expanduser()
    try:
        return sorted(one.name for one in folder.iterdir() if one.is_dir())
    except OSError:
        return []


def keys_folder(keys_dir: str, swarm_id: str) -> Path:
    """Of the identities of a swarm: the one that was given, else the usual one."""
    return Path(keys_dir or f'{FOLDER}/{swarm_id}').expanduser()


def identities(folder: Path) -> dict[str, Certificate]:
    """By name, those in `folder` that have a certificate; it is not verified here."""
    found = {}
    try:
        those = sorted(folder.glob(f'*/{CERTIFICATE}'))[:IDENTITIES_MAX]
    except OSError:
        return {}
    for path in those:
        try:
            with path.open('rb') as opened:
                signed = SignedCertificate.decode(opened.read(ENCODED_BYTES_MAX + 1))
        except (OSError, IdentityRefused):
            continue
        found[path.parent.name] = signed.certificate
    return found


def chosen(folder: Path, name: str, robot: str) -> str:
    """The name of the identity to sign with; '' = none, so requests go out unsigned. Raises
    NoCaller for a name that was given and is not there, or for a choice that only the person can
    make."""
    those = identities(folder)
    if name:
        if name in those:
            return name
        known = ', '.join(those) or 'nobody'
        raise NoCaller(
            f'no keys of {name[:64]!r} in {folder}; there are those of: {known}. Enrol it: '
            f'swarmctl keys request {name[:64]}, and install the papers of the operator'
        )
    operators = [who for who, one in those.items() if Role.OPERATOR in one.roles]
    if len(operators) == 1:
        return operators[0]
    if operators:
        raise NoCaller(
            f'several operators have keys in {folder}: say whom you are, with --as or the '
            f'environment variable {AS}: {", ".join(operators)}'
        )
    return robot if robot in those else ''
