# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Snapshots and compaction: Raft section 7, sent in chunks."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raft.raft_bench import (
    ME,
    R2,
    R3,
    R4,
    THREE,
    Bench,
    append,
    ask,
    compacted_leader,
    entry,
    founded_log,
    founders,
    of_kind,
    step_of,
)

from swarm_coordinator.core.raft import (
    CHUNK_BYTES_MAX,
    SNAPSHOT_BYTES_MAX,
    AddNonVoter,
    Append,
    AppendOutcome,
    AppendReply,
    EntryKind,
    HardState,
    MalformedSnapshot,
    Membership,
    PeerProtocolError,
    ProgressPhase,
    Snapshot,
    SnapshotChunk,
    SnapshotReply,
    Vote,
)
from swarm_coordinator.core.raft.log import RaftLog, entry_bytes
from swarm_coordinator.core.raft.snapshot import (
    CHUNKS_IN_FLIGHT_MAX,
    SnapshotImage,
    SnapshotIntake,
)

GROWN = Membership(((ME, 1), (R2, 1), (R3, 1)), ((R4, 4),))


def snapshot(index: int = 5, term: int = 1, size: int = 10, stamp_ns: int = 50) -> Snapshot:
    data = bytes(number % 251 for number in range(size))
    return Snapshot(index, term, stamp_ns, founders(*THREE), data)


def chunks(whole: Snapshot, term: int = 1, sender=R2, to=ME) -> list[SnapshotChunk]:
    image = SnapshotImage(whole)
    return [
        SnapshotChunk(
            sender, to, term, whole.index, whole.term, offset, len(image.encoded), image.sha256,
            image.piece(offset),
        )
        for offset in range(0, len(image.encoded), CHUNK_BYTES_MAX)
    ]


def one(messages, kind):
    (message,) = of_kind(messages, kind)
    return message


# The value.


@given(
    st.integers(1, 2**40), st.integers(1, 2**30), st.integers(0, 2**60), st.binary(max_size=200)
)
def test_snapshot_survives_the_round_trip(index, term, stamp_ns, data) -> None:
    whole = Snapshot(index, term, stamp_ns, GROWN, data)
    assert Snapshot.decode(whole.encode()) == whole


@given(st.data())
def test_damaged_snapshot_is_refused_or_the_same(data) -> None:
    encoded = snapshot(size=40).encode()
    at = data.draw(st.integers(0, len(encoded) - 1))
    cut = data.draw(st.booleans())
    bad = encoded[:at] if cut else encoded[:at] + bytes([encoded[at] ^ 1]) + encoded[at + 1 :]
    header_end = encoded.index(b'\n')
    try:
        decoded = Snapshot.decode(bad)
    except MalformedSnapshot:
        return
    # Only the state machine's bytes, or a digit, may differ: those the sha256 covers.
    assert not cut and (at > header_end or decoded != snapshot(size=40))


@given(st.binary(max_size=100))
def test_garbage_is_no_snapshot(data) -> None:
    with pytest.raises(MalformedSnapshot):
        Snapshot.decode(data)


# Reassembly.


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 9 * CHUNK_BYTES_MAX), st.randoms(use_true_random=False), st.booleans())
def test_chunks_in_any_order_make_the_snapshot(size, rng, with_copies) -> None:
    """A sender that keeps to its window and sends again what is missing."""
    whole = snapshot(size=size)
    pieces = chunks(whole)
    intake = SnapshotIntake(pieces[0])
    for _ in range(100 * len(pieces)):
        first = intake.next_offset_bytes // CHUNK_BYTES_MAX
        window = pieces[first : first + CHUNKS_IN_FLIGHT_MAX]
        if with_copies:
            window += rng.sample(pieces, 1)
        rng.shuffle(window)
        for piece in window:
            if rng.random() < 0.6:
                before = intake.next_offset_bytes
                intake.add(piece)
                assert intake.next_offset_bytes >= before
        if intake.is_whole:
            break
    assert intake.snapshot() == whole


