# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The wall between jobs and the robot: owns which one there is and what a job is started through.

    bubblewrap  a file system, processes, a network and devices of its own (cage_view.py), as
                another user where the robot runs as root, system calls filtered (cage_calls.py)
    user        another user, without a way to new privileges; where the robot runs as root
    privileges  the user of the robot, without a way to new privileges
    none        nothing

Each is tried once at the start, by running something in it: kernels and containers forbid user
namespaces in many ways. Limits of time, memory and disk are not its concern.
"""

import contextlib
import glob
import logging
import os
import pwd
import shutil
import socket
import stat
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from swarm_coordinator.runner import cage_keeper, cage_view
from swarm_coordinator.runner.cage_calls import filter_here
from swarm_coordinator.runner.cage_view import View
from swarm_coordinator.runner.environment import PROGRAM_PATH, own_environment
from swarm_coordinator.runner.process_group import status_from

TRY_S = 20.0  # a loaded board may take seconds to start Python
# Numbers that no distribution hands out (https://systemd.io/UIDS-GIDS).
UID_FIRST = 0x7000_0000
UIDS_PER_ROBOT = 4096
# Nodes that belong to a compute unit: drivers of GPUs, of codecs beside them, and of NPUs.
COMPUTE_NODES = {
    'gpu': ('/dev/dri', '/dev/nvidia*', '/dev/nvhost*', '/dev/nvmap', '/dev/kfd', '/dev/mali*',
            '/dev/dma_heap', '/dev/mpp_service', '/dev/rga', '/dev/video1[0-9]'),
    'npu': ('/dev/accel', '/dev/apex_*', '/dev/hailo*', '/dev/rknpu*'),
}
# Programs of ours that talk ROS for a job, and run no code of it. They keep the user, the shared
# memory and the process numbers of the robot: Fast DDS reaches its peers on this machine over the
# first two and makes its identity of the third (two participants numbered 1 were the same one).
ROS_KINDS = ('call', 'record')
EVERY = '*'  # in place of the name of a capability
TRIAL = ('/bin/sh', '-c', 'exit 0')
WRITABLE = ':rw'  # after a folder
LINK, CALLS, PROCESSES, FOLDER = '{link}', '{calls}', '{processes}', '{folder}'


class Wall(Enum):
    """What jobs are kept in."""

    BUBBLEWRAP = 'bubblewrap'
    USER = 'user'
    PRIVILEGES = 'privileges'
    NONE = 'none'
    MISSING = 'missing'  # another one was asked for and cannot be had: no job runs


@dataclass(frozen=True)
class CagePolicy:
    """`wall`: auto, bubblewrap, user or none; `user`: name of the user of all jobs, '' = a number
    of its own for each; `network`: kinds of job that get one; `devices`: 'capability=/dev/glob';
    `folders`: 'path' or 'path:rw' that jobs may use besides their own; `hidden`: the robot's."""

    wall: str = 'auto'
    user: str = ''
    network: tuple[str, ...] = ('call', 'record')
    devices: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True)
