# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Silence becomes a belief: by how a robot's beacons arrive, between bounds in periods.

The limits stated at the end are of the model in wifi_model.py, not of a radio in the field.
"""

from __future__ import annotations

import random

import pytest
from coordinator_samples import R1, R2
from hypothesis import given
from hypothesis import strategies as st
from wifi_model import BURSTS, CLEAN, EVEN, Link, arrivals

from swarm_coordinator.core.raft import PROFILES
from swarm_coordinator.core.registry.awareness import AWARENESS_MAX, Awareness
from swarm_coordinator.core.registry.suspicion import (
    DEAD_PERIODS_MAX,
    DEAD_PERIODS_MIN,
    INCARNATION_JUMP_MAX,
    PHI_MAX,
    PHI_SUSPECT,
    SUSPECT_PERIODS_MAX,
    SUSPECT_PERIODS_MIN,
    WINDOW_INTERVALS,
    Liveness,
    Suspicion,
)

MS = 1_000_000
PERIOD_NS = 100 * MS
HOUR_BEACONS = 36_000


def heard_every(interval_ns: int, count: int = 200, subject: Suspicion | None = None) -> Suspicion:
    subject = subject or Suspicion(PERIOD_NS)
    for number in range(count):
        subject.hear(R1, number * interval_ns, 1)
    return subject


def last_ns(subject: Suspicion) -> int:
    return subject.heard_ns[R1]


# ---- silence


@pytest.mark.parametrize('known', [1, 200])
@pytest.mark.parametrize(
    ('silence_periods', 'phase'),
    [
        (0, Liveness.HEALTHY), (4, Liveness.HEALTHY), (7, Liveness.SLOW), (9.9, Liveness.SLOW),
        (10, Liveness.SUSPECT), (24.9, Liveness.SUSPECT), (25, Liveness.DEAD),
        (10**9, Liveness.DEAD),
    ],
)
def test_phase_of_a_robot_on_a_good_link_follows_the_silence(
    known: int, silence_periods: float, phase: Liveness
) -> None:
    subject = heard_every(PERIOD_NS, known)
    silence_ns = int(silence_periods * PERIOD_NS)
    assert subject.phase_of(R1, last_ns(subject) + silence_ns) is phase


def test_nothing_is_believed_of_a_robot_that_was_never_heard() -> None:
    subject = Suspicion(PERIOD_NS)
    assert subject.phase_of(R1, 10**9) is None
    assert subject.silence_ns(R1, 10**9) is None and subject.phi_of(R1, 10**9) is None
    assert 'never heard' in subject.explain(R1, 10**9)


def test_one_beacon_is_enough_to_be_healthy_again() -> None:
    subject = heard_every(PERIOD_NS)
    later = last_ns(subject) + 10**12
    assert subject.phase_of(R1, later) is Liveness.DEAD
    subject.hear(R1, later, 1)
    assert subject.phase_of(R1, later) is Liveness.HEALTHY


def test_new_leader_counts_the_unheard_from_now_and_the_heard_as_before() -> None:
    subject = Suspicion(100)
    subject.hear(R1, 0)
    subject.begin([R1, R2], 2500)
    assert subject.phase_of(R1, 2500) is Liveness.DEAD
    assert subject.phase_of(R2, 2500) is Liveness.HEALTHY
    assert subject.phase_of(R2, 5000) is Liveness.DEAD


def test_robot_of_which_most_beacons_are_lost_is_slow_while_it_is_heard() -> None:
    assert heard_every(3 * PERIOD_NS).phase_of(R1, 199 * 3 * PERIOD_NS) is Liveness.SLOW
    assert heard_every(2 * PERIOD_NS).phase_of(R1, 199 * 2 * PERIOD_NS) is Liveness.HEALTHY


def test_period_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match='period_ns=0 must be at least 1'):
        Suspicion(0)


# ---- phi


def test_phi_reaches_its_threshold_at_the_limit_that_is_used() -> None:
    """Hayashibara et al. 2004, section 4.2, equations 1 and 2."""
    rng = random.Random(1)
    subject = Suspicion(PERIOD_NS)
    now_ns = 0
    for _ in range(WINDOW_INTERVALS + 1):
        now_ns += rng.choice((1, 1, 1, 1, 2, 4)) * PERIOD_NS
        subject.hear(R1, now_ns)
    limit_ns = subject.limits_of(R1, now_ns).suspect_ns
    periods = limit_ns / PERIOD_NS
    assert SUSPECT_PERIODS_MIN < periods < SUSPECT_PERIODS_MAX, 'between the bounds'
    assert subject.phi_of(R1, now_ns + limit_ns) == pytest.approx(PHI_SUSPECT, abs=0.01)


def test_phi_only_grows_with_the_silence_and_has_a_highest_value() -> None:
    subject = heard_every(PERIOD_NS)
    phis = [subject.phi_of(R1, last_ns(subject) + n * PERIOD_NS // 2) for n in range(200)]
    assert all(phi is not None for phi in phis)
    assert phis == sorted(phis, key=float) and phis[0] == pytest.approx(0.0, abs=1e-6)
    assert phis[-1] == PHI_MAX


def test_sums_of_the_window_stay_exact_over_many_beacons() -> None:
    rng = random.Random(2)
    subject = Suspicion(PERIOD_NS)
    now_ns = 0
    for _ in range(5000):
        now_ns += rng.randrange(PERIOD_NS // 4, 9 * PERIOD_NS)
        subject.hear(R1, now_ns)
    life = subject._lives[R1]
    assert len(life.intervals_us) == WINDOW_INTERVALS
    assert life.sum_us == sum(life.intervals_us)
    assert life.squares_us == sum(one * one for one in life.intervals_us)


def test_same_beacon_twice_is_no_sign_of_a_faster_link() -> None:
    once, twice = heard_every(4 * PERIOD_NS), Suspicion(PERIOD_NS)
    for number in range(200):
        for copy in range(3):
            twice.hear(R1, 4 * number * PERIOD_NS + copy * MS, 1)
    now_ns = last_ns(once)
    assert twice.limits_of(R1, now_ns) == once.limits_of(R1, now_ns)


def test_outage_is_not_learned_as_an_ordinary_interval() -> None:
    subject = heard_every(PERIOD_NS)
    before = subject.limits_of(R1, 0)
    subject.hear(R1, last_ns(subject) + 10**13, 1)
    assert subject.limits_of(R1, 0) == before


# ---- bounds


@given(st.lists(st.integers(0, 10**11), max_size=60), st.integers(0, AWARENESS_MAX))
def test_limits_stay_between_their_bounds_whatever_arrives(
    gaps_ns: list[int], doubt: int
) -> None:
    awareness = Awareness(1, 1)
    subject = Suspicion(PERIOD_NS, awareness)
    now_ns = 0
    for gap_ns in gaps_ns:
        now_ns += gap_ns
        subject.hear(R1, now_ns)
    for _ in range(doubt):
        awareness.tick_was_late(1, now_ns)
    limits = subject.limits_of(R1, now_ns)
    assert limits.slow_ns < limits.suspect_ns < limits.dead_ns
    stretch = awareness.stretch_permille(now_ns) / 1000
    assert SUSPECT_PERIODS_MIN <= limits.suspect_ns / PERIOD_NS / stretch <= SUSPECT_PERIODS_MAX
    assert DEAD_PERIODS_MIN <= limits.dead_ns / PERIOD_NS / stretch <= DEAD_PERIODS_MAX
    assert limits.dead_ns - limits.suspect_ns >= 15 * PERIOD_NS, 'time to ask peers'


@pytest.mark.parametrize('profile', PROFILES.values(), ids=str)
def test_nobody_is_dead_sooner_than_two_elections_can_take(profile: object) -> None:
    """One that splits its votes and the one after it, at their longest time-outs."""
    from swarm_coordinator.core.raft import TimingProfile

    assert isinstance(profile, TimingProfile)
    assert DEAD_PERIODS_MIN * profile.heartbeat_ms > 2 * profile.election_timeout_ms_max
    assert SUSPECT_PERIODS_MIN * profile.heartbeat_ms >= profile.election_timeout_ms_max


def test_robot_that_doubts_itself_waits_up_to_three_times_as_long() -> None:
    awareness = Awareness(1, 1)
    subject = heard_every(PERIOD_NS, subject=Suspicion(PERIOD_NS, awareness))
    now_ns = last_ns(subject) + 30 * PERIOD_NS
    assert subject.phase_of(R1, now_ns) is Liveness.DEAD
    for _ in range(10):
        awareness.tick_was_late(10**9, now_ns)
    assert subject.phase_of(R1, now_ns) is Liveness.SUSPECT
    assert 'doubts itself: its ticks are late' in subject.explain(R1, now_ns)
    # The doubt goes as well: nobody stays undecided for ever.
    assert subject.phase_of(R1, now_ns + 75 * PERIOD_NS) is Liveness.DEAD


# ---- our own pauses


def test_pause_of_the_receiver_kills_nobody_and_hides_nobody() -> None:
    subject = heard_every(PERIOD_NS)
    subject.hear(R2, last_ns(subject) - 8 * PERIOD_NS)
    pause_ns = 60 * 10**9
    now_ns = last_ns(subject) + pause_ns
    subject.held_up(pause_ns, now_ns)
    assert subject.phase_of(R1, now_ns) is Liveness.HEALTHY
    assert subject.phase_of(R2, now_ns) is Liveness.SLOW, 'its silence goes on'
    assert subject.phase_of(R2, now_ns + 2 * PERIOD_NS) is Liveness.SUSPECT
    assert subject.phase_of(R1, now_ns + 25 * PERIOD_NS) is Liveness.DEAD


def test_pause_is_not_learned_and_moves_nobody_into_the_future() -> None:
    subject = heard_every(PERIOD_NS)
    before = subject.limits_of(R1, 0)
    now_ns = last_ns(subject) + 12 * PERIOD_NS
    subject.held_up(50 * PERIOD_NS, now_ns)
    assert last_ns(subject) == now_ns
    subject.hear(R1, now_ns + PERIOD_NS, 1)
    assert subject.limits_of(R1, 0) == before
    subject.hear(R1, now_ns + 13 * PERIOD_NS, 1)
    assert subject.limits_of(R1, 0) != before, 'that was no pause'


def test_clock_that_is_read_twice_the_same_or_earlier_does_no_harm() -> None:
    subject = heard_every(PERIOD_NS)
    now_ns = last_ns(subject)
    subject.hear(R1, now_ns - PERIOD_NS, 1)
    assert subject.heard_ns[R1] == now_ns
    assert subject.silence_ns(R1, now_ns - PERIOD_NS) == 0


# ---- lives


def test_beacon_of_an_older_life_is_ignored_and_counted() -> None:
    subject = Suspicion(PERIOD_NS)
    assert subject.hear(R1, 0, 5)
    assert not subject.hear(R1, 10**12, 4)
    assert subject.phase_of(R1, 10**12) is Liveness.DEAD
    assert subject.ignored == 1


def test_news_of_a_newer_life_refutes_the_suspicion() -> None:
    subject = heard_every(PERIOD_NS)
    now_ns = last_ns(subject) + 15 * PERIOD_NS
    assert subject.phase_of(R1, now_ns) is Liveness.SUSPECT
    assert subject.vouch(R1, 0, now_ns, incarnation=2)
    assert subject.phase_of(R1, now_ns) is Liveness.HEALTHY
    assert subject.incarnation_of(R1) == 1, 'its beacons will say'
    assert subject.hear(R1, now_ns, 1), 'and if the peer lied, they go on'
    assert not subject.vouch(R1, 0, now_ns, incarnation=2**62)


def test_new_life_is_judged_without_what_was_learned_of_the_old_one() -> None:
    subject = heard_every(4 * PERIOD_NS)
    assert subject.phase_of(R1, last_ns(subject)) is Liveness.SLOW
    subject.hear(R1, last_ns(subject) + 1, 2)
    assert subject.phase_of(R1, last_ns(subject)) is Liveness.HEALTHY


def test_who_left_stays_gone_for_that_life_and_may_come_back_in_the_next() -> None:
    subject = heard_every(PERIOD_NS)
    now_ns = last_ns(subject)
    assert subject.leave(R1, 1)
    for incarnation in (0, 1):
        assert not subject.hear(R1, now_ns, incarnation), 'still on its way'
    assert not subject.vouch(R1, now_ns, now_ns, 1)
    assert subject.phase_of(R1, now_ns + 10**12) is Liveness.LEFT
    assert 'goodbye' in subject.explain(R1, now_ns)
    assert subject.hear(R1, now_ns, 2)
    assert subject.phase_of(R1, now_ns) is Liveness.HEALTHY
    assert not subject.leave(R1, 1), 'an old goodbye'
    assert subject.phase_of(R1, now_ns) is Liveness.HEALTHY


def test_garbled_incarnation_does_not_shut_out_the_real_robot() -> None:
    subject = Suspicion(PERIOD_NS)
    assert not subject.hear(R1, 0, 2**63)
    subject.hear(R1, 0, 7)
    assert not subject.hear(R1, 1, 7 + INCARNATION_JUMP_MAX + 1)
    assert subject.hear(R1, 2, 8)


def test_wiped_robot_is_heard_again_although_it_counts_its_starts_from_one() -> None:
    subject = Suspicion(PERIOD_NS)
    subject.hear(R1, 0, 9, storage_id=111)
    assert not subject.hear(R1, 9 * PERIOD_NS, 1, storage_id=222), 'the old one is still heard'
    assert subject.hear(R1, 10 * PERIOD_NS, 1, storage_id=222)
    assert subject.phase_of(R1, 10 * PERIOD_NS) is Liveness.HEALTHY
    assert not subject.hear(R1, 11 * PERIOD_NS, 9, storage_id=111), 'late beacon of the old disk'
    assert subject.hear(R1, 12 * PERIOD_NS, 2, storage_id=222)


def test_news_without_a_life_counts_for_the_known_one() -> None:
    subject = Suspicion(PERIOD_NS)
    subject.hear(R1, 0, 3)
    subject.hear(R1, 10**12)
    assert subject.phase_of(R1, 10**12) is Liveness.HEALTHY and subject.incarnation_of(R1) == 3


# ---- peers


def test_robot_that_a_peer_hears_stays_suspect_as_long_as_it_does() -> None:
    subject = heard_every(PERIOD_NS)
    heard_ns = last_ns(subject)
    at_ns = heard_ns + 20 * PERIOD_NS
    assert subject.vouch(R1, at_ns - PERIOD_NS, at_ns, 1)
    assert subject.phase_of(R1, heard_ns + 30 * PERIOD_NS) is Liveness.SUSPECT
    assert 'a peer heard it' in subject.explain(R1, heard_ns + 30 * PERIOD_NS)
    assert subject.phase_of(R1, heard_ns + 43 * PERIOD_NS) is Liveness.SUSPECT
    assert subject.phase_of(R1, heard_ns + 44 * PERIOD_NS) is Liveness.DEAD


def test_what_a_peer_heard_of_an_older_life_or_in_the_future_helps_nobody() -> None:
    subject = heard_every(PERIOD_NS)
    subject.hear(R1, last_ns(subject), 2)
    now_ns = last_ns(subject) + 20 * PERIOD_NS
    assert not subject.vouch(R1, now_ns, now_ns, 1)
    assert subject.vouch(R1, now_ns + 10**15, now_ns, 2)
    assert subject.phase_of(R1, now_ns + 24 * PERIOD_NS) is Liveness.SUSPECT
    assert subject.phase_of(R1, now_ns + 25 * PERIOD_NS) is Liveness.DEAD


def test_forgotten_robot_is_as_one_never_heard() -> None:
    subject = heard_every(PERIOD_NS)
    subject.leave(R1, 1)
    subject.forget(R1)
    assert subject.phase_of(R1, 10**12) is None
    assert subject.hear(R1, 10**12, 1)


# ---- how fast and how often wrong, in the model


def wrongly(link: Link, seed: int, hours: int = 2) -> tuple[float, float]:
    """How often an hour a living robot is suspect, and dead, to one that asks nobody."""
    subject = Suspicion(PERIOD_NS)
    suspect = dead = 0
    for now_ns in arrivals(link, PERIOD_NS, hours * HOUR_BEACONS, random.Random(seed)):
        phase = subject.phase_of(R1, now_ns)
        suspect += phase in (Liveness.SUSPECT, Liveness.DEAD)
        dead += phase is Liveness.DEAD
        subject.hear(R1, now_ns, 1)
    return suspect / hours, dead / hours


def detection_periods(link: Link, seed: int) -> float:
    """From a crash to DEAD, looked at twice a period, after 20 s of getting acquainted."""
    rng = random.Random(seed)
    subject = Suspicion(PERIOD_NS)
    now_ns = crash_ns = 200 * PERIOD_NS - rng.randrange(PERIOD_NS)
    for heard_ns in arrivals(link, PERIOD_NS, 200, rng):
        if heard_ns < crash_ns:
            subject.hear(R1, heard_ns, 1)
    while subject.phase_of(R1, now_ns) is not Liveness.DEAD:
        now_ns += PERIOD_NS // 2
    return (now_ns - crash_ns) / PERIOD_NS


@pytest.mark.parametrize(
    ('link', 'suspect_per_hour_max', 'dead_per_hour_max'),
    [(CLEAN, 0, 0), (EVEN, 0.5, 0), (BURSTS, 120, 4)],
    ids=['clean', '20 % even', '20 % in bursts'],
)
def test_living_robot_is_rarely_suspect_and_hardly_ever_dead(
    link: Link, suspect_per_hour_max: float, dead_per_hour_max: float
) -> None:
    """Over 20 h: 0 and 0; 0 and 0; 84 and 0.9 an hour. What is left of the last number when peers
    are asked is in test_probing.py."""
    suspect, dead = wrongly(link, seed=1)
    assert suspect <= suspect_per_hour_max and dead <= dead_per_hour_max


@pytest.mark.parametrize(
    ('link', 'median_max', 'p99_max'),
    [(CLEAN, 25.5, 26.5), (EVEN, 27, 32), (BURSTS, 33, DEAD_PERIODS_MAX)],
    ids=['clean', '20 % even', '20 % in bursts'],
)
def test_dead_robot_is_found_within_a_bounded_time(
    link: Link, median_max: float, p99_max: float
) -> None:
    """300 crashes each at 100 ms gave medians of 2.5, 2.5 and 3.1 s and p99 of 2.6, 2.8 and
    4.7 s."""
    times = sorted(detection_periods(link, seed) for seed in range(100))
    assert times[50] <= median_max and times[98] <= p99_max
    assert times[-1] <= DEAD_PERIODS_MAX + 1, 'bound, whatever was learned'