def test_chunks_far_ahead_are_not_kept() -> None:
    pieces = chunks(snapshot(size=20 * CHUNK_BYTES_MAX))
    intake = SnapshotIntake(pieces[0])
    for piece in pieces[1:]:
        intake.add(piece)
    assert len(intake._ahead) < CHUNKS_IN_FLIGHT_MAX
    intake.add(pieces[0])
    assert intake.next_offset_bytes == CHUNKS_IN_FLIGHT_MAX * CHUNK_BYTES_MAX


def test_other_bytes_than_announced_are_noticed() -> None:
    (piece,) = chunks(snapshot())
    wrong = SnapshotChunk(
        R2, ME, 1, 5, 1, 0, piece.total_bytes, hashlib.sha256(b'other').digest(), piece.data
    )
    intake = SnapshotIntake(wrong)
    intake.add(wrong)
    with pytest.raises(MalformedSnapshot, match='sha256'):
        intake.snapshot()


# The log behind a snapshot, against a plain list.


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 2), max_size=12), st.data())
def test_log_answers_alike_wherever_it_begins(steps, data) -> None:
    term, entries = 1, []
    for index, step in enumerate(steps, 1):
        term += step
        entries.append(entry(index, term))
    base = data.draw(st.integers(0, len(entries)))
    log, plain = RaftLog(entries), RaftLog(entries)
    log.forget_to(base)
    assert (log.last_index, log.last_term) == (plain.last_index, plain.last_term)
    assert log.first_index == base + 1
    for index in range(base, len(entries) + 2):
        assert log.term_at(index) == plain.term_at(index)
    for index in range(base):
        assert log.term_at(index) is None
    for wanted in range(term + 2):
        last = plain.last_index_of_term(wanted)
        assert log.last_index_of_term(wanted) == (last if last and last > base else None)
        assert log.first_index_of_term(wanted) == max(
            plain.first_index_of_term(wanted), base + 1
        )
    first = data.draw(st.integers(base + 1, len(entries) + 1))
    room = data.draw(st.integers(0, 5)) * entry_bytes(entry(1, 1))
    assert log.from_index(first, room) == plain.from_index(first, room)
    if first <= len(entries):
        log.cut_from(first)
        plain.cut_from(first)
        assert (log.last_index, log.last_term) == (plain.last_index, plain.last_term)


# Compaction.


def test_compaction_keeps_what_was_asked_and_the_membership_of_its_entry() -> None:
    log = [*founded_log(THREE, 1), step_of(3, 1, GROWN), entry(4, 1)]
    bench = Bench(log, term=1, commit=2)
    made = bench.core.compact(b'state', keep_entries=1)
    assert made == Snapshot(2, 1, 0, founders(*THREE), b'state')
    assert (bench.core.first_index, bench.core.snapshot) == (2, made)
    assert bench.core.membership == GROWN


def test_nothing_applied_is_nothing_to_compact() -> None:
    with pytest.raises(ValueError, match='nothing to compact'):
        Bench(founded_log(THREE), term=1).core.compact(b'', 0)


def test_snapshot_that_is_too_large_is_refused() -> None:
    bench = Bench(founded_log(THREE), term=1, commit=1)
    with pytest.raises(ValueError, match='expected at most'):
        bench.core.compact(bytes(SNAPSHOT_BYTES_MAX), 0)
    with pytest.raises(ValueError, match='negative'):
        bench.core.compact(b'', -1)


def test_robot_starts_from_its_snapshot_and_what_follows_it() -> None:
    bench = Bench([entry(6, 1), entry(7, 1)], term=1, commit=6, snapshot=snapshot(stamp_ns=0))
    assert [item.index for item in bench.applied] == [6]
    assert (bench.core.first_index, bench.core.last_index) == (6, 7)
    assert bench.core.membership == founders(*THREE)


