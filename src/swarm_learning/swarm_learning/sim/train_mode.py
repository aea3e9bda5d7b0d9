# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes the experience that new swarms start with, by living in three of the worlds.

    python -m swarm_learning.sim.train_mode [folder]      # about a minute, always the same bytes

Writes an archive (manifest and .npz) for ModeController.from_start. A real swarm decides every
10 s, some 8600 times a day; from this start it need not begin by trying everything. Two families
of worlds are kept out, so that what carries over to a world never seen can be measured.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from ..core.mode.buckets import MODES
from ..core.mode.experience import Experience, ExperienceConfig
from ..core.mode.reward import RewardWeights
from ..storage.archive import load, save
from .mode_baselines import Samples, around, oracle, random_policy, run
from .mode_world import FAMILIES, Array

FOLDER = Path(__file__).resolve().parent.parent / 'models' / 'mode_start'
TRAINED_ON = ('mixed', 'shifts', 'shocks')
KEPT_OUT = ('storms', 'sluggish')
WEIGHT_MAX = 40.0       # decisions that the start counts as at most, in each place
WORLDS, DECISIONS, SEED = 150, 400, 40_000
SWEEPS = 400


def samples(names: tuple[str, ...] = TRAINED_ON) -> Samples:
    """Transitions of random and of nearly best behaviour in these families."""
    gathered = Samples.empty()
    for number, name in enumerate(names):
        family, first = FAMILIES[name], SEED + 10_000 * number
        best = oracle(family, first + 5000, worlds=150, rounds=2, decisions=400)
        for turn, policy in enumerate((random_policy, around(best))):
            seeds = [first + 1000 * turn + n for n in range(WORLDS)]
            run(family, seeds, policy, 10 * DECISIONS, seen=gathered.see)
    return gathered


def start_arrays(names: tuple[str, ...] = TRAINED_ON,
                 weight_max: float = WEIGHT_MAX) -> dict[str, Array]:
    """Experience of these families, trusted at most like weight_max decisions in each place."""
    gathered = samples(names)
    scale = np.minimum(1.0, weight_max / np.maximum(gathered.visits, 1e-9))
    experience = Experience(ExperienceConfig(), RewardWeights())
    arrays = experience.arrays()
    arrays.update(weight=gathered.visits * scale, sums=gathered.sums * scale,
                  following=gathered.following * scale[..., None])
    experience.take(arrays)
    experience.sweep(SWEEPS)
    return experience.arrays()


def shipped() -> dict[str, Array]:
    """The arrays that are shipped. Raises FileNotFoundError or ArchiveRefused."""
    return dict(load(FOLDER).arrays)


def main(folder: Path = FOLDER) -> int:
    manifest = {
        'name': 'mode_start', 'schema': 1, 'modes': [mode.value for mode in MODES],
        'command': 'python -m swarm_learning.sim.train_mode',
        'trained_on': list(TRAINED_ON), 'kept_out': list(KEPT_OUT), 'weight_max': WEIGHT_MAX,
    }
    folder.mkdir(parents=True, exist_ok=True)
    print(folder, save(folder, manifest, start_arrays()))
    return 0


if __name__ == '__main__':
    sys.exit(main(*(Path(one) for one in sys.argv[1:2])))
