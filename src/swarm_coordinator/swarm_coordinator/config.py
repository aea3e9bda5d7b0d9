# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Configuration of the coordinator: owns defaults, units and what must hold between the values."""

import os
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId, checked_name
from swarm_coordinator.core.raft import PROFILES, TimingProfile

VOTERS_MAX = 7  # more only makes every commit slower


@dataclass(frozen=True)
class CoordinatorConfig:
    """Every field is a ROS parameter of the node `coordinator`."""

    robot_id: str = field(
        default='', metadata={'help': 'name of this robot in the swarm, different on each robot'}
    )
    swarm_id: str = field(
        default='swarm', metadata={'help': 'name of the swarm; another swarm is ignored'}
    )
    voters: tuple[str, ...] = field(
        default=(),
        metadata={
            'help': 'robot_ids that elect and confirm: 1, 3, 5 or 7, the same list on each robot; '
            'empty = this robot alone'
        },
    )
    timing_profile: str = field(
        default='wifi',
        metadata={'help': 'wired, wifi, mesh or congested: the same on each robot of the swarm'},
    )
    storage_dir: str = field(
        default='',
        metadata={'help': 'folder of the log and the files; empty = ~/.ros/swarm/<robot_id>'},
    )
    storage_quota_mb: int = field(
        default=2048,
        metadata={'help': 'MiB that staged files may take; chosen without data'},
    )
    job_slots: int = field(
        default=1,
        metadata={'help': 'jobs run at the same time; 0 = this robot runs none'},
    )
    exec_allow: tuple[str, ...] = field(
        default=(),
        metadata={'help': 'programs that exec jobs may run here, by name; none by default'},
    )
    job_lease_ttl_ms: int = field(
        default=6000,
        metadata={
            'help': 'ms after which a job is taken from a silent robot: must outlast an election'
        },
    )
    job_timeout_ms_max: int = field(
        default=3_600_000,
        metadata={'help': 'ms of run time that a job gets at most, and where it names no limit'},
    )
    job_file_mb_max: int = field(
        default=1024, metadata={'help': 'MiB that one file written by a job may have'}
    )
    job_nice: int = field(
        default=10,
        metadata={'help': 'niceness added to jobs, 0 to 19, so that they do not starve consensus'},
    )
    listen_ms: int = field(
        default=1200,
        metadata={
            'help': 'ms of listening at the start before voting, to notice a robot of the same id'
        },
    )

    def __post_init__(self) -> None:
        checked_name(self.robot_id, 'robot_id')
        checked_name(self.swarm_id, 'swarm_id')
        self._check_voters()
        if self.timing_profile not in PROFILES:
            raise ValueError(
                f'timing_profile={self.timing_profile!r}: expected one of {", ".join(PROFILES)}'
            )
        for name, low, high in (
            ('storage_quota_mb', 1, 1 << 24),
            ('job_slots', 0, 256),
            ('job_lease_ttl_ms', 2 * self.profile.election_timeout_ms_max, 3_600_000),
            ('job_timeout_ms_max', 100, 7 * 24 * 3_600_000),
            ('job_file_mb_max', 1, 1 << 20),
            ('job_nice', 0, 19),
            ('listen_ms', 0, 60_000),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f'{name}={value}: expected {low} to {high}')

    def _check_voters(self) -> None:
        for voter in self.voters:
            checked_name(voter, 'voters')
        if len(set(self.voters)) != len(self.voters):
            raise ValueError(f'voters={list(self.voters)} names a robot twice')
        if len(self.voters) > VOTERS_MAX:
            raise ValueError(f'voters: {len(self.voters)} given, expected at most {VOTERS_MAX}')
        if self.voters and len(self.voters) % 2 == 0:
            raise ValueError(
                f'voters={list(self.voters)} can split evenly: expected an odd number (1, 3, 5 or '
                f'7); {len(self.voters)} voters bear no more losses than {len(self.voters) - 1}'
            )

    @property
    def profile(self) -> TimingProfile:
        return PROFILES[self.timing_profile]

    @property
    def voter_ids(self) -> tuple[RobotId, ...]:
        return tuple(RobotId(voter) for voter in sorted(self.voters or (self.robot_id,)))

    @property
    def storage_path(self) -> str:
        return os.path.expanduser(self.storage_dir or f'~/.ros/swarm/{self.robot_id}')
