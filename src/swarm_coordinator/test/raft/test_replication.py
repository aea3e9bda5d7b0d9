# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Replication, commitment and order: Raft sections 5.3, 5.4.2 and Figure 8."""

from __future__ import annotations

import pytest
from raft.raft_bench import (
    FIVE,
    ME,
    R2,
    R3,
    R4,
    R5,
    THREE,
    TIMING,
    Bench,
    append,
    ask,
    entry,
    founded_log,
    heartbeat,
    log_of,
    of_kind,
)

from swarm_coordinator.core.raft import (
    ENTRY_BYTES_MAX,
    UNCOMMITTED_BYTES_MAX,
    AddNonVoter,
    Append,
    AppendOutcome,
    AppendReply,
    Entry,
    EntryKind,
    HeartbeatReply,
    Message,
    PeerProtocolError,
    ProgressPhase,
    Proposed,
    RefusalReason,
    Refused,
    Remove,
    Role,
    Vote,
)
from swarm_coordinator.core.raft.progress import (
    APPEND_BYTES_MAX,
    APPEND_BYTES_MIN,
    APPENDS_IN_FLIGHT_MAX,
)


def propose(bench: Bench, data: bytes = b'x', stamp_ns: int = 0) -> Proposed:
    answer = bench.core.propose(EntryKind.COMMAND, data, stamp_ns)
    assert isinstance(answer, Proposed), answer
    return answer


def led(voters=(ME, R2, R3), log=(), **options) -> Bench:
    """A leader whose first entry every voter has."""
    bench = Bench(log, voters=voters, **options)
    bench.lead()
    for peer in voters[1:]:
        bench.step(bench.accepted(peer, bench.core.last_index))
    return bench


def one(messages, kind):
    (message,) = of_kind(messages, kind)
    return message


# Following.


def test_append_is_stored_and_acknowledged_5_3() -> None:
    bench = Bench()
    reply = one(bench.step(append(1, (0, 0), *log_of(1, 1))), AppendReply)
    assert (reply.outcome, reply.match_index) == (AppendOutcome.ACCEPTED, 2)
    assert bench.disk == log_of(1, 1)


def test_acknowledgement_leaves_with_or_after_the_entries_it_promises() -> None:
    bench = Bench()
    bench.core.step(append(1, (0, 0), *log_of(1)))
    ready = bench.core.ready()
    assert ready is not None
    assert ready.entries == tuple(log_of(1))
    assert one(ready.messages, AppendReply).match_index == 1


def test_vote_leaves_with_or_after_the_hard_state_it_promises() -> None:
    bench = Bench()
    bench.core.step(ask(3))
    ready = bench.core.ready()
    assert ready is not None and ready.hard_state is not None
    assert (ready.hard_state.term, ready.hard_state.voted_for) == (3, R2)
    assert one(ready.messages, Vote).granted


def test_missing_predecessor_is_a_conflict_that_names_the_end_of_the_log_5_3() -> None:
    bench = Bench(log_of(1), term=1)
    reply = one(bench.step(append(1, (5, 1), entry(6, 1))), AppendReply)
    assert (reply.outcome, reply.conflict_index, reply.conflict_term) == (
        AppendOutcome.CONFLICT, 2, 0,
    )
    assert bench.disk == log_of(1)


def test_predecessor_of_another_term_is_a_conflict_that_names_that_term_5_3() -> None:
    bench = Bench(log_of(1, 2, 2, 2), term=2)
    reply = one(bench.step(append(5, (4, 4), entry(5, 5))), AppendReply)
    assert (reply.conflict_index, reply.conflict_term) == (2, 2)


def test_conflicting_entries_are_cut_5_3() -> None:
    bench = Bench(log_of(1, 2, 2), term=2)
    bench.step(append(5, (1, 1), entry(2, 4)))
    assert bench.disk == log_of(1, 4)
    assert bench.readies[-1].truncate_from == 2


