# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Private files: nobody else could ever read one that is written, and one that others can read is
not read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from identity_samples import refused

from swarm_coordinator.security import key_files
from swarm_coordinator.security.key_files import (
    alone,
    check_private_folder,
    make_private_folder,
    read_private,
    read_public,
    write_private,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_private_folder(tmp_path / 'keys')
    return tmp_path / 'keys'


@pytest.fixture(params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    before = os.umask(request.param)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def test_folder_and_file_are_private_whatever_the_umask(umask: None, tmp_path: Path) -> None:
    make_private_folder(tmp_path / 'above' / 'keys')
    path = tmp_path / 'above' / 'keys' / 'secret'
    write_private(path, b'one')
    write_private(path, b'two')
    assert (mode(path.parent), mode(path)) == (0o700, 0o600)
    assert read_private(path) == b'two'


def test_a_file_is_private_before_anything_is_in_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    really = os.open

    def watched(path, flags, *rest, **more):  # type: ignore[no-untyped-def]
        descriptor = really(path, flags, *rest, **more)
        if flags & os.O_CREAT:
            seen.append((os.fstat(descriptor).st_mode & 0o777, os.fstat(descriptor).st_size))
        return descriptor

    monkeypatch.setattr(os, 'open', watched)
    write_private(folder / 'secret', b'one')
    assert seen == [(0o600, 0)]


def test_what_a_crash_left_is_written_over_and_a_link_there_is_not_followed(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / 'victim').write_bytes(b'mine')
    (folder / 'secret.tmp').symlink_to(tmp_path / 'victim')
    write_private(folder / 'secret', b'one')
    assert (tmp_path / 'victim').read_bytes() == b'mine'
    assert read_private(folder / 'secret') == b'one'


@pytest.mark.parametrize('bits', [0o040, 0o004, 0o020, 0o002, 0o010, 0o001, 0o077])
def test_a_file_that_others_can_use_is_refused_with_the_command_that_helps(
    folder: Path, bits: int
) -> None:
    path = folder / 'secret'
    write_private(path, b'one')
    path.chmod(0o600 | bits)
    with refused('exposed') as caught:
        read_private(path)
    assert f'mode {0o600 | bits:04o}' in str(caught.value)
    assert f'chmod 0600 {path}' in str(caught.value)
    path.chmod(0o600)
    assert read_private(path) == b'one'


@pytest.mark.parametrize('bits', [0o050, 0o005, 0o020, 0o001])
def test_a_folder_that_others_can_use_is_refused(folder: Path, bits: int) -> None:
    folder.chmod(0o700 | bits)
    for look in (check_private_folder, make_private_folder):
        with refused('exposed') as caught:
            look(folder)
        assert f'chmod 0700 {folder}' in str(caught.value)


def test_symbolic_links_are_refused(folder: Path, tmp_path: Path) -> None:
    write_private(folder / 'secret', b'one')
    (folder / 'link').symlink_to(folder / 'secret')
    (tmp_path / 'linked').symlink_to(folder)
    with refused('damaged') as caught:
        read_private(folder / 'link')
    assert 'symbolic link' in str(caught.value)
    with refused('damaged') as caught:
        check_private_folder(tmp_path / 'linked')
    assert 'symbolic link' in str(caught.value)


def test_a_link_that_comes_between_look_and_open_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(folder / 'secret', b'one')
    (folder / 'link').symlink_to(folder / 'secret')
    monkeypatch.setattr(Path, 'is_symlink', lambda _: False)
    with refused('damaged'):
        read_private(folder / 'link')


@pytest.mark.skipif(os.geteuid() != 0, reason='not here: only root can give files away')
def test_files_and_folders_of_another_user_are_refused(folder: Path) -> None:
    path = folder / 'secret'
    write_private(path, b'one')
    os.chown(path, 12345, 12345)
    with refused('wrong_owner') as caught:
        read_private(path)
    assert 'user 12345' in str(caught.value) and 'chown' in str(caught.value)
    os.chown(folder, 12345, 12345)
    with refused('wrong_owner'):
        check_private_folder(folder)


def test_another_user_is_noticed_without_being_root(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(folder / 'secret', b'one')
    me = os.geteuid()
    monkeypatch.setattr(os, 'geteuid', lambda: me + 1)
    with refused('wrong_owner'):
        read_private(folder / 'secret')


def test_what_is_no_file_is_refused_and_holds_nobody(folder: Path) -> None:
    os.mkfifo(folder / 'pipe', 0o600)
    (folder / 'folder').mkdir(0o700)
    for name in ('pipe', 'folder'):
        for read in (read_private, read_public):
            with refused('damaged'):
                read(folder / name, 100)
    with refused('damaged'):
        read_public(Path('/dev/zero'), 100)
    write_private(folder / 'file', b'')
    with refused('damaged'):
        check_private_folder(folder / 'file')


def test_sizes_are_bounded(folder: Path) -> None:
    write_private(folder / 'secret', b'x' * 100)
    assert len(read_private(folder / 'secret', 100)) == 100
    with refused('damaged') as caught:
        read_private(folder / 'secret', 99)
    assert 'at most 99 bytes' in str(caught.value)


def test_what_is_not_there_is_missing(folder: Path) -> None:
    for look in (read_private, check_private_folder, make_folder_below_a_file):
        with refused('missing' if look is not make_folder_below_a_file else 'damaged'):
            look(folder / 'nothing')


def make_folder_below_a_file(path: Path) -> None:
    write_private(path, b'')
    make_private_folder(path / 'keys')


def test_descriptors_are_given_back(folder: Path) -> None:
    write_private(folder / 'secret', b'one')
    (folder / 'folder').mkdir()
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(20):
        read_private(folder / 'secret')
        with alone(folder):
            pass
        with pytest.raises(ValueError):
            read_private(folder / 'folder')
        with pytest.raises(ValueError):
            read_private(folder / 'secret', 1)
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_full_disk_is_told_and_leaves_the_former_content(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(folder / 'secret', b'one')

    def fails(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(key_files.PrivateFiles, 'sync', fails)
    with refused('damaged') as caught:
        write_private(folder / 'secret', b'two')
    assert 'No space left' in str(caught.value)
    assert read_private(folder / 'secret') == b'one'


COUNT = """
import sys
from pathlib import Path
from swarm_coordinator.security.key_files import alone, read_private, write_private
folder = Path(sys.argv[1])
for _ in range(20):
    with alone(folder):
        write_private(folder / 'count', b'%d' % (int(read_private(folder / 'count')) + 1))
"""


def test_processes_wait_for_one_another(folder: Path) -> None:
    write_private(folder / 'count', b'0')
    processes = [
        subprocess.Popen([sys.executable, '-c', COUNT, str(folder)]) for _ in range(3)
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert read_private(folder / 'count') == b'60'
