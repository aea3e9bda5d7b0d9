# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The audit counts from a robot's disk what really happened."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from coordinator_samples import R1, R2, registration, spec

from swarm_coordinator.audit import audit, committed_entries, histories_agree
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.jobs.job import JobPhase
from swarm_coordinator.core.raft import Entry, EntryKind, HardState, Membership, Snapshot
from swarm_coordinator.core.replicated.apply import apply_command, apply_noop
from swarm_coordinator.core.replicated.command import (
    Command,
    CompleteJob,
    Grant,
    GrantJobs,
    HandBackJob,
    Issued,
    RegisterRobot,
    ReportJobs,
    SubmitJob,
    decode,
    encode,
)
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState
from swarm_coordinator.storage.log_store import LogStore
from swarm_coordinator.storage.recovery import Recovery

GRANT_1 = GrantJobs((Grant('r1-1-1', R1, 1, 1, 6000, ''),))
GRANT_2 = GrantJobs((Grant('r1-1-1', R2, 1, 2, 6000, ''),))
COMMANDS: tuple[Command, ...] = (
    registration(R1), registration(R2), SubmitJob('r1-1-1', R1, spec(), '', ''),
    GRANT_1,  # entry 5
    ReportJobs((HandBackJob('r1-1-1', 5, 'busy'),)), GRANT_2,  # entry 7
    ReportJobs((CompleteJob('r1-1-1', 5, 1, (), R1),)),  # of the former holder
    ReportJobs((CompleteJob('r1-1-1', 7, 1, (), R1),)),
    ReportJobs((CompleteJob('r1-1-1', 7, 1, (), R1),)),  # again, as another command
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


def compacted(folder: Path, at: int, first_kept: int, committed: int = 99) -> None:
    """A robot that made a snapshot after entry `at`, by the rules that all robots apply."""
    store = written(folder, committed)
    entries = store.load().entries
    state = ReplicatedState()
    for entry in entries[:at]:
        if entry.kind is EntryKind.COMMAND:
            apply_command(state, entry.index, entry.term, entry.stamp_ns, decode(entry.data))
        else:
            apply_noop(state, entry.index, entry.term, entry.stamp_ns)
    last = entries[at - 1]
    membership = Membership(((R1, 1), (R2, 2)))
    snapshot = Snapshot(at, last.term, last.stamp_ns, membership, encode_state(state))
    store.save_snapshot(snapshot, first_kept)
    store.close()


@pytest.mark.parametrize(('at', 'first_kept'), [(1, 2), (5, 4), (9, 10), (10, 6), (10, 11)])
def test_audit_goes_on_after_a_snapshot(tmp_path: Path, at: int, first_kept: int) -> None:
    compacted(tmp_path, at, first_kept)
    found = audit(tmp_path)
    assert found.accepted == {'r1-1-1': 1} and found.accepted_twice == 0
    assert found.state.jobs['r1-1-1'].phase is JobPhase.DONE
    assert [entry.index for entry in committed_entries(tmp_path)] == [*range(first_kept, 11)]


def test_robots_with_and_without_snapshots_agree(tmp_path: Path) -> None:
    written(tmp_path / 'r1', 99).close()
    written(tmp_path / 'r2', 7).close()
    compacted(tmp_path / 'r3', 5, 4)
    compacted(tmp_path / 'r4', 10, 11)
    compacted(tmp_path / 'r5', 5, 6)
    assert histories_agree(sorted(tmp_path.iterdir())) is None


def test_another_entry_at_an_index_is_found(tmp_path: Path) -> None:
    written(tmp_path / 'r1', 99).close()
    store = written(tmp_path / 'r2', 99)
    store.save(None, 10, [Entry(10, 1, EntryKind.NOOP, 5, b'')])
    store.close()
    difference = histories_agree([tmp_path / 'r1', tmp_path / 'r2'])
    assert difference is not None and difference.startswith('r1 and r2: entry 10 is command')


def test_uncommitted_entries_may_differ(tmp_path: Path) -> None:
    written(tmp_path / 'r1', 9).close()
    store = written(tmp_path / 'r2', 9)
    store.save(None, 10, [Entry(10, 1, EntryKind.NOOP, 5, b'')])
    store.close()
    assert histories_agree([tmp_path / 'r1', tmp_path / 'r2']) is None


def test_snapshot_of_another_state_is_found_by_replaying(tmp_path: Path) -> None:
    written(tmp_path / 'r1', 99).close()
    store = written(tmp_path / 'r2', 99)
    wrong = encode_state(ReplicatedState(applied_index=9))
    store.save_snapshot(Snapshot(9, 1, 5, Membership(((R1, 1),)), wrong), 10)
    store.close()
    difference = histories_agree([tmp_path / 'r1', tmp_path / 'r2'])
    assert difference is not None and 'the states after entry 9' in difference


def test_snapshots_at_the_same_entry_are_compared_with_their_membership(tmp_path: Path) -> None:
    for name, voter in (('r1', R1), ('r2', R2)):
        store = written(tmp_path / name, 99)
        data = encode_state(ReplicatedState(applied_index=9))
        store.save_snapshot(Snapshot(9, 1, 5, Membership(((voter, 1),)), data), 10)
        store.close()
    difference = histories_agree([tmp_path / 'r1', tmp_path / 'r2'])
    assert difference is not None and 'the memberships after entry 9' in difference


def test_recovered_robot_and_one_that_was_left_behind_are_two_swarms(tmp_path: Path) -> None:
    for name in ('r1', 'r2'):
        written(tmp_path / name, 99).close()
    with Recovery(tmp_path / 'r1', 'r1') as recovery:
        recovery.recover()
    difference = histories_agree([tmp_path / 'r1', tmp_path / 'r2'])
    assert difference == 'r1 and r2: 1 and 0 recoveries by force'


def test_snapshot_that_is_replaced_during_the_copy_is_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compacted(tmp_path, 5, 6)
    copies: list[object] = []
    copy = shutil.copy

    def gone_at_first(source: Path, target: Path) -> None:
        copies.append(source)
        if len(copies) == 1:
            raise FileNotFoundError(source)
        copy(source, target)

    monkeypatch.setattr('swarm_coordinator.audit.shutil.copy', gone_at_first)
    assert len(committed_entries(tmp_path)) == 5
    assert len(copies) == 2


def test_double_acceptance_would_be_seen() -> None:
    from swarm_coordinator.audit import Audit

    assert Audit(accepted={'a': 1, 'b': 2}).accepted_twice == 1
