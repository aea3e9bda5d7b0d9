# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns every setting of a tabular agent, its unit and the reason of its default; refuses to learn.

All of it is plain data: `document()` goes into the manifest, `from_document` checks and refuses.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

ACTIONS_MAX = 4096
N_STEP_MAX = 64
CAPACITY_MAX = 1_000_000
# Keeps sums of returns finite in a float for any discount below 1 - 1e-9.
REWARD_ABS_MAX = 1e12
WHOLE_MAX = 1 << 53


class Algorithm(str, enum.Enum):
    """What a step is corrected towards. Sutton & Barto, Reinforcement Learning, 2nd ed., ch. 6."""

    Q = 'q'  # the best action afterwards, whatever was done (6.5)
    SARSA = 'sarsa'  # the action that is taken afterwards (6.4)
    EXPECTED_SARSA = 'expected_sarsa'  # the mean over what may be taken afterwards (6.6)


class Strategy(str, enum.Enum):
    """How actions are tried that do not look best."""

    EPSILON = 'epsilon'  # amount = probability of a uniformly random action
    SOFTMAX = 'softmax'  # amount = temperature, in units of the return
    UCB = 'ucb'  # amount = weight of sqrt(ln N(s) / N(s, a)), in units of the return


class Shape(str, enum.Enum):
    LINEAR = 'linear'
    EXPONENTIAL = 'exponential'


def _need(held: bool, what: str) -> None:
    if not held:
        raise ValueError(what)


@dataclass(frozen=True)
class Schedule:
    """A figure that goes from start to end over the first `steps` steps and stays there."""

    start: float = 1.0
    end: float = 0.05
    steps: int = 10_000  # chosen without data: set it to about half of what you will train
    shape: Shape = Shape.LINEAR

    def __post_init__(self) -> None:
        object.__setattr__(self, 'shape', Shape(self.shape))
        for name in ('start', 'end'):
            value = getattr(self, name)
            _need(math.isfinite(value) and value >= 0.0, f'{name}={value}: expected at least 0')
        _need(self.steps >= 1, f'steps={self.steps}: expected at least 1')
        if self.shape is Shape.EXPONENTIAL:
            _need(min(self.start, self.end) > 0.0, 'an exponential schedule cannot reach 0')

    def at(self, step: int) -> float:
        if step >= self.steps:
            return self.end
        progress = step / self.steps
        if self.shape is Shape.LINEAR:
            return self.start + (self.end - self.start) * progress
        return float(self.start * (self.end / self.start) ** progress)


@dataclass(frozen=True)
class Exploration:
    strategy: Strategy = Strategy.EPSILON
    amount: Schedule = Schedule()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'strategy', Strategy(self.strategy))
        if self.strategy is Strategy.EPSILON:
            high = max(self.amount.start, self.amount.end)
            _need(high <= 1.0, f'epsilon={high}: expected a probability')


@dataclass(frozen=True)
class LearningRate:
    """alpha = max(floor, scale / N(s, a) ** power); power 0 is a constant rate.

    Without replay, power .5 learned CliffWalking in 10 000 steps on every seed and .6 and .7 on
    none: the rate fell before values had spread. With replay .6 was best, by little. In theory a
    power in (.5, 1] converges (Even-Dar & Mansour, 2003); at .5 what is left of the noise fades
    with the rate. In a world that changes, set a floor: without one a change is learned ever more
    slowly.
    """

    scale: float = 1.0
    power: float = 0.5
    floor: float = 0.0

    def __post_init__(self) -> None:
        _need(0.0 < self.scale <= 1.0, f'scale={self.scale}: expected in (0, 1]')
        _need(0.0 <= self.power <= 1.0, f'power={self.power}: expected in [0, 1]')
        _need(0.0 <= self.floor <= self.scale, f'floor={self.floor}: expected in [0, scale]')


@dataclass(frozen=True)
class Replay:
    """How past transitions are used again.

    capacity is the recency bound: only the newest transitions are kept. A large one slows down
    what has to be unlearned. prioritised: proportional to |TD error| ** priority_power, with
    importance weights (Schaul et al., Prioritized experience replay, ICLR 2016; its .6 and .4).
    """

    capacity: int = 4000
    updates_per_step: int = 4  # prototypes with 8 were no better
    prioritised: bool = False
    priority_power: float = 0.6
    weight_power: float = 0.4

    def __post_init__(self) -> None:
        _need(1 <= self.capacity <= CAPACITY_MAX,
              f'capacity={self.capacity}: expected 1 to {CAPACITY_MAX} transitions')
        _need(1 <= self.updates_per_step <= 64,
              f'updates_per_step={self.updates_per_step}: expected 1 to 64')
        for name in ('priority_power', 'weight_power'):
            value = getattr(self, name)
            _need(0.0 <= value <= 1.0, f'{name}={value}: expected in [0, 1]')