def test_robot_starts_with_entries_from_before_the_end_of_its_snapshot() -> None:
    kept = [entry(index, 1) for index in range(3, 8)]
    bench = Bench(kept, term=1, commit=5, snapshot=snapshot(stamp_ns=0))
    assert bench.applied == []
    assert (bench.core.first_index, bench.core.last_index) == (4, 7)


@pytest.mark.parametrize(
    'entries',
    [
        [entry(7, 1)],                                      # 6 is missing
        [entry(3, 1), entry(4, 1)],                         # ends before the snapshot
        [entry(4, 1), entry(5, 3), entry(6, 3)],            # another entry 5
    ],
)
def test_entries_that_do_not_fit_the_snapshot_are_refused(entries) -> None:
    with pytest.raises(ValueError, match='not a log|do not fit|does not fit'):
        Bench(entries, term=3, snapshot=snapshot(stamp_ns=0))


def test_crash_between_a_snapshot_and_its_hard_state_is_no_loss() -> None:
    """The snapshot is durable first; nothing was said in its term yet."""
    bench = Bench([], term=2, voted_for=R3, commit=1, snapshot=snapshot(term=4))
    assert (bench.core.term, bench.core.voted_for, bench.core.commit_index) == (4, None, 5)
    assert bench.hard_state == HardState(4, None, 5)


def test_log_of_a_snapshot_alone_is_as_complete_as_its_entry_5_4_1() -> None:
    bench = Bench([], term=4, snapshot=snapshot(term=4))
    (vote,) = of_kind(bench.step(ask(5, (4, 4))), Vote)
    assert not vote.granted
    (vote,) = of_kind(bench.step(ask(5, (5, 4))), Vote)
    assert vote.granted


# Receiving.


def test_snapshot_replaces_the_log_and_is_handed_out_before_what_follows() -> None:
    bench = Bench(founded_log(THREE, 1, 1), term=1)
    whole = snapshot(index=9, term=2)
    bench.core.step(chunks(whole, term=3)[0])
    bench.core.step(append(3, (9, 2), entry(10, 3), commit=10))
    ready = bench.core.ready()
    assert ready.must_persist
    assert (ready.snapshot, ready.truncate_from) == (whole, None)
    assert [item.index for item in ready.entries] == [10]
    assert [item.index for item in ready.committed] == [10]
    assert ready.hard_state == HardState(3, None, 10)
    assert one(ready.messages, SnapshotReply).next_offset_bytes == chunks(whole)[0].total_bytes
    bench.core.advance(ready)
    assert (bench.core.last_applied, bench.core.first_index) == (10, 10)


def test_snapshot_drops_the_log_with_what_was_to_be_cut_from_it() -> None:
    bench = Bench(founded_log(THREE, 1, 1), term=1)
    bench.core.step(append(2, (2, 1), entry(3, 2)))
    bench.core.step(chunks(snapshot(index=9, term=2), term=2)[0])
    ready = bench.core.ready()
    assert (ready.snapshot.index, ready.truncate_from, ready.entries) == (9, None, ())


def test_snapshot_brings_its_membership() -> None:
    bench = Bench(founded_log((ME, R2)), term=1)
    bench.step(*chunks(snapshot()))
    assert bench.core.membership == founders(*THREE)
    gone = Snapshot(9, 1, 0, founders(R2, R3), b'')
    bench.step(*chunks(gone))
    assert not bench.core.has_vote


def test_snapshot_of_what_is_in_the_log_is_not_installed_7() -> None:
    """The log has its last entry, and what follows it is kept."""
    bench = Bench(founded_log(THREE, *[1] * 6), term=1)
    reply = one(bench.step(*chunks(snapshot())), SnapshotReply)
    assert reply.next_offset_bytes == chunks(snapshot())[0].total_bytes
    assert (bench.core.commit_index, bench.core.last_index, bench.snapshot) == (5, 7, None)


