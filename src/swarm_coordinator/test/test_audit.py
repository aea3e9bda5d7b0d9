# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The audit counts from a robot's disk what really happened."""

from __future__ import annotations

from pathlib import Path

import pytest
from coordinator_samples import R1, R2, registration, spec

from swarm_coordinator.audit import audit, committed_entries
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.raft import Entry, EntryKind, HardState
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Issued,
    RegisterRobot,
    SubmitJob,
    encode,
)
from swarm_coordinator.storage.log_store import LogStore

GRANT_1 = GrantJobs((Grant('r1-1-1', R1, 1, 1, 6000, ''),))
GRANT_2 = GrantJobs((Grant('r1-1-1', R2, 1, 2, 6000, ''),))
COMMANDS: tuple[Command, ...] = (
    registration(R1), registration(R2), SubmitJob('r1-1-1', R1, spec(), '', ''),
    GRANT_1,  # entry 5
    HandBackJob('r1-1-1', 5, 'busy'), GRANT_2,  # entry 7
    CompleteJob('r1-1-1', 5, 1, (), R1),  # of the former holder
    CompleteJob('r1-1-1', 7, 1, (), R1),
    CompleteJob('r1-1-1', 7, 1, (), R1),  # again, as another command
)


def issuer_of(command: Command) -> RobotId:
    return command.robot_id if isinstance(command, RegisterRobot) else R1


def written(folder: Path, committed: int, repeat_last: bool = False) -> LogStore:
    noop = Entry(1, 1, EntryKind.NOOP, 5, b'')
    entries = [noop] + [
        Entry(n + 1, 1, EntryKind.COMMAND, 5, encode(Issued(issuer_of(command), 1, n, 1, command)))
        for n, command in enumerate(COMMANDS, 1)
    ]
    if repeat_last:
        last = entries[-2]
        entries.append(Entry(len(entries) + 1, 1, EntryKind.COMMAND, 5, last.data))
    store = LogStore.open(folder / 'log.sqlite')
    store.save(HardState(1, R1, min(committed, len(entries))), None, tuple(entries))
    return store


def test_accepted_and_refused_completions_are_counted_while_the_robot_runs(
    tmp_path: Path,
) -> None:
    store = written(tmp_path, 99)
    found = audit(tmp_path)
    store.close()
    assert found.accepted == {'r1-1-1': 1} and found.accepted_twice == 0
    assert found.refused == 2
    assert found.reissued == 1
    assert found.state.jobs['r1-1-1'].phase is JobPhase.DONE


def test_repeated_command_is_no_second_completion(tmp_path: Path) -> None:
    written(tmp_path, 99, repeat_last=True).close()
    assert audit(tmp_path).accepted == {'r1-1-1': 1} and audit(tmp_path).refused == 2


@pytest.mark.parametrize('committed', [0, 3, 8])
def test_only_committed_entries_count(tmp_path: Path, committed: int) -> None:
    written(tmp_path, committed).close()
    assert len(committed_entries(tmp_path)) == committed
    assert audit(tmp_path).accepted == {}


def test_audit_changes_nothing(tmp_path: Path) -> None:
    written(tmp_path, 9).close()
    before = (tmp_path / 'log.sqlite').read_bytes()
    audit(tmp_path)
    assert (tmp_path / 'log.sqlite').read_bytes() == before


def test_double_acceptance_would_be_seen() -> None:
    from swarm_coordinator.audit import Audit

    assert Audit(accepted={'a': 1, 'b': 2}).accepted_twice == 1
