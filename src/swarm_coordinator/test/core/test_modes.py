# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What each mode allows; the mode of one robot; every mode entered and left by a whole swarm."""

from __future__ import annotations

import ast
import itertools
from pathlib import Path

import pytest
from coordinator_samples import MS, R1, R2, R3, AppliedLog, log_with_robots
from hypothesis import given, settings
from hypothesis import strategies as st

import swarm_coordinator
from swarm_coordinator.core.modes.local import LocalFacts, LocalPolicy, local_mode
from swarm_coordinator.core.modes.mode import (
    MODES,
    Activity,
    Mode,
    allows,
    mode_named,
    more_cautious,
    most_cautious,
    table_text,
)
from swarm_coordinator.core.modes.policy import (
    RULES,
    ModeAdvice,
    ModeSituation,
    choose_mode,
    diagram,
)
from swarm_coordinator.core.modes.pressure import (
    PressureGauge,
    RobotPressure,
    batteries_low_permille,
)
from swarm_coordinator.core.registry.suspicion import Liveness
from swarm_coordinator.core.replicated.command import (
    ClearOverride,
    ExpireDue,
    SetMode,
    SetOverride,
)

SECOND = 1_000_000_000
PAIRS = list(itertools.product(Mode, Mode))

# ---- the table


def test_every_mode_has_a_row_and_only_maintenance_takes_no_jobs() -> None:
    assert set(MODES) == set(Mode)
    assert [m for m in Mode if not allows(m, Activity.TAKE_JOBS)] == [Mode.MAINTENANCE]


def test_leadership_does_not_move_while_a_swarm_recovers() -> None:
    assert not allows(Mode.RECOVERY, Activity.MOVE_LEADERSHIP)
    assert allows(Mode.NORMAL, Activity.MOVE_LEADERSHIP)


def test_caution_orders_all_modes_and_maintenance_is_the_most_cautious() -> None:
    assert sorted(rules.caution for rules in MODES.values()) == list(range(len(Mode)))
    assert most_cautious(Mode) is Mode.MAINTENANCE
    for bold in (Mode.EXPLORE, Mode.NORMAL):
        assert all(MODES[bold].allowed >= MODES[mode].allowed for mode in Mode)


@pytest.mark.parametrize(('one', 'other'), PAIRS)
def test_more_cautious_is_one_of_the_two_whatever_their_order(one: Mode, other: Mode) -> None:
    chosen = more_cautious(one, other)
    assert chosen in (one, other) and chosen is more_cautious(other, one)
    assert MODES[chosen].caution == max(MODES[one].caution, MODES[other].caution)


def test_modes_are_found_by_name_and_an_unknown_name_lists_them() -> None:
    for mode in Mode:
        assert mode_named(f' {mode.label.upper()} ') is mode
    with pytest.raises(ValueError, match='hyperfocus'):
        mode_named('turbo')


def test_table_and_diagram_show_every_mode_and_activity() -> None:
    table, drawn = table_text(), diagram()
    for mode in Mode:
        assert f'| **{mode.label}** | {MODES[mode].purpose} |' in table
        assert mode is Mode.NORMAL or f'normal --> {mode.label}: ' in drawn
        assert mode is Mode.NORMAL or f'{mode.label} --> normal: ' in drawn
    assert all(activity.value in table for activity in Activity)
    assert all(rule.entered in drawn and rule.left in drawn for rule in RULES)


def test_nothing_outside_the_modes_compares_a_mode() -> None:
    """Other code asks allows(mode, activity), so that a new mode needs a row and no hunt."""
    root = Path(swarm_coordinator.__file__).parent
    found = [
        f'{path.relative_to(root)}:{node.lineno}'
        for path in sorted(root.rglob('*.py'))
        if path.parent.name != 'modes'
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare)
        for side in (node.left, *node.comparators)
        if isinstance(side, ast.Attribute)
        and isinstance(side.value, ast.Name)
        and side.value.id == 'Mode'
    ]
    assert found == []


# ---- one robot

