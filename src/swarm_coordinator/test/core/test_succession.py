# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Leadership goes to a clearly and lastingly fitter robot, and never to and fro."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from coordinator_samples import R1, R2, R3
from hypothesis import given, settings
from hypothesis import strategies as st

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.modes.mode import Activity, Mode, allows
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.succession import (
    BACKOFF_NS,
    COMPONENTS,
    HOLD_NS,
    MARGIN_PERMILLE,
    REMEMBERED_NS,
    TENURE_NS,
    Candidate,
    FitnessFacts,
    ReputationAdvice,
    Succession,
    SuccessionSituation,
    Transfer,
    WorkReputation,
    advantage,
    fitness,
)

SECOND = 1_000_000_000
HOUR = 3600
WELL = FitnessFacts(3, 3, 900, 200, 0, 10, 800)
WEARY = replace(WELL, battery_permille=50)

PERMILLE = st.none() | st.integers(0, 1000)
FACTS = st.builds(
    FitnessFacts, st.integers(0, 7), st.integers(0, 5), PERMILLE, PERMILLE,
    st.none() | st.integers(0, 8), st.none() | st.integers(0, 10**6), PERMILLE,
)

# ---- fitness


@given(FACTS)
def test_fitness_is_a_share_whatever_is_known(facts: FitnessFacts) -> None:
    assert 0 <= fitness(facts) <= 1000


def test_weights_are_thousandths_and_reputation_is_the_smallest() -> None:
    weights = {name: weight for name, weight, _ in COMPONENTS}
    assert sum(weights.values()) == 1000
    assert min(weights, key=lambda name: weights[name]) == 'reputation'


@pytest.mark.parametrize(
    'worse',
    [
        {'voters_heard': 2}, {'battery_permille': 100}, {'cpu_load_permille': 900},
        {'awareness': 5}, {'fsync_ms': 150}, {'reputation_permille': 100},
    ],
)
def test_every_fact_counts(worse: dict[str, int]) -> None:
    bad = replace(WELL, **worse)  # type: ignore[arg-type]
    assert fitness(bad) < fitness(WELL)
    assert sum(advantage(WELL, bad).values()) > 0


@pytest.mark.parametrize(
    'worst', [{'reputation_permille': 0}, {'cpu_load_permille': 1000}, {'fsync_ms': 10**6}]
)
def test_reputation_load_or_disk_alone_never_move_leadership(worst: dict[str, int]) -> None:
    best = replace(WELL, reputation_permille=1000, cpu_load_permille=0, fsync_ms=0)
    bad = replace(best, **worst)  # type: ignore[arg-type]
    assert 0 < sum(advantage(best, bad).values()) < MARGIN_PERMILLE


@pytest.mark.parametrize(
    'worse', [{'voters_heard': 2}, {'battery_permille': 200}, {'awareness': 7}]
)
def test_a_lost_link_a_low_battery_or_lasting_delay_is_enough(worse: dict[str, int]) -> None:
    bad = replace(WELL, **worse)  # type: ignore[arg-type]
    assert sum(advantage(WELL, bad).values()) >= MARGIN_PERMILLE


@given(FACTS, FACTS)
def test_nobody_is_fitter_than_who_is_fitter_than_him(a: FitnessFacts, b: FitnessFacts) -> None:
    assert advantage(a, b) == {name: -value for name, value in advantage(b, a).items()}


def test_what_is_known_of_one_only_is_not_compared() -> None:
    """Else a leader that knows its own slow disk would hand over to one as slow, and get it back.
    """
    slow, unknown = replace(WELL, fsync_ms=150), replace(WELL, fsync_ms=None)
    assert advantage(unknown, slow) == {}


@pytest.mark.parametrize(
    ('known', 'now_ns', 'permille'),
    [
        (WorkReputation(900, newcomer=False, may_lead=True), 9, 900),
        (WorkReputation(900, newcomer=False, may_lead=True), 10, None),  # stale
        (WorkReputation(300, newcomer=False, may_lead=False), 9, 0),
        (WorkReputation(210, newcomer=True, may_lead=False), 9, None),  # nobody can say
    ],
)
def test_reputation_counts_while_its_advice_is_fresh(
    known: WorkReputation, now_ns: int, permille: int | None
) -> None:
    advice = ReputationAdvice({R2: known}, expires_ns=10)
    assert advice.permille_of(R2, now_ns) == permille
    assert advice.permille_of(R1, now_ns) is None


def test_reputation_decides_between_equals_and_against_nothing_else() -> None:
    good, bad = replace(WELL, reputation_permille=900), replace(WELL, reputation_permille=0)
    assert fitness(good) > fitness(bad)
    assert fitness(replace(bad, voters_heard=3)) > fitness(replace(good, voters_heard=2))


# ---- one leader


