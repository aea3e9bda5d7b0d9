# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Certificates and folders of keys for tests; a fixed date stands for now."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from swarm_coordinator.core.identity.certificate import Certificate, Role
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.ids import RobotId

NOW = 1_800_000_000  # 2027-01-15
DAY = 86_400

SAMPLE = Certificate(
    serial='0123456789abcdef' * 2,
    swarm_id='swarm',
    robot_id=RobotId('r1'),
    roles=(Role.OPERATOR, Role.VOTER),
    sign_key=bytes(range(32)),
    exchange_key=bytes(range(32, 64)),
    not_before=NOW - DAY,
    not_after=NOW + DAY,
)


def sample(**changes: object) -> Certificate:
    return replace(SAMPLE, **changes)  # type: ignore[arg-type]


@contextlib.contextmanager
def refused(reason: str) -> Iterator[pytest.ExceptionInfo[IdentityRefused]]:
    """What is within is refused, for this reason."""
    with pytest.raises(IdentityRefused) as caught:
        yield caught
    assert caught.value.reason == reason, caught.value


def modes(folder: Path) -> dict[str, str]:
    """The mode of everything in a folder, by its name."""
    return {
        str(path.relative_to(folder)): f'{stat.S_IMODE(os.lstat(path).st_mode):04o}'
        for path in sorted(folder.rglob('*'))
    }
