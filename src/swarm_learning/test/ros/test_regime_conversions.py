# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the translation between messages and regimes."""

from __future__ import annotations

import pytest

pytest.importorskip('rclpy')

from swarm_msgs.msg import JobOutcome, JobOutcomes, ModeState, SwarmState  # noqa: E402
from swarm_msgs.msg import Regime as RegimeMsg  # noqa: E402

from swarm_learning.core.observation import Mode  # noqa: E402
from swarm_learning.core.regimes.gather import Gatherer  # noqa: E402
from swarm_learning.core.regimes.snapshot import Regime  # noqa: E402
from swarm_learning.core.regimes.watch import RegimeView  # noqa: E402
from swarm_learning.core.swarm import SwarmView  # noqa: E402
from swarm_learning.ros import regime_conversions as conversions  # noqa: E402

SECOND_NS = 1_000_000_000
FIGURES = SwarmView(0.5, 0.5, 0.5, 3, 0.0, '')


@pytest.mark.parametrize('regime', list(Regime))
def test_a_view_survives_a_round_trip(regime: Regime) -> None:
    # Figures that float32 holds exactly.
    view = RegimeView(regime, regime, 0.75, True, 90 * SECOND_NS,
                      (('arousal', 0.5), ('goodput', 0.25)), 1.5, 3.5, 'regimes@1', 'because')
    msg = conversions.regime_to_msg(view, 2**40, 'swarm', 'r1', 1000 * SECOND_NS + 5,
                                    100 * SECOND_NS)
    told = conversions.regime_from_msg(msg)
    assert told == RegimeView(**{**view.__dict__, 'since_ns': 990 * SECOND_NS + 5})
    said = msg.envelope
    assert (msg.term, said.swarm_id, said.sender, msg.regime) == (
        2**40, 'swarm', 'r1', regime.value)


def test_a_regime_of_a_later_version_is_unknown() -> None:
    assert conversions.regime_from_msg(RegimeMsg(regime=200)).regime is Regime.UNKNOWN


def test_features_without_values_are_refused() -> None:
    with pytest.raises(ValueError, match='values: expected 1'):
        conversions.regime_from_msg(RegimeMsg(features=['arousal']))


def test_messages_become_a_snapshot() -> None:
    gatherer = Gatherer(0)
    for second in range(1, 8):
        conversions.hear_state(gatherer, SwarmState(
            jobs_waiting=4, leader='r1' if second < 7 else 'r2',
            mode=ModeState(mode=ModeState.MODE_NORMAL, mode_epoch=1)), second * SECOND_NS)
    conversions.hear_outcomes(gatherer, JobOutcomes(outcomes=[
        JobOutcome(job_id='a', outcome=JobOutcome.OUTCOME_DONE),
        JobOutcome(job_id='b', outcome=JobOutcome.OUTCOME_DONE),
        JobOutcome(job_id='c', outcome=JobOutcome.OUTCOME_FAILED)]), 7 * SECOND_NS)
    conversions.hear_mode(gatherer, ModeState(mode=ModeState.MODE_DEFENSIVE, mode_epoch=5),
                          7 * SECOND_NS)
    conversions.hear_mode(gatherer, ModeState(mode=77, mode_epoch=6), 7 * SECOND_NS)
    told = gatherer.snapshot(FIGURES, 8 * SECOND_NS)
    assert told is not None
    assert told.mode is Mode.DEFENSIVE
    # A changed leader and a changed mode in 8 s; 1 of them defensive.
    assert told.switches_per_s == pytest.approx(2 / 8)
    assert told.defensive_share == pytest.approx(1 / 8)
    # Two done and the one credited, one failed, four that waited all along.
    assert told.goodput == pytest.approx((1 + 2 * 0.904837) / (1 + 3 * 0.904837 + 4), abs=1e-3)
