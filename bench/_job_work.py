# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Jobs that really work, on robots that are made unequal: what the makespan is measured with.

They run in a robot's runner. How fast a robot is and how often its jobs fail stands in a file that
the measurement writes (`Field`); a robot is known by its process, which is above that of the job.
Speed is taken by the control group of the robot's jobs where that could be made, and else by
sleeping: a robot of speed 0.25 works a quarter of the time.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path

FIELD = Path(__file__).resolve().parent.parent / 'build/bench/makespan/field.json'
STRETCH_MS = 2.0  # of work between two sleeps
PIECE = bytes(range(256)) * 16
CALIBRATED_MS = 200.0


class Failed(Exception):
    """The job fails, as this robot's jobs do now and then."""


@dataclass(frozen=True)
class RobotNature:
    """speed: share of a core its jobs get; cgroup: folder that already sees to it, or ''."""

    speed: float
    fails_permille: int
    cgroup: str = ''


@dataclass(frozen=True)
class Field:
    """robots: by process id; pieces_per_ms: how much work is a millisecond of a whole core."""

    pieces_per_ms: float
    robots: dict[int, RobotNature]

    def write(self, path: Path = FIELD) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix('.part')
        part.write_text(json.dumps(asdict(self)))
        part.replace(path)

    @classmethod
    def read(cls, path: Path = FIELD) -> Field:
        raw = json.loads(path.read_text())
        robots = {int(pid): RobotNature(**nature) for pid, nature in raw['robots'].items()}
        return cls(raw['pieces_per_ms'], robots)


def short(name: str, core_ms: float) -> str:
    return _work(name, core_ms)


def middle(name: str, core_ms: float) -> str:
    return _work(name, core_ms)


def long(name: str, core_ms: float) -> str:
    return _work(name, core_ms)


def _work(name: str, core_ms: float) -> str:
    """So many milliseconds of a whole core. Raises Failed as often as this robot's jobs do."""
    field = Field.read()
    robot = next(pid for pid in _above() if pid in field.robots)
    nature = field.robots[robot]
    if nature.cgroup:
        _enter(nature.cgroup)
    digest = pieces(round(core_ms * field.pieces_per_ms), 1.0 if nature.cgroup else nature.speed,
                    max(1, round(STRETCH_MS * field.pieces_per_ms)))
    grant = os.environ.get('SWARM_TOKEN') or str(time.monotonic_ns())
    if fails(name, grant, str(robot), nature.fails_permille):
        raise Failed(f'{name} failed here, as planned')
    return digest


def pieces(count: int, speed: float, stretch: int) -> str:
    """Hash `count` pieces, resting between stretches so as to work `speed` of the time."""
    digest, done = hashlib.sha256(), 0
    while done < count:
        began = time.monotonic()
        now = min(stretch, count - done)
        for _ in range(now):
            digest.update(PIECE)
        done += now
        if speed < 1:
            time.sleep((time.monotonic() - began) * (1 / speed - 1))
    return digest.hexdigest()[:16]


def fails(name: str, grant: str, robot: str, permille: int) -> bool:
    """Drawn by what is run, so that a repetition is a new draw and a look does not change it."""
    drawn = hashlib.sha256(f'{name} {grant} {robot}'.encode()).digest()
    return int.from_bytes(drawn[:4], 'big') % 1000 < permille


def calibrated() -> float:
    """Pieces that this machine hashes in a millisecond of a core of its own."""
    count = 0
    began = time.process_time()
    while (took := time.process_time() - began) < CALIBRATED_MS / 1000:
        pieces(64, 1.0, 64)
        count += 64
    return count / took / 1000


def _above() -> list[int]:
    """This process and those above it."""
    found, pid = [], os.getpid()
    while pid > 1:
        found.append(pid)
        # The name in brackets may hold spaces.
        stat = Path(f'/proc/{pid}/stat').read_text()
        pid = int(stat.rpartition(')')[2].split()[1])
    return found


@functools.lru_cache(maxsize=1)
def _enter(cgroup: str) -> None:
    Path(cgroup, 'cgroup.procs').write_text(str(os.getpid()))
