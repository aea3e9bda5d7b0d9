# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A mind with the shipped models, a life that it can be led through, the same each time, and a
network that wants one mode."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from receipt_samples import GOOD, half

from swarm_learning.core.config import LearningConfig
from swarm_learning.core.mind_keeping import Kept, Start, document_of, parts_of
from swarm_learning.core.mode.buckets import MODE_INDEX, MODES
from swarm_learning.core.mode.policies import INPUTS
from swarm_learning.core.observation import Ending, Mode, Outcome, SwarmState
from swarm_learning.core.policies.network import NetworkPolicy, Observation
from swarm_learning.core.regimes.model import RegimeModel
from swarm_learning.core.reputation.receipts import Role
from swarm_learning.core.swarm import SwarmView
from swarm_learning.core.swarm_mind import MindEffect, SwarmMind
from swarm_learning.storage.mind_files import shipped

S = 1_000_000_000
BEGAN_NS = 1_700_000_000 * S    # of the log, Unix
CONFIG = LearningConfig(robot_id='r1', mode_dwell_s=2.0, audit_share=1.0)
CALM = SwarmView(0.2, 0.9, 0.1, robots=4, spread=0.1, worst_robot='r2')
BUSY = SwarmView(0.8, 0.5, 0.9, robots=4, spread=0.2, worst_robot='r3')
SLOTS = {f'r{number}': 1 for number in range(1, 5)}
STATE = SwarmState(1, 10, 'r1', 4, mode=Mode.NORMAL, mode_epoch=1, slots=SLOTS)


@lru_cache(maxsize=1)
def start() -> Start:
    regimes, table = shipped('regimes_1'), shipped('mode_start')
    return Start(7, b'0123456789abcdef', RegimeModel.from_arrays(regimes.arrays, regimes.manifest),
                 Kept(table.manifest, table.arrays))


def mind(now_ns: int = 0, kept: Kept | None = None, trained: bool = True) -> SwarmMind:
    """As a robot makes it; it must be able to use all of what was kept."""
    begin = start() if trained else replace(start(), table=None)
    parts, problems = parts_of(CONFIG, begin, kept, now_ns)
    assert problems == ()
    return SwarmMind(parts, now_ns, begin.seed)


def kept_of(one: SwarmMind) -> Kept:
    manifest, arrays = document_of(one.parts)
    return Kept(manifest, arrays)


def outcome(number: int, robot: str = 'r2', **changes: object) -> Outcome:
    base = Outcome(f'j{number}', 1, 'exec', robot, Ending.DONE, 300, 'xz', '', 'r3', 20,
                   number, BEGAN_NS + number * S, bytes_out=100)
    return replace(base, **changes)  # type: ignore[arg-type]


def confirmed(one: SwarmMind, done: Outcome, now_ns: int) -> None:
    """An attempt of which both parties say that it is good."""
    attempt = one.hear_outcome(done, now_ns)
    assert attempt is not None
    for role in (Role.EXECUTOR, Role.REQUESTER):
        said = half(attempt, role, GOOD)
        one.hear_receipt(said, said.issuer)


def live(
    one: SwarmMind, seconds: Iterable[int], leads: bool = True, state: SwarmState = STATE,
    view: SwarmView | None = None,
) -> list[MindEffect]:
    """A second each: a job of another robot ends, the leader's word, and a tick."""
    effects: list[MindEffect] = []
    for second in seconds:
        now_ns = second * S
        one.hear_state(replace(state, log_index=10 + second, stamp_ns=BEGAN_NS + now_ns), now_ns)
        robot = ('r2', 'r4')[second % 2]
        one.hear_load(robot, 1000 * (second % 3), now_ns)
        ending = Ending.FAILED if second % 7 == 0 else Ending.DONE
        if ending is Ending.DONE:
            confirmed(one, outcome(second + 1, robot), now_ns)
        else:
            one.hear_outcome(outcome(second + 1, robot, ending=ending), now_ns)
        seen = view or (CALM if second % 20 < 10 else BUSY)
        effects.extend(one.tick(seen, 0.2, 1 if leads else None, True, None, now_ns))
        one.check_invariants()
    return effects


def network(mode: Mode, inputs: int = INPUTS, actions: int = len(MODES)) -> NetworkPolicy:
    """It wants the same mode always."""
    bias = np.zeros(actions)
    bias[MODE_INDEX[mode] % actions] = 5.0
    return NetworkPolicy(Observation('numbers', (inputs,)), [np.zeros((inputs, actions))], [bias])
