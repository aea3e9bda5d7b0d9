# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The mounts of a cage, as arguments: what is hidden, what comes back, in which order."""

from __future__ import annotations

import os
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from swarm_coordinator.runner import cage_calls, cage_view
from swarm_coordinator.runner.cage_view import View, closed_above, code_paths, mounts


@pytest.fixture
def view(tmp_path: Path) -> View:
    tmp_path.chmod(0o755)
    (tmp_path / 'jobs' / '1').mkdir(parents=True)
    folder = str(tmp_path / 'jobs' / '1')
    return View(folder, folder, hidden=(str(tmp_path),), others=False)


def pairs(arguments: list[str], option: str) -> list[str]:
    return [arguments[at + 1] for at, one in enumerate(arguments) if one == option]


def test_root_comes_first_and_the_folder_of_the_job_after_what_hides_it(view: View) -> None:
    arguments = mounts(view, sized=True)
    assert arguments[:3] == ['--ro-bind', '/', '/']
    bound = arguments.index('--bind')
    assert arguments[bound + 1 : bound + 3] == [view.folder, view.seen_as]
    assert all(arguments.index(one) < bound for one in ('/tmp', '--tmpfs'))
    assert pairs(arguments, '--bind') == [view.folder], 'nothing else may be written'


def test_what_is_emptied_is_read_only_in_the_end(view: View) -> None:
    arguments = mounts(view, sized=False)
    empty = set(pairs(arguments, '--tmpfs')) - set(cage_view.PRIVATE)
    assert empty and empty | {'/dev'} == set(pairs(arguments, '--remount-ro'))
    assert '--size' not in arguments


def test_way_to_what_comes_back_is_open_to_others(view: View, tmp_path: Path) -> None:
    arguments = mounts(replace(view, readable=(str(tmp_path / 'jobs'),)), sized=True)
    assert str(tmp_path) in pairs(arguments, '--dir')


def test_storage_inside_a_folder_of_code_stays_hidden(view: View, tmp_path: Path) -> None:
    arguments = mounts(replace(view, readable=(str(tmp_path.parent),)), sized=True)
    code = arguments.index(str(tmp_path.parent), arguments.index('--ro-bind', 3))
    assert str(tmp_path) in arguments[code:], 'after the code, so over it'


def test_closed_folder_on_the_way_is_found(tmp_path: Path) -> None:
    (tmp_path / 'a' / 'b' / 'c').mkdir(parents=True)
    closed = closed_above(str(tmp_path / 'a' / 'b' / 'c'))
    (tmp_path / 'a').chmod(0o700)
    assert closed_above(str(tmp_path / 'a' / 'b' / 'c')) == (closed or str(tmp_path / 'a'))
    assert closed_above('/usr/bin/env') == ''


def test_home_folder_is_no_folder_of_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / 'home'
    (home / 'ws' / 'src').mkdir(parents=True)
    monkeypatch.setenv('HOME', str(home))
    given = {'PYTHONPATH': os.pathsep.join(
        [str(home), str(tmp_path), str(home / 'ws'), str(home / 'ws' / 'src'), '/', '/none']
    )}
    found = code_paths(given)
    assert str(home / 'ws') in found and str(home / 'ws' / 'src') not in found
    assert not {str(home), str(tmp_path), '/', '/none'} & set(found)


@pytest.mark.parametrize('machine', cage_calls.MACHINES)
def test_filter_of_calls_is_a_program_whose_jumps_stay_inside(machine: str) -> None:
    program = cage_calls.filter_for(cage_calls.MACHINES[machine])
    steps = [struct.unpack_from('=HBBI', program, at) for at in range(0, len(program), 8)]
    assert steps[-1][0] == cage_calls.RETURN and len(steps) < 4096
    for at, (operation, yes, no, _) in enumerate(steps):
        assert operation == cage_calls.RETURN or at + 1 + max(yes, no) < len(steps)
