# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who votes: thesis chapter 4, and voters as robots with their disks."""

from __future__ import annotations

import json
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
    founders,
    heartbeat,
    of_kind,
    step_of,
)

from swarm_coordinator.core.raft import (
    STORAGE_ID_MAX,
    UNCLAIMED,
    VOTERS_MAX,
    AddNonVoter,
    Append,
    Claim,
    Demote,
    EntryKind,
    Heartbeat,
    HeartbeatReply,
    MalformedMembership,
    Membership,
    Promote,
    Proposed,
    RefusalReason,
    Refused,
    Remove,
    RobotId,
    Role,
    RoleReason,
    TimeoutNow,
    Vote,
    VoteReason,
    VoteRequest,
    admissions,
)
from swarm_coordinator.core.raft.membership import ChangeRefused, MembershipHistory, changed

NAMES = [RobotId(f'r{number}') for number in range(1, 10)]
STORAGES = st.integers(UNCLAIMED, 3)
SEATS = st.dictionaries(st.sampled_from(NAMES), STORAGES, min_size=1, max_size=9)


@st.composite
def memberships(draw) -> Membership:
    seats = list(draw(SEATS).items())
    count = draw(st.integers(1, min(len(seats), VOTERS_MAX)))
    others = [(robot, storage_id or 1) for robot, storage_id in seats[count:]]
    returning = draw(st.sets(st.sampled_from(others), max_size=3)) if others else set()
    return Membership(
        tuple(seats[:count]), tuple(others), tuple(robot for robot, _ in returning)
    )


CHANGES = st.one_of(
    st.builds(AddNonVoter, st.sampled_from(NAMES), STORAGES),
    st.builds(Claim, st.sampled_from(NAMES), STORAGES),
    st.builds(Promote, st.sampled_from(NAMES)),
    st.builds(Demote, st.sampled_from(NAMES)),
    st.builds(Remove, st.sampled_from(NAMES)),
)


def majorities(membership: Membership) -> list[set[tuple[RobotId, int]]]:
    """Of the seats that can vote, every set that is more than half of all seats."""
    able = [seat for seat in membership.voters if seat[1] != UNCLAIMED]
    need = len(membership.voters) // 2 + 1
    return [set(group) for group in combinations(able, need)]


# The value.


@given(memberships())
def test_membership_survives_the_round_trip(membership) -> None:
    assert Membership.decode(membership.encode()) == membership


@given(memberships(), st.lists(CHANGES, min_size=1, max_size=4))
def test_majorities_before_and_after_a_change_share_a_disk_thesis_4_1(membership, changes) -> None:
    try:
        after = changed(membership, changes)
    except ChangeRefused:
        return
    for old in majorities(membership):
        for new in majorities(after):
            assert old & new, f'{old} and {new} could decide without each other'


@given(memberships(), st.lists(CHANGES, min_size=1, max_size=4))
def test_change_raises_nothing_but_a_refusal(membership, changes) -> None:
    try:
        after = changed(membership, changes)
    except ChangeRefused as refusal:
        assert str(refusal)
    else:
        assert after != membership and after.voters


@given(st.binary(max_size=80))
def test_garbage_is_no_membership(data) -> None:
    with pytest.raises(MalformedMembership):
        Membership.decode(data)


@pytest.mark.parametrize(
    'raw',
    [
        {'voters': [], 'non_voters': [], 'returning': []},
        {'voters': [['r1', True]], 'non_voters': [], 'returning': []},
        {'voters': [['r1', 1.0]], 'non_voters': [], 'returning': []},
        {'voters': [['r1', 1]], 'non_voters': [['r1', 1]], 'returning': []},
        {'voters': [['r1', 1]], 'non_voters': [['r2', 0]], 'returning': []},
        {'voters': [['r1', 1]], 'non_voters': [], 'returning': ['r1']},
        {'voters': [['r2', 1], ['r1', 1]], 'non_voters': [], 'returning': []},
        {'voters': [['r1', STORAGE_ID_MAX + 1]], 'non_voters': [], 'returning': []},
        {'voters': [['r1', -1]], 'non_voters': [], 'returning': []},
        {'voters': [['r1', 1]], 'non_voters': []},
        {'voters': [['r1', 1]], 'non_voters': [], 'returning': [], 'more': 1},
        [['r1', 1]],
    ],
)
def test_what_encode_would_not_write_is_no_membership(raw) -> None:
    data = json.dumps(raw, separators=(',', ':'), sort_keys=True).encode()
    with pytest.raises(MalformedMembership):
        Membership.decode(data)


