# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The life of a job: every pair of phase and event, and the diagram that is drawn from them."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest
from coordinator_samples import R1, spec

from swarm_coordinator.core.jobs.job import (
    ENDED_PHASES,
    HELD_PHASES,
    HISTORY_MAX,
    JOB_TRANSITIONS,
    FileRef,
    InvalidTransition,
    Job,
    JobEvent,
    JobPhase,
    next_phase,
)

ROOT = Path(__file__).parents[5]
PAIRS = list(itertools.product(JobPhase, JobEvent))

# Said a second time, by phase, so that a row that is changed by accident is noticed.
EXPECTED = {
    JobPhase.SUBMITTED: 'GRANTED>LEASED OPENED>RUNNING OVERDUE>EXPIRED WITHDRAWN>CANCELLED',
    JobPhase.LEASED: 'STARTED>RUNNING COMPLETED>DONE BROKE_DOWN>FAILED TRIED_AGAIN>SUBMITTED '
    'HANDED_BACK>SUBMITTED LEASE_ENDED>SUBMITTED REVOKED>SUBMITTED STOLEN>LEASED '
    'GIVEN_UP>QUARANTINED OVERDUE>EXPIRED WITHDRAWN>CANCELLED',
    JobPhase.RUNNING: 'COMPLETED>DONE BROKE_DOWN>FAILED TRIED_AGAIN>SUBMITTED '
    'HANDED_BACK>SUBMITTED LEASE_ENDED>SUBMITTED REVOKED>SUBMITTED STOLEN>LEASED '
    'GIVEN_UP>QUARANTINED LEFT_UNKNOWN>EXPIRED OVERDUE>EXPIRED WITHDRAWN>CANCELLED',
    JobPhase.DONE: '',
    JobPhase.FAILED: 'RETRIED>SUBMITTED',
    JobPhase.EXPIRED: 'RETRIED>SUBMITTED',
    JobPhase.CANCELLED: 'RETRIED>SUBMITTED',
    JobPhase.QUARANTINED: 'RETRIED>SUBMITTED',
}


def job(phase: JobPhase = JobPhase.SUBMITTED) -> Job:
    return Job('j1', R1, spec(), '', '', 1, 1, 1, 1, phase=phase)


@pytest.mark.parametrize(
    ('phase', 'event'), PAIRS, ids=[f'{p.name}-{e.name}' for p, e in PAIRS]
)
def test_every_pair_moves_as_the_table_says_or_changes_nothing(
    phase: JobPhase, event: JobEvent
) -> None:
    expected = dict(row.split('>') for row in EXPECTED[phase].split())
    subject = job(phase)
    if event.name in expected:
        subject.move(event, 5, 50, 'why')
        assert subject.phase is JobPhase[expected[event.name]]
        assert (subject.changed_index, subject.changed_ns) == (5, 50)
        assert subject.story[-1].what == 'why'
        return
    with pytest.raises(InvalidTransition) as refusal:
        subject.move(event, 5, 50, 'why')
    assert subject == job(phase)
    assert (refusal.value.phase, refusal.value.event) == (phase, event)
    for name in expected:
        assert JobEvent[name].value in str(refusal.value)
    assert expected or 'nothing' in str(refusal.value)


def test_every_phase_is_waiting_held_or_ended_and_can_be_reached() -> None:
    assert not HELD_PHASES & ENDED_PHASES
    assert set(JobPhase) == HELD_PHASES | ENDED_PHASES | {JobPhase.SUBMITTED}
    reached = {JobPhase.SUBMITTED}
    for _ in JobPhase:
        reached |= {to for (phase, _), to in JOB_TRANSITIONS.items() if phase in reached}
    assert reached == set(JobPhase)


def test_done_is_final_and_what_ended_otherwise_can_only_be_tried_again() -> None:
    for phase, event in itertools.product(ENDED_PHASES, JobEvent):
        if phase is JobPhase.DONE or event is not JobEvent.RETRIED:
            with pytest.raises(InvalidTransition):
                next_phase(phase, event)


def test_return_to_the_queue_starts_waiting_and_progress_anew() -> None:
    subject = job(JobPhase.RUNNING)
    subject.progress_permille = 700
    subject.move(JobEvent.LEASE_ENDED, 9, 90, 'silent')
    assert (subject.queued_ns, subject.progress_permille) == (90, 0)


def test_long_story_keeps_its_first_line_and_its_latest_ones() -> None:
    subject = job()
    for index in range(HISTORY_MAX + 10):
        subject.note(index, index, f'line {index}')
    assert len(subject.story) == HISTORY_MAX
    assert subject.story[0].what == 'line 0'
    assert subject.story[-1].what == f'line {HISTORY_MAX + 9}'
    assert subject.story[1].what == 'line 11'


@pytest.mark.parametrize(
    'sha256', ['', 'a' * 63, 'a' * 65, 'A' * 64, 'g' * 64, '/etc/passwd', '../' * 21 + 'a',
               'a' * 64 + '\n'],
)
def test_hash_that_is_no_hash_is_refused_because_it_becomes_a_path(sha256: str) -> None:
    with pytest.raises(ValueError, match='64 lower-case hexadecimal'):
        FileRef('a', 1, sha256)


@pytest.mark.parametrize('size_bytes', [-1, 2**63, 2**64 - 5])
def test_file_of_a_size_that_the_log_cannot_hold_is_refused(size_bytes: int) -> None:
    with pytest.raises(ValueError, match='expected a size'):
        FileRef('a', size_bytes, 'a' * 64)


def test_diagram_in_the_documentation_is_that_of_the_table() -> None:
    checked = subprocess.run(
        [sys.executable, 'scripts/lifecycles.py', '--check'],
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )
    assert checked.returncode == 0, checked.stderr
    shown = (ROOT / 'docs/lifecycles/job.md').read_text()
    for (phase, event), to in JOB_TRANSITIONS.items():
        assert f'    {phase.value} --> {to.value}: {event.value}\n' in shown


@pytest.mark.parametrize('phase', ['held', 'done'])
def test_invariants_of_a_job_notice_what_cannot_be(phase: str) -> None:
    subject = job(JobPhase.LEASED if phase == 'held' else JobPhase.DONE)
    with pytest.raises(AssertionError):
        subject.check_invariants()