def test_old_append_delivered_again_cuts_nothing_5_3() -> None:
    bench = Bench()
    first = append(1, (0, 0), entry(1, 1))
    bench.step(first, append(1, (1, 1), entry(2, 1), entry(3, 1)))
    bench.step(first, append(1, (0, 0)))
    assert bench.disk == log_of(1, 1, 1)
    assert all(ready.truncate_from is None for ready in bench.readies)


def test_acknowledgement_of_an_old_append_does_not_go_back() -> None:
    bench = Bench()
    first = append(1, (0, 0), entry(1, 1))
    bench.step(first, append(1, (1, 1), entry(2, 1)))
    assert one(bench.step(first), AppendReply).match_index == 2


def test_append_of_an_earlier_term_is_refused_and_stores_nothing_5_1() -> None:
    bench = Bench(term=3)
    reply = one(bench.step(append(2, (0, 0), entry(1, 1))), AppendReply)
    assert (reply.outcome, reply.term) == (AppendOutcome.STALE_TERM, 3)
    assert bench.disk == []


@pytest.mark.parametrize('commit', [2, 9])
def test_commit_reaches_no_further_than_the_verified_entries_5_3(commit) -> None:
    """Entry 3 is from an old leader: commit_index 9 says nothing about it."""
    bench = Bench(log_of(1, 1, 1), term=1)
    bench.step(append(2, (1, 1), entry(2, 1), commit=commit))
    assert bench.core.commit_index == 2
    assert [item.index for item in bench.applied] == [1, 2]


def test_heartbeat_commits_only_what_is_verified_in_its_term() -> None:
    bench = Bench(log_of(1, 1, 1), term=1)
    bench.step(heartbeat(2, commit=3))
    assert bench.core.commit_index == 0
    bench.step(append(2, (2, 1)))
    bench.step(heartbeat(2, 2, commit=3))
    assert bench.core.commit_index == 2


def test_verified_prefix_ends_with_its_term() -> None:
    bench = Bench()
    bench.step(append(1, (0, 0), *log_of(1, 1)))
    bench.step(heartbeat(2, commit=2, sender=R3))
    assert bench.core.commit_index == 0


def test_nothing_is_applied_before_it_is_committed_5_3() -> None:
    bench = Bench()
    bench.step(append(1, (0, 0), *log_of(1, 1), commit=1))
    assert [item.index for item in bench.applied] == [1]


def test_committed_entries_are_handed_out_again_after_a_restart() -> None:
    bench = Bench(log_of(1, 1, 1), term=1, commit=2)
    assert [item.index for item in bench.applied] == [1, 2]
    assert bench.core.last_applied == 2


def test_contradiction_of_a_committed_entry_is_an_error_of_the_peer_5_4_3() -> None:
    bench = Bench(log_of(1, 1), term=1, commit=2)
    for bad in (append(3, (0, 0), entry(1, 2)), append(3, (2, 2))):
        with pytest.raises(PeerProtocolError, match='contradicts agreed entry'):
            bench.core.step(bad)
    assert bench.drain() == []
    assert (bench.disk, bench.core.term) == (log_of(1, 1), 1)


@pytest.mark.parametrize(
    'bad',
    [
        append(1, (0, 0), entry(2, 1)),
        append(3, (0, 0), entry(1, 2), entry(2, 1)),
        append(1, (0, 0), entry(1, 2)),
        append(1, (0, 0), entry(1, 1), sender=ME),
        append(1, (0, 0), entry(1, 1), to=R3),
        append(1, (0, 0), entry(1, 1), to=None),
        append(1, (0, 0), Entry(1, 1, EntryKind.MEMBERSHIP, 0, b'{"voters":[]}')),
    ],
)
def test_what_the_protocol_forbids_changes_nothing(bad) -> None:
    bench = Bench()
    with pytest.raises(PeerProtocolError):
        bench.core.step(bad)
    assert bench.drain() == []
    assert bench.core.term == 0


