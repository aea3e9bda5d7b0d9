# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Control groups that make the jobs of one robot slow: owns making and removing them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

PERIOD_US = 20_000  # short, so that a throttled job pauses for less than a heartbeat
V1, V2 = Path('/sys/fs/cgroup/cpu'), Path('/sys/fs/cgroup')
GONE_S = 2.0


@contextlib.contextmanager
def throttled(speeds: Mapping[str, float]) -> Iterator[dict[str, str]]:
    """A group for each name, with so much of a core; '' where none can be made."""
    made: dict[str, str] = {}
    try:
        for name, speed in speeds.items():
            made[name] = _made(f'bench_{os.getpid()}_{name}', speed)
        yield made
    finally:
        for folder in made.values():
            if folder:
                _remove(Path(folder))


def _made(name: str, speed: float) -> str:
    quota_us = max(1000, round(speed * PERIOD_US))
    for root, limits in (
        (V1, {'cpu.cfs_period_us': f'{PERIOD_US}', 'cpu.cfs_quota_us': f'{quota_us}'}),
        (V2, {'cpu.max': f'{quota_us} {PERIOD_US}'}),
    ):
        folder = root / name
        try:
            folder.mkdir()
            for file, value in limits.items():
                # Not made where the controller is not on: then this is no group that limits.
                if not (folder / file).exists():
                    raise FileNotFoundError(folder / file)
                (folder / file).write_text(value)
            return str(folder)
        except OSError:
            with contextlib.suppress(OSError):
                folder.rmdir()
    return ''


def _remove(folder: Path) -> None:
    """When the last process in it has gone."""
    end = time.monotonic() + GONE_S
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