def situation(mine: FitnessFacts = WEARY, **changes: object) -> SuccessionSituation:
    base = SuccessionSituation(
        R1, mine, [Candidate(R2, WELL, Liveness.HEALTHY, True)], Mode.NORMAL, False, True
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def leads(seconds: int, at: SuccessionSituation, subject: Succession | None = None,
          start: int = 0) -> tuple[Transfer | None, int]:
    """The first transfer and when it came."""
    subject = subject or Succession(R1)
    for second in range(start, start + seconds):
        transfer = subject.decide(at, second * SECOND)
        if transfer is not None:
            return transfer, second
    return None, start + seconds


def test_fitter_robot_gets_leadership_after_the_tenure_and_not_before() -> None:
    transfer, second = leads(300, situation())
    assert transfer is not None and transfer.to == R2
    assert 'battery +180' in transfer.reason
    assert second == TENURE_NS // SECOND


def test_advantage_must_last() -> None:
    subject = Succession(R1)
    leads(120, situation(WELL), subject)
    transfer, second = leads(100, situation(), subject, start=120)
    assert transfer is not None
    assert second - 120 >= HOLD_NS // SECOND
    # Smoothing asks for some looks more before the margin is reached at all.
    assert second - 120 <= 3 * HOLD_NS // SECOND


def test_advantage_that_comes_and_goes_is_none() -> None:
    subject = Succession(R1)
    for second in range(3600):
        at = situation(WEARY if second // 8 % 2 else WELL)
        assert subject.decide(at, second * SECOND) is None


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'emergency': True}, 'emergency'), ({'quorum': False}, 'no quorum'),
        ({'mode': Mode.RECOVERY}, 'mode recovery'), ({'leader': R3}, 'r3 leads'),
        ({'candidates': []}, 'nobody else'),
        ({'candidates': [Candidate(R2, WELL, Liveness.SUSPECT, True)]}, 'it is suspect'),
        ({'candidates': [Candidate(R2, WELL, Liveness.SLOW, True)]}, 'it is slow'),
        ({'candidates': [Candidate(R2, WELL, Liveness.HEALTHY, False)]}, 'lacks entries'),
        ({'candidates': [Candidate(R1, WELL, Liveness.HEALTHY, True)]}, 'nobody else'),
    ],
)
def test_leadership_stays_where_moving_it_is_unsafe(
    changes: dict[str, object], why: str
) -> None:
    subject = Succession(R1)
    transfer, _ = leads(600, situation(**changes), subject)
    assert transfer is None and why in subject.explain()


@pytest.mark.parametrize('mode', Mode)
def test_mode_table_decides_whether_leadership_moves(mode: Mode) -> None:
    transfer, _ = leads(600, situation(mode=mode))
    assert (transfer is not None) == allows(mode, Activity.MOVE_LEADERSHIP)


def test_time_in_which_leadership_must_stay_does_not_count_as_advantage() -> None:
    subject = Succession(R1)
    leads(600, situation(emergency=True), subject)
    _, second = leads(100, situation(), subject, start=600)
    assert second >= 600 + HOLD_NS // SECOND


def test_advantage_must_last_anew_after_an_emergency() -> None:
    subject = Succession(R1)
    leads(55, situation(), subject)
    leads(10, situation(emergency=True), subject, start=55)
    _, second = leads(100, situation(), subject, start=65)
    assert second >= 65 + HOLD_NS // SECOND


def test_of_two_that_are_as_fit_the_smaller_name_gets_it() -> None:
    both = [Candidate(robot, WELL, Liveness.HEALTHY, True) for robot in (R3, R2)]
    subject = Succession(R1)
    subject.leader_is(R2, 0)
    leads(10, situation(candidates=both[:1]), subject)  # r3 is known first
    transfer, _ = leads(300, situation(candidates=both), subject, start=10)
    assert transfer is not None and transfer.to == R2


def test_failed_transfer_is_tried_again_later_and_later() -> None:
    subject, times = Succession(R1), []
    for second in range(4 * HOUR):
        if subject.decide(situation(), second * SECOND) is not None:
            times.append(second)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert gaps[0] >= BACKOFF_NS // SECOND
    assert all(b >= 1.8 * a for a, b in itertools.pairwise(gaps[:7]))
    assert len(gaps) >= 7 and gaps[-1] == gaps[6], 'about once an hour in the end'