def test_news_of_the_commit_index_is_applied_at_once_and_needs_no_answer() -> None:
    bench = Bench()
    bench.step(append(1, (0, 0), *log_of(1)))
    assert bench.step(append(1, (1, 1), commit=1)) == []
    assert [item.index for item in bench.applied] == [1]


# Leading.


def test_new_leader_appends_an_entry_of_its_term_8() -> None:
    bench = Bench(founded_log(THREE, 1), term=1)
    sent = bench.lead()
    noop = bench.disk[-1]
    assert (noop.index, noop.term, noop.kind) == (3, 2, EntryKind.NOOP)
    assert {message.recipient for message in of_kind(sent, Append)} == {R2, R3}


def test_entry_is_committed_when_a_majority_has_it_5_3() -> None:
    bench = led(FIVE)
    index = propose(bench).index
    bench.drain()
    bench.step(bench.accepted(R2, index))
    assert bench.core.commit_index < index
    bench.step(bench.accepted(R3, index))
    assert bench.core.commit_index == index
    assert bench.applied[-1].index == index


def test_one_acknowledgement_delivered_twice_counts_once() -> None:
    bench = led(FIVE)
    index = propose(bench).index
    bench.drain()
    bench.step(*[bench.accepted(R2, index)] * 3)
    assert bench.core.commit_index < index


def test_acknowledgements_of_non_voters_do_not_count_and_are_not_waited_for() -> None:
    bench = led((ME, R2, R3))
    bench.core.propose_change([AddNonVoter(R4, 1), AddNonVoter(R5, 1)], 0)
    bench.drain()
    bench.step(*(bench.accepted(peer, bench.core.last_index) for peer in (R2, R3)))
    index = propose(bench).index
    bench.drain()
    bench.step(bench.accepted(R4, index), bench.accepted(R5, index))
    assert bench.core.commit_index < index
    later = propose(bench).index
    bench.drain()
    bench.step(bench.accepted(R2, later))
    assert bench.core.commit_index == later


def test_late_acknowledgement_takes_nothing_back_5_3() -> None:
    bench = led(FIVE)
    index = propose(bench).index
    bench.drain()
    bench.step(bench.accepted(R2, index), bench.accepted(R2, index - 1))
    bench.step(bench.accepted(R3, index))
    assert bench.core.commit_index == index


def test_rejection_is_not_an_acknowledgement() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    bench.step(bench.conflict(R2, index), bench.conflict(R3, index))
    assert bench.core.commit_index < index


def test_entry_of_a_former_term_is_not_committed_by_counting_figure_8() -> None:
    """Figure 8 (c): entry 2 of term 2 is on a majority and may still be overwritten."""
    bench = Bench(log_of(1, 2), term=3, voters=FIVE)
    bench.lead()
    bench.step(bench.accepted(R2, 2), bench.accepted(R3, 2))
    assert bench.core.commit_index == 0
    bench.step(bench.accepted(R2, 3), bench.accepted(R3, 3))
    assert bench.core.commit_index == 3


def test_own_entry_counts_only_when_it_is_durable() -> None:
    bench = led(FIVE)
    index = propose(bench).index
    ready = bench.core.ready()
    assert ready is not None
    bench.core.step(bench.accepted(R2, index))
    bench.core.step(bench.accepted(R3, index))
    assert bench.core.commit_index < index
    bench.core.advance(ready)
    assert bench.core.commit_index == index


def test_commit_is_told_to_followers_at_once_5_3() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    sent = bench.step(bench.accepted(R2, index))
    news = one(sent, Append)
    assert (news.recipient, news.entries, news.commit_index) == (R2, (), index)
    assert one(bench.step(bench.accepted(R3, index)), Append).recipient == R3


def test_idle_leader_sends_only_heartbeats() -> None:
    bench = led()
    bench.drain()
    for _ in range(20):
        sent = bench.tick(2)
        assert len(sent) == 1 and sent[0].recipient is None
        last = bench.core.last_index
        assert bench.step(bench.answer(R2, last), bench.answer(R3, last)) == []


