# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a robot remembers of 90 days: size, error of windows and quantiles, incidents, crashes.

Each seed is a life of its own, in turn of one of four families (swarm_learning/sim/
memory_trace.py): figures at 0.1 Hz, 1000 jobs and 8 warnings a day, 40 injected incidents, noted
through the shipping core. Means are asked for at a third, at two thirds and at the end of the
life, over 20 windows from 10 min to all of it that end "now", and compared with those of the whole
trace; the figure of a seed is its worst window. The peers are a reservoir of 256 KiB and as many
fixed windows as the memory has blocks; what keeps everything has no error, and the bytes that are
its row's peer. Crashes: a life of 2000 events is cut at a random event, restored from what was
saved, goes on, and is compared with what a second robot was told.

The 10 million events are noted in a process of its own; resident memory is read once a simulated
day, and its slope is a straight line through the last half.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.run import write_samples
from bench.statistics import iqm_row
from bench.table import AT_LEAST, Row, row
from swarm_learning.core.memory.batch import note_many
from swarm_learning.core.memory.block import BASE_NS
from swarm_learning.core.memory.config import MemoryConfig
from swarm_learning.core.memory.events import Occurrence, Sample
from swarm_learning.core.memory.gossip import wire_bytes
from swarm_learning.core.memory.memory import Effect, Memory, Save, restored
from swarm_learning.core.memory.query import Question, answer
from swarm_learning.sim.memory_baselines import Everything, FixedWindows, reservoir
from swarm_learning.sim.memory_trace import (
    FAMILIES,
    FIGURES,
    KINDS,
    NS_PER_S,
    Day,
    MemoryTrace,
)

Floats = npt.NDArray[np.float64]
SEEDS, SEEDS_QUICK = 20, 4
DAYS, DAYS_QUICK = 90, 12
EVENTS, EVENTS_QUICK = 10_000_000, 1_000_000
BYTES_MAX = 256 * 1024
SHARES = (0.5, 0.9, 0.95, 0.99)
WINDOWS = 20
TOP = 20


@dataclass
class Seed:
    """Figures of one life."""

    bytes: float = 0.0
    everything_bytes: float = 0.0
    suffix: float = 0.0
    suffix_p95: float = 0.0
    suffix_reservoir: float = 0.0
    suffix_fixed: float = 0.0
    quantile: float = 0.0
    miscounted: float = 0.0
    recall: float = 0.0
    recall_elsewhere: float = 0.0
    recall_reservoir: float = 0.0
    query_ms: float = 0.0
    errors: list[float] = field(default_factory=list)


class Life:
    """One trace, the memory of it, a second robot that is told, and the truth."""

    def __init__(self, seed: int, days: int) -> None:
        self.trace = MemoryTrace(FAMILIES[seed % len(FAMILIES)], seed, days, warnings_per_day=8.0)
        self.memory = Memory(MemoryConfig(stored_first=False), 'r1', seed + 1)
        self.figures: dict[str, list[Floats]] = {name: [] for name in FIGURES}
        self.stamps: list[npt.NDArray[np.int64]] = []
        self.run_ms: list[Floats] = []
        self.events = 0

    def live(self, day: Day) -> None:
        at = 0
        for occurrence in day.occurrences:
            end = int(np.searchsorted(day.stamps_ns, occurrence.stamp_ns, 'right'))
            self._note(day, at, end)
            self.memory.note(occurrence)
            at = end
        self._note(day, at, len(day.stamps_ns))
        self.events += len(day.stamps_ns) + len(day.occurrences)
        samples = day.kind_of == 0
        self.stamps.append(day.stamps_ns[samples])
        for name in FIGURES:
            self.figures[name].append(day.values[name][samples])
        self.run_ms.append(day.values['run_ms'][~samples])

    def _note(self, day: Day, at: int, end: int) -> None:
        values = {name: array[at:end] for name, array in day.values.items()}
        note_many(self.memory, day.stamps_ns[at:end], values, KINDS, day.kind_of[at:end])

    def whole(self, name: str) -> Everything:
        return Everything(np.concatenate(self.stamps), np.concatenate(self.figures[name]))


def suffix_errors(life: Life, found: Seed, rng: np.random.Generator) -> None:
    """Worst error of the mean over windows that end now, of each figure."""
    now_ns = life.memory.own.last_ns
    wholes = {name: life.whole(name) for name in FIGURES}
    age_ns = now_ns - int(wholes[FIGURES[0]].stamps_ns[0])
    blocks = len(life.memory.own.history)
    fixed = {name: FixedWindows.of(whole, blocks) for name, whole in wholes.items()}
    sampled = {name: reservoir(whole, BYTES_MAX, rng) for name, whole in wholes.items()}
    sources = life.memory.sources()
    for length_ns in np.geomspace(BASE_NS, age_ns, WINDOWS):
        begin_ns = max(1, now_ns - int(length_ns))
        told = answer(Question(channels=FIGURES, begin_ns=begin_ns), sources, now_ns)
        means = {one.channel: one.mean for one in told.channels}
        for name, whole in wholes.items():
            true = whole.mean_since(begin_ns)
            found.errors.append(abs(means[name] - true))
            found.suffix_fixed = max(found.suffix_fixed,
                                     abs(fixed[name].mean_since(begin_ns) - true))
            found.suffix_reservoir = max(found.suffix_reservoir,
                                         abs(sampled[name].mean_since(begin_ns) - true))