def test_tenure_doubles_with_each_change_of_leader_and_the_past_is_forgotten() -> None:
    subject = Succession(R1)
    tenures = []
    for change in range(11):
        subject.leader_is((R1, R2)[change % 2], change * SECOND)
        subject.leader_is(None, change * SECOND)
        tenures.append(subject.tenure_ns(change * SECOND) // TENURE_NS)
    assert tenures == [1, 2, 4, 8, 16, 32, 64, 128, 256, 256, 256]
    assert subject.tenure_ns(11 * SECOND + REMEMBERED_NS) == TENURE_NS


def test_every_look_can_be_explained() -> None:
    subject = Succession(R1)
    assert subject.explain() == 'not looked yet'
    leads(30, situation(), subject)
    text = subject.explain()
    assert 'r2 is fitter; waiting 31 s for the minimum tenure' in text
    assert 'r1 leads, fitness' in text and 'battery +180' in text


# ---- five robots for hours


class Reign:
    """Every robot has its memory; a transfer takes place unless `fails` says otherwise."""

    def __init__(self, figures: Callable[[int, int], FitnessFacts], fails: float = 0.0) -> None:
        self.figures, self.fails = figures, fails
        self.names = [RobotId(f'r{n}') for n in range(5)]
        self.memories = {name: Succession(name) for name in self.names}
        self.rng = random.Random(1)
        self.leader = self.names[0]
        self.times: list[int] = []

    def run(self, hours: int) -> Reign:
        for second in range(hours * HOUR):
            facts = {n: self.figures(k, second) for k, n in enumerate(self.names)}
            others = [
                Candidate(name, facts[name], Liveness.HEALTHY, True)
                for name in self.names if name != self.leader
            ]
            at = SuccessionSituation(
                self.leader, facts[self.leader], others, Mode.NORMAL, False, True
            )
            transfer = self.memories[self.leader].decide(at, second * SECOND)
            if transfer is not None and self.rng.random() >= self.fails:
                self.leader = transfer.to
                self.times.append(second)
                for memory in self.memories.values():
                    memory.leader_is(self.leader, second * SECOND)
        return self

    def most_in_an_hour(self) -> int:
        return max(
            (sum(0 <= t - start < HOUR for t in self.times) for start in self.times), default=0
        )


def noise(rng: random.Random, spread: int) -> Callable[[int, int], FitnessFacts]:
    def figures(robot: int, second: int) -> FitnessFacts:
        return FitnessFacts(
            voters_heard=5 - (rng.random() < 0.1),
            voters=5,
            battery_permille=max(0, min(1000, 450 + rng.randint(-spread, spread))),
            cpu_load_permille=rng.randint(0, 1000),
            awareness=min(8, int(rng.expovariate(1.0))),
            fsync_ms=int(rng.lognormvariate(2.5, 1.0)),
            reputation_permille=rng.randint(0, 1000),
        )

    return figures


@pytest.mark.parametrize('spread', [50, 400])
def test_noise_on_robots_that_are_as_fit_moves_nothing(spread: int) -> None:
    reign = Reign(noise(random.Random(7), spread)).run(hours=2)
    assert reign.times == []


def wave(period_s: int) -> Callable[[int, int], FitnessFacts]:
    """Whoever leads, another robot soon is far better: the worst that can happen."""
    def figures(robot: int, second: int) -> FitnessFacts:
        good = math.sin(2 * math.pi * (second / period_s + robot / 5)) > 0.5
        return replace(WELL, battery_permille=1000 if good else 20, awareness=0 if good else 8)

    return figures


@pytest.mark.parametrize('period_s', [30, 60, 120, 300, 1200, 3600])
@pytest.mark.parametrize('fails', [0.0, 0.5])
def test_at_most_six_transfers_an_hour_whatever_the_figures_do(
    period_s: int, fails: float
) -> None:
    """Found: at most 6 in an hour, 17 in 12 hours; with noise alone 0 in 24 hours."""
    reign = Reign(wave(period_s), fails).run(hours=2)
    assert reign.most_in_an_hour() <= 6


def test_leader_that_punishes_itself_is_found_a_successor_and_peace_returns() -> None:
    """Leading costs: whoever leads looks worse. That must not make leadership travel."""
    reign = Reign(lambda robot, second: WELL)
    reign.figures = lambda robot, second: (
        replace(WELL, cpu_load_permille=900, awareness=7, fsync_ms=150)
        if reign.names[robot] == reign.leader else WELL
    )
    assert reign.run(hours=2).most_in_an_hour() <= 6


def test_better_robot_leads_within_two_minutes_although_figures_are_noisy() -> None:
    noisy = noise(random.Random(3), 50)

    def figures(robot: int, second: int) -> FitnessFacts:
        facts = noisy(robot, second)
        return replace(facts, battery_permille=30) if robot == 0 else facts

    reign = Reign(figures).run(hours=1)
    assert 1 <= len(reign.times) <= 2 and reign.times[0] <= 120
    assert reign.leader != reign.names[0]


@settings(max_examples=50)
@given(st.lists(st.tuples(FACTS, FACTS, st.sampled_from(Liveness), st.booleans(), st.booleans(),
                          st.sampled_from(Mode)), max_size=40))
def test_transfer_is_only_ever_to_a_healthy_voter_that_has_the_log(
    looks: list[tuple[FitnessFacts, FitnessFacts, Liveness, bool, bool, Mode]]
) -> None:
    subject = Succession(R1)
    for n, (mine, other, phase, caught_up, emergency, mode) in enumerate(looks):
        at = situation(mine, candidates=[Candidate(R2, other, phase, caught_up)],
                       emergency=emergency, mode=mode)
        for second in range(0, 200, 5):
            transfer = subject.decide(at, (200 * n + second) * SECOND)
            if transfer is not None:
                assert phase is Liveness.HEALTHY and caught_up and not emergency
                assert allows(mode, Activity.MOVE_LEADERSHIP)
            assert subject.explain()
