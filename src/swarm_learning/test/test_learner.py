# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the learner as a whole: events in, effects out."""

from __future__ import annotations

from dataclasses import replace

import mind_samples as minds
import pytest

from swarm_learning.core.checkpoint import run_times_from
from swarm_learning.core.config import LearningConfig
from swarm_learning.core.inheritance import Stored
from swarm_learning.core.learner import (
    Effect,
    Learner,
    NoteCheckpoint,
    PublishAdvice,
    PublishLocal,
    PublishSwarm,
    SaveStatistics,
    StoreCheckpoint,
    WarnMalformed,
)
from swarm_learning.core.observation import (
    Beacon,
    Closing,
    Ending,
    Figures,
    LocalState,
    Mode,
    Outcome,
    SwarmState,
    Tick,
)

S = 1_000_000_000
CONFIG = LearningConfig(robot_id='r1')
IDLE = LocalState('r1', cpu_load=0.05, leader='r1', mode=Mode.NORMAL)
CALM = Figures(0.1, 0.2, 0.8, 0.95, 0.05)


def only(kind: type, effects: tuple[Effect, ...]) -> list:
    return [effect for effect in effects if isinstance(effect, kind)]


def run(learner: Learner, seconds: range, *, robots: int = 3, state: LocalState = IDLE,
        leader: str = 'r1') -> list[Effect]:
    """Feed a steady swarm, one round a second."""
    effects: list[Effect] = []
    for second in seconds:
        now_ns = second * S
        events = [state, SwarmState(1, 10 + second, leader, robots), *(
            Beacon(f'r{n + 1}', CALM, 100, now_ns) for n in range(robots)), Tick()]
        for event in events:
            effects.extend(learner.handle(event, now_ns))
            learner.check_invariants()
    return effects


def done(
    number: int, robot_id: str = 'r1', run_ms: int = 300, program: str = 'xz'
) -> Outcome:
    return Outcome(f'job{number}', 1, 'exec', robot_id, Ending.DONE, run_ms, program)


def test_every_tick_tells_the_figures() -> None:
    effects = run(Learner(CONFIG, 0), range(10))
    assert len(only(PublishLocal, tuple(effects))) >= 10


def test_a_notable_change_is_told_before_the_next_tick() -> None:
    learner = Learner(CONFIG, 0)
    run(learner, range(60))
    busy = replace(IDLE, cpu_load=1.0, queued_work_ms=60_000)
    learner.handle(busy, int(59.1 * S))
    assert only(PublishLocal, learner.handle(busy, int(59.9 * S)))
    assert not only(PublishLocal, learner.handle(busy, int(59.95 * S)))


def test_only_the_leader_tells_the_figures_of_the_swarm() -> None:
    leading = run(Learner(CONFIG, 0), range(5))
    following = run(Learner(CONFIG, 0), range(5), leader='r2')
    views = only(PublishSwarm, tuple(leading))
    assert (views[-1].view.robots, views[-1].term) == (3, 1)
    assert not only(PublishSwarm, tuple(following))


def test_a_leader_that_hears_nothing_more_of_its_swarm_falls_silent() -> None:
    learner = Learner(CONFIG, 0)
    run(learner, range(5))
    assert only(PublishSwarm, learner.handle(Tick(), 10 * S))
    assert not only(PublishSwarm, learner.handle(Tick(), 12 * S))


def test_the_word_of_an_old_leader_is_ignored() -> None:
    learner = Learner(CONFIG, 0)
    learner.handle(SwarmState(5, 100, 'r2', 3), 0)
    learner.handle(SwarmState(4, 200, 'r1', 3), S)
    assert not learner.leads(S)
    learner.handle(SwarmState(6, 101, 'r1', 3), S)
    assert learner.leads(S)
    assert only(PublishSwarm, learner.handle(Tick(), S))[0].term == 6


def test_a_swarm_that_began_anew_is_believed_once_the_old_view_is_stale() -> None:
    learner = Learner(CONFIG, 0)
    learner.handle(SwarmState(5, 100, 'r2', 3), 0)
    learner.handle(SwarmState(1, 1, 'r1', 3), 8 * S)
    assert learner.leads(8 * S)


def test_advice_is_repeated_well_within_its_validity() -> None:
    learner = Learner(CONFIG, 0)
    times = [s for s in range(30) if only(PublishAdvice, tuple(run(learner, range(s, s + 1))))]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert max(gaps) * 1000 < CONFIG.advice_valid_ms
    assert min(gaps) > 1


def test_advice_on_a_calm_swarm_names_the_log_index_it_looked_at() -> None:
    advice = only(PublishAdvice, tuple(run(Learner(CONFIG, 0), range(5))))[-1]
    assert advice.proposal.mode is Mode.NORMAL
    assert advice.log_index >= 10
    assert advice.valid_ms == 5000


def test_advice_without_robots_is_no_opinion() -> None:
    effects = Learner(CONFIG, 0).handle(Tick(), S)
    assert only(PublishAdvice, effects)[0].proposal is None


