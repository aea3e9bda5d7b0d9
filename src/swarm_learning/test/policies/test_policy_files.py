# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the folder of policy versions."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from swarm_learning.storage import archive, policy_files
from swarm_learning.storage.checkpoint_file import Absent, Loaded, Rejected
from swarm_learning.storage.policy_files import PolicyFiles

MANIFEST: dict[str, Any] = {'schema': 1, 'kind': 'table'}


def table(value: float) -> dict[str, Any]:
    return {'values': np.full((2, 2), value)}


class Killed(BaseException):
    """The process is gone."""


def test_a_version_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    sha256 = files.add('p', 1, MANIFEST, table(1.0))
    kept = files.read('p', 1, sha256)
    assert kept.manifest == MANIFEST and np.array_equal(kept.arrays['values'], np.ones((2, 2)))
    assert files.add('p', 1, MANIFEST, table(1.0)) == sha256


def test_a_version_is_never_replaced(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    sha256 = files.add('p', 1, MANIFEST, table(1.0))
    with pytest.raises(FileExistsError, match='not kept yet'):
        files.add('p', 1, MANIFEST, table(2.0))
    assert files.read('p', 1, sha256).arrays['values'][0, 0] == 1.0
    with pytest.raises(ValueError, match='expected'):
        files.read('p', 1, '0' * 64)


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    sha256 = files.add('p', 1, MANIFEST, table(1.0))
    for path in sorted((tmp_path / 'versions/p/1').iterdir()):
        raw = path.read_bytes()
        for at in range(0, len(raw), 17):
            path.write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:])
            with pytest.raises((ValueError, FileNotFoundError)):
                files.read('p', 1, sha256)
        path.write_bytes(raw)


def test_what_no_record_names_is_swept_away_and_nothing_else(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    for name, version in (('p', 1), ('p', 2), ('q', 1)):
        files.add(name, version, MANIFEST, table(version))
    (tmp_path / 'versions/p/3.draft').mkdir()
    assert files.sweep({('p', 2)}) == (('p', 1), ('q', 1))
    assert files.kept() == (('p', 2),)
    assert not (tmp_path / 'versions/p/3.draft').exists()


@pytest.mark.parametrize('name', ['', '../x', 'A', 'a/b', 'x' * 41])
def test_a_name_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match='expected'):
        PolicyFiles(tmp_path).add(name, 1, MANIFEST, table(1.0))


def test_a_policy_from_elsewhere_is_read_by_folder_or_manifest(tmp_path: Path) -> None:
    archive.save(tmp_path / 'out', MANIFEST, table(3.0))
    files = PolicyFiles(tmp_path / 'kept')
    for path in (tmp_path / 'out', tmp_path / 'out/manifest.json'):
        assert files.read_from(path).manifest == MANIFEST
    with pytest.raises(ValueError, match='absolute'):
        files.read_from('out')
    with pytest.raises(FileNotFoundError):
        files.read_from(tmp_path / 'none')


def _change(files: PolicyFiles) -> None:
    """What the owner of the registry does when version 2 comes and version 1 goes."""
    sha256 = files.add('p', 2, MANIFEST, table(2.0))
    files.save_state({'p': {'2': sha256}})
    files.remove('p', 1)


def test_a_kill_at_any_point_leaves_a_usable_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each call that changes the disk, in turn, until none is left to kill."""
    calls = [(os, 'replace'), (os, 'fsync'), (Path, 'mkdir'), (shutil, 'rmtree')]
    for point in range(100):
        folder = tmp_path / str(point)
        files = PolicyFiles(folder)
        first = files.add('p', 1, MANIFEST, table(1.0))
        files.save_state({'p': {'1': first}})
        left = [point]
        with monkeypatch.context() as patch:
            for module, name in calls:
                real = getattr(module, name)

                def limited(
                    *given: Any, _real: Any = real, _left: list[int] = left, **named: Any
                ) -> Any:
                    if _left[0] == 0:
                        raise Killed
                    _left[0] -= 1
                    return _real(*given, **named)

                patch.setattr(module, name, limited)
            try:
                _change(files)
                killed = False
            except Killed:
                killed = True
        again = PolicyFiles(folder)
        state = again.load_state()
        assert isinstance(state, Loaded)
        (version, sha256), = state.content['p'].items()  # type: ignore[attr-defined]
        assert again.read('p', int(version), sha256).arrays['values'][0, 0] == float(version)
        again.sweep({('p', int(version))})
        assert again.kept() == (('p', int(version)),)
        if not killed:
            assert point > 5 and version == '2'
            return
    raise AssertionError('it was never let through')


def test_a_record_that_is_broken_is_put_aside_and_not_used(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    assert isinstance(files.load_state(), Absent)
    files.save_state({'p': {}})
    path = tmp_path / 'state/learning.json'
    path.write_bytes(path.read_bytes()[:-9])
    found = files.load_state()
    assert isinstance(found, Rejected) and Path(found.kept_as).exists()


def test_what_is_kept_of_one_policy_is_bounded(tmp_path: Path) -> None:
    big = {'values': np.zeros(policy_files.ARRAYS_BYTES_MAX // 8 + 1)}
    with pytest.raises(ValueError, match='expected at most'):
        PolicyFiles(tmp_path).add('p', 1, MANIFEST, big)
    assert PolicyFiles(tmp_path).kept() == ()
