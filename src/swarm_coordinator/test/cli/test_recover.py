# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""swarmctl recover: loud, offline, and nothing without --force."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from swarm_coordinator.cli.swarmctl import main
from swarm_coordinator.core.raft import Entry, EntryKind, HardState, Membership, RobotId
from swarm_coordinator.storage.folder_lock import FolderLock
from swarm_coordinator.storage.log_store import LogStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = LogStore.open(tmp_path / 'log.sqlite')
    founding = Membership(
        ((RobotId('r1'), store.storage_id), (RobotId('r2'), 2), (RobotId('r3'), 3))
    )
    log = [
        Entry(1, 1, EntryKind.MEMBERSHIP, 1, founding.encode()),
        Entry(2, 1, EntryKind.COMMAND, 2, b'{}'),
    ]
    store.save(HardState(2, RobotId('r3'), 1), None, log)
    store.close()
    return tmp_path


def recover(folder: Path, *more: str, name: str = 'r1', before: tuple[str, ...] = ()) -> int:
    return main([*before, 'recover', '--storage-dir', str(folder), '--voter', name, *more])


def last_index(folder: Path) -> int:
    store = LogStore.open(folder / 'log.sqlite')
    store.close()
    return store.last_index


def test_without_force_it_only_tells(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recover(folder) == 2
    said = capsys.readouterr()
    assert 'term 2, voted for r3' in said.out and 'r2' in said.out
    assert '1 uncommitted entries would be taken as committed' in said.out
    assert 'Never do it on two robots' in said.out
    assert 'add --force' in said.err
    assert last_index(folder) == 2


def test_with_force_it_recovers_and_says_so_loudly(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recover(folder, '--force') == 0
    said = capsys.readouterr().out
    assert 'RECOVERED BY FORCE: entry 3 of term 3' in said and 'lineage 1' in said
    assert last_index(folder) == 3


def test_second_time_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recover(folder, '--force') == 0
    assert recover(folder, '--force') == 2
    assert 'only voter already' in capsys.readouterr().err
    assert last_index(folder) == 3


def test_json_has_both_what_was_found_and_what_was_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recover(folder, before=('--json',)) == 2
    found = json.loads(capsys.readouterr().out)
    assert (found['last_index'], found['uncommitted'], found['recovered']) == (2, 1, None)
    assert recover(folder, '--force', before=('--json',)) == 0
    done = json.loads(capsys.readouterr().out)['recovered']
    assert (done['index'], done['term'], done['lineage']) == (3, 3, 1)
    assert [seat['robot_id'] for seat in done['membership']['voters']] == ['r1']
    assert Path(done['backup']).is_dir()


def test_running_robot_is_left_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FolderLock.acquire(folder):
        assert recover(folder, '--force') == 1
    assert 'in use' in capsys.readouterr().err


@pytest.mark.parametrize(
    ('name', 'where', 'code'), [('no name', '', 2), ('r1', 'nowhere', 1)]
)
def test_wrong_arguments_are_explained(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, where: str, code: int
) -> None:
    assert recover(folder / where, '--force', name=name) == code
    assert 'expected' in capsys.readouterr().err
    assert last_index(folder) == 2


def test_it_needs_no_ros(folder: Path) -> None:
    """The machine with the last disk may be a laptop."""
    code = (
        'import sys; from swarm_coordinator.cli.swarmctl import main; code = main(sys.argv[1:]); '
        'assert not {"rclpy", "swarm_msgs"} & {*sys.modules}; sys.exit(code)'
    )
    done = subprocess.run(
        [sys.executable, '-c', code, 'recover', '--storage-dir', folder, '--voter', 'r1',
         '--force'],
        capture_output=True, text=True, check=False,
    )
    assert done.returncode == 0, done.stderr