def test_more_than_seven_voters_are_refused() -> None:
    seven = founders(*NAMES[:7])
    full = Membership(seven.voters, ((NAMES[7], 1),))
    with pytest.raises(ChangeRefused, match='at most 7'):
        changed(full, [Promote(NAMES[7])])
    with pytest.raises(ValueError, match='expected 1 to 7'):
        founders(*NAMES[:8])


def test_last_voter_cannot_be_removed() -> None:
    for change in (Remove(ME), Demote(ME)):
        with pytest.raises(ChangeRefused, match='last voter'):
            changed(founders(ME), [change])


def test_any_number_of_non_voters_changes_with_one_voter() -> None:
    after = changed(
        founders(*THREE), [AddNonVoter(R4, 4), AddNonVoter(R5, 5), Demote(R3)]
    )
    assert after == Membership(((ME, 1), (R2, 1)), ((R3, 1), (R4, 4), (R5, 5)))
    with pytest.raises(ChangeRefused, match='one voter'):
        changed(founders(*THREE), [Demote(R2), Demote(R3)])


def test_new_disk_of_a_voter_takes_its_vote_and_is_to_get_it_back() -> None:
    lost = changed(founders(*THREE), [AddNonVoter(R3, 9)])
    assert lost == Membership(((ME, 1), (R2, 1)), ((R3, 9),), (R3,))
    assert changed(lost, [Promote(R3)]) == Membership(((ME, 1), (R2, 1), (R3, 9)))
    assert changed(lost, [Remove(R3)]) == founders(ME, R2)


def test_claim_needs_an_unclaimed_seat() -> None:
    unclaimed = Membership(((ME, 1), (R2, 1), (R3, UNCLAIMED)))
    assert unclaimed.awaited_ids == (R3,)
    claimed = changed(unclaimed, [Claim(R3, 9)])
    assert claimed.storage_of(R3) == 9 and claimed.awaited_ids == ()
    for change in (Claim(R2, 9), Claim(R4, 9), Claim(R3, UNCLAIMED)):
        with pytest.raises(ChangeRefused):
            changed(unclaimed, [change])


@given(st.lists(st.tuples(st.integers(1, 3), memberships()), max_size=8), st.data())
def test_history_knows_the_membership_of_every_entry(steps, data) -> None:
    """Against the plain list of all entries."""
    base = founders(ME)
    history, plain, index = MembershipHistory(0, base), [base], 0
    for gap, membership in steps:
        plain += [plain[-1]] * (gap - 1) + [membership]
        index += gap
        history.append(step_of(index, 1, membership))
    first = data.draw(st.integers(0, index))
    history.forget_before(first)
    cut = data.draw(st.integers(first + 1, index + 1))
    was = history.index
    assert history.cut_from(cut) == (was >= cut)
    for at in range(first, cut):
        assert history.at(at) == plain[at]
    assert history.current == plain[cut - 1]


# The leader.


def led(voters=THREE, log=None, **options) -> Bench:
    bench = Bench(founded_log(voters) if log is None else log, term=1, voters=voters, **options)
    bench.lead()
    accept(bench)
    bench.drain()
    return bench


def accept(bench: Bench, *peers: RobotId) -> list:
    peers = peers or tuple(robot for robot in bench.core.voters if robot != ME)
    return bench.step(*(bench.accepted(peer, bench.core.last_index) for peer in peers))


def propose(bench: Bench, *changes) -> Proposed:
    answer = bench.core.propose_change(changes, 0)
    assert isinstance(answer, Proposed), answer
    return answer


def refusal(bench: Bench, *changes) -> RefusalReason:
    answer = bench.core.propose_change(changes, 0)
    assert isinstance(answer, Refused), answer
    return answer.reason


def caught_up(bench: Bench, robot: RobotId) -> None:
    """A non-voter that has all and answers for some rounds."""
    bench.step(bench.accepted(robot, bench.core.last_index))
    for _ in range(3):
        bench.tick(2)
        last = bench.core.last_index
        bench.step(*(bench.answer(peer, last) for peer in (*bench.core.voters, robot)
                     if peer != ME))


def test_first_entry_names_the_founders_with_the_disks_that_were_heard() -> None:
    bench = Bench()
    bench.step(HeartbeatReply(R2, None, 0, 0, 0, 0, storage_id=22))
    bench.tick_until(Role.PRE_CANDIDATE)
    granted = Vote(R2, ME, 1, True, True, VoteReason.GRANTED, storage_id=22)
    bench.step(granted, Vote(R2, ME, 1, False, True, VoteReason.GRANTED, storage_id=22))
    (first,) = bench.disk
    assert first.kind is EntryKind.MEMBERSHIP
    assert Membership.decode(first.data) == Membership(((ME, 1), (R2, 22), (R3, UNCLAIMED)))