def quantile_errors(life: Life, found: Seed) -> None:
    """Largest relative error over the whole life, and of figures that must be exact."""
    memory, run_ms = life.memory, np.sort(np.concatenate(life.run_ms))
    began_s = time.process_time()
    told = memory.query(Question(quantiles=SHARES), memory.own.last_ns)
    found.query_ms = (time.process_time() - began_s) * 1000.0
    one = next(one for one in told.channels if one.channel == 'run_ms')
    true = run_ms[(np.array(SHARES) * (len(run_ms) - 1)).astype(int)]
    found.quantile = 100.0 * float(np.max(np.abs(np.array(one.quantiles) / true - 1.0)))
    wrong = abs(told.events - life.events) + abs(one.n - len(run_ms))
    extremes = np.allclose([one.min, one.max], [run_ms[0], run_ms[-1]], rtol=1e-9)
    found.miscounted = wrong + (not extremes)


def recall(life: Life, found: Seed, rng: np.random.Generator) -> None:
    """Share of the 20 most salient incidents that are found after all those days."""
    memory, last_ns = life.memory, life.memory.own.last_ns
    injected = {one.subject for one in life.trace.incidents}
    whole = [one for one in memory.incidents(TOP * 3) if one.subject in injected]
    by_rule = sorted(life.trace.incidents, key=lambda one: (-one.severity, -one.surprise))
    # Salience also depends on how rare a kind was; the rule of the memory says which are first.
    salience = {one.subject: one.salience for one in whole}
    ordered = sorted(by_rule, key=lambda one: -salience.get(one.subject, 0.5 + one.severity / 8))
    first = {one.subject for one in ordered[:TOP]}
    mine = memory.query(Question(), last_ns).exemplars
    found.recall = 100.0 * len(first & {one.subject for one in mine}) / TOP
    elsewhere = [source for source in memory.sources()]
    blocks_only = [type(one)(one.robot_id, one.life, one.entries) for one in elsewhere]
    theirs = answer(Question(), blocks_only, last_ns).exemplars
    found.recall_elsewhere = 100.0 * len(first & {one.subject for one in theirs}) / TOP
    kept = rng.random(TOP) < BYTES_MAX / 16 / life.events
    found.recall_reservoir = 100.0 * float(np.mean(kept))


