# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the watch over the regime."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import numpy as np
import pytest
from regime_worlds import (
    CALM,
    OVER_CAUTIOUS,
    PANIC,
    SECOND_NS,
    STAGED,
    STARVED,
    THRASH,
    shipped_model,
    small_model,
    watched,
)

from swarm_learning.core.regimes.alarm import Alarm
from swarm_learning.core.regimes.drift import DRIFT_MAX_SD
from swarm_learning.core.regimes.snapshot import Regime, Snapshot
from swarm_learning.core.regimes.watch import RegimeConfig, RegimeWatch
from swarm_learning.sim.regime_traces import drawn_trace


@pytest.mark.parametrize('regime', list(STAGED))
def test_each_regime_is_named_after_a_while(regime: Regime) -> None:
    view = watched(RegimeWatch(shipped_model()), STAGED[regime], 60, 0)[-1]
    assert view.regime is view.named is regime
    assert view.alarm is (regime is not Regime.CALM)
    assert view.confidence > 0.6 and view.distance <= view.limit


def test_nothing_is_named_before_enough_was_seen() -> None:
    first = watched(RegimeWatch(small_model()), PANIC, 4, 0)[-1]
    assert (first.regime, first.alarm, first.confidence) == (Regime.UNKNOWN, False, 0.0)
    assert 'too little' in first.reason


def test_what_fits_no_regime_is_unknown_and_raises_no_alarm() -> None:
    watch = RegimeWatch(shipped_model())
    watched(watch, CALM, 60, 0)
    view = watched(watch, STARVED, 60, 60 * SECOND_NS)[-1]
    assert (view.regime, view.alarm) == (Regime.UNKNOWN, False)
    assert view.distance > view.limit and view.confidence > 0.5
    assert 'unknown: for 12 s' in view.reason


def test_regimes_that_take_turns_are_one_that_is_not_known() -> None:
    watch, now_ns, views = RegimeWatch(shipped_model()), 0, []
    for turn in range(10):
        views += watched(watch, (CALM, PANIC)[turn % 2], 50, now_ns)
        now_ns += 50 * SECOND_NS
    assert views[-1].regime is Regime.UNKNOWN and 'took turns' in views[-1].reason
    assert all(view.regime is not Regime.UNKNOWN for view in views[20:60])


def swinging(period_s: float, swing: float, seconds: int = 240) -> list[Snapshot]:
    """Half way between calm and panic, without ever resting in either."""
    wave = [swing * math.sin(2.0 * math.pi * second / period_s) for second in range(seconds)]
    return [Snapshot(0.5 + one, 0.55 - one, 0.5, 5, CALM.mode, goodput=0.75, switches_per_s=0.0)
            for one in wave]


@pytest.mark.parametrize('period_s', [24.0, 40.0, 65.0])
def test_load_that_swings_is_not_known(period_s: float) -> None:
    watch = RegimeWatch(shipped_model())
    watched(watch, CALM, 60, 0)
    views = [watch.observe(one, (60 + i) * SECOND_NS)
             for i, one in enumerate(swinging(period_s, 0.45))]
    assert all(view.regime is Regime.UNKNOWN for view in views[int(2 * period_s) + 10:])
    assert 'unknown: arousal swings between' in views[-1].reason
    told_s = float(views[-1].reason.split()[-2])
    assert abs(told_s - period_s) <= 2.0


@pytest.mark.parametrize('period_s, swing', [(8.0, 0.3), (24.0, 0.15), (200.0, 0.45)])
def test_jitter_ripples_and_slow_changes_are_no_swing(period_s: float, swing: float) -> None:
    watch = RegimeWatch(shipped_model())
    views = [watch.observe(one, i * SECOND_NS)
             for i, one in enumerate(swinging(period_s, swing, 600))]
    assert not any('swings' in view.reason for view in views)