def test_facts_about_other_robots_do_not_enter_the_own_figures() -> None:
    mine, disturbed = Learner(CONFIG, 0), Learner(CONFIG, 0)
    for second in range(30):
        disturbed.handle(LocalState('r2', cpu_load=1.0, faults=second * 9), second * S)
        disturbed.handle(done(second, 'r2'), second * S)
        for learner in (mine, disturbed):
            learner.handle(IDLE, second * S)
    assert mine.handle(Tick(), 30 * S) == disturbed.handle(Tick(), 30 * S)


def test_a_repeated_outcome_is_learned_from_once() -> None:
    learner = Learner(CONFIG, 0)
    for n in range(5):
        for _ in range(4):
            learner.handle(done(n), n * S)
    saved = only(SaveStatistics, learner.handle(Closing(), 5 * S))[0]
    kept, = saved.document['jobs']
    assert (kept['kind'], kept['program']) == ('exec', 'xz')
    assert kept['weight'] == pytest.approx(5.0, abs=0.1)


def test_an_idle_swarm_stays_in_the_normal_mode_from_its_start_on() -> None:
    """Each robot's own figures are fed back as its beacon, as coordinators do."""
    learner, modes, told = Learner(CONFIG, 0), set(), None
    for second in range(600):
        now_ns = second * S
        learner.handle(SwarmState(1, 10, 'r1', 1), now_ns)
        learner.handle(IDLE, now_ns)
        if told is not None:
            learner.handle(Beacon('r1', told.figures, 100, now_ns), now_ns)
        effects = learner.handle(Tick(), now_ns)
        told = only(PublishLocal, effects)[0]
        modes |= {e.proposal.mode for e in only(PublishAdvice, effects) if e.proposal}
    assert modes == {Mode.NORMAL}


def test_a_calm_swarm_that_is_learning_is_advised_to_explore() -> None:
    learner = Learner(CONFIG, 0)
    curious = replace(CALM, curiosity=0.6)
    learner.handle(Beacon('r1', curious, 100, 0), 0)
    learner.handle(Beacon('r2', replace(CALM, curiosity=0.5), 100, 0), 0)
    assert only(PublishAdvice, learner.handle(Tick(), 0))[0].proposal.mode is Mode.EXPLORE
    other = Learner(CONFIG, 0)
    other.handle(Beacon('r1', curious, 100, 0), 0)
    other.handle(Beacon('r2', CALM, 100, 0), 0)
    proposal = only(PublishAdvice, other.handle(Tick(), 0))[0].proposal
    assert proposal.mode is Mode.NORMAL, 'the mean of the robots counts'


def test_dropped_figures_are_told_at_once_and_then_once_a_minute() -> None:
    learner, bad = Learner(CONFIG, 0), replace(CALM, arousal=7.0)
    told = []
    for second in range(150):
        if second < 100:
            learner.handle(Beacon('r7', bad, 100, second * S), second * S)
        told += [(second, e.count, e.robot_id)
                 for e in only(WarnMalformed, learner.handle(Tick(), second * S))]
    assert told == [(0, 1, 'r7'), (60, 61, 'r7'), (120, 100, 'r7')]


def test_a_swarm_of_sound_figures_is_no_reason_to_warn() -> None:
    assert not only(WarnMalformed, tuple(run(Learner(CONFIG, 0), range(70))))


def test_statistics_are_saved_at_the_period_and_only_when_changed() -> None:
    learner = Learner(CONFIG, 0)
    learner.handle(done(1), S)
    assert not only(SaveStatistics, learner.handle(Tick(), 30 * S))
    assert only(SaveStatistics, learner.handle(Tick(), 61 * S))
    assert not only(SaveStatistics, learner.handle(Tick(), 200 * S))
    assert not learner.handle(Closing(), 201 * S)


def test_a_restarted_learner_is_as_confident_as_before() -> None:
    before = Learner(CONFIG, 0)
    for n in range(30):
        before.handle(done(n), n * S)
    document = only(SaveStatistics, before.handle(Closing(), 30 * S))[0].document
    told = only(PublishLocal, before.handle(Tick(), 30 * S))[0]
    after = Learner(CONFIG, 0, run_times_from(document, CONFIG.memory_s, 0))
    retold = only(PublishLocal, after.handle(Tick(), 1))[0]
    assert retold.figures.confidence == pytest.approx(told.figures.confidence, abs=0.01)
    assert retold.figures.confidence > 0.9


def test_a_checkpoint_is_called_by_what_is_in_it_however_long_its_storing_takes() -> None:
    mind = minds.mind()
    learner, stored = Learner(minds.CONFIG, 0, mind=mind), 0
    for second in range(50):
        now_ns = second * S
        for event in (minds.STATE, Beacon('r1', CALM, 100, now_ns), Tick()):
            if only(StoreCheckpoint, learner.handle(event, now_ns)):
                stored = mind.parts.modes.facts().decisions
    assert 0 < stored < mind.parts.modes.facts().decisions
    [said] = only(NoteCheckpoint, learner.handle(Stored('a' * 64, 100), 50 * S))
    assert said.summary.startswith(f'{stored} decisions, ')


def test_a_learner_without_a_robot_name_is_refused() -> None:
    with pytest.raises(ValueError, match='robot_id'):
        Learner(LearningConfig(), 0)
