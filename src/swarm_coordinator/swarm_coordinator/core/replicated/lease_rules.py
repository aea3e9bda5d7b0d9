# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What commands about leases do: owns who may have one and what is said of it.

A lease ends when it is given back or by its time to live, by the stamps of the log, and by nothing
else: not with the robot that it was asked through. Whoever has the token renews it through any
robot. Waits end with that life of the robot, for nobody could tell the client of the grant.
The token of a lease is the index of the entry that granted it: of one resource it only grows, so
that the resource itself can refuse whoever comes with an older one (fencing.py).
"""

from dataclasses import replace

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.leases.lease import (
    HOLDER_CHARS_MAX,
    KEY_CHARS_MAX,
    TTL_MS_MAX,
    TTL_MS_MIN,
    WAIT_MS_MAX,
    ClaimEvent,
    ClaimPhase,
    Lease,
    LeaseAnswer,
    Waiter,
    refused_label,
    refused_resource,
)
from swarm_coordinator.core.leases.lease_book import (
    LEASES_MAX,
    WAITERS_MAX,
    WAITERS_PER_RESOURCE_MAX,
    remaining_ms,
)
from swarm_coordinator.core.replicated.applied import Applied
from swarm_coordinator.core.replicated.command import (
    AcquireLease,
    CancelWait,
    ReleaseLease,
    RenewLease,
)
from swarm_coordinator.core.replicated.event_log import INFO, WARN, Notable
from swarm_coordinator.core.replicated.rules import after, rule
from swarm_coordinator.core.replicated.state import ReplicatedState

# How a lease ended: the kind of the event, and whether it is news.
_ENDED = {
    ClaimPhase.RELEASED: ('lease_released', INFO),
    ClaimPhase.EXPIRED: ('lease_expired', WARN),
}


@rule(AcquireLease)
def _acquire(command: AcquireLease, state: ReplicatedState, done: Applied) -> None:
    done.refused = refused_claim(command) or _refused_robot(command, state)
    if done.refused:
        done.lease = state.leases.answer(command.resource, state.stamp_ns, ClaimPhase.REFUSED)
        return
    earlier = state.leases.claim_of(
        command.resource,
        command.robot_id,
        command.incarnation,
        command.holder,
        command.key,
        state.stamp_ns,
    )
    if earlier is not None:
        _again(earlier, done)
        return
    claim = _claim(command, state)
    lease = state.leases.held.get(command.resource)
    if lease is not None:
        _queue(command, claim, lease, state, done)
    elif len(state.leases.held) >= LEASES_MAX:
        _turn_down(command, state, done, f'{LEASES_MAX} resources are held already')
    else:
        granted = state.leases.grant(
            command.resource, claim, state.applied_index, state.stamp_ns
        )
        _say_granted(granted, done)
        done.value = f'granted:{granted.token}'
        done.lease = state.leases.answer(command.resource, state.stamp_ns, ClaimPhase.HELD)


def refused_claim(command: AcquireLease) -> str:
    """'' for a claim that can be asked for, else what was expected."""
    problem = (
        refused_resource(command.resource)
        or refused_label('holder', command.holder, HOLDER_CHARS_MAX, needed=True)
        or refused_label('key', command.key, KEY_CHARS_MAX)
        or _refused_ttl(command.ttl_ms)
    )
    if problem or 0 <= command.wait_ms <= WAIT_MS_MAX:
        return problem
    return f'wait_ms={command.wait_ms}: expected 0 to {WAIT_MS_MAX}'


def _refused_ttl(ttl_ms: int) -> str:
    if TTL_MS_MIN <= ttl_ms <= TTL_MS_MAX:
        return ''
    return f'ttl_ms={ttl_ms}: expected {TTL_MS_MIN} to {TTL_MS_MAX}'


def _refused_robot(command: AcquireLease, state: ReplicatedState) -> str:
    if state.present(command.robot_id, command.incarnation):
        return ''
    return (
        f'{command.robot_id} is not present in incarnation {command.incarnation}: it must be '
        'registered and heard'
    )


def _claim(command: AcquireLease, state: ReplicatedState) -> Waiter:
    return Waiter(
        command.holder,
        state.members[command.robot_id].robot_id,  # the one string of it, not ten thousand
        command.incarnation,
        command.ttl_ms,
        after(state.stamp_ns, command.wait_ms),
        command.key,
        state.applied_index,
    )


def _again(earlier: LeaseAnswer, done: Applied) -> None:
    """The same key: the same lease or the same place in the queue, and nothing changes."""
    done.duplicate = True
    done.lease = earlier
    if earlier.phase is ClaimPhase.WAITING:
        done.value = 'waiting'
    elif earlier.remaining_ms == 0:
        # It ends with the next ExpireDue; nobody may begin to use it now.
        done.lease = replace(earlier, phase=ClaimPhase.REFUSED)
        done.refused = f'the lease under token {earlier.token} is over'
    else:
        done.value = f'granted:{earlier.token}'


def _queue(
    command: AcquireLease, claim: Waiter, lease: Lease, state: ReplicatedState, done: Applied
) -> None:
    if command.wait_ms == 0:
        _turn_down(command, state, done, _held_by(lease, state))
    elif len(lease.waiters) >= WAITERS_PER_RESOURCE_MAX:
        text = f'{WAITERS_PER_RESOURCE_MAX} wait for {command.resource} already'
        _turn_down(command, state, done, text)
    elif state.leases.waiting >= WAITERS_MAX:
        _turn_down(command, state, done, f'{WAITERS_MAX} wait for leases already')
    else:
        place = state.leases.queue(command.resource, claim)
        done.leases[command.resource] = None
        done.value = 'waiting'
        done.lease = LeaseAnswer(
            ClaimPhase.WAITING,
            command.resource,
            lease.token,
            lease.holder,
            lease.robot_id,
            command.wait_ms,
            place,
        )


def _turn_down(
    command: AcquireLease, state: ReplicatedState, done: Applied, reason: str
) -> None:
    done.refused = reason
    done.lease = state.leases.answer(command.resource, state.stamp_ns, ClaimPhase.REFUSED)


def _held_by(lease: Lease, state: ReplicatedState) -> str:
    return (
        f'{lease.resource} is held by {lease.holder} at {lease.robot_id} under token '
        f'{lease.token} for another {remaining_ms(lease.expires_ns, state.stamp_ns)} ms'
    )


def _current(
    resource: str, token: int, state: ReplicatedState, done: Applied
) -> Lease | None:
    """The lease if `token` is that of its grant; otherwise it is refused with the evidence."""
    lease = state.leases.held.get(resource)
    if lease is not None and lease.token == token:
        return lease
    held = f'{resource[:80]} is not held' if lease is None else _held_by(lease, state)
    done.refused = f'{held}; token {token} was presented'
    done.lease = state.leases.answer(resource, state.stamp_ns, ClaimPhase.REFUSED, token)
    return None


@rule(RenewLease)
def _renew(command: RenewLease, state: ReplicatedState, done: Applied) -> None:
    lease = _current(command.resource, command.token, state, done)
    if lease is None:
        return
    if command.ttl_ms:
        done.refused = _refused_ttl(command.ttl_ms)
    if not done.refused and not lease.is_live(state.stamp_ns):
        # Reviving it would let a holder act that slept through its time, while others may have
        # planned with the resource being free. It ends with the next ExpireDue.
        done.refused = (
            f'{command.resource}: the time of token {command.token} ended before the renewal'
        )
    phase = ClaimPhase.REFUSED if done.refused else ClaimPhase.HELD
    if not done.refused:
        state.leases.renew(lease, command.ttl_ms or lease.ttl_ms, state.stamp_ns)
        done.leases[command.resource] = None
    done.lease = state.leases.answer(command.resource, state.stamp_ns, phase, command.token)


@rule(ReleaseLease)
def _release(command: ReleaseLease, state: ReplicatedState, done: Applied) -> None:
    lease = _current(command.resource, command.token, state, done)
    if lease is None:
        return
    _end(lease, ClaimEvent.GIVEN_BACK, state, done, f'{lease.holder} gave it back')
    done.lease = state.leases.answer(
        command.resource, state.stamp_ns, ClaimPhase.RELEASED, command.token
    )


@rule(CancelWait)
def _cancel(command: CancelWait, state: ReplicatedState, done: Applied) -> None:
    lease = state.leases.held.get(command.resource)

    def wanted(waiter: Waiter) -> bool:
        return (waiter.holder, waiter.robot_id) == (command.holder, command.robot_id) and (
            not command.key or waiter.key == command.key
        )

    if lease is not None and state.leases.drop(lease, ClaimEvent.WITHDRAWN, wanted):
        done.leases[command.resource] = None
        done.lease = state.leases.answer(
            command.resource, state.stamp_ns, ClaimPhase.CANCELLED
        )
        return
    _refuse_cancel(command, lease, state, done)


def _refuse_cancel(
    command: CancelWait, lease: Lease | None, state: ReplicatedState, done: Applied
) -> None:
    """The grant may have come first: then the caller holds it and must be told so."""
    own = lease is not None and (lease.holder, lease.robot_id, lease.key) == (
        command.holder,
        command.robot_id,
        command.key,
    )
    if lease is not None and own:
        done.refused = f'the wait is over: {command.resource} was granted, token {lease.token}'
        done.value = f'granted:{lease.token}'
    else:
        done.refused = f'{command.holder[:80]} does not wait for {command.resource[:80]}'
    phase = ClaimPhase.HELD if own else ClaimPhase.REFUSED
    done.lease = state.leases.answer(command.resource, state.stamp_ns, phase)


# ---- shared with the rules about robots and time


def expire_leases(state: ReplicatedState, done: Applied) -> None:
    """Leases first, so that a waiter whose wait ends now is still in its queue and is passed
    over there."""
    for lease in state.leases.pop_ended(state.stamp_ns):
        _end(lease, ClaimEvent.TIME_OVER, state, done, f'{lease.holder} did not renew it')
    stamp_ns = state.stamp_ns
    for lease in state.leases.pop_waited(stamp_ns):
        dropped = state.leases.drop(
            lease, ClaimEvent.TIME_OVER, lambda waiter: waiter.deadline_ns <= stamp_ns
        )
        for waiter in dropped:
            _say_dropped(lease.resource, waiter, ClaimPhase.TIMED_OUT, done)


def drop_waiters_of(
    robot_id: RobotId, incarnation_below: int, state: ReplicatedState, done: Applied
) -> None:
    """Lives of the robot before `incarnation_below` are over, and with them their places in
    queues; what they hold stays until its time is over."""

    def gone(waiter: Waiter) -> bool:
        return waiter.robot_id == robot_id and waiter.incarnation < incarnation_below

    for lease in state.leases.held.values():
        if lease.waiters:
            for waiter in state.leases.drop(lease, ClaimEvent.ROBOT_LOST, gone):
                _say_dropped(lease.resource, waiter, ClaimPhase.LOST, done)


def _end(
    lease: Lease, event: ClaimEvent, state: ReplicatedState, done: Applied, why: str
) -> None:
    ended = state.leases.end(
        lease,
        event,
        state.applied_index,
        state.stamp_ns,
        lambda waiter: state.present(waiter.robot_id, waiter.incarnation),
    )
    done.leases[lease.resource] = None
    kind, severity = _ENDED[ended.phase]
    text = f'{lease.resource} of {lease.holder} at {lease.robot_id}: {why}'
    kept = ended.phase is not ClaimPhase.RELEASED
    done.notable.append(_notable(kind, severity, lease, text, kept))
    for waiter, phase in ended.dropped:
        _say_dropped(lease.resource, waiter, phase, done)
    if ended.granted is not None:
        _say_granted(ended.granted, done)


def _say_granted(lease: Lease, done: Applied) -> None:
    done.leases[lease.resource] = None
    text = f'{lease.resource} is held by {lease.holder} at {lease.robot_id}'
    done.notable.append(_notable('lease_granted', INFO, lease, text, kept=False))


def _say_dropped(resource: str, waiter: Waiter, phase: ClaimPhase, done: Applied) -> None:
    done.leases[resource] = None
    done.notable.append(
        Notable(
            'lease_wait_over',
            INFO,
            resource,
            f'{waiter.holder} at {waiter.robot_id} does not wait for {resource} any more: '
            f'{phase.value}',
            attributes=(('holder', waiter.holder), ('robot_id', waiter.robot_id)),
            kept=False,
        )
    )


def _notable(kind: str, severity: str, lease: Lease, text: str, kept: bool) -> Notable:
    return Notable(
        kind,
        severity,
        lease.resource,
        text,
        attributes=(
            ('holder', lease.holder),
            ('robot_id', lease.robot_id),
            ('token', str(lease.token)),
        ),
        kept=kept,
    )