def test_only_the_first_chunk_is_needed_to_see_that_nothing_is() -> None:
    bench = Bench(founded_log(THREE, *[1] * 6), term=1)
    first = chunks(snapshot(size=10 * CHUNK_BYTES_MAX))[0]
    assert one(bench.step(first), SnapshotReply).next_offset_bytes == first.total_bytes


def test_late_chunk_of_an_installed_snapshot_changes_nothing() -> None:
    bench = Bench(founded_log(THREE), term=1)
    pieces = chunks(snapshot(size=2 * CHUNK_BYTES_MAX))
    bench.step(*pieces)
    readies = len([ready for ready in bench.readies if ready.snapshot])
    bench.step(*reversed(pieces))
    assert len([ready for ready in bench.readies if ready.snapshot]) == readies == 1


def test_chunks_of_an_earlier_term_are_refused_with_the_term_5_1() -> None:
    bench = Bench(founded_log(THREE), term=7)
    reply = one(bench.step(*chunks(snapshot())), SnapshotReply)
    assert (reply.accepted, reply.term) == (False, 7)


def test_late_chunk_of_an_earlier_snapshot_does_not_push_out_the_present_one() -> None:
    bench = Bench(founded_log(THREE), term=1)
    old = chunks(snapshot(index=5, size=3 * CHUNK_BYTES_MAX))
    new = chunks(snapshot(index=8, size=3 * CHUNK_BYTES_MAX))
    assert one(bench.step(new[0]), SnapshotReply).next_offset_bytes == CHUNK_BYTES_MAX
    assert not of_kind(bench.step(old[1]), SnapshotReply)
    reply = one(bench.step(new[1]), SnapshotReply)
    assert (reply.last_index, reply.next_offset_bytes) == (8, 2 * CHUNK_BYTES_MAX)


def test_new_leader_goes_on_where_the_old_one_stopped() -> None:
    bench = Bench(founded_log(THREE), term=1)
    whole = snapshot(size=3 * CHUNK_BYTES_MAX)
    bench.step(*chunks(whole)[:2])
    reply = one(bench.step(chunks(whole, term=2, sender=R3)[0]), SnapshotReply)
    assert (reply.recipient, reply.next_offset_bytes) == (R3, 2 * CHUNK_BYTES_MAX)


def test_malformed_snapshot_is_refused_and_begun_anew() -> None:
    bench = Bench(founded_log(THREE), term=1)
    data = b'no snapshot'
    bad = SnapshotChunk(R2, ME, 1, 5, 1, 0, len(data), hashlib.sha256(data).digest(), data)
    reply = one(bench.step(bad), SnapshotReply)
    assert not reply.accepted and 'no snapshot' in reply.reason
    assert one(bench.step(*chunks(snapshot())), SnapshotReply).accepted


def test_snapshot_with_another_end_than_announced_is_refused() -> None:
    bench = Bench(founded_log(THREE), term=1)
    (piece,) = chunks(snapshot(index=5))
    bad = SnapshotChunk(
        R2, ME, 1, 6, 1, 0, piece.total_bytes, piece.sha256, piece.data
    )
    assert not one(bench.step(bad), SnapshotReply).accepted
    assert bench.snapshot is None


def test_snapshot_that_is_larger_than_allowed_is_refused() -> None:
    bench = Bench(founded_log(THREE), term=1)
    huge = SnapshotChunk(R2, ME, 1, 5, 1, 0, SNAPSHOT_BYTES_MAX + 1, bytes(32), b'x')
    assert not one(bench.step(huge), SnapshotReply).accepted


@pytest.mark.parametrize(
    'change',
    [
        {'data': b''}, {'data': bytes(CHUNK_BYTES_MAX + 1), 'total_bytes': 10**6},
        {'offset_bytes': -1}, {'offset_bytes': 10**6}, {'sha256': b'short'},
        {'last_term': 2}, {'last_index': 0}, {'last_term': 0},
    ],
)
def test_chunk_that_cannot_be_is_an_error_of_the_peer(change) -> None:
    (piece,) = chunks(snapshot())
    fields = {name: getattr(piece, name) for name in SnapshotChunk.__slots__}
    with pytest.raises(PeerProtocolError):
        Bench(founded_log(THREE), term=1).core.step(SnapshotChunk(**{**fields, **change}))


