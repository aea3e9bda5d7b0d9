# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What RecordEvent does: owns which events of programs and people are let into the log.

Refuses kinds that the log itself says: `robot_dead` is a fact, not somebody's opinion.
"""

import re

from swarm_coordinator.core.leases.lease import refused_label
from swarm_coordinator.core.registry.services import refused_metadata
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import RecordEvent
from swarm_coordinator.core.replicated.event_log import SEVERITIES, Notable
from swarm_coordinator.core.replicated.rules import rule
from swarm_coordinator.core.replicated.state import ReplicatedState

TEXT_CHARS_MAX, SUBJECT_CHARS_MAX, KEY_CHARS_MAX = 500, 128, 128
ATTRIBUTES_MAX = 16
_KIND = re.compile(r'[A-Za-z][A-Za-z0-9_./]{0,63}\Z')

KINDS_OF_THE_LOG = frozenset(
    {
        'emergency_cleared',
        'events_left_out',
        'job_expired',
        'job_failed',
        'job_handed_back',
        'job_left_unknown',
        'job_quarantined',
        'job_reissued',
        'job_result_refused',
        'job_revoked',
        'leadership_asked',
        'lease_expired',
        'lease_granted',
        'lease_released',
        'lease_wait_over',
        'member_wished',
        'mode_changed',
        'model_recorded',
        'outputs_not_delivered',
        'robot_dead',
        'robot_heard',
        'robot_joined',
        'robot_left',
        'robot_returned',
        'service_gone',
        'service_registered',
    }
)


@rule(RecordEvent)
def _record(command: RecordEvent, state: ReplicatedState, done: Applied) -> None:
    done.refused = refused_event(command)
    if done.refused:
        return
    earlier = state.events.index_by_key.get(command.key) if command.key else None
    if earlier is not None:
        done.value, done.duplicate = str(earlier), True
        return
    done.value = str(state.applied_index)
    done.notable.append(
        Notable(
            command.kind,
            command.severity,
            command.subject,
            command.text,
            command.cause,
            command.attributes,
            done.by,
            command.key,
        )
    )


def refused_event(command: RecordEvent) -> str:
    """'' for a valid event, else what was expected."""
    if not _KIND.match(command.kind):
        return (
            f'kind={command.kind[:80]!r}: expected 1 to 64 of A-Z a-z 0-9 _ . /, a letter first'
        )
    if command.kind in KINDS_OF_THE_LOG:
        return f'kind={command.kind!r} is said by the log itself: expected another'
    if command.severity not in SEVERITIES:
        return f'severity={command.severity[:40]!r}: expected one of {", ".join(SEVERITIES)}'
    return (
        refused_label('subject', command.subject, SUBJECT_CHARS_MAX)
        or refused_label('text', command.text, TEXT_CHARS_MAX, needed=True)
        or refused_label('cause', command.cause, SUBJECT_CHARS_MAX)
        or refused_label('key', command.key, KEY_CHARS_MAX)
        or refused_metadata(command.attributes, ATTRIBUTES_MAX)
    )
