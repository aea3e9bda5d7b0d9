# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The folders of jobs go from one to the next, but never with anything in them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from swarm_coordinator.runner import folders
from swarm_coordinator.runner.folders import Folders


@pytest.fixture
def made(tmp_path: Path) -> Folders:
    one = Folders(tmp_path / 'jobs')
    one.clear()
    return one


def test_two_jobs_at_a_time_have_two_folders(made: Folders) -> None:
    first, second = made.take(), made.take()
    assert first != second and first.is_dir() and not any(second.iterdir())


def test_empty_folder_goes_to_the_next_job(made: Folders) -> None:
    first = made.take()
    assert made.give_back(first) and made.take() == first
    assert made.take() != first


SPOILED: list[Callable[[Path], object]] = [
    lambda path: (path / '.hidden').touch(),
    lambda path: (path / 'folder').mkdir(),
    lambda path: path.chmod(0o777),
    lambda path: path.chmod(0o500),
    lambda path: path.rmdir(),
    lambda path: (path.rmdir(), path.symlink_to('/tmp')),
    lambda path: (path.rmdir(), path.touch()),
]


@pytest.mark.parametrize('spoil', SPOILED)
def test_folder_that_is_not_as_it_was_is_not_given_to_another(
    made: Folders, spoil: Callable[[Path], object]
) -> None:
    path = made.take()
    spoil(path)
    assert not made.give_back(path) and made.take() != path


def test_folder_that_changed_while_nobody_had_it_is_not_given_to_another(made: Folders) -> None:
    path = made.take()
    assert made.give_back(path)
    (path / 'late').touch()
    assert made.take() != path and not path.exists()


def test_number_of_spare_folders_is_bounded(
    made: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, 'SPARE_MAX', 1)
    first, second = made.take(), made.take()
    assert made.give_back(first) and not made.give_back(second)


def test_folder_of_jobs_that_is_gone_is_told(made: Folders) -> None:
    shutil.rmtree(made.folder)
    with pytest.raises(FileNotFoundError):
        made.take()


def test_what_a_former_life_left_is_removed(made: Folders) -> None:
    (made.take() / 'shut').mkdir(mode=0)
    later = Folders(made.folder)
    later.clear()
    assert not any(made.folder.iterdir()) and not any(later.take().iterdir())