def test_snapshot_that_contradicts_a_committed_entry_is_an_error_of_the_peer() -> None:
    bench = Bench(founded_log(THREE, 1, 1, 1, 1), term=2, commit=5)
    with pytest.raises(PeerProtocolError, match='contradicts agreed entry 5'):
        bench.core.step(chunks(snapshot(term=2), term=2)[0])


def test_append_from_before_the_snapshot_is_taken_as_far_as_it_is_new() -> None:
    bench = Bench([], term=1, snapshot=snapshot(stamp_ns=0))
    late = append(1, (3, 1), entry(4, 1), entry(5, 1), entry(6, 1), commit=6)
    reply = one(bench.step(late), AppendReply)
    assert (reply.outcome, reply.match_index) == (AppendOutcome.ACCEPTED, 6)
    assert [item.index for item in bench.applied] == [6]
    reply = one(bench.step(append(1, (2, 1), entry(3, 1))), AppendReply)
    assert (reply.outcome, reply.match_index) == (AppendOutcome.ACCEPTED, 6)


def test_snapshot_of_a_leader_counts_as_hearing_it() -> None:
    bench = Bench(founded_log(THREE), term=1)
    pieces = chunks(snapshot(size=30 * CHUNK_BYTES_MAX))
    for piece in pieces[:20]:
        bench.tick(2)
        bench.step(piece)
    assert bench.core.leader == R2


# Sending.


def test_follower_behind_the_log_gets_the_snapshot_and_then_the_rest_7() -> None:
    bench = compacted_leader()
    sent = bench.step(bench.conflict(R3, 1))
    chunk = one(sent, SnapshotChunk)
    assert (chunk.recipient, chunk.last_index, chunk.offset_bytes) == (R3, 6, 0)
    assert bench.core.progress_of(R3).phase is ProgressPhase.SNAPSHOT
    bench.core.propose(EntryKind.COMMAND, b'later', 0)
    assert {message.recipient for message in of_kind(bench.drain(), Append)} == {R2}
    done = SnapshotReply(R3, ME, bench.core.term, 6, chunk.total_bytes, True)
    rest = one(bench.step(done), Append)
    assert (rest.recipient, rest.prev_index, len(rest.entries)) == (R3, 6, 1)


def test_follower_a_little_behind_gets_entries_that_were_kept() -> None:
    bench = compacted_leader(keep=3)
    assert bench.core.first_index == 4
    rest = one(bench.step(bench.conflict(R3, 4)), Append)
    assert (rest.prev_index, len(rest.entries)) == (3, 3)
    assert of_kind(bench.step(bench.conflict(R3, 3)), SnapshotChunk)