def test_membership_counts_when_it_is_appended_thesis_4_1() -> None:
    bench = led()
    propose(bench, AddNonVoter(R4, 1))
    bench.drain()
    caught_up(bench, R4)
    accept(bench)
    caught_up(bench, R4)
    index = propose(bench, Promote(R4)).index
    bench.drain()
    accept(bench, R2)
    assert bench.core.commit_index < index      # two of four
    accept(bench, R4)
    assert bench.core.commit_index == index


def test_second_change_waits_for_the_first_thesis_4_1() -> None:
    bench = led()
    propose(bench, AddNonVoter(R4, 1))
    assert refusal(bench, AddNonVoter(R5, 1)) is RefusalReason.CHANGE_PENDING
    bench.drain()
    accept(bench)
    propose(bench, AddNonVoter(R5, 1))


def test_new_leader_changes_nothing_before_its_first_commit_ongaro_2015() -> None:
    bench = Bench(founded_log(THREE), term=1, commit=1)
    bench.lead()
    assert refusal(bench, AddNonVoter(R4, 1)) is RefusalReason.NOT_READY
    accept(bench)
    propose(bench, AddNonVoter(R4, 1))


def test_non_voter_that_lags_is_not_promoted_thesis_4_2_1() -> None:
    bench = led()
    propose(bench, AddNonVoter(R4, 1))
    bench.drain()
    accept(bench)
    assert refusal(bench, Promote(R4)) is RefusalReason.NOT_CAUGHT_UP
    caught_up(bench, R4)
    assert bench.core.progress_of(R4).caught_up
    bench.tick(8)
    bench.step(*(bench.answer(peer, bench.core.last_index) for peer in (R2, R3)))
    bench.tick(2)
    assert not bench.core.progress_of(R4).caught_up     # silent for more than four rounds
    assert refusal(bench, Promote(R4)) is RefusalReason.NOT_CAUGHT_UP


def test_non_voter_that_does_not_know_that_it_is_one_is_not_promoted() -> None:
    """Near the end of the log, but without the entry that made it a member it would not vote."""
    bench = led()
    index = propose(bench, AddNonVoter(R4, 1)).index
    bench.drain()
    accept(bench)
    bench.tick(4)
    bench.step(bench.accepted(R4, index - 1), bench.answer(R4, index - 1))
    assert bench.core.progress_of(R4).caught_up
    assert refusal(bench, Promote(R4)) is RefusalReason.NOT_CAUGHT_UP
    bench.step(bench.accepted(R4, index))
    propose(bench, Promote(R4))


def test_change_that_leaves_too_few_heard_voters_is_refused() -> None:
    """R3 is silent: without R2 the leader could not commit anything any more."""
    bench = led()
    for _ in range(TIMING.election_timeout_ticks_max):
        bench.tick()
        bench.step(bench.answer(R2, bench.core.last_index))
    assert refusal(bench, Remove(R2)) is RefusalReason.QUORUM_AT_RISK
    propose(bench, Remove(R3))


def test_removed_leader_leads_until_that_is_committed_thesis_4_2_2() -> None:
    bench = led()
    propose(bench, Remove(ME))
    bench.drain()
    assert bench.core.role is Role.LEADER
    accept(bench, R2)
    assert bench.core.role is Role.LEADER       # it does not count itself: one of two
    sent = accept(bench, R3)
    assert (bench.core.role, bench.core.role_reason) == (Role.NON_VOTER, RoleReason.REMOVED)
    assert bench.applied[-1].kind is EntryKind.MEMBERSHIP
    told = [message.commit_index for message in of_kind(sent, Append)]
    assert told and set(told) == {bench.core.commit_index}
    assert len(of_kind(sent, TimeoutNow)) == 1


def test_removed_voter_may_still_be_needed_until_that_is_committed_thesis_4_2_2() -> None:
    """Two voters, and the entry that removes this one has reached nobody: no other log is as
    complete, so it must campaign, and does not count its own vote."""
    log = [*founded_log((ME, R2)), step_of(2, 1, founders(R2))]
    bench = Bench(log, term=1, commit=1, voters=(ME, R2))
    assert bench.core.has_vote
    sent = bench.tick_until(Role.PRE_CANDIDATE)
    assert of_kind(sent, VoteRequest)
    bench.step(bench.vote(R2, pre_vote=True))
    assert bench.core.role is Role.CANDIDATE
    bench.step(bench.vote(R2))
    assert bench.core.role is Role.LEADER
    bench.step(bench.accepted(R2, 3))
    assert (bench.core.role, bench.core.has_vote) == (Role.NON_VOTER, False)


