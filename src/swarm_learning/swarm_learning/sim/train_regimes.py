# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes the shipped model of regimes; the same command gives the same bytes on the same numpy.

    python -m swarm_learning.sim.train_regimes [--out FOLDER] [--traces N] [--seconds N]
        [--seed N] [--version N] [--family drawn|queue|both]

Owns the recipe: which traces, how many labels, which noise. Refuses to judge the model: bench
does, on other seeds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..core.regimes.fitting import Fitted, arrays_of, fit, manifest_of
from ..core.regimes.snapshot import NAMED
from ..storage import archive
from .regime_queue import queue_trace
from .regime_traces import Trace, drawn_trace, labelled, learnable

FOLDER = Path(__file__).resolve().parent.parent / 'models' / 'regimes_1'
FAMILIES = ('drawn', 'queue', 'both')
# A model that only ever saw quiet measurements takes noise for a regime that it does not know, and
# the reverse.
NOISES = (0.2, 1.0, 1.6, 2.2)
TRACES = 20                 # of each family; twice as many changed no figure by 0.01
SECONDS = 3000              # of each trace: some 16 episodes
LABELS_PER_REGIME = 2000    # simulated snapshots are labelled for nothing; 100 were nearly as good
SEED = 1
VERSION = 2                 # 1 had clusters of all regimes together


def training_traces(family: str, count: int, seconds: int, seed: int) -> list[Trace]:
    """Traces of one family or of both, noise in turn. Raises ValueError."""
    if family not in FAMILIES:
        raise ValueError(f'family: expected one of {", ".join(FAMILIES)}, got {family!r}')
    makers = {'drawn': (drawn_trace,), 'queue': (queue_trace,),
              'both': (drawn_trace, queue_trace)}[family]
    return [
        make(np.random.default_rng([seed, which, i]), seconds, NOISES[i % len(NOISES)])
        for which, make in enumerate(makers) for i in range(count)
    ]


def trained(
    family: str = 'both', count: int = TRACES, seconds: int = SECONDS, seed: int = SEED,
    version: int = VERSION,
) -> Fitted:
    """The model that these traces give."""
    traces = training_traces(family, count, seconds, seed)
    rng = np.random.default_rng([seed, 99])
    features, labels = labelled(traces, rng, LABELS_PER_REGIME)
    stretches = [stretch for trace in traces for stretch in learnable(trace)]
    return fit(stretches, features, labels, rng, version=version)


def command_of(options: argparse.Namespace) -> str:
    return ('python -m swarm_learning.sim.train_regimes '
            f'--family {options.family} --traces {options.traces} --seconds {options.seconds} '
            f'--seed {options.seed} --version {options.version}')


def ship(options: argparse.Namespace) -> str:
    """Write the model; returns its SHA-256."""
    fitted = trained(options.family, options.traces, options.seconds, options.seed,
                     options.version)
    named = [regime.label for regime in fitted.model.regimes]
    return archive.save(options.out, {
        **manifest_of(fitted.model),
        'command': command_of(options), 'seed': options.seed, 'numpy': np.__version__,
        'family': options.family, 'noises': list(NOISES),
        'labels_per_regime': LABELS_PER_REGIME,
        'metrics': {
            'mean_squared_distance': fitted.inertia, 'limit_sd': fitted.model.limit,
            'cluster_sizes': list(fitted.cluster_sizes),
            'clusters_of': {regime.label: named.count(regime.label) for regime in NAMED},
            'mean_purity': float(np.mean(fitted.model.purity)),
        },
    }, arrays_of(fitted.model))


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or '').partition('\n')[0])
    parser.add_argument('--out', type=Path, default=FOLDER, help='folder of the model')
    parser.add_argument('--family', choices=FAMILIES, default='both')
    parser.add_argument('--traces', type=int, default=TRACES, help='of each family')
    parser.add_argument('--seconds', type=int, default=SECONDS, help='of each trace')
    parser.add_argument('--seed', type=int, default=SEED)
    parser.add_argument('--version', type=int, default=VERSION)
    return parser.parse_args(argv)


if __name__ == '__main__':
    chosen = arguments()
    print(f'{chosen.out}: sha256 {ship(chosen)}')
