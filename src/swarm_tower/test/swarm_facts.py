# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Short ways to make facts in tests. Owns defaults only."""

from __future__ import annotations

from typing import Any

from swarm_tower.core import facts

MS = 1_000_000
S = 1000 * MS


def beacon(robot_id: str = 'robot_a', leader: str = 'robot_a', **more: Any) -> facts.Beacon:
    values: dict[str, Any] = {
        'incarnation': 1,
        'role': 'leader' if robot_id == leader else 'follower',
        'term': 3,
        'commit_index': 10,
        'applied_index': 10,
        'mode': 'normal',
        'mode_epoch': 0,
        'emergency_epoch': 0,
        'cpu_permille': 250,
        'battery_permille': 640,
        'running_jobs': 1,
        'held_jobs': 2,
        'queued_work_ms': 0,
        'figures': None,
        **more,
    }
    return facts.Beacon(robot_id=robot_id, leader=leader, **values)


def member(robot_id: str, phase: str = 'healthy', voter: bool = True) -> facts.Member:
    return facts.Member(robot_id, voter, 1, phase, 4, ())


def mode(log_index: int = 10, **more: Any) -> facts.Mode:
    values: dict[str, Any] = {
        'mode': 'normal',
        'mode_epoch': 0,
        'reason': 'all is well',
        'overridden': False,
        'policy_mode': 'normal',
        'override_owner': '',
        'override_reason': '',
        'override_expires_ms': None,
        **more,
    }
    return facts.Mode(log_index=log_index, **values)


NO_JOBS = facts.JobCounts(0, 0, 0, 0, 0, 0, 0, 0)


def swarm_state(log_index: int = 10, **more: Any) -> facts.SwarmState:
    values: dict[str, Any] = {
        'sender': 'robot_a',
        'term': 3,
        'leader': 'robot_a',
        'commit_index': log_index,
        'voters': 3,
        'quorum': 2,
        'voters_heard': 3,
        'members': tuple(member(f'robot_{c}') for c in 'abc'),
        'mode': mode(log_index),
        'jobs': NO_JOBS,
        **more,
    }
    return facts.SwarmState(log_index=log_index, **values)


def job(job_id: str = 'job-1', phase: str = 'submitted', **more: Any) -> facts.Job:
    values: dict[str, Any] = {
        'origin': 'robot_a',
        'kind': 'exec',
        'argv': ('true',),
        'labels': (),
        'requires': (),
        'priority': 0,
        'effects': 'none',
        'timeout_ms': 0,
        'attempts_max': 3,
        'attempt': 0,
        'token': 0,
        'robot_id': '',
        'compute_unit': '',
        'parent': '',
        'progress_permille': 0,
        'progress_text': '',
        'result': '',
        'failures': 0,
        'losses': 0,
        'moves': 0,
        'retries': 0,
        'deadline_ms': 0,
        'not_before_ms': 0,
        'exit_code': None,
        'outputs': (),
        'outputs_delivered': False,
        'reason': '',
        'submitted_ms': 1000,
        'changed_ms': 1000,
        'run_ms': 0,
        **more,
    }
    return facts.Job(job_id=job_id, phase=phase, **values)


def event(text: str = 'something', **more: Any) -> facts.Event:
    values: dict[str, Any] = {
        'sender': 'robot_a',
        'incarnation': 1,
        'sequence': 0,
        'stamp_ms': 5,
        'log_index': 0,
        'kind': 'thing',
        'severity': 'info',
        'subject': '',
        'cause': '',
        'attributes': (),
        **more,
    }
    return facts.Event(text=text, **values)


def consciousness(term: int = 3, arousal: float = 0.5) -> facts.Consciousness:
    return facts.Consciousness('robot_a', term, arousal, 0.5, None, 2, 0.1, '')
