# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a job sees of this machine from inside bubblewrap: owns the mounts, as arguments of bwrap.

The root is read-only. Folders of people, of the robot and of running services are empty, as is
everything that others may not enter on the way to what the job needs. Then come back, one by one:
the folder of the job, the code that it is made of, and the nodes of the devices it was granted.

Refuses to know users and processes (cage.py).
"""

import itertools
import os
import stat
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

TMP_BYTES = 256 * 1024 * 1024  # of each private folder in memory; chosen without data
PRIVATE = ('/tmp', '/var/tmp', '/dev/shm')  # noqa: S108  empty, writable, gone with the job
# Keys and dot files; sockets of services, of a container engine for example.
HIDDEN = ('/root', '/home', '/run')
ENTRIES_MAX = 1000  # looked at in a folder of programs
# For names to be looked up, where there is a network.
RESOLVER = ('/run/systemd/resolve', '/run/resolvconf')


@dataclass(frozen=True)
class View:
    """`folder` is seen as `seen_as` and may be written; `readable` may be read although it lies
    in a hidden folder, `writable` written; `hidden` is hidden besides; `devices` are nodes or
    folders of /dev; `others`: somebody else than the owner looks, so what is closed to others is
    closed."""

    folder: str
    seen_as: str
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    network: bool = False
    others: bool = True


def mounts(view: View, sized: bool) -> list[str]:
    """Arguments of bwrap; `sized`: it knows --size."""
    whole_dev = '/dev' in view.devices
    empty = _empty(view)
    arguments = ['--ro-bind', '/', '/']
    arguments += ['--dev-bind', '/dev', '/dev'] if whole_dev else ['--dev', '/dev']
    arguments += ['--proc', '/proc']
    for path in empty:
        # Mode 755: entered by all, and what is bound in it is found.
        arguments += ['--perms', '0755', *_tmpfs(path, sized)]
    for path in PRIVATE:
        if os.path.isdir(path):
            arguments += ['--perms', '1777', *_tmpfs(path, sized)]
    hidden = (*empty, *PRIVATE)
    bound: list[str] = []
    for path in (*view.readable, *(RESOLVER if view.network else ())):
        if _below(path, hidden) and not _below(path, bound) and os.path.exists(path):
            arguments += [*_way(path, hidden), '--ro-bind', path, path]
            bound.append(path)
    for path in view.hidden:
        if _below(path, view.readable) and os.path.isdir(path):
            arguments += ['--perms', '0755', *_tmpfs(path, sized)]
    for path in view.writable:
        if os.path.exists(path):
            arguments += [*_way(path, hidden), '--bind', path, path]
    arguments += _way(view.seen_as, (*hidden, *view.hidden))
    arguments += ['--bind', view.folder, view.seen_as]
    for path in view.devices if not whole_dev else ():
        if os.path.exists(path):
            arguments += ['--dev-bind', path, path]
    for path in (*empty, *(() if whole_dev else ('/dev',))):
        arguments += ['--remount-ro', path]
    return arguments


def _way(path: str, hidden: Iterable[str]) -> list[str]:
    """Makes the folders between an emptied one and `path`: bwrap would close them to others."""
    above = [folder for folder in hidden if path.startswith(f'{folder}/')]
    way, start = [], min(above, key=len, default=path)
    for name in path[len(start) :].strip('/').split('/')[:-1]:
        start = f'{start}/{name}'
        way += ['--dir', start]
    return way


def _tmpfs(path: str, sized: bool) -> list[str]:
    return [*(('--size', str(TMP_BYTES)) if sized else ()), '--tmpfs', path]


def _empty(view: View) -> list[str]:
    """The outermost folders to be emptied, without those that are private anyway."""
    wanted = {os.path.realpath(path) for path in (*HIDDEN, *view.hidden) if os.path.isdir(path)}
    if view.others:
        ways = (view.seen_as, *view.readable, *view.writable)
        wanted |= {closed for path in ways if (closed := closed_above(path))}
    wanted -= {'/'}
    return sorted(path for path in wanted if not _below(path, [*(wanted - {path}), *PRIVATE]))


def closed_above(path: str) -> str:
    """The outermost folder above `path` that others than its owner may not enter, or ''."""
    above = os.path.dirname(os.path.abspath(path))
    parts = above.strip('/').split('/')
    for number in range(1, len(parts) + 1):
        each = '/' + '/'.join(parts[:number])
        try:
            if not os.stat(each).st_mode & stat.S_IXOTH:
                return each
        except OSError:
            return ''
    return ''


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f'{folder}/') for folder in folders)


def code_paths(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where programs of ours and what they load lie: the paths that Python and ROS were given.

    A home folder or one above is none: a robot that was started there has it in its path.
    """
    wide = {'/', *PRIVATE, *HIDDEN, os.path.expanduser('~')}
    found = [*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix,
             os.path.dirname(os.path.realpath(sys.executable))]
    for name, value in sorted(environment.items()):
        if name not in ('HOME', 'TMPDIR', 'ROS_LOG_DIR', 'ROS_HOME', 'PWD'):
            found += [path for path in value.split(os.pathsep) if path.startswith('/')]
    found += [target for path in dict.fromkeys(found) for target in _linked(path)]
    kept: dict[str, None] = {}
    for path in found:
        path = os.path.abspath(path)
        if os.path.exists(path) and not any(_below(one, (path,)) for one in wide):
            kept[path] = None
    # What lies in another one of them comes with it.
    return tuple(path for path in kept if not _below(path, [one for one in kept if one != path]))


def _linked(path: str) -> list[str]:
    """Where links in a folder lead: a workspace that was built with --symlink-install has its
    packages elsewhere."""
    try:
        with os.scandir(path) as entries:
            return [
                os.path.realpath(entry.path)
                for entry in itertools.islice(entries, ENTRIES_MAX) if entry.is_symlink()
            ]
    except OSError:
        return []
