# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about traces, the training of the shipped model, and the whole way from raw facts of a
swarm to an alarm."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from regime_worlds import SECOND_NS, shipped_model, small_model

from swarm_learning.core.observation import Mode
from swarm_learning.core.regimes.features import FEATURES
from swarm_learning.core.regimes.fitting import arrays_of, fit, manifest_of, nearest, persistent
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.core.regimes.snapshot import NAMED, Regime
from swarm_learning.core.regimes.watch import RegimeView, RegimeWatch
from swarm_learning.sim.regime_facts import Facts, Scene, facts_trace
from swarm_learning.sim.regime_queue import queue_trace, strange_trace, truth
from swarm_learning.sim.regime_traces import UNSEEN_KINDS, Trace, drawn_trace, unseen_trace
from swarm_learning.sim.train_regimes import arguments, ship
from swarm_learning.storage.archive import ArchiveRefused
from swarm_learning.storage.regime_model import SHIPPED, read_regime_model

MAKERS = [drawn_trace, queue_trace, facts_trace]


def same(one: Trace, other: Trace) -> bool:
    return all(np.array_equal(getattr(one, f.name), getattr(other, f.name)) for f in fields(one))


@pytest.mark.parametrize('maker', MAKERS)
def test_a_seed_gives_the_same_trace_again(maker: object) -> None:
    assert callable(maker)
    one, other, third = (maker(np.random.default_rng(seed), 200) for seed in (1, 1, 2))
    assert same(one, other) and not same(one, third) and len(one) == 200


@pytest.mark.parametrize('maker', MAKERS)
def test_all_four_regimes_come_up_in_a_family(maker: object) -> None:
    assert callable(maker)
    labels = np.concatenate([maker(np.random.default_rng(seed), 1500).labels for seed in (1, 2)])
    assert {regime.value for regime in NAMED} <= set(labels.tolist())


@pytest.mark.parametrize('kind', UNSEEN_KINDS)
def test_unseen_regimes_follow_a_calm_time(kind: str) -> None:
    for maker in (unseen_trace, strange_trace):
        labels = maker(np.random.default_rng(1), kind, 50).labels
        assert labels.tolist() == [Regime.CALM.value] * 100 + [Regime.UNKNOWN.value] * 50
        with pytest.raises(ValueError, match='kind: expected'):
            maker(np.random.default_rng(1), 'rain')


def test_truth_is_read_off_what_really_was() -> None:
    quiet = {name: np.zeros(100) for name in ('switches', 'trouble', 'wait_s', 'defensive')}
    assert set(truth(quiet)) == {Regime.CALM.value}
    assert set(truth({**quiet, 'switches': np.full(100, 0.3)})) == {Regime.THRASH.value}
    overload = {**quiet, 'wait_s': np.full(100, 15.0), 'trouble': np.full(100, 0.5)}
    assert set(truth(overload)) == {Regime.PANIC.value}
    timid = {**quiet, 'wait_s': np.full(100, 15.0), 'defensive': np.ones(100)}
    assert set(truth(timid)) == {Regime.OVER_CAUTIOUS.value}


def options(folder: Path) -> list[str]:
    return ['--out', str(folder), '--traces', '1', '--seconds', '1500', '--seed', '3']


def test_training_gives_the_same_bytes_again(tmp_path: Path) -> None:
    hashes = {ship(arguments(options(tmp_path / name))) for name in ('one', 'two')}
    assert len(hashes) == 1
    contents = [sorted((file.name, file.read_bytes()) for file in (tmp_path / name).iterdir())
                for name in ('one', 'two')]
    assert contents[0] == contents[1]


def test_the_shipped_model_says_how_it_was_made() -> None:
    archive = read_regime_model()
    command = 'python -m swarm_learning.sim.train_regimes --family both'
    assert archive.manifest['command'].startswith(command)
    assert archive.manifest['features'] == list(FEATURES)
    assert {'seed', 'metrics', 'noises', 'labels_per_regime', 'numpy'} <= set(archive.manifest)
    assert set(shipped_model().regimes) == set(NAMED)
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 32_768