def test_one_chunk_goes_first_and_then_at_most_four() -> None:
    bench = compacted_leader(size=20 * CHUNK_BYTES_MAX)
    first = one(bench.step(bench.conflict(R3, 1)), SnapshotChunk)
    assert len(first.data) == CHUNK_BYTES_MAX
    term, sent = bench.core.term, []
    got = CHUNK_BYTES_MAX
    while got < first.total_bytes:
        new = of_kind(bench.step(SnapshotReply(R3, ME, term, 6, got, True)), SnapshotChunk)
        sent += new
        in_flight = sent[-1].offset_bytes + len(sent[-1].data) - got
        assert in_flight <= CHUNKS_IN_FLIGHT_MAX * CHUNK_BYTES_MAX
        got += len(sent[(got - CHUNK_BYTES_MAX) // CHUNK_BYTES_MAX].data)
    offsets = [message.offset_bytes for message in sent]
    assert offsets == sorted(set(offsets)), 'nothing is sent twice'


def test_refused_snapshot_is_tried_again_only_after_a_while() -> None:
    bench = compacted_leader()
    bench.step(bench.conflict(R3, 1))
    refused = SnapshotReply(R3, ME, bench.core.term, 6, 0, False, 'no room')
    assert not of_kind(bench.step(refused), SnapshotChunk)
    bench.tick(2)
    assert of_kind(bench.step(bench.answer(R3, 0)), SnapshotChunk)


def test_follower_that_restarts_in_the_middle_is_begun_anew() -> None:
    bench = compacted_leader(size=9 * CHUNK_BYTES_MAX)
    bench.step(bench.conflict(R3, 1))
    term = bench.core.term
    bench.step(SnapshotReply(R3, ME, term, 6, 2 * CHUNK_BYTES_MAX, True))
    late = SnapshotReply(R3, ME, term, 6, CHUNK_BYTES_MAX, True)
    assert not of_kind(bench.step(late), SnapshotChunk)     # an old answer
    bench.tick(2)
    resent = of_kind(bench.step(bench.answer(R3, 0)), SnapshotChunk)
    assert resent[0].offset_bytes == 2 * CHUNK_BYTES_MAX
    again = of_kind(bench.step(SnapshotReply(R3, ME, term, 6, 0, True)), SnapshotChunk)
    assert again[0].offset_bytes == 0


def test_answers_to_another_snapshot_are_ignored() -> None:
    bench = compacted_leader(size=9 * CHUNK_BYTES_MAX)
    bench.step(bench.conflict(R3, 1))
    assert bench.step(SnapshotReply(R3, ME, bench.core.term, 5, CHUNK_BYTES_MAX, True)) == []


def test_more_bytes_than_the_snapshot_has_are_an_error_of_the_peer() -> None:
    bench = compacted_leader()
    chunk = one(bench.step(bench.conflict(R3, 1)), SnapshotChunk)
    with pytest.raises(PeerProtocolError, match='bytes of a snapshot'):
        bench.core.step(SnapshotReply(R3, ME, bench.core.term, 6, chunk.total_bytes + 1, True))


def test_lost_last_answer_is_made_up_for_by_the_beacon() -> None:
    bench = compacted_leader()
    bench.step(bench.conflict(R3, 1))
    bench.step(bench.answer(R3, 6))
    assert bench.core.progress_of(R3).phase is ProgressPhase.REPLICATE


def test_snapshot_goes_on_when_the_leader_compacts_again() -> None:
    bench = compacted_leader(size=9 * CHUNK_BYTES_MAX)
    bench.step(bench.conflict(R3, 1))
    term = bench.core.term
    bench.step(SnapshotReply(R3, ME, term, 6, CHUNK_BYTES_MAX, True))
    bench.core.propose(EntryKind.COMMAND, b'', 0)
    bench.drain()
    bench.step(bench.accepted(R2, 7))
    bench.core.compact(b'small', 1)
    reply = SnapshotReply(R3, ME, term, 6, 3 * CHUNK_BYTES_MAX, True)
    assert {chunk.last_index for chunk in of_kind(bench.step(reply), SnapshotChunk)} == {6}


def test_new_member_behind_the_log_gets_the_snapshot() -> None:
    bench = compacted_leader()
    bench.core.propose_change(AddNonVoter(R4, 4), 0)
    bench.drain()
    answer = AppendReply(R4, ME, bench.core.term, AppendOutcome.CONFLICT, 0, 1, storage_id=4)
    assert one(bench.step(answer), SnapshotChunk).recipient == R4


def test_progress_of_a_snapshot_can_be_seen() -> None:
    bench = compacted_leader(size=4 * CHUNK_BYTES_MAX)
    bench.step(bench.conflict(R3, 1))
    bench.step(SnapshotReply(R3, ME, bench.core.term, 6, 2 * CHUNK_BYTES_MAX, True))
    seen = bench.core.progress_of(R3)
    assert (seen.in_flight, seen.caught_up) == (3, False)
    assert 450 < seen.sent_permille < 550