@dataclass(frozen=True)
class DriftWatch:
    """When the world is taken to have changed: the mean of |TD error| over about
    1 / fast_rate steps is `ratio` times that over about 1 / slow_rate steps.

    Chosen without data, except that a smaller ratio alarms in worlds that only are noisy.
    """

    ratio: float = 3.0
    fast_rate: float = 0.02
    slow_rate: float = 0.001
    wait_steps: int = 2000  # after the start and after each alarm: the means must settle
    # N(s, a) is cut to this, so that 1 / N ** .5 begins again at about a third.
    visits_kept: int = 10

    def __post_init__(self) -> None:
        _need(self.ratio > 1.0, f'ratio={self.ratio}: expected above 1')
        _need(0.0 < self.slow_rate < self.fast_rate <= 1.0,
              'expected 0 < slow_rate < fast_rate <= 1')
        _need(self.wait_steps >= 1, f'wait_steps={self.wait_steps}: expected at least 1')
        _need(self.visits_kept >= 0, f'visits_kept={self.visits_kept}: expected at least 0')


@dataclass(frozen=True)
class AgentConfig:
    """One tabular agent with `actions` actions, numbered from 0."""

    actions: int
    algorithm: Algorithm = Algorithm.Q
    # Two tables against the optimism of max (van Hasselt, 2010). Not the default: at an equal
    # number of steps it was far worse on FrozenLake and Taxi.
    double: bool = False
    # How many rewards are summed before the table is asked. Q cuts the sum at a step that was
    # not greedy (Watkins, 1989).
    n_step: int = 1
    discount: float = 0.99
    # Of states and actions not yet tried: the highest return that you hold possible. Too high
    # costs trials, too low can leave the best action untried.
    initial_value: float = 1.0
    rate: LearningRate = LearningRate()
    exploration: Exploration = Exploration()
    replay: Replay | None = None
    drift: DriftWatch | None = None
    # About 0.5 KB each with 6 actions.
    states_max: int = 100_000
    reward_abs_max: float = 1e6

    def __post_init__(self) -> None:
        object.__setattr__(self, 'algorithm', Algorithm(self.algorithm))
        _need(1 <= self.actions <= ACTIONS_MAX,
              f'actions={self.actions}: expected 1 to {ACTIONS_MAX}')
        _need(1 <= self.n_step <= N_STEP_MAX, f'n_step={self.n_step}: expected 1 to {N_STEP_MAX}')
        _need(0.0 <= self.discount <= 1.0, f'discount={self.discount}: expected in [0, 1]')
        _need(math.isfinite(self.initial_value), 'initial_value: expected a finite number')
        _need(self.states_max >= 1, f'states_max={self.states_max}: expected at least 1')
        _need(0.0 < self.reward_abs_max <= REWARD_ABS_MAX,
              f'reward_abs_max={self.reward_abs_max}: expected in (0, {REWARD_ABS_MAX:g}]')
        _need(not self.double or self.algorithm is Algorithm.Q, 'double: only with algorithm q')
        on_policy = self.algorithm is Algorithm.SARSA or (
            self.algorithm is Algorithm.EXPECTED_SARSA and self.n_step > 1)
        _need(self.replay is None or not on_policy,
              'replay: what was done by an older policy does not teach an on-policy agent; '
              'expected algorithm q, or expected_sarsa with n_step 1')

    def document(self) -> dict[str, Any]:
        """Plain data that from_document turns into an equal configuration."""
        return asdict(self, dict_factory=_plain)

    @classmethod
    def from_document(cls, document: object) -> AgentConfig:
        """Raises ValueError that names the field."""
        known = _fields(cls, document, 'config')
        exploration = _fields(Exploration, known['exploration'], 'exploration')
        exploration['amount'] = _made(Schedule, exploration['amount'], 'amount')
        known['exploration'] = Exploration(**exploration)
        known['rate'] = _made(LearningRate, known['rate'], 'rate')
        for name, kind in (('replay', Replay), ('drift', DriftWatch)):
            if known[name] is not None:
                known[name] = _made(kind, known[name], name)
        try:
            return cls(**known)
        except TypeError as error:
            raise ValueError(f'config: {error}') from None


def _fields(kind: type, document: object, where: str) -> dict[str, Any]:
    """All fields and no other."""
    names = [one.name for one in fields(kind)]
    if not isinstance(document, Mapping) or sorted(document) != sorted(names):
        found = sorted(document) if isinstance(document, Mapping) else document
        raise ValueError(f'{where}: expected the fields {names}, found {found!r}')
    for one in fields(kind):
        _check_type(str(one.type), document[one.name], f'{where}.{one.name}')
    return {name: document[name] for name in names}


def _check_type(declared: str, value: object, where: str) -> None:
    accepted = {'int': (int,), 'bool': (bool,), 'float': (int, float)}.get(declared, ())
    if accepted and (not isinstance(value, accepted)
                     or isinstance(value, bool) != (declared == 'bool')):
        raise ValueError(f'{where}: expected {declared}, found {value!r}')
    if declared == 'float' and isinstance(value, int) and abs(value) > WHOLE_MAX:
        raise ValueError(f'{where}: expected a number that a float can hold exactly')


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value.value if isinstance(value, enum.Enum) else value for name, value in items}


def _made(kind: type, document: object, where: str) -> Any:
    try:
        return kind(**_fields(kind, document, where))
    except TypeError as error:
        raise ValueError(f'{where}: {error}') from None