def test_membership_that_is_cut_is_taken_back_thesis_4_1() -> None:
    bench = Bench([*founded_log(THREE), step_of(2, 1, founders(R2, R3))], term=1, commit=1)
    bench.step(append(2, (1, 1), entry(2, 2)))
    assert bench.core.membership == founders(*THREE)
    assert bench.core.has_vote


def test_votes_are_counted_by_disk() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.campaign()
    other_disk = Vote(R2, ME, bench.core.term, False, True, VoteReason.GRANTED, storage_id=9)
    bench.step(other_disk)
    assert bench.core.role is Role.CANDIDATE
    bench.step(bench.vote(R2))
    assert bench.core.role is Role.LEADER


def test_acknowledgements_are_counted_by_disk() -> None:
    bench = led()
    bench.core.propose(EntryKind.COMMAND, b'', 0)
    bench.drain()
    committed = bench.core.commit_index
    last = bench.core.last_index
    bench.step(HeartbeatReply(R2, ME, bench.core.term, 1, last, last, storage_id=9))
    assert bench.core.commit_index == committed


def test_leader_that_only_other_disks_answer_steps_down_thesis_6_2() -> None:
    bench = led()
    for _ in range(TIMING.election_timeout_ticks_max):
        bench.tick()
        for peer in (R2, R3):
            bench.step(HeartbeatReply(peer, ME, bench.core.term, 1, 0, 0, storage_id=9))
    assert bench.core.role_reason is RoleReason.QUORUM_SILENT


def test_robot_with_another_disk_has_no_vote() -> None:
    bench = Bench(founded_log(THREE), term=1, storage_id=9)
    assert (bench.core.role, bench.core.has_vote) == (Role.NON_VOTER, False)
    bench.step(VoteRequest(R2, ME, 5, False, 9, 9))
    assert not of_kind(bench.tick(3 * TIMING.election_timeout_ticks_max), VoteRequest)
    assert bench.hard_state.voted_for is None


def test_promoted_robot_that_does_not_know_it_yet_votes_thesis_4_1() -> None:
    """Else a leader and a robot that it has just promoted could not elect anybody."""
    membership = Membership(((R2, 1), (R3, 1)), ((ME, 1),))
    bench = Bench([step_of(1, 1, membership)], term=1, voters=(R2, R3))
    assert bench.core.role is Role.NON_VOTER
    (vote,) = of_kind(bench.step(ask(5, (9, 1))), Vote)
    assert vote.granted and bench.hard_state.voted_for == R2
    assert not of_kind(bench.step(ask(6, (0, 0))), Vote)    # nobody waits for its refusal
    assert not of_kind(bench.tick(3 * TIMING.election_timeout_ticks_max), VoteRequest)


def test_robot_that_was_promoted_begins_to_campaign() -> None:
    membership = Membership(((R2, 1), (R3, 1)), ((ME, 1),))
    bench = Bench([step_of(1, 1, membership)], term=1, voters=(R2, R3))
    bench.step(append(1, (1, 1), step_of(2, 1, founders(*THREE))))
    assert (bench.core.role, bench.core.role_reason) == (Role.FOLLOWER, RoleReason.MEMBERSHIP)
    bench.tick_until(Role.PRE_CANDIDATE)


def test_kind_membership_cannot_be_proposed_past_its_rules() -> None:
    with pytest.raises(ValueError, match='propose_change'):
        led().core.propose(EntryKind.MEMBERSHIP, founders(ME).encode(), 0)


# Founding.


def test_empty_founder_does_not_campaign_while_it_hears_a_robot_with_entries() -> None:
    bench = Bench()
    for _ in range(5 * TIMING.election_timeout_ticks_max):
        bench.step(HeartbeatReply(R3, None, 0, 0, 0, 7))
        bench.tick()
        assert bench.core.role is Role.FOLLOWER
    bench.tick_until(Role.PRE_CANDIDATE)        # and does when it has fallen silent


def test_empty_founder_helps_no_other_while_it_hears_a_robot_with_entries() -> None:
    bench = Bench()
    bench.step(HeartbeatReply(R3, None, 0, 0, 0, 7))
    (vote,) = of_kind(bench.step(ask(1, (0, 0))), Vote)
    assert vote.reason is VoteReason.LOG_BEHIND
    (vote,) = of_kind(bench.step(ask(1, (7, 1), sender=R3)), Vote)
    assert vote.granted