class Person:
    """As whom a job runs."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()
    own: bool = False  # nobody else has this number now


@dataclass(frozen=True)
class Needs:
    """Of one job or worker. `folder` is its own, seen by it as `seen_as`; `names`: capabilities
    and compute units it was granted for; `code`: it runs programs of ours; `owned`: the folder
    becomes that of its user."""

    kind: str
    folder: Path
    seen_as: Path
    names: tuple[str, ...] = ()
    code: bool = False
    program: str = ''
    owned: bool = True


@dataclass(frozen=True)
class Cell:
    """A place for one job. `prelude` goes before its command; with `kept`, LINK in it stands for
    the descriptor of a socket to its keeper, CALLS for one of the filter of system calls,
    PROCESSES for how many the job may have and FOLDER for where it works. `counted`: setrlimit
    can limit those, because no other job has its user."""

    needs: Needs | None = None
    prelude: tuple[str, ...] = ()
    person: Person | None = None
    kept: bool = False
    counted: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def own_uid(self) -> int:
        """-1 where others may have it, too."""
        return self.person.uid if self.person is not None and self.person.own else -1

    def start_of(
        self, folder: Path, link: int = -1, calls: int = -1, processes: int = 0
    ) -> list[str]:
        processes = processes if self.counted else 0
        values = {
            LINK: str(link), CALLS: str(calls), PROCESSES: str(processes), FOLDER: str(folder)
        }
        return [values.get(one, one) for one in self.prelude]


class NoCage(OSError):
    """The wall that the configuration asks for cannot be had."""


@dataclass
class Cage:
    """Used by one thread once it is open."""

    policy: CagePolicy
    mark: str = ''  # the folder of the jobs of this robot
    log: logging.Logger = field(default_factory=lambda: logging.getLogger(__name__))
    wall: Wall = Wall.NONE
    why: str = ''  # not a better one
    python_open: bool = True  # the user of jobs can run this Python
    hardware: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # capability -> nodes
    root: Path = Path()  # where the folders of jobs are
    sized: bool = False
    bwrap: str = ''
    _setpriv: str = ''
    _uids: set[int] = field(default_factory=set)
    _last: int = 0
    _named: Person | None = None

    # ---- at the start

    def open(self) -> None:
        """Find out what this machine can do. Takes some tenths of a second."""
        asked = self.policy.wall
        if asked == 'none':
            self.wall, self.why = Wall.NONE, 'job_cage is none'
            return
        self._setpriv = _program('setpriv')
        self.bwrap = _program('bwrap')
        try:
            self._named = _person_named(self.policy.user)
        except KeyError:
            self.wall, self.why = Wall.MISSING, f'there is no user {self.policy.user!r} (job_user)'
            return
        problems: list[str] = []
        ways = ((Wall.BUBBLEWRAP, self._try_bubblewrap), (Wall.USER, self._try_user))
        for wall, attempt in ways:
            if asked in ('auto', wall.value):
                problem = attempt()
                if not problem:
                    self.wall, self.why = wall, '; '.join(problems)
                    return
                problems.append(problem)
        self.why = '; '.join(problems)
        self.wall = Wall.MISSING
        if asked == 'auto':
            self.wall = Wall.PRIVILEGES if self._setpriv else Wall.NONE

    def _try_bubblewrap(self) -> str:
        """'' or why it cannot be used."""
        if not self.bwrap:
            return 'bubblewrap is not installed: apt-get install bubblewrap'
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            said = _run(Cell(), [self.bwrap, '--help'], Path('/'))[1]
            self.sized = '--size' in said
        self.wall = Wall.BUBBLEWRAP
        return self._trials('bubblewrap does not work here')

    def _try_user(self) -> str:
        if os.geteuid() != 0:
            return 'only a robot that runs as root can run jobs as another user'
        if not self._setpriv:
            return 'setpriv is not installed: apt-get install util-linux'
        self.wall = Wall.USER
        return self._trials('another user cannot be had here')

    def _trials(self, what: str) -> str:
        problem = self._trial(what)
        if not problem:
            self.python_open = True
            self.python_open = not self._trial('', (sys.executable, '-c', 'import json'))
        return problem

    def _trial(self, what: str, command: tuple[str, ...] = TRIAL) -> str:
        """Run something as a job would be: '' or what is wrong."""
        folder = Path(self.mark) / 'trial'
        try:
            folder.mkdir(parents=True, exist_ok=True)
            cell = self.enter(Needs('exec', folder, folder, code=command != TRIAL))
            try:
                code, said = _run(cell, [*command], folder)
            finally:
                self.leave(cell)
                folder.rmdir()
        except (OSError, subprocess.SubprocessError) as error:
            return f'{what}: {error}'
        if code == 0:
            return ''
        return f'{what}: {said.strip()[-300:] or f"exit code {code}"}'

    def told(self) -> str:
        """For people: what keeps jobs and the robot apart, and what does not."""
        whom = 'users of their own' if not self.policy.user else f'user {self.policy.user}'
        said = {
            Wall.BUBBLEWRAP: 'bubblewrap: files, processes, network and devices of their own'
            + (f', {whom}' if os.geteuid() == 0 else ''),
            Wall.USER: f'{whom}, no new privileges (record and call as the robot); files that '
            'all may read, the network and services that ask nobody who he is are open to them',
            Wall.PRIVILEGES: 'no new privileges; else jobs may do what the robot may: read its '
            'keys, write its files, end it',
            Wall.NONE: 'nothing: jobs may do what the robot may',
            Wall.MISSING: f'no job is run: job_cage={self.policy.wall} cannot be had',
        }[self.wall]
        if not self.python_open:
            said += (
                '; python, record, call and encode jobs run outside, as the robot, because '
                f'inside {sys.executable} cannot be started'
            )
        return f'{said} ({self.why})' if self.why else said

    @property
    def walled(self) -> bool:
        """Calls of python jobs have a file system of their own."""
        return self.wall is Wall.BUBBLEWRAP and self.python_open

    @property
    def weak(self) -> bool:
        """Worth a warning."""
        return self.wall is not Wall.BUBBLEWRAP or not self.python_open

    def place(self, folder: Path) -> Path:
        """Where the folders of jobs are: `folder`, unless the user of jobs cannot come there."""
        self.root = self._reachable(folder)
        return self.root

    def _reachable(self, folder: Path) -> Path:
        if self.wall is not Wall.USER or not cage_view.closed_above(str(folder / '1')):
            return folder
        number = zlib.crc32(self.mark.encode())
        path = Path(f'/var/tmp/swarm-jobs-{number:08x}')  # noqa: S108  checked to be ours
        path.mkdir(mode=0o711, exist_ok=True)
        seen = os.lstat(path)
        if path.is_symlink() or not path.is_dir() or seen.st_uid != os.geteuid():
            raise NoCage(f'{path} is not a folder of this user: remove it')
        os.chmod(path, 0o711)
        return path / 'jobs'

    def close(self) -> None:
        """Leave nothing outside the robot's own folder."""
        if self.root != Path(self.mark) and self.root.name == 'jobs':
            for path in (self.root, self.root.parent):
                with contextlib.suppress(OSError):
                    path.rmdir()

    # ---- one job

    def enter(self, needs: Needs) -> Cell:
        """A place for a job; its folder is its own from now on. Raises OSError."""
        if self.wall is Wall.MISSING:
            raise NoCage(f'job_cage={self.policy.wall} cannot be had here: {self.why}')
        cell = self._cell(needs)
        try:
            if cell.person is not None and needs.owned:
                give(needs.folder, cell.person)
        except OSError:
            self.leave(cell)
            raise
        return cell

    def _cell(self, needs: Needs) -> Cell:
        if needs.code and not self.python_open:
            return Cell(needs, self._as_we_are())
        talks = needs.kind in ROS_KINDS
        if self.wall is Wall.BUBBLEWRAP:
            nodes = self._nodes(needs)
            person = None if talks else self._person(nodes)
            prelude = self._through_bubblewrap(needs, person, nodes)
            counted = person.own if person else not talks and not _is_setuid(self.bwrap)
            environment = _for_ros(needs, '/tmp')  # noqa: S108
            return Cell(needs, prelude, person, True, counted, environment)
        if self.wall is Wall.USER and not talks:
            person = self._person(self._nodes(needs))
            assert person is not None
            environment = _for_ros(needs, str(needs.seen_as))
            return Cell(
                needs, self._as_person(person), person, False, person.own, environment
            )
        return Cell(needs, self._as_we_are())

    def leave(self, cell: Cell) -> None:
        """Nothing of it runs any more."""
        if cell.person is not None:
            self._uids.discard(cell.person.uid)
            if cell.needs is not None and cell.needs.owned:
                take_back(cell.needs.folder)

    @property
    def users(self) -> range:
        """The numbers that jobs of this robot get where each has its own; those of another robot
        on this machine are most likely others."""
        first = UID_FIRST + zlib.crc32(self.mark.encode()) % 0x7FFF * UIDS_PER_ROBOT
        return range(first, first + UIDS_PER_ROBOT)

    def _person(self, nodes: tuple[str, ...]) -> Person | None:
        if os.geteuid() != 0:
            return None
        if self._named is not None:
            return self._named
        for _ in range(UIDS_PER_ROBOT):
            self._last = (self._last + 1) % UIDS_PER_ROBOT
            uid = self.users[self._last]
            if uid not in self._uids:
                self._uids.add(uid)
                return Person(uid, uid, _groups_of(nodes), True)
        raise NoCage(f'more than {UIDS_PER_ROBOT} jobs at a time')

    def _as_person(self, person: Person) -> tuple[str, ...]:
        groups = ','.join(map(str, person.groups))
        return (
            self._setpriv, '--reuid', str(person.uid), '--regid', str(person.gid),
            *(('--groups', groups) if groups else ('--clear-groups',)),
            '--no-new-privs', '--inh-caps', '-all', '--bounding-set', '-all',
            '--pdeathsig', 'KILL', '--',
        )

    def _as_we_are(self) -> tuple[str, ...]:
        setpriv = _program('setpriv')
        if not setpriv:
            return ()
        barred = () if self.wall is Wall.NONE else ('--no-new-privs',)
        return (setpriv, *barred, '--pdeathsig', 'KILL', '--')

    def _through_bubblewrap(
        self, needs: Needs, person: Person | None, nodes: tuple[str, ...]
    ) -> tuple[str, ...]:
        python = _keepers_python()
        keeper = os.path.realpath(cage_keeper.__file__)
        readable = [keeper]
        if needs.code or python == sys.executable:
            readable = [*cage_view.code_paths(own_environment(os.environ)), keeper]
        if needs.program:
            readable.append(os.path.realpath(needs.program))
        writable = [one[: -len(WRITABLE)] for one in self.policy.folders if one.endswith(WRITABLE)]
        readable += [one for one in self.policy.folders if not one.endswith(WRITABLE)]
        network = needs.kind in self.policy.network
        view = View(
            str(needs.folder),
            str(needs.seen_as),
            tuple(dict.fromkeys(readable)),
            tuple(writable),
            tuple(dict.fromkeys([*self.policy.hidden, os.path.expanduser('~')])),
            nodes,
            network,
            person is not None,
        )
        who = (str(person.uid), str(person.gid)) if person else ('-1', '-1')
        return (
            self.bwrap,
            *cage_view.mounts(view, self.sized),
            *(() if needs.kind in ROS_KINDS else ('--unshare-pid', '--as-pid-1')),
            '--unshare-ipc', '--unshare-cgroup-try',
            *(() if network else ('--unshare-net',)),
            *(('--cap-drop', 'ALL') if os.geteuid() == 0 else ()),
            *(('--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID') if person else ()),
            *(('--seccomp', CALLS) if filter_here() else ()),
            '--',
            python, '-I', '-S', keeper, LINK, *who,
            ','.join(map(str, person.groups)) if person else '', PROCESSES, FOLDER,
        )

    def _nodes(self, needs: Needs) -> tuple[str, ...]:
        """The device nodes that a job gets."""
        patterns: list[str] = ['/dev/shm'] if needs.kind in ROS_KINDS else []
        names = {EVERY, needs.kind, *needs.names}
        for name in needs.names:
            unit = name.removeprefix('compute:').partition(':')[0].rstrip('0123456789')
            patterns += COMPUTE_NODES.get(unit, ())
            patterns += self.hardware.get(name, ())
        for entry in self.policy.devices:
            name, _, pattern = entry.rpartition('=')
            if (name or EVERY) in names:
                patterns.append(pattern)
        found = {path for pattern in patterns for path in glob.glob(pattern)}
        return tuple(sorted(path for path in found if path == '/dev' or path.startswith('/dev/')))