def test_lost_append_is_sent_again_after_a_heartbeat_round_trip() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    stale = bench.answer(R2, index - 1)
    assert of_kind(bench.step(stale), Append) == []     # sent before the Append could arrive
    bench.tick(2)
    resent = one(bench.step(bench.answer(R2, index - 1)), Append)
    assert resent.entries[-1].index == index


def test_resends_grow_rarer_while_nothing_comes_through() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    resends = 0
    for _ in range(64):
        bench.tick(2)
        resends += len(of_kind(bench.step(bench.answer(R2, index - 1)), Append))
        bench.step(bench.answer(R3, index))
    assert 8 <= resends <= 12


def test_appends_get_small_while_they_are_lost_and_large_again_when_they_come_through() -> None:
    bench = led()
    first = bench.core.last_index
    for _ in range(60):
        propose(bench, bytes(300))
    bench.step()

    def sizes(messages: list[Message]) -> list[int]:
        return [
            sum(len(item.data) for item in one.entries)
            for one in of_kind(messages, Append) if one.recipient == R2 and one.entries
        ]

    lost: list[int] = []
    for _ in range(40):
        bench.tick(TIMING.heartbeat_ticks)
        lost += sizes(bench.step(bench.answer(R2, first)))
    assert lost[-1] <= APPEND_BYTES_MIN < lost[0], 'one packet in the end'
    sent = sizes(bench.step(bench.accepted(R2, first + 2)))
    assert sent and max(sent) <= 2 * APPEND_BYTES_MIN
    sent = sizes(bench.step(bench.accepted(R2, first + 20)))
    bench.step(*(bench.accepted(R2, first + count) for count in range(21, 60)))
    propose(bench, bytes(APPEND_BYTES_MAX - 1000))
    assert max(sizes(bench.drain())) >= APPEND_BYTES_MAX - 1000


def test_heartbeat_reply_acknowledges_when_the_append_reply_was_lost() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    bench.step(bench.answer(R2, index))
    assert bench.core.commit_index == index


def test_reply_of_another_term_is_ignored() -> None:
    bench = led()
    index = propose(bench).index
    bench.drain()
    old = AppendReply(R2, ME, bench.core.term - 1, AppendOutcome.ACCEPTED, index)
    bench.step(old, bench.answer(R3, index, term=bench.core.term - 1))
    assert bench.core.commit_index < index


def test_follower_that_restarted_is_verified_again() -> None:
    bench = led()
    bench.drain()
    bench.tick(2)
    last = bench.core.last_index
    probe = one(bench.step(bench.answer(R2, 0, last_index=last)), Append)
    assert (probe.prev_index, probe.entries, probe.commit_index) == (last, (), last)


def test_follower_with_a_new_disk_gets_everything_again() -> None:
    bench = led()
    propose(bench)
    bench.drain()
    bench.step(*(bench.accepted(peer, bench.core.last_index) for peer in (R2, R3)))
    bench.tick(2)
    resent = one(bench.step(bench.answer(R2, 0, last_index=0)), Append)
    assert (resent.prev_index, len(resent.entries)) == (0, bench.core.last_index)


def test_conflict_hint_skips_a_whole_term_5_3() -> None:
    bench = Bench(log_of(1, 1, 1, 4, 4), term=4)
    bench.lead()
    probe = one(bench.step(bench.conflict(R2, index=3, term=2)), Append)
    assert (probe.prev_index, probe.prev_term) == (2, 1)


def test_conflict_term_that_the_leader_has_points_to_its_end_5_3() -> None:
    bench = Bench(log_of(1, 2, 2, 2, 4, 4), term=4)
    bench.lead()
    assert one(bench.step(bench.conflict(R2, index=2, term=2)), Append).prev_index == 4