def test_robot_that_is_no_founder_follows_whoever_leads() -> None:
    bench = Bench(me=R4)
    bench.step(heartbeat(1))
    bench.step(append(1, (0, 0), *founded_log(THREE), to=R4))
    assert (bench.core.role, bench.core.leader, bench.disk) == (
        Role.NON_VOTER, R2, founded_log(THREE),
    )


def test_founders_are_not_looked_at_when_there_is_a_log() -> None:
    bench = Bench(founded_log(THREE), term=1, voters=FIVE)
    assert bench.core.voters == THREE


def test_founders_that_are_cut_are_the_founders_again() -> None:
    """The first entry is not committed when its leader is lost; the next one writes another."""
    bench = Bench(founded_log((ME, R2)), term=1)
    other = step_of(1, 2, founders(*THREE))
    bench.step(append(2, (0, 0), other))
    assert (bench.core.membership, bench.disk) == (founders(*THREE), [other])


# Admission.


def hear(bench: Bench, robot: RobotId, storage_id: int, ticks: int) -> None:
    for _ in range(ticks):
        bench.tick()
        last, term = bench.core.last_index, bench.core.term
        bench.step(HeartbeatReply(robot, None, term, 0, 0, 0, storage_id=storage_id))
        bench.step(*(bench.answer(peer, last) for peer in (R2, R3) if peer != robot))


def test_founder_that_was_absent_claims_its_seat() -> None:
    absent = Membership(((ME, 1), (R2, 1), (R3, UNCLAIMED)))
    bench = led(log=[step_of(1, 1, absent)])
    hear(bench, R3, 33, 1)
    assert admissions(bench.core) == ()     # heard once: perhaps a late copy
    hear(bench, R3, 33, 4)
    assert bench.core.strangers == ((R3, 33),)
    assert admissions(bench.core) == (Claim(R3, 33),)
    propose(bench, *admissions(bench.core))
    bench.drain()
    assert bench.core.membership.storage_of(R3) == 33 and bench.core.strangers == ()


def test_new_disk_of_a_voter_is_admitted_only_when_the_old_one_is_gone() -> None:
    bench = led()
    hear(bench, R3, 9, TIMING.election_timeout_ticks_max // 2)
    assert admissions(bench.core) == ()
    hear(bench, R3, 9, TIMING.election_timeout_ticks_max // 2 + 1)
    assert admissions(bench.core) == (AddNonVoter(R3, 9),)


def test_late_copy_of_an_old_message_admits_nobody() -> None:
    bench = led()
    hear(bench, R2, 1, 2 * TIMING.election_timeout_ticks_max)   # R3 is silent
    bench.step(HeartbeatReply(R3, None, bench.core.term, 0, 0, 0, storage_id=9))
    assert admissions(bench.core) == ()


def test_robot_that_lost_its_disk_votes_again_when_it_has_caught_up() -> None:
    lost = Membership(((ME, 1), (R2, 1)), ((R3, 9),), (R3,))
    bench = led(log=[step_of(1, 1, lost)])
    assert admissions(bench.core) == ()
    last = bench.core.last_index
    for round_ in range(4):
        bench.tick(2)
        match = last if round_ else 0
        answer = HeartbeatReply(
            R3, ME, bench.core.term, bench.core.heartbeat_round, match, match, storage_id=9
        )
        bench.step(answer, bench.answer(R2, last))
    assert admissions(bench.core) == (Promote(R3),)


def test_operator_is_not_overruled() -> None:
    """A robot that was removed or demoted is heard, and stays what it is."""
    demoted = Membership(((ME, 1), (R2, 1)), ((R3, 1),))
    bench = led(log=[step_of(1, 1, demoted)])
    caught_up(bench, R3)
    hear(bench, R4, 1, 2 * TIMING.election_timeout_ticks_max)
    assert admissions(bench.core) == ()
    assert admissions(bench.core, [R4]) == (AddNonVoter(R4, 1),)


def test_follower_proposes_nothing() -> None:
    bench = Bench(founded_log(THREE), term=1)
    hear(bench, R3, 9, 30)
    assert admissions(bench.core, [R5]) == ()


def test_heartbeat_of_a_leader_that_is_no_member_here_is_followed_thesis_4_1() -> None:
    bench = Bench(founded_log(THREE), term=1)
    bench.step(heartbeat(2, sender=R5))
    assert bench.core.leader == R5
    assert of_kind(bench.tick(0), Heartbeat) == []
