# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stored files are let go when nobody needs them, and never before the sweep."""

from __future__ import annotations

from coordinator_samples import R1, R2, log_with_robots, ref, spec

from swarm_coordinator.core.events import DiscardFile, SweepFiles, UnpinFiles
from swarm_coordinator.core.files.custody import Custody
from swarm_coordinator.core.replicated.state import ReplicatedState

A, B = ref('a', 'a'), ref('b', 'b')


def swept() -> Custody:
    custody = Custody(R1)
    log = log_with_robots(R1)
    assert custody.sweep(log.state, 1) == [SweepFiles(frozenset())]
    return custody


def test_refused_submission_gives_its_files_back() -> None:
    custody = swept()
    custody.requested(1, (A,))
    assert custody.request_settled(1, (A,)) == [UnpinFiles((A.sha256,)), DiscardFile(A.sha256)]


def test_file_of_two_requests_stays_until_both_are_settled() -> None:
    custody = swept()
    custody.requested(1, (A,))
    custody.requested(2, (A,))
    assert custody.request_settled(1, (A,)) == [UnpinFiles((A.sha256,))]
    assert DiscardFile(A.sha256) in custody.request_settled(2, (A,))


def test_inputs_are_needed_at_the_origin_until_the_job_ends() -> None:
    custody = swept()
    log = log_with_robots(R1, R2)
    log.submit(what=spec(inputs=(A, B)))
    assert custody.account('j1', log.job(), None, None) == []
    token = log.grant()
    log.complete(token)
    assert custody.account('j1', log.job(), None, None) == [
        DiscardFile(sha256) for sha256 in sorted((A.sha256, B.sha256))
    ]


def test_nothing_is_discarded_before_the_sweep() -> None:
    custody = Custody(R1)
    custody.requested(1, (A,))
    assert custody.request_settled(1, (A,)) == [UnpinFiles((A.sha256,))]


def test_sweep_waits_for_a_command_of_this_life() -> None:
    custody = Custody(R1)
    assert custody.sweep(ReplicatedState(), 2) == []
    assert custody.sweep(log_with_robots(R1).state, 2) == [], 'that was the life before'
    assert custody.sweep(log_with_robots(R1).state, 1) != []
    assert custody.sweep(log_with_robots(R1).state, 1) == [], 'once'


def test_sweep_waits_for_jobs_whose_outputs_a_former_life_may_have_stored() -> None:
    custody = Custody(R1)
    log = log_with_robots(R1, R2)
    log.submit()
    token = log.grant(R2)
    custody.caught_up(log.state)
    assert custody.sweep(log.state, 1) == []
    log.complete(token)
    assert len(custody.sweep(log.state, 1)) == 1