FACTS = st.builds(
    LocalFacts,
    leader_silence_ns=st.none() | st.integers(0, 20 * SECOND),
    running_ns=st.integers(0, 20 * SECOND),
    battery_permille=st.none() | st.integers(0, 1000),
    awareness=st.integers(0, 8),
    emergency=st.booleans(),
    fault=st.sampled_from(['', 'the arm does not answer']),
)


@pytest.mark.parametrize(('swarm', 'before'), PAIRS)
@settings(max_examples=25)
@given(facts=FACTS, alone=st.sampled_from(Mode))
def test_robot_is_never_bolder_than_its_swarm(
    swarm: Mode, before: Mode, facts: LocalFacts, alone: Mode
) -> None:
    own = local_mode(swarm, facts, before, LocalPolicy(alone=alone))
    assert more_cautious(own.mode, swarm) is own.mode and own.reason
    for activity in Activity:
        assert allows(swarm, activity) or not own.allows(activity)
        assert allows(own.mode, activity) or not own.allows(activity)


@pytest.mark.parametrize('swarm', Mode)
def test_robot_that_is_well_follows_its_swarm(swarm: Mode) -> None:
    own = local_mode(swarm, LocalFacts(battery_permille=900))
    assert (own.mode, own.reason) == (swarm, 'as the swarm')


@pytest.mark.parametrize(
    ('facts', 'mode', 'why'),
    [
        (LocalFacts(leader_silence_ns=5 * SECOND), Mode.NORMAL, 'as the swarm'),
        (LocalFacts(leader_silence_ns=6 * SECOND), Mode.DEFENSIVE, 'no word from a leader for 6'),
        (LocalFacts(leader_silence_ns=None, running_ns=4 * SECOND), Mode.NORMAL, 'as the swarm'),
        (LocalFacts(leader_silence_ns=None, running_ns=9 * SECOND), Mode.DEFENSIVE, 'no word'),
        (LocalFacts(battery_permille=201), Mode.NORMAL, 'as the swarm'),
        (LocalFacts(battery_permille=200), Mode.CONSERVE, 'battery at 20 %'),
        (LocalFacts(battery_permille=50), Mode.MAINTENANCE, 'battery at 5 %: no new jobs'),
        (LocalFacts(awareness=5), Mode.NORMAL, 'as the swarm'),
        (LocalFacts(awareness=6), Mode.DEFENSIVE, 'doubts itself: awareness 6 of 8'),
        (LocalFacts(fault='the arm does not answer'), Mode.DEFENSIVE, 'the arm does not answer'),
        (LocalFacts(emergency=True, battery_permille=150), Mode.MAINTENANCE, 'emergency'),
    ],
)
def test_robot_is_as_careful_as_its_facts_ask(facts: LocalFacts, mode: Mode, why: str) -> None:
    own = local_mode(Mode.NORMAL, facts)
    assert own.mode is mode and own.reason.startswith(why)


def test_robot_without_a_leader_falls_back_to_what_it_was_given() -> None:
    facts = LocalFacts(leader_silence_ns=10**12)
    assert local_mode(Mode.NORMAL, facts, None, LocalPolicy(alone=Mode.CONSERVE)).mode is (
        Mode.CONSERVE
    )
    assert local_mode(Mode.MAINTENANCE, facts).mode is Mode.MAINTENANCE, 'more cautious already'


@pytest.mark.parametrize(
    ('high', 'between', 'low', 'mode'),
    [
        (LocalFacts(battery_permille=200), LocalFacts(battery_permille=250),
         LocalFacts(battery_permille=251), Mode.CONSERVE),
        (LocalFacts(battery_permille=50), LocalFacts(battery_permille=100),
         LocalFacts(battery_permille=1000), Mode.MAINTENANCE),
        (LocalFacts(awareness=6), LocalFacts(awareness=3), LocalFacts(awareness=2),
         Mode.DEFENSIVE),
    ],
)
def test_care_is_entered_and_left_at_different_figures(
    high: LocalFacts, between: LocalFacts, low: LocalFacts, mode: Mode
) -> None:
    assert local_mode(Mode.NORMAL, between).mode is not mode
    assert local_mode(Mode.NORMAL, high).mode is mode
    assert local_mode(Mode.NORMAL, between, before=mode).mode is mode
    assert local_mode(Mode.NORMAL, low, before=mode).mode is Mode.NORMAL


