# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages to core values and back, through the wire format."""

from __future__ import annotations

from typing import Any

import pytest
from coordinator_samples import R1, R2, log_with_robots
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='needs ROS 2')

from rclpy.serialization import deserialize_message, serialize_message  # noqa: E402
from swarm_msgs import msg  # noqa: E402

from swarm_coordinator.core.modes.mode import Activity, Mode, allows  # noqa: E402
from swarm_coordinator.core.raft import (  # noqa: E402
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    Message,
    ReadReply,
    ReadRequest,
    Role,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
)
from swarm_coordinator.core.registry.suspicion import Liveness  # noqa: E402
from swarm_coordinator.core.replicated.command import (  # noqa: E402
    CapabilitySpec,
    SetOverride,
)
from swarm_coordinator.core.succession import WorkReputation  # noqa: E402
from swarm_coordinator.ros import conversions as to  # noqa: E402

U64 = st.integers(0, 2**64 - 1)
U32 = st.integers(0, 2**32 - 1)
TEXT = st.text(st.characters(exclude_categories=('Cs',), exclude_characters='\0'), max_size=20)
ENTRIES = st.builds(
    Entry, U64, U64, st.sampled_from(EntryKind), st.integers(-(2**63), 2**63 - 1),
    st.binary(max_size=40),
)


def through_the_wire(message: Any) -> Any:
    return deserialize_message(serialize_message(message), type(message))


def addressed(message: Any, sent: Message) -> Any:
    message.envelope.sender = sent.sender
    message.envelope.recipient = sent.recipient or ''
    message.envelope.storage_id = sent.storage_id
    return message


@settings(max_examples=100, deadline=None)
@given(
    message=st.one_of(
        st.builds(VoteRequest, st.just(R1), st.sampled_from([None, R2]), U64, st.booleans(), U64,
                  U64, st.booleans(), storage_id=U64),
        st.builds(Vote, st.just(R1), st.just(R2), U64, st.booleans(), st.booleans(),
                  st.sampled_from(VoteReason), storage_id=U64),
        st.builds(Append, st.just(R1), st.just(R2), U64, U64, U64,
                  st.lists(ENTRIES, max_size=3).map(tuple), U64, storage_id=U64),
        st.builds(AppendReply, st.just(R1), st.just(R2), U64, st.sampled_from(AppendOutcome), U64,
                  U64, U64, storage_id=U64),
        st.builds(SnapshotChunk, st.just(R1), st.just(R2), U64, U64, U64, U64, U64,
                  st.binary(min_size=32, max_size=32), st.binary(max_size=50), storage_id=U64),
        st.builds(SnapshotReply, st.just(R1), st.just(R2), U64, U64, U64, st.booleans(), TEXT,
                  storage_id=U64),
        st.builds(TimeoutNow, st.just(R1), st.just(R2), U64, storage_id=U64),
        st.builds(ReadRequest, st.just(R1), st.just(R2), U64, U64, storage_id=U64),
        st.builds(ReadReply, st.just(R1), st.just(R2), U64, U64, st.booleans(), U64,
                  storage_id=U64),
    )
)
def test_raft_messages_survive_the_round_trip(message: Message) -> None:
    sent = through_the_wire(addressed(to.raft_to_msg(message), message))
    assert to.raft_from_msg(sent) == message


@settings(max_examples=50, deadline=None)
@given(term=U64, number=U64, commit=U64, last=U64, leader=st.sampled_from([None, R2]),
       role=st.sampled_from([role for role in Role if role is not Role.LEADER]))
def test_beacons_survive_the_round_trip(
    term: int, number: int, commit: int, last: int, leader: Any, role: Role
) -> None:
    lead = Heartbeat(R1, None, term, number, commit, last)
    sent = through_the_wire(addressed(to.beacon_to_msg(lead, Role.LEADER), lead))
    assert to.beacon_from_msg(sent) == lead and sent.leader == R1
    follow = HeartbeatReply(R1, leader, term, number, commit, last)
    message = to.beacon_to_msg(follow, role)
    message.envelope.sender, message.envelope.storage_id = R1, 1
    assert to.beacon_from_msg(through_the_wire(message)) == follow


@settings(max_examples=50, deadline=None)
@given(name=TEXT, milli=st.integers(-(10**9), 10**9), unit=TEXT, source=TEXT)
def test_capabilities_survive_the_round_trip(
    name: str, milli: int, unit: str, source: str
) -> None:
    capability = CapabilitySpec(name, milli, unit, source)
    assert to.capability_from_msg(through_the_wire(to.capability_to_msg(capability))) == capability