def test_swing_that_ended_is_forgotten() -> None:
    watch = RegimeWatch(shipped_model())
    for i, one in enumerate(swinging(40.0, 0.45)):
        watch.observe(one, i * SECOND_NS)
    views = watched(watch, CALM, 120, 240 * SECOND_NS)
    assert 'swings' in views[0].reason and views[-1].regime is Regime.CALM


def test_document_of_before_swings_were_noticed_is_read() -> None:
    watch = RegimeWatch(small_model())
    watched(watch, CALM, 20, 0)
    document = watch.document()
    del document['swings']
    again = RegimeWatch.from_document(document, small_model())
    assert again.document() == RegimeWatch.from_document(again.document(),
                                                         small_model()).document()


def test_the_reason_names_the_features_that_decide() -> None:
    reasons = {regime: watched(RegimeWatch(shipped_model()), snapshot, 60, 0)[-1].reason
               for regime, snapshot in STAGED.items()}
    for regime, reason in reasons.items():
        assert reason.startswith(f'{regime.label} rather than ')
    assert 'mode switches' in reasons[Regime.THRASH]
    assert 'defensive share' in reasons[Regime.OVER_CAUTIOUS] or \
        'stability' in reasons[Regime.OVER_CAUTIOUS]


def test_three_snapshots_raise_and_ten_clear_the_alarm() -> None:
    alarm, told = Alarm(), []
    named = [Regime.PANIC] * 2 + [Regime.CALM] + [Regime.PANIC] * 3 + [Regime.CALM] * 8 \
        + [Regime.PANIC] + [Regime.CALM] * 10
    for second, regime in enumerate(named):
        alarm.observe(regime, second)
        told.append(alarm.raised)
    # Up at the third of three in a row; one more bad one starts the count of ten anew.
    assert told == [False] * 5 + [True] * 19 + [False]


def test_two_bad_regimes_that_disagree_raise_no_alarm() -> None:
    alarm = Alarm()
    for second in range(20):
        alarm.observe((Regime.PANIC, Regime.THRASH)[second % 2], second)
    assert not alarm.raised and alarm.regime is Regime.UNKNOWN


@pytest.mark.parametrize('step_ms', [50, 100, 500, 1000])
def test_hysteresis_does_not_depend_on_how_often_snapshots_come(step_ms: int) -> None:
    watch = RegimeWatch(shipped_model())
    watched(watch, CALM, 60, 0)
    views = watched(watch, PANIC, 60, 60 * SECOND_NS, step_ms * 1_000_000)
    rose_s = next(i for i, view in enumerate(views) if view.alarm) * step_ms / 1000.0
    assert 3.0 <= rose_s <= 15.0


def restarted(watch: RegimeWatch, config: RegimeConfig) -> RegimeWatch:
    return RegimeWatch.from_document(
        json.loads(json.dumps(watch.document())), small_model(), config)


@pytest.mark.parametrize('cut', [0, 1, 3, 40, 155, 280])
def test_a_restart_changes_nothing_bit_for_bit(cut: int) -> None:
    config = RegimeConfig(drift_per_snapshot=0.01)
    snapshots = list(drawn_trace(np.random.default_rng(3), 300, 1.6).snapshots())
    whole, other = RegimeWatch(small_model(), config), RegimeWatch(small_model(), config)
    expected = [whole.observe(one, i * SECOND_NS) for i, one in enumerate(snapshots)]
    for i, one in enumerate(snapshots[:cut]):
        other.observe(one, i * SECOND_NS)
    again = restarted(other, config)
    after = [again.observe(one, i * SECOND_NS) for i, one in enumerate(snapshots) if i >= cut]
    assert after == expected[cut:]
    assert again.document() == whole.document()


def test_clusters_stay_as_shipped_unless_drift_is_asked_for() -> None:
    watch = RegimeWatch(small_model())
    view = watched(watch, CALM, 300, 0)[-1]
    assert view.model == small_model().identity
    assert watch.document()['centroids'] == RegimeWatch(small_model()).document()['centroids']


