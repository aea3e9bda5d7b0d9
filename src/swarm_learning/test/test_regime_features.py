# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the features of regimes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from regime_worlds import CALM, OVER_CAUTIOUS, PANIC, SECOND_NS, THRASH

from swarm_learning.core.observation import Mode
from swarm_learning.core.regimes.features import FEATURES, GAP_S_MAX, STATE, Features
from swarm_learning.core.regimes.snapshot import Snapshot

SHARE = st.floats(0.0, 1.0)
SNAPSHOTS = st.builds(
    Snapshot, SHARE, SHARE, SHARE, st.integers(0, 300), st.sampled_from(Mode),
    st.none() | SHARE, st.floats(0.0, 1000.0), st.none() | SHARE)


def fed(snapshots: list[Snapshot], step_ns: int = SECOND_NS) -> Features:
    features = Features()
    for i, snapshot in enumerate(snapshots):
        features.observe(snapshot, i * step_ns)
    return features


@pytest.mark.parametrize('times', [2, 5, 10])
def test_features_do_not_depend_on_how_often_a_world_is_seen(times: int) -> None:
    # The same world, each second of it told once or in equal parts.
    seconds = [CALM] * 5 + [PANIC] * 4 + [OVER_CAUTIOUS] * 3
    once = fed(seconds)
    parts = [seconds[0]]
    for before, after in zip(seconds[:-1], seconds[1:], strict=True):
        gap = {name: getattr(after, name) - getattr(before, name)
               for name in ('arousal', 'stability')}
        for i in range(1, times + 1):
            # arousal and stability move evenly, so that their movement is the same by the second
            parts.append(Snapshot(
                before.arousal + gap['arousal'] * i / times,
                before.stability + gap['stability'] * i / times,
                after.pressure, after.robots, after.mode, after.goodput))
    often = fed(parts, SECOND_NS // times)
    exact = FEATURES.index('pressure'), FEATURES.index('defensive share'), \
        FEATURES.index('goodput'), FEATURES.index('unsteadiness')
    for i in exact:
        assert often.vector()[i] == pytest.approx(once.vector()[i], abs=1e-9), FEATURES[i]
    # An even slope is not a step, which costs half a second of delay.
    for i in (0, 1):
        assert often.vector()[i] == pytest.approx(once.vector()[i], abs=0.05), FEATURES[i]


@given(st.lists(SNAPSHOTS, min_size=1, max_size=30), st.integers(1, 3000))
@settings(max_examples=60, deadline=None)
def test_features_are_shares_whatever_comes(snapshots: list[Snapshot], step_ms: int) -> None:
    for value in fed(snapshots, step_ms * 1_000_000).vector():
        assert math.isfinite(value) and -1e-12 <= value <= 1.0 + 1e-12


@given(st.lists(SNAPSHOTS, min_size=2, max_size=30), st.integers(1, 29))
@settings(max_examples=60, deadline=None)
def test_features_go_on_bit_for_bit_after_a_restart(snapshots: list[Snapshot], cut: int) -> None:
    whole = fed(snapshots)
    first = fed(snapshots[:cut])
    again = Features.from_document(json.loads(json.dumps(first.document())))
    for i, snapshot in enumerate(snapshots[cut:], start=cut):
        again.observe(snapshot, i * SECOND_NS)
    assert again == whole


def test_a_snapshot_that_is_not_later_counts_nothing() -> None:
    features = fed([CALM, CALM])
    before = features.document()
    features.observe(PANIC, SECOND_NS)
    assert features.document() == before


def test_after_a_long_silence_features_begin_anew() -> None:
    features = fed([PANIC] * 20)
    features.observe(CALM, 20 * SECOND_NS + int((GAP_S_MAX + 1) * SECOND_NS))
    assert features.vector()[0] == CALM.arousal and not features.warm


def test_after_a_reboot_features_begin_anew() -> None:
    features = Features()
    features.observe(PANIC, 10_000 * SECOND_NS)
    features.observe(CALM, SECOND_NS)
    assert (features.now_ns, features.vector()[0]) == (SECOND_NS, CALM.arousal)


def test_more_switches_never_look_like_fewer() -> None:
    rates = [0.0, 0.05, 0.2, 1.0, 10.0, 1000.0]
    seen = [fed([Snapshot(0.5, 0.5, 0.5, 3, Mode.NORMAL, None, rate)] * 40).vector()[3]
            for rate in rates]
    assert seen == sorted(seen) and seen[0] == 0.0 and seen[-1] <= 1.0


def test_half_of_the_robots_gone_shows_and_fades() -> None:
    whole = Snapshot(0.2, 0.9, 0.1, 8, Mode.NORMAL)
    half = Snapshot(0.2, 0.9, 0.1, 4, Mode.NORMAL)
    lost = FEATURES.index('robots lost')
    features = fed([whole] * 10 + [half] * 60)
    assert 0.4 < features.vector()[lost] <= 0.5
    for i in range(70, 2000):
        features.observe(half, i * SECOND_NS)
    assert features.vector()[lost] < 0.01


def test_unknown_goodput_keeps_the_last_one() -> None:
    blind = Snapshot(0.8, 0.2, 0.9, 5, Mode.NORMAL, goodput=None)
    features = fed([PANIC] * 50)
    before = features.vector()[FEATURES.index('goodput')]
    features.observe(blind, 50 * SECOND_NS)
    assert features.vector()[FEATURES.index('goodput')] == before


@pytest.mark.parametrize('field, value', [
    ('arousal', math.nan), ('stability', -0.1), ('pressure', 1.1), ('goodput', math.inf),
    ('robots', -1), ('switches_per_s', -1.0), ('defensive_share', 2.0)])
def test_a_snapshot_that_cannot_be_is_refused(field: str, value: float) -> None:
    good = {'arousal': 0.5, 'stability': 0.5, 'pressure': 0.5, 'robots': 3, 'mode': Mode.NORMAL}
    with pytest.raises(ValueError, match=f'{field}: expected'):
        Snapshot(**{**good, field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize('broken', [
    {'now_ns': 'x', 'figures': {}}, {'now_ns': 1, 'figures': {'arousal': '0x0p+0'}},
    {'now_ns': 1, 'figures': dict.fromkeys(STATE, 'nan')},
    {'now_ns': 1, 'figures': dict.fromkeys(STATE, 0.5)}])
def test_a_broken_document_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match='expected'):
        Features.from_document(broken)


def test_thrash_shows_in_the_switches() -> None:
    assert fed([THRASH] * 30).vector()[3] > 0.6 > fed([CALM] * 30).vector()[3]