@pytest.mark.parametrize(
    ('changes', 'why'),
    [
        ({'battery_low_permille': 250}, 'the mode flaps with the gauge'),
        ({'battery_empty_permille': -1}, 'expected them to rise'),
        ({'doubt_low': 6}, 'or the mode flaps'),
        ({'leader_silence_ns_max': 0}, 'must be at least 1'),
    ],
)
def test_policy_that_would_flap_is_refused(changes: dict[str, int], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LocalPolicy(**changes)  # type: ignore[arg-type]


# ---- a whole swarm: the leader's rules, the log, three robots


class Swarm:
    """Looks twice a second; what the rules want goes through the log."""

    def __init__(self) -> None:
        self.log: AppliedLog = log_with_robots(R1, R2, R3)
        self.gauge = PressureGauge()
        self.robots = [RobotPressure(pressure_permille=300, battery_permille=800)] * 3
        self.voters_alive = 3
        self.jobs_waiting = 0
        self.advice: ModeAdvice | None = None
        self.now_ns = 0
        self.changes: list[Mode] = []

    @property
    def mode(self) -> Mode:
        return self.log.state.mode

    def run(self, seconds: float) -> Swarm:
        for _ in range(int(2 * seconds)):
            self.now_ns += SECOND // 2
            self.log.wait(SECOND // 2 // MS)
            self.look()
        return self

    def look(self) -> None:
        state = self.log.state
        before = state.mode
        if state.override is not None and state.override.expires_ns <= self.log.stamp_ns:
            self.log.do(ExpireDue(0))
        choice = choose_mode(ModeSituation(
            mode=state.policy_mode, since_ns=state.mode_since_ns, stamp_ns=self.log.stamp_ns,
            now_ns=self.now_ns, voters=3, voters_alive=self.voters_alive, slots=2,
            jobs_waiting=self.jobs_waiting, advice=self.advice,
            forced=self.gauge.see(self.robots, self.now_ns),
            batteries_low_permille=batteries_low_permille(self.robots),
        ))
        if choice.mode is not state.policy_mode:
            self.log.do(SetMode(choice.mode, choice.reason))
        if state.mode is not before:
            self.changes.append(state.mode)

    def local(self, facts: LocalFacts | None = None) -> Mode:
        return local_mode(self.mode, facts or LocalFacts()).mode


def test_normal_is_where_a_swarm_starts_and_returns_to() -> None:
    swarm = Swarm().run(60)
    assert swarm.mode is Mode.NORMAL and swarm.changes == []


def test_recovery_is_entered_when_a_voter_is_lost_and_left_when_it_is_back() -> None:
    swarm = Swarm().run(5)
    swarm.voters_alive = 2
    assert swarm.run(0.5).mode is Mode.RECOVERY, 'at once'
    assert not allows(swarm.mode, Activity.MOVE_LEADERSHIP)
    swarm.voters_alive = 3
    assert swarm.run(4).mode is Mode.NORMAL


def test_hyperfocus_is_forced_by_extreme_pressure_and_left_when_it_is_gone() -> None:
    swarm = Swarm().run(5)
    swarm.robots = [RobotPressure(pressure_permille=950)] * 3
    assert swarm.run(4).mode is Mode.NORMAL, 'a burst'
    assert swarm.run(2).mode is Mode.HYPERFOCUS
    assert swarm.local() is Mode.HYPERFOCUS, 'on all robots'
    assert swarm.local(LocalFacts(battery_permille=100)) is Mode.CONSERVE, 'but the weary one'
    swarm.robots = [RobotPressure(pressure_permille=100)] * 3
    assert swarm.run(4).mode is Mode.HYPERFOCUS
    assert swarm.run(2).mode is Mode.NORMAL
    assert swarm.changes == [Mode.HYPERFOCUS, Mode.NORMAL]


def test_hyperfocus_is_entered_for_a_backlog_and_left_when_it_is_worked_off() -> None:
    swarm = Swarm().run(5)
    swarm.jobs_waiting = 17
    assert swarm.run(1).mode is Mode.HYPERFOCUS
    swarm.jobs_waiting = 4
    assert swarm.run(4).mode is Mode.NORMAL


def test_defensive_is_forced_by_trouble_and_left_when_it_is_over() -> None:
    swarm = Swarm().run(5)
    well = swarm.robots[0]
    swarm.robots = [well, RobotPressure(awareness=7), RobotPressure(phase=Liveness.SUSPECT)]
    assert swarm.run(3).mode is Mode.NORMAL
    assert swarm.run(1).mode is Mode.DEFENSIVE and swarm.local() is Mode.DEFENSIVE
    swarm.robots = [well, well, RobotPressure(phase=Liveness.SUSPECT)]
    assert swarm.run(30).mode is Mode.DEFENSIVE, 'a third is still in trouble'
    swarm.robots = [well] * 3
    assert swarm.run(9).mode is Mode.DEFENSIVE
    assert swarm.run(3).mode is Mode.NORMAL
    assert swarm.changes == [Mode.DEFENSIVE, Mode.NORMAL]


def test_conserve_is_entered_when_batteries_run_low_and_left_when_they_are_charged() -> None:
    swarm = Swarm().run(5)
    low = RobotPressure(battery_permille=240)
    swarm.robots = [low, low, swarm.robots[0]]
    assert swarm.run(1).mode is Mode.CONSERVE
    swarm.robots = [RobotPressure(battery_permille=600)] * 3
    assert swarm.run(4).mode is Mode.NORMAL


def test_explore_is_entered_on_advice_and_left_when_the_advice_is_stale() -> None:
    swarm = Swarm().run(5)
    swarm.advice = ModeAdvice(Mode.EXPLORE, 0.9, 'quiet', swarm.now_ns + 10 * SECOND)
    assert swarm.run(1).mode is Mode.EXPLORE
    assert swarm.run(10).mode is Mode.NORMAL, 'ignored, not extrapolated'


def test_maintenance_is_entered_by_an_override_and_left_when_it_is_cleared() -> None:
    swarm = Swarm().run(5)
    swarm.log.do(SetOverride(Mode.MAINTENANCE, 'ada', 'new wheels', 600_000))
    swarm.voters_alive, swarm.jobs_waiting = 2, 999
    assert swarm.run(60).mode is Mode.MAINTENANCE, 'the operator decides, not the rules'
    assert swarm.log.state.policy_mode is Mode.RECOVERY
    assert swarm.local(LocalFacts(battery_permille=100)) is Mode.MAINTENANCE
    swarm.log.do(ClearOverride('ada', 'done'))
    assert swarm.mode is Mode.RECOVERY, 'what the rules want meanwhile'


def test_override_to_a_bolder_mode_ends_by_itself_and_robots_may_still_be_careful() -> None:
    swarm = Swarm().run(5)
    swarm.log.do(SetOverride(Mode.EXPLORE, 'ada', 'demo', 20_000))
    swarm.robots = [RobotPressure(phase=Liveness.SUSPECT)] * 3
    assert swarm.run(15).mode is Mode.EXPLORE
    assert swarm.local(LocalFacts(emergency=True)) is Mode.MAINTENANCE
    assert swarm.run(6).mode is Mode.DEFENSIVE


def test_new_leader_does_not_drop_a_forced_mode_before_it_has_looked() -> None:
    swarm = Swarm().run(5)
    swarm.robots = [RobotPressure(awareness=8)] * 3
    assert swarm.run(5).mode is Mode.DEFENSIVE
    swarm.gauge = PressureGauge(swarm.log.state.policy_mode)
    assert swarm.run(60).mode is Mode.DEFENSIVE and swarm.changes == [Mode.DEFENSIVE]