@pytest.mark.parametrize(
    'message',
    [
        msg.Vote(reason=99), msg.AppendReply(outcome=99),
        msg.Append(entries=[msg.LogEntry(kind=99)]),
        msg.Append(entries=[msg.LogEntry(data=b'x' * (to.ENTRY_BYTES_MAX + 1))]),
        msg.Append(entries=[msg.LogEntry()] * (to.ENTRIES_MAX + 1)),
    ],
    ids=['reason', 'outcome', 'kind', 'entry size', 'entries'],
)
def test_value_that_cannot_be_is_a_value_error(message: Any) -> None:
    with pytest.raises(ValueError):
        to.raft_from_msg(message)


def test_role_that_cannot_be_is_a_value_error() -> None:
    with pytest.raises(ValueError):
        to.beacon_from_msg(msg.Heartbeat(role=9))


def test_numbers_of_enums_are_those_of_the_messages() -> None:
    for kinds, kind, prefix in (
        (Role, msg.Heartbeat, 'ROLE'), (EntryKind, msg.LogEntry, 'KIND'),
        (VoteReason, msg.Vote, 'REASON'), (AppendOutcome, msg.AppendReply, 'OUTCOME'),
        (Liveness, msg.RobotStatus, 'PHASE'), (Mode, msg.ModeState, 'MODE'),
    ):
        for member in kinds:  # type: ignore[attr-defined]
            assert member.value == getattr(kind, f'{prefix}_{member.name}')


def test_mode_is_shown_with_its_override() -> None:
    log = log_with_robots()
    assert not to.mode_to_msg(log.state).overridden
    log.do(SetOverride(Mode.MAINTENANCE, 'ada', 'test', 1000))
    shown = to.mode_to_msg(log.state)
    assert (shown.mode, shown.policy_mode) == (Mode.MAINTENANCE.value, Mode.NORMAL.value)
    assert shown.overridden and shown.override_owner == 'ada'
    assert shown.override_expires_ns == log.stamp_ns + 10**9
    assert not allows(log.state.mode, Activity.TAKE_JOBS)


@pytest.mark.parametrize('stamp_ns', [0, 1, 10**9 - 1, 1_700_000_000 * 10**9 + 5])
def test_time_is_split_into_seconds_and_nanoseconds(stamp_ns: int) -> None:
    time = to.time_msg(stamp_ns)
    assert time.sec * 10**9 + time.nanosec == stamp_ns


@pytest.mark.parametrize('name', ['', 'r-1', '../r1'])
def test_sender_that_is_no_robot_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError):
        to.checked_robot(name)


def test_reason_of_advice_that_is_too_long_is_cut_at_a_word() -> None:
    heard = msg.Advice(has_mode=True, valid_ms=5000)
    heard.mode = msg.ModeAdvice(mode=Mode.CONSERVE.value, confidence=0.5, reason='calm here ' * 99)
    advice = to.mode_advice_from_msg(heard)
    assert advice is not None and advice.mode is Mode.CONSERVE
    assert len(advice.reason) <= to.MODE_REASON_CHARS_MAX
    assert advice.reason.endswith((' calm …', ' here …'))
    heard.mode.reason = 'worth 3.91 after 46 decisions'
    assert to.mode_advice_from_msg(heard).reason == heard.mode.reason  # type: ignore[union-attr]


def test_mode_that_does_not_exist_is_no_advice() -> None:
    heard = msg.Advice(has_mode=True, mode=msg.ModeAdvice(mode=200))
    assert to.mode_advice_from_msg(heard) is None
    assert to.mode_advice_from_msg(msg.Advice()) is None


def test_advice_on_robots_is_read_and_what_cannot_be_is_left_out() -> None:
    def robot(name: str, bound: float, **flags: bool) -> msg.RobotReputation:
        return msg.RobotReputation(robot_id=name, lower_bound=bound, **flags)

    heard = msg.Advice(valid_ms=5000, reputations=[
        robot('r1', 0.75, may_lead=True), robot('r2', 0.25, newcomer=True),
        robot('r3', float('nan')), robot('r4', 2.0), robot('r5', -1.0)])
    advice = to.reputation_advice_from_msg(heard)
    assert advice is not None
    assert advice.robots == {
        'r1': WorkReputation(750, newcomer=False, may_lead=True),
        'r2': WorkReputation(250, newcomer=True, may_lead=False)}
    assert to.reputation_advice_from_msg(msg.Advice(valid_ms=5000)) is None