def test_repeated_rejection_causes_one_probe() -> None:
    bench = Bench(log_of(1, 1, 1), term=1)
    bench.lead()
    rejection = bench.conflict(R2, index=2)
    assert len(of_kind(bench.step(rejection, rejection), Append)) == 1
    assert of_kind(bench.step(rejection), Append) == []


def test_probe_sends_one_append_at_a_time() -> None:
    bench = Bench()
    bench.lead()
    for _ in range(5):
        propose(bench)
        assert of_kind(bench.drain(), Append) == []
    assert bench.core.progress_of(R2).phase is ProgressPhase.PROBE


def test_window_bounds_what_is_in_flight() -> None:
    bench = led()
    bench.drain()
    sent = []
    for _ in range(2 * APPENDS_IN_FLIGHT_MAX):
        propose(bench)
        sent += [m for m in of_kind(bench.drain(), Append) if m.recipient == R2]
    assert len(sent) == APPENDS_IN_FLIGHT_MAX
    assert bench.core.progress_of(R2).in_flight == APPENDS_IN_FLIGHT_MAX
    more = of_kind(bench.step(bench.accepted(R2, sent[0].entries[-1].index)), Append)
    assert [item.index for m in more for item in m.entries] == list(
        range(sent[-1].entries[-1].index + 1, bench.core.last_index + 1)
    )


def test_append_is_bounded_in_bytes_but_takes_one_large_entry() -> None:
    bench = led()
    bench.drain()
    for size in (30_000, 30_000, ENTRY_BYTES_MAX):
        propose(bench, bytes(size))
    sent = [m for m in of_kind(bench.drain(), Append) if m.recipient == R2]
    assert [len(m.entries) for m in sent] == [1, 1, 1]
    for _ in range(100):
        propose(bench, bytes(2000))
    for message in of_kind(bench.drain(), Append):
        assert sum(len(item.data) for item in message.entries) <= APPEND_BYTES_MAX


def test_acknowledgement_beyond_the_log_is_an_error_of_the_peer() -> None:
    bench = led()
    with pytest.raises(PeerProtocolError, match='acknowledges entry 99'):
        bench.core.step(bench.accepted(R2, 99))


def test_answer_to_a_round_that_was_not_sent_is_an_error_of_the_peer() -> None:
    bench = led()
    with pytest.raises(PeerProtocolError, match='not yet sent'):
        bench.core.step(bench.answer(R2, 1, round_=99))


# Proposals.


def test_follower_refuses_proposals_and_names_the_leader() -> None:
    bench = Bench(term=1)
    bench.step(heartbeat(1))
    answer = bench.core.propose(EntryKind.COMMAND, b'', 0)
    assert answer == Refused(RefusalReason.NOT_LEADER, R2)


def test_leader_without_quorum_refuses_when_too_much_waits() -> None:
    bench = led()
    accepted = 0
    while isinstance(answer := bench.core.propose(EntryKind.COMMAND, bytes(100_000), 0), Proposed):
        accepted += 1
    assert answer == Refused(RefusalReason.OVERLOADED, ME)
    assert accepted == UNCOMMITTED_BYTES_MAX // 100_064
    bench.drain()
    bench.step(bench.accepted(R2, bench.core.last_index))
    assert isinstance(bench.core.propose(EntryKind.COMMAND, bytes(100_000), 0), Proposed)


def test_too_large_entry_is_refused() -> None:
    bench = led()
    answer = bench.core.propose(EntryKind.COMMAND, bytes(ENTRY_BYTES_MAX + 1), 0)
    assert answer == Refused(RefusalReason.TOO_LARGE, ME)


def test_batch_is_appended_as_a_whole_or_not_at_all() -> None:
    bench = led()
    last = bench.core.last_index
    bad = [(EntryKind.COMMAND, b'a'), (EntryKind.COMMAND, bytes(ENTRY_BYTES_MAX + 1))]
    assert isinstance(bench.core.propose_batch(bad, 0), Refused)
    assert bench.core.last_index == last
    good = bench.core.propose_batch([(EntryKind.COMMAND, b'a'), (EntryKind.COMMAND, b'b')], 0)
    assert [answer.index for answer in good] == [last + 1, last + 2]