def test_a_model_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    for file in SHIPPED.iterdir():
        raw = bytearray(file.read_bytes())
        if file.suffix == '.npz':
            raw[len(raw) // 2] ^= 1
        (tmp_path / file.name).write_bytes(bytes(raw))
    with pytest.raises(ArchiveRefused):
        read_regime_model(tmp_path)


def test_a_model_survives_its_arrays() -> None:
    model = small_model()
    assert RegimeModel.from_arrays(arrays_of(model), manifest_of(model)) == model


@pytest.mark.parametrize('name, value', [
    ('mean', np.zeros(3)), ('scale', np.zeros(8)), ('limit', np.array(-1.0)),
    ('centroids', np.zeros((65, 8))), ('references', np.full((4, 8), np.nan)),
    ('regimes', np.full(12, 9)), ('regimes', np.zeros(12)), ('purity', np.full(12, 2.0)),
    ('spread', np.array(['x'])), ('centroids', np.array(3.0))])
def test_arrays_that_are_no_model_are_refused(name: str, value: np.ndarray) -> None:
    model = small_model()
    with pytest.raises(ValueError):
        RegimeModel.from_arrays({**arrays_of(model), name: value}, manifest_of(model))


@pytest.mark.parametrize('change', [
    {'features': []}, {'schema': 99}, {'version': 0}, {'name': ''}, {'version': None}])
def test_a_manifest_of_something_else_is_refused(change: dict[str, object]) -> None:
    model = small_model()
    with pytest.raises(ValueError):
        RegimeModel.from_arrays(arrays_of(model), {**manifest_of(model), **change})


def test_clusters_are_named_by_the_labels_in_them() -> None:
    rng = np.random.default_rng(1)
    corners = np.zeros((4, 8))
    corners[:, :2] = [[0, 0], [0, 1], [1, 0], [1, 1]]
    points = np.repeat(corners, 100, axis=0) + rng.normal(0.0, 0.02, (400, 8))
    fitted = fit([points], corners, list(NAMED), rng, per_regime=1, references=8)
    model = fitted.model
    for corner, regime in zip(corners, NAMED, strict=True):
        assert model.nearest(model.scored(corner.tolist()), model.centroids).regime is regime
    assert fitted.cluster_sizes == (100, 100, 100, 100)


def test_fitting_without_a_label_for_each_regime_is_refused() -> None:
    points = np.random.default_rng(1).random((50, 8))
    with pytest.raises(ValueError, match='labels: expected'):
        fit([points], points[:2], [Regime.CALM, Regime.PANIC], np.random.default_rng(1))
    with pytest.raises(ValueError, match='features: expected shape'):
        fit([points[:, :3]], points[:4], list(NAMED), np.random.default_rng(1))


def test_only_what_stays_far_is_far() -> None:
    distances = np.array([9.0] * 12 + [1.0] + [9.0] * 20)
    assert persistent(distances)[:25].max() == 1.0 and persistent(distances)[-1] == 9.0
    found, far = nearest(np.array([[0.0, 3.0]]), np.array([[0.0, 0.0], [0.0, 4.0]]))
    assert (found.tolist(), far.tolist()) == ([1], [1.0])


def played(scene: Scene, robots: int = 3, seed: int = 1) -> list[RegimeView]:
    """The views of the shipped model over a scene, after a minute of ordinary work."""
    facts, watch = Facts(robots, seed), RegimeWatch(shipped_model())
    for snapshot in facts.play(Scene(60, jobs_per_s=0.5)):
        assert not watch.observe(snapshot, facts.now_ns).alarm
    return [watch.observe(snapshot, facts.now_ns) for snapshot in facts.play(scene)]


THRASHES = {
    'an override that is set and cleared every second': Scene(60, flap_s=1),
    'the same under work': Scene(60, flap_s=1, jobs_per_s=1.0),
    'a mode that flaps every three seconds': Scene(60, flap_s=3, jobs_per_s=1.0),
    'a leader that changes every four seconds': Scene(60, new_leader_s=4, jobs_per_s=1.0),
}


@pytest.mark.parametrize('what', list(THRASHES))
@pytest.mark.parametrize('robots', [3, 8])
def test_induced_thrash_raises_the_alarm_from_raw_facts(what: str, robots: int) -> None:
    views = played(THRASHES[what], robots)
    rose = next(i for i, view in enumerate(views) if view.alarm)
    assert rose <= 15
    assert [view.regime for view in views[20:]] == [Regime.THRASH] * 40
    assert 'mode switches' in views[-1].reason


@pytest.mark.parametrize('scene', [Scene(120), Scene(120, jobs_per_s=1.0)])
def test_an_idle_and_a_working_swarm_are_calm(scene: Scene) -> None:
    views = played(scene)
    assert {view.regime for view in views} == {Regime.CALM}
    assert not any(view.alarm for view in views)


def test_the_alarm_clears_after_thrash_is_over() -> None:
    facts, watch = Facts(3, 1), RegimeWatch(shipped_model())
    for scene in (Scene(60), Scene(60, flap_s=1), Scene(150, jobs_per_s=0.5)):
        views = [watch.observe(snapshot, facts.now_ns) for snapshot in facts.play(scene)]
    assert views[0].alarm and not views[-1].alarm and views[-1].regime is Regime.CALM


def test_overload_with_faults_is_panic() -> None:
    views = played(Scene(90, jobs_per_s=6.0, failing=0.5, faults_per_s=0.3,
                         mode=Mode.HYPERFOCUS))
    assert views[-1].regime is Regime.PANIC and views[-1].alarm


def test_a_defensive_swarm_that_lets_work_wait_is_over_cautious() -> None:
    views = played(Scene(90, jobs_per_s=1.5, mode=Mode.DEFENSIVE, granting=0.5))
    assert views[-1].regime is Regime.OVER_CAUTIOUS and views[-1].alarm


def test_the_watch_is_as_good_as_promised_on_a_trace_that_it_never_saw() -> None:
    trace, watch = drawn_trace(np.random.default_rng(77), 1500, 1.6), RegimeWatch(shipped_model())
    told = np.array([watch.observe(snapshot, (i + 1) * SECOND_NS).regime.value
                     for i, snapshot in enumerate(trace.snapshots())])
    assert np.mean(told == trace.labels) > 0.85
    assert set(trace.labels.tolist()) <= set(told.tolist())