def one_life(seed: int, days: int) -> Seed:
    life, found, rng = Life(seed, days), Seed(), np.random.default_rng(seed)
    for at, day in enumerate(life.trace):
        life.live(day)
        if (at + 1) % max(1, days // 3) == 0:
            suffix_errors(life, found, rng)
    life.memory.check_invariants()
    quantile_errors(life, found)
    recall(life, found, rng)
    found.suffix = max(found.errors)
    found.suffix_p95 = float(np.percentile(found.errors, 95))
    found.bytes = sum(life.memory.bytes_by_part().values()) / 1024
    found.everything_bytes = life.events * 16 / 1024
    return found


def short_life(seed: int, events: int) -> list[Sample | Occurrence]:
    rng = random.Random(seed)
    told: list[Sample | Occurrence] = []
    for at in range(events):
        stamp_ns = 1_800_000_000 * NS_PER_S + at * 10 * NS_PER_S
        if rng.random() < 0.8:
            told.append(Sample(stamp_ns, {name: rng.random() for name in FIGURES}))
        else:
            told.append(Occurrence(stamp_ns, 'job:done', f'j{at}',
                                   values={'run_ms': rng.lognormvariate(7.0, 1.0)}))
    return told


def crash(seed: int, events: int) -> tuple[float, float]:
    """Events lost by a crash, as a share of the ring, and events that were counted twice."""
    config = MemoryConfig(blocks_per_level=4)
    told, rng = short_life(seed, events), random.Random(seed)
    at = rng.randrange(events // 4, events)
    records: dict[str, bytes] = {}
    memory, other = Memory(config, 'r1', 1), Memory(config, 'r2', 2)

    def perform(effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Save):
                records.update(effect.puts)
                for name in effect.deletes:
                    records.pop(name, None)
                memory.stored(effect.number)

    def go_on(part: list[Sample | Occurrence]) -> None:
        for event in part:
            perform(memory.note(event))
            perform(memory.tick(event.stamp_ns))
            parcel = memory.blocks_to_send(event.stamp_ns)
            if parcel is not None:
                other.hear_blocks(parcel, event.stamp_ns)

    go_on(told[:at])
    memory, _ = restored(config, 'r1', records, 99)
    lost = at - memory.query(Question(), told[at].stamp_ns).events
    go_on(told[at:])
    later_ns = told[-1].stamp_ns
    mine = memory.query(Question(), later_ns).events
    end_ns = memory.own.open.key.begin_ns if memory.own.open else later_ns
    theirs = other.query(Question('r1'), later_ns).events
    true = sum(one.stamp_ns < end_ns for one in told)
    twice = max(0, mine - (events - lost)) + max(0, theirs - true) + max(0, -lost)
    return lost / config.ring_events_max, twice


def wire_and_cost() -> tuple[float, float, float]:
    """Bytes a minute that one robot with 12 figures tells, microseconds to note, KiB it takes."""
    rng = random.Random(1)
    memory = Memory(MemoryConfig(stored_first=False), 'r1', 1)
    names = [f'figure {at}' for at in range(11)]
    sent, minutes, taken_s, noted = 0, 3 * 24 * 60, 0.0, 0
    for at in range(minutes * 6):
        stamp_ns = 1_800_000_000 * NS_PER_S + at * 10 * NS_PER_S
        base = 0.4 + 0.3 * np.sin(at / 900.0)
        sample = Sample(stamp_ns, {name: max(0.0, rng.gauss(base, 0.08)) for name in names})
        began_s = time.process_time()
        memory.note(sample)
        memory.note(Occurrence(stamp_ns, 'job:done', values={'run_ms': rng.lognormvariate(7, 1)}))
        memory.tick(stamp_ns)
        taken_s += time.process_time() - began_s
        noted += 2
        parcel = memory.blocks_to_send(stamp_ns)
        if parcel is not None:
            sent += sum(map(wire_bytes, parcel.blocks)) + 100 * len(parcel.have) + 200
    return sent / minutes, taken_s / noted * 1e6, sum(memory.bytes_by_part().values()) / 1024


def many_events(events: int) -> Iterable[Row]:
    done = subprocess.run([sys.executable, '-m', 'bench._memory_events', str(events)],
                          capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    millions = np.array(told['noted']) / 1e6
    half = len(millions) // 2
    resident = np.array(told['resident_kib'])
    slope, _ = np.polyfit(millions[half:], resident[half:], 1)
    grown = float(resident[-1] - resident[half])
    label = f'{events / 1e6:g} M events in {DAYS} days'
    yield row(f'{label}: memory of the robot', 'KiB', [told['bytes'] / 1024], target=256.0,
              peer=events * 16 / 1024, peer_name='keep everything')
    yield row(f'{label}: slope of RSS, last half', 'KiB per M', [abs(float(slope))], target=8.0,
              peer=16e6 / 1024, peer_name='keep everything',
              note='0 within a page a day; its sign is left out')
    yield row(f'{label}: RSS grown, last half', 'KiB', [grown], target=64.0)
    yield row(f'{label}: miscounted', '', [abs(told['counted'] - told['noted'][-1])], target=0.0)
    yield row(f'{label}: noted in batches', 'events/s', [told['noted'][-1] / told['cpu_s']],
              better=AT_LEAST)


def measure(quick: bool) -> list[Row]:
    seeds, days = (SEEDS_QUICK, DAYS_QUICK) if quick else (SEEDS, DAYS)
    with ProcessPoolExecutor(2) as pool:
        lives = list(pool.map(one_life, range(seeds), [days] * seeds))
    write_samples('memory', [vars(one) for one in lives])

    def all_of(name: str) -> list[float]:
        return [float(getattr(one, name)) for one in lives]

    rows = [
        iqm_row('memory of the robot', 'KiB', all_of('bytes'), target=256.0,
                peer=all_of('everything_bytes'), peer_name='keep everything'),
        iqm_row('suffix means: worst error of a seed', '', all_of('suffix'), target=0.005,
                peer=all_of('suffix_fixed'), peer_name='fixed windows'),
        iqm_row('suffix means: p95 of a seed', '', all_of('suffix_p95'),
                peer=all_of('suffix_reservoir'), peer_name='worst of a reservoir'),
        iqm_row('quantiles p50 to p99: worst error', '%', all_of('quantile'), target=1.5),
        iqm_row('miscounted events or extremes', '', all_of('miscounted'), target=0.0),
        iqm_row('top 20 of 40 incidents, own', '%', all_of('recall'), target=95.0,
                better=AT_LEAST, peer=all_of('recall_reservoir'), peer_name='reservoir'),
        iqm_row('top 20 of 40 incidents, from blocks told', '%', all_of('recall_elsewhere'),
                target=95.0, better=AT_LEAST),
        iqm_row('a query over all of it', 'ms', all_of('query_ms')),
    ]
    crashes = [crash(seed, 500 if quick else 2000) for seed in range(seeds)]
    rows.append(iqm_row('crash: events lost of the ring', '', [one for one, _ in crashes],
                        target=1.0))
    rows.append(iqm_row('crash: events counted twice', '', [two for _, two in crashes],
                        target=0.0))
    sent, noting_us, kib = wire_and_cost()
    rows.append(row('12 figures: told to the others', 'B/min', [sent]))
    rows.append(row('12 figures: to note one event', 'us', [noting_us]))
    rows.append(row('12 figures: memory of the robot', 'KiB', [kib], target=256.0))
    return [*rows, *many_events(EVENTS_QUICK if quick else EVENTS)]