def test_stamps_never_decrease_along_the_log() -> None:
    bench = led()
    for stamp_ns in (50, 40, 60):
        propose(bench, stamp_ns=stamp_ns)
    bench.drain()
    assert [item.stamp_ns for item in bench.disk] == [0, 50, 50, 60]


def test_leader_that_lost_its_term_keeps_nothing_of_it() -> None:
    bench = led()
    propose(bench)
    bench.drain()
    kept = bench.core.commit_index
    bench.step(append(9, (kept, 1), entry(kept + 1, 9)))
    assert bench.core.role is Role.FOLLOWER
    assert bench.disk[-1] == entry(kept + 1, 9)
    assert bench.core.progress_of(R2) is None


def test_non_voter_gets_the_log_and_answers() -> None:
    bench = Bench(me=R4)
    bench.step(append(1, (0, 0), *log_of(1), commit=1, to=R4))
    bench.step(heartbeat(1, 3))
    reply = one(bench.tick(2), HeartbeatReply)
    assert (reply.recipient, reply.round, reply.match_index) == (R2, 3, 1)
    assert [item.index for item in bench.applied] == [1]


def test_new_non_voter_is_brought_up_to_date() -> None:
    bench = led()
    bench.drain()
    assert isinstance(bench.core.propose_change(AddNonVoter(R4, 1), 0), Proposed)
    assert {message.recipient for message in of_kind(bench.drain(), Append)} == {R2, R3, R4}
    resent = one(bench.step(bench.conflict(R4, 1)), Append)
    assert (resent.recipient, resent.prev_index, len(resent.entries)) == (R4, 0, 2)
    bench.step(bench.accepted(R2, 2), bench.accepted(R3, 2))
    assert isinstance(bench.core.propose_change(Remove(R4), 0), Proposed)
    bench.drain()
    assert bench.core.progress_of(R4) is None
    assert bench.step(bench.accepted(R4, 1)) == []


# Hand-over to the caller.


def test_ready_is_none_when_there_is_nothing_to_do() -> None:
    assert Bench().core.ready() is None


def test_commit_index_alone_is_not_worth_a_write() -> None:
    bench = Bench()
    bench.step(append(1, (0, 0), *log_of(1)))
    writes = sum(ready.must_persist for ready in bench.readies)
    bench.step(heartbeat(1, commit=1))
    assert sum(ready.must_persist for ready in bench.readies) == writes
    bench.step(append(1, (1, 1), entry(2, 1), commit=1))
    assert bench.hard_state.commit_index == 1


def test_proposal_between_ready_and_advance_is_in_the_next_ready() -> None:
    bench = Bench(voters=(ME,))
    bench.tick_until(Role.LEADER)
    propose(bench)
    ready = bench.core.ready()
    later = propose(bench)
    assert later.index not in [item.index for item in ready.entries]
    bench.core.advance(ready)
    assert bench.core.commit_index < later.index
    bench.drain()
    assert bench.core.commit_index == later.index


def test_entries_cut_before_they_were_handed_out_are_never_persisted() -> None:
    bench = Bench()
    bench.core.step(append(1, (0, 0), *log_of(1, 1)))
    bench.core.step(append(2, (0, 0), *log_of(2), sender=R3))
    ready = bench.core.ready()
    assert (ready.entries, ready.truncate_from) == (tuple(log_of(2)), None)


def test_log_that_does_not_fit_the_hard_state_is_refused() -> None:
    for options in ({'term': 1, 'commit': 3}, {'term': 0}):
        with pytest.raises(ValueError, match='does not fit'):
            Bench(log_of(1), **options)
    with pytest.raises(ValueError, match='not a log'):
        Bench([entry(2, 1)], term=1)