def _for_ros(needs: Needs, logs: str) -> dict[str, str]:
    """Shared memory of Fast DDS does not work between users; its messages go over loopback."""
    if not needs.code:
        return {}
    if needs.kind in ROS_KINDS:
        return {'ROS_LOG_DIR': logs}
    return {'ROS_LOG_DIR': logs, 'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}


def give(folder: Path, person: Person) -> None:
    """All of it. Nothing of the job runs yet, so nobody changes it meanwhile. Raises OSError."""
    os.chown(folder, person.uid, person.gid, follow_symlinks=False)
    for _, folders, files, descriptor in os.fwalk(folder):
        for name in (*folders, *files):
            os.chown(
                name, person.uid, person.gid, dir_fd=descriptor, follow_symlinks=False
            )


def take_back(folder: Path) -> None:
    """The folder alone: what it holds can be read and removed by the robot as it is."""
    with contextlib.suppress(OSError):
        os.chown(folder, os.geteuid(), os.getegid(), follow_symlinks=False)


def _person_named(name: str) -> Person | None:
    """Raises KeyError."""
    if not name:
        return None
    found = pwd.getpwnam(name)
    groups = os.getgrouplist(name, found.pw_gid)
    return Person(found.pw_uid, found.pw_gid, tuple(sorted(set(groups) - {found.pw_gid})))


def _groups_of(nodes: tuple[str, ...]) -> tuple[int, ...]:
    """Who may open these nodes; never the group of root."""
    found = set()
    for path in _nodes_in(nodes):
        with contextlib.suppress(OSError):
            state = os.stat(path)
            if stat.S_ISCHR(state.st_mode) and state.st_mode & stat.S_IRGRP:
                found.add(state.st_gid)
    return tuple(sorted(found - {0}))


def _nodes_in(nodes: tuple[str, ...]) -> Iterator[str]:
    for path in nodes:
        if path == '/dev' or not os.path.isdir(path):
            yield path
        else:
            yield from (entry.path for entry in os.scandir(path))


def _keepers_python() -> str:
    """That of the system where there is one: it is small, and no job is without it."""
    return _program('python3') or sys.executable


def _program(name: str) -> str:
    return shutil.which(name, path=PROGRAM_PATH) or ''


def _is_setuid(path: str) -> bool:
    return bool(os.stat(path).st_mode & stat.S_ISUID)


def filter_file() -> int:
    """A descriptor of the filter of system calls, at its beginning."""
    descriptor = os.memfd_create('calls', os.MFD_CLOEXEC)
    os.write(descriptor, filter_here())
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _run(cell: Cell, command: list[str], folder: Path) -> tuple[int, str]:
    """(exit code, what it said). Raises OSError and subprocess.SubprocessError."""
    ours, theirs = socket.socketpair()
    with ours, theirs, open(filter_file(), 'rb') as calls:
        passed = (theirs.fileno(), calls.fileno())
        done = subprocess.run(
            [*cell.start_of(folder, *passed), *command],
            cwd=folder, env={'PATH': PROGRAM_PATH, 'LANG': 'C.UTF-8'},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            pass_fds=passed, timeout=TRY_S, check=False,
        )
        theirs.close()
        code = done.returncode
        if cell.kept and code == 0:
            code = os.waitstatus_to_exitcode(status_from(ours) or 0)
    return code, done.stdout.decode('utf-8', 'replace')

