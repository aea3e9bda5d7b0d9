# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Configuration of the coordinator: owns defaults, units and what must hold between the values."""

import os
import re
from dataclasses import dataclass, field

from swarm_coordinator.core.ids import RobotId, checked_name
from swarm_coordinator.core.jobs.kinds.python_kind import CALLABLE
from swarm_coordinator.core.raft import PROFILES, TimingProfile

VOTERS_MAX = 7  # more only makes every commit slower
ALLOWED_MAX = 128  # names of one list; each is a capability that every robot keeps
CAGES = ('auto', 'bubblewrap', 'user', 'none')
CAGED_KINDS = ('exec', 'python', 'record', 'call', 'encode')  # a pipeline is jobs of these
_USER = re.compile(r'[A-Za-z_][A-Za-z0-9_.-]{0,31}\Z')
_INTERFACE = re.compile(r'[a-z]\w*/(srv|action)/[A-Z]\w*\Z', re.ASCII)


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
    python_allow: tuple[str, ...] = field(
        default=(),
        metadata={
            'help': "functions that python jobs may call here, 'module:function'; none by default"
        },
    )
    call_allow: tuple[str, ...] = field(
        default=(),
        metadata={
            'help': "types of ROS services and actions that call jobs may use here, "
            "'pkg/srv/Type'; none by default"
        },
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
    job_memory_mb_max: int = field(
        default=0,
        metadata={
            'help': 'MiB of memory that a job gets at most, of each of its processes where there '
            'are no control groups; 0 = no limit: how much is too much depends on the robot'
        },
    )
    job_cpu_milli_max: int = field(
        default=0,
        metadata={
            'help': 'share of the processors that a job gets at most, 1000 = one core; 0 = no '
            'limit: job_nice lets consensus go first; needs control groups'
        },
    )
    job_processes_max: int = field(
        default=512,
        metadata={
            'help': 'processes and threads that a job may have, so that one that forks without '
            'end leaves room for the robot; 0 = no limit; chosen without data; needs control '
            'groups'
        },
    )
    job_log_mb_max: int = field(
        default=256,
        metadata={
            'help': 'MiB that the output of all jobs may take on the disk; that of the oldest is '
            'forgotten first; about 3 MiB of one job are kept; chosen without data'
        },
    )
    job_nice: int = field(
        default=10,
        metadata={'help': 'niceness added to jobs, 0 to 19, so that they do not starve consensus'},
    )
    job_cage: str = field(
        default='auto',
        metadata={
            'help': 'what keeps jobs and this robot apart: bubblewrap, user (only where the robot '
            'runs as root), auto (the best of these that works here) or none'
        },
    )
    job_user: str = field(
        default='',
        metadata={
            'help': 'name of the user that jobs run as where the robot runs as root; empty = a '
            'user of its own for each job, which no two jobs and no service have'
        },
    )
    job_network: tuple[str, ...] = field(
        default=('call', 'record'),
        metadata={
            'help': 'kinds of job that get the network, with bubblewrap: exec, python, record, '
            'call, encode; those that talk ROS need it'
        },
    )
    job_devices: tuple[str, ...] = field(
        default=(),
        metadata={
            'help': "device nodes that jobs get besides those of the hardware they require, with "
            "bubblewrap: 'capability=/dev/pattern', a kind of job in place of a capability, or "
            "only '/dev/pattern' for all jobs; '/dev' = all nodes"
        },
    )
    job_folders: tuple[str, ...] = field(
        default=(),
        metadata={
            'help': 'folders that jobs may use besides their own although they are hidden or '
            "closed, with bubblewrap: 'path' to read, 'path:rw' to write as well"
        },
    )
    files_mb_per_s_max: int = field(
        default=250,
        metadata={
            'help': 'MB per second of file bytes that this robot sends, and takes, at most, while '
            'ticks and beacons come in time; more did not delay heartbeats on two cores either'
        },
    )
    files_direct: bool = field(
        default=True,
        metadata={
            'help': 'large files go over one TCP connection instead of in DDS messages; never '
            'with ROS_SECURITY_ENABLE, which would not cover it'
        },
    )
    listen_ms: int = field(
        default=1200,
        metadata={
            'help': 'ms of listening at the start before voting, to notice a robot of the same id'
        },
    )

    def __post_init__(self) -> None:
        checked_name(self.robot_id, 'robot_id')
        if self.robot_id == 'keys' and not self.storage_dir:
            raise ValueError(
                "robot_id='keys': expected another name, or a storage_dir: ~/.ros/swarm/keys is "
                'the folder of keys'
            )
        checked_name(self.swarm_id, 'swarm_id')
        self._check_voters()
        self._check_names()
        if self.timing_profile not in PROFILES:
            raise ValueError(
                f'timing_profile={self.timing_profile!r}: expected one of {", ".join(PROFILES)}'
            )
        self._check_cage()
        for name, low, high in (
            ('storage_quota_mb', 1, 1 << 24),
            ('job_slots', 0, 256),
            ('job_lease_ttl_ms', 2 * self.profile.election_timeout_ms_max, 3_600_000),
            ('job_timeout_ms_max', 100, 7 * 24 * 3_600_000),
            ('job_file_mb_max', 1, 1 << 20),
            ('job_memory_mb_max', 0, 1 << 24),
            ('job_cpu_milli_max', 0, 1_000_000),
            ('job_processes_max', 0, 1 << 22),
            ('job_log_mb_max', 8, 1 << 20),
            ('job_nice', 0, 19),
            ('files_mb_per_s_max', 1, 100_000),
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

    def _check_names(self) -> None:
        for name in self.python_allow:
            if not CALLABLE.match(name):
                raise ValueError(f"python_allow={name!r}: expected 'module:function'")
        for name in self.call_allow:
            if not _INTERFACE.match(name):
                raise ValueError(
                    f"call_allow={name!r}: expected 'package/srv/Type' or 'package/action/Type'"
                )
        for names in (self.exec_allow, self.python_allow, self.call_allow):
            if len(names) > ALLOWED_MAX:
                raise ValueError(f'{len(names)} names are allowed, expected {ALLOWED_MAX} at most')

    def _check_cage(self) -> None:
        if self.job_cage not in CAGES:
            raise ValueError(f'job_cage={self.job_cage!r}: expected one of {", ".join(CAGES)}')
        if self.job_user and not _USER.match(self.job_user):
            raise ValueError(f'job_user={self.job_user!r}: expected the name of a user, or none')
        for kind in self.job_network:
            if kind not in CAGED_KINDS:
                raise ValueError(
                    f'job_network={kind!r}: expected kinds of job: {", ".join(CAGED_KINDS)}'
                )
        for entry in self.job_devices:
            pattern = entry.rpartition('=')[2]
            if os.path.normpath(pattern) != pattern or f'{pattern}/'[:5] != '/dev/':
                raise ValueError(
                    f"job_devices={entry!r}: expected '/dev/pattern' or 'capability=/dev/pattern'"
                )
        for folder in self.job_folders:
            path = folder.removesuffix(':rw')
            if os.path.normpath(path) != path or not path.startswith('/') or path == '/':
                raise ValueError(
                    f"job_folders={folder!r}: expected the full path of a folder, and ':rw' "
                    'where jobs may write'
                )
        for names in (self.job_devices, self.job_folders):
            if len(names) > ALLOWED_MAX:
                raise ValueError(f'{len(names)} are given, expected {ALLOWED_MAX} at most')

    @property
    def profile(self) -> TimingProfile:
        return PROFILES[self.timing_profile]

    @property
    def voter_ids(self) -> tuple[RobotId, ...]:
        return tuple(RobotId(voter) for voter in sorted(self.voters or (self.robot_id,)))

    @property
    def storage_path(self) -> str:
        return os.path.expanduser(self.storage_dir or f'~/.ros/swarm/{self.robot_id}')
