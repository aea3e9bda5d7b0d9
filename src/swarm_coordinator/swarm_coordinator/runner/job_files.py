# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A job's folder: owns how its inputs get there, how its outputs are taken and how it goes."""

import contextlib
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.storage.blob_store import BlobStore


def bring_inputs(store: BlobStore, refs: tuple[FileRef, ...], folder: Path) -> None:
    """Copies, because a job may write to its inputs. Not made durable: the folder is not kept.

    Raises OSError and ValueError.
    """
    for ref in refs:
        target = folder / checked_file_name(ref.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(store.path(ref.sha256), target)


def take_outputs(store: BlobStore, names: tuple[str, ...], folder: Path) -> tuple[FileRef, ...]:
    """Each promised output in the store, pinned: all of them or none.

    Raises ValueError where the job did not keep its promise, OSError where there is no room.
    """
    taken: list[FileRef] = []
    try:
        for name in names:
            with _promised(folder, name) as path:
                taken.append(store.add_file(path, name))
    except BaseException:
        let_go(store, tuple(taken))
        raise
    return tuple(taken)


def let_go(store: BlobStore, refs: tuple[FileRef, ...]) -> None:
    for ref in refs:
        store.unpin(ref.sha256)


@contextlib.contextmanager
def _promised(folder: Path, name: str) -> Iterator[Path]:
    """A path to the open file. Raises ValueError.

    Opened folder by folder without following a link: nothing that the job left running, or does
    meanwhile, can put another file in its place.
    """
    *above, last = Path(name).parts
    with contextlib.ExitStack() as stack:
        try:
            at = _open(stack, str(folder), os.O_DIRECTORY)
            for part in above:
                at = _open(stack, part, os.O_DIRECTORY, at)
            # Without O_NONBLOCK a fifo would be waited for.
            at = _open(stack, last, os.O_NONBLOCK, at)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR) and above:
                raise ValueError(f'promised output {name!r} is outside its folder') from None
            raise ValueError(_missing(name)) from None
        if not stat.S_ISREG(os.fstat(at).st_mode):
            raise ValueError(_missing(name))
        yield Path(f'/proc/self/fd/{at}')


def _open(
    stack: contextlib.ExitStack, name: str, flags: int, folder: 'int | None' = None
) -> int:
    flags |= os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, dir_fd=folder)
    stack.callback(os.close, descriptor)
    return descriptor


def _missing(name: str) -> str:
    return f'promised output {name!r} is missing or not a regular file'


def inside(folder: Path, name: str) -> Path:
    """A path below `folder`, also after links in it are followed. Raises ValueError."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f'{name!r} is outside the folder of the job')
    return path


def remove_folder(folder: Path) -> None:
    """Also what a job made unreadable for us. What cannot be removed stays."""
    if os.path.islink(folder):
        os.unlink(folder)
        return

    def again(remove: Callable[[str], object], path: str, _: object) -> None:
        if os.geteuid() == 0:
            return  # nothing is unreadable, and chmod(2) would follow a link put there just now
        with contextlib.suppress(OSError):
            for each in (os.path.dirname(path), path):
                if not os.path.islink(each):
                    os.chmod(each, os.stat(each).st_mode | stat.S_IRWXU)
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path, ignore_errors=True)
            else:
                remove(path)

    if sys.version_info >= (3, 12):
        shutil.rmtree(folder, onexc=again)
    else:
        shutil.rmtree(folder, onerror=again)
