# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about the mode, the operator's override and the emergency do."""

from dataclasses import replace

from swarm_coordinator.core.emergency import EPOCH_JUMP_MAX, TEXT_MAX
from swarm_coordinator.core.leases.lease import refused_label
from swarm_coordinator.core.modes.mode import Mode
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    INTEGER_MAX,
    ClearEmergency,
    ClearOverride,
    SetMode,
    SetOverride,
)
from swarm_coordinator.core.replicated.event_log import WARN, Notable
from swarm_coordinator.core.replicated.rules import after, rule
from swarm_coordinator.core.replicated.state import Override, ReplicatedState

OWNER_CHARS_MAX, REASON_CHARS_MAX = 128, 500  # a name and a sentence


@rule(SetMode)
def _set_mode(command: SetMode, state: ReplicatedState, done: Applied) -> None:
    state.policy_mode = command.mode
    _settle_mode(state, done, command.reason)


@rule(SetOverride)
def _set_override(command: SetOverride, state: ReplicatedState, done: Applied) -> None:
    if not command.reason.strip() or not command.owner.strip() or command.duration_ms <= 0:
        done.refused = 'an override needs an owner, a reason and a duration above zero'
        return
    state.override = Override(
        command.mode,
        command.owner,
        command.reason,
        after(state.stamp_ns, command.duration_ms),
    )
    _settle_mode(state, done, f'override by {command.owner}: {command.reason}')


@rule(ClearOverride)
def _clear_override(command: ClearOverride, state: ReplicatedState, done: Applied) -> None:
    if state.override is None:
        done.refused = 'there is no override'
        return
    state.override = None
    _settle_mode(state, done, f'override cleared by {command.owner}: {command.reason}')


def _settle_mode(state: ReplicatedState, done: Applied, reason: str) -> None:
    mode: Mode = state.override.mode if state.override is not None else state.policy_mode
    done.mode = True
    changed = mode is not state.mode
    state.mode = mode
    state.mode_epoch = state.applied_index
    if state.override is None or changed or reason.startswith('override'):
        state.mode_reason = reason
    if changed:
        state.mode_since_ns = state.stamp_ns
        done.notable.append(Notable('mode_changed', 'info', mode.label, f'{mode.label}: {reason}'))


def hold_override(state: ReplicatedState, for_ns: int) -> None:
    """Nobody led for that much of the log's time: none of it counts."""
    if state.override is not None:
        expires_ns = min(INTEGER_MAX, state.override.expires_ns + for_ns)
        state.override = replace(state.override, expires_ns=expires_ns)


def expire_override(state: ReplicatedState, done: Applied) -> None:
    if state.override is not None and state.override.expires_ns <= state.stamp_ns:
        owner = state.override.owner
        state.override = None
        _settle_mode(state, done, f'the override of {owner} ended')


# ---- emergency


@rule(ClearEmergency)
def _clear_emergency(command: ClearEmergency, state: ReplicatedState, done: Applied) -> None:
    """The epoch only grows. An emergency that is raised later has a higher one and is not
    touched by this."""
    done.refused = _refused_clear(command, state.emergency_cleared_epoch)
    if done.refused:
        return
    if command.epoch == state.emergency_cleared_epoch:
        done.duplicate = True
        return
    state.emergency_cleared_epoch = command.epoch
    state.emergency_cleared_by = command.raised_by
    done.emergency = True
    done.notable.append(
        Notable(
            'emergency_cleared',
            WARN,
            str(command.epoch),
            f'emergency {command.epoch} cleared by {command.owner}: {command.reason}',
        )
    )


def _refused_clear(command: ClearEmergency, cleared: int) -> str:
    """'' for what can be cleared, else what was expected. An epoch far above the last one is
    garbled or hostile: taken at its word, no later emergency could be cleared any more."""
    low, high = max(1, cleared), cleared + EPOCH_JUMP_MAX
    if not low <= command.epoch <= high:
        return f'epoch {command.epoch}: expected {low} to {high}'
    if len(command.raised_by) > TEXT_MAX:
        # Any characters: it is as it was raised, and must be possible to clear.
        return f'raised_by: expected at most {TEXT_MAX} characters, got {len(command.raised_by)}'
    return refused_label(
        'owner', command.owner, OWNER_CHARS_MAX, needed=True
    ) or refused_label('reason', command.reason, REASON_CHARS_MAX, needed=True)