def drifted(watch: RegimeWatch) -> list[float]:
    document = watch.document()['centroids']
    assert isinstance(document, dict)
    return [math.dist([float.fromhex(value) for value in row], home) for row, home in
            zip(document['centroids'], shipped_model().centroids, strict=True)]


def test_drift_is_bounded_and_makes_a_new_revision() -> None:
    watch = RegimeWatch(shipped_model(), RegimeConfig(drift_per_snapshot=0.01))
    view = watched(watch, CALM, 2000, 0)[-1]
    assert 0.0 < max(drifted(watch)) <= DRIFT_MAX_SD + 1e-9
    assert view.model.startswith(f'{shipped_model().identity}+')


def test_a_frozen_watch_learns_nothing_and_still_names() -> None:
    watch = RegimeWatch(shipped_model(), RegimeConfig(drift_per_snapshot=0.01))
    watch.freeze()
    view = watched(watch, PANIC, 300, 0)[-1]
    assert max(drifted(watch)) == 0.0 and view.regime is Regime.PANIC
    again = RegimeWatch.from_document(watch.document(), shipped_model())
    assert again.frozen


def test_a_bad_regime_that_lasts_does_not_become_the_normal_one() -> None:
    watch = RegimeWatch(shipped_model(), RegimeConfig(drift_per_snapshot=0.01))
    assert all(view.regime is Regime.OVER_CAUTIOUS
               for view in watched(watch, OVER_CAUTIOUS, 5000, 0)[60:])
    assert watched(watch, CALM, 60, 5000 * SECOND_NS)[-1].regime is Regime.CALM


@pytest.mark.parametrize('change', [
    {'schema': 0}, {'model': 'other@1'}, {'looked_ns': 'x'}, {'features': None}, {'alarm': {}},
    {'centroids': {'revision': 0, 'moved_sd': '0x0p+0', 'centroids': []}},
    {'farness': {'looks': [], 'since_ns': 3}}, {'turns': {'stays': 4}},
    {'swings': {}}, {'swings': None},
    {'swings': {name: {'turns': [], 'highest': ['x', 0], 'lowest': ['0x0p+0', 0]}
                for name in ('arousal', 'stability', 'pressure')}}])
def test_a_broken_document_is_refused(change: dict[str, object]) -> None:
    watch = RegimeWatch(small_model())
    watched(watch, CALM, 20, 0)
    with pytest.raises(ValueError, match='expected'):
        RegimeWatch.from_document({**watch.document(), **change}, small_model())


def test_a_document_cannot_carry_a_cluster_off() -> None:
    watch = RegimeWatch(small_model())
    document = watch.document()
    centroids = document['centroids']
    assert isinstance(centroids, dict)
    centroids['centroids'][0][0] = (99.0).hex()
    with pytest.raises(ValueError, match='at most 0.5 sd'):
        RegimeWatch.from_document(document, small_model())


@pytest.mark.parametrize('field, value', [
    ('agree_snapshots', 0), ('clear_snapshots', 2000), ('drift_per_snapshot', 0.5),
    ('drift_per_snapshot', math.nan)])
def test_a_setting_out_of_its_range_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f'{field}: expected'):
        RegimeConfig(**{field: value})  # type: ignore[arg-type]


def test_an_unknown_regime_says_how_far_it_is() -> None:
    odd = Snapshot(0.0, 0.0, 0.0, 5, CALM.mode, goodput=0.0, switches_per_s=5.0)
    view = watched(RegimeWatch(shipped_model()), odd, 60, 0)[-1]
    assert view.regime is Regime.UNKNOWN and f'{view.distance:.1f} sd' in view.reason


def test_the_watch_needs_no_numpy() -> None:
    code = ('import sys, swarm_learning.core.regimes.watch, swarm_learning.core.regimes.gather; '
            "print('numpy' in sys.modules)")
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                           check=True, timeout=30)
    assert found.stdout.strip() == 'False'


def test_thrash_alone_is_told_from_panic() -> None:
    assert watched(RegimeWatch(shipped_model()), THRASH, 30, 0)[-1].regime is Regime.THRASH
