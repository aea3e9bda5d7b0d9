# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which context holds now: a learner that keeps what it learned of one world while it learns
another (the seeds' ContinualLearningSystem). Refuses to know files, clocks and other robots.

A settled learner learns every step at once and watches two alarms: steps that surprise its
context, and known contexts that foretell better. After an alarm the steps since the likeliest
moment of the change are taken back from the context (exactly), kept as pending, and learning
rests for 20 to 60 steps, until a context is recognised or a new one is opened; it then gets what
is pending. So a wrong world leaves no trace in a right table, however it came about: a new phase
of work, or a sensor that lies for a while.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .context import Context, Planning
from .continual_config import ContinualConfig
from .library import Dropped, Library, Merged, Opened
from .model import Floats, Transition, Undo, WorldModel
from .recognition import Background, Cusum, Verdict, judged, ranked

# A context that was taken again after this many alarms in a row is not taken again: what tells it
# from the world is too rare to be in every window. Alarms fade over FORGIVEN_STEPS of its own.
STRIKES_MAX, FORGIVEN_STEPS = 3.0, 2000.0
# Share of the alarm limit from which steps wait before they are learned: a context that adapts to
# a new world while it is still in doubt would never be alarmed.
HOLD_SHARE = 0.2
PATIENCE_MAX = 6  # doublings of the limit for a rival that was judged and did not hold
BLOCK_STEPS = 20  # steps over which surprise is summed for the calibration of a context
# Once this many rewards are known, one that lies further out than this counts as that far: a rare
# goal still widens the scale, a broken sensor cannot blow it up.
OUTLIER_COUNT, OUTLIER_SPREADS = 100, 20.0


@dataclass(frozen=True)
class Suspected:
    """Context `number` no longer explains what happens; `taken_back` steps were undone."""

    number: int
    taken_back: int


@dataclass(frozen=True)
class Settled:
    """Context `number` holds; `verdicts` is what was found, best supported first."""

    number: int
    after_steps: int
    verdicts: tuple[Verdict, ...]


Change = Suspected | Settled | Opened | Merged | Dropped


class ContinualLearner:
    """Tabular learner over numbered states and actions. One writer; every call is short."""

    def __init__(self, config: ContinualConfig, generator: np.random.Generator) -> None:
        self.config = config
        self.library = Library(
            config.states, config.actions, config.contexts_max,
            Planning(config.discount, config.hope_visits, config.warm_visits, config.warm_hope))
        self.everything = WorldModel(config.states, config.actions)
        self.generator = generator
        self.steps = 0
        self.frozen = False
        self.current: int = 0  # number of the context in force or last in force, 0 = none yet
        self.settled = False
        self.taken: deque[tuple[int, Transition, Undo]] = deque(maxlen=config.undo_max_steps)
        self.pending: deque[Transition] = deque(maxlen=config.undo_max_steps)
        self.window: list[Transition] = []
        self.alarm = Cusum()
        self.rivals: dict[int, Cusum] = {}
        self.patience: dict[int, int] = {}  # by rival: how often it did not hold
        self.block = [0.0, 0.0, 0.0]  # excess, variance, steps
        self.rewards = [0.0, 0.0, 0.0]  # count, mean, sum of squared deviations

    # Acting

    def act(
        self, state: int, mask: NDArray[np.bool_] | None = None, explore: bool = True
    ) -> tuple[int, Floats]:
        """(action, values of the actions). Raises ValueError for an unknown state or a mask that
        allows nothing. Without `explore` it is the best known action, first among equals."""
        self._check_state(state)
        context = self.best_guess()
        if context is None:
            values = np.zeros(self.config.actions)
        else:
            values = (context.hopeful if explore else context.table)[state].copy()
        allowed = self._checked_mask(mask)
        values[~allowed] = -np.inf
        if explore and self.generator.random() < self.config.epsilon:
            return int(self.generator.choice(np.flatnonzero(allowed))), values
        best = np.flatnonzero(values == values.max())
        if explore and best.size > 1:
            return int(self.generator.choice(best)), values
        return int(best[0]), values

    def greedy(self) -> NDArray[np.int64]:
        """The best known action of each state, shape (states,)."""
        context = self.best_guess()
        if context is None:
            return np.zeros(self.config.states, np.int64)
        values = np.where(context.allowed, context.table, -np.inf)
        best: NDArray[np.int64] = values.argmax(axis=1).astype(np.int64)
        return best

    def best_guess(self) -> Context | None:
        """The context in force, or the best supported one while none is recognised."""
        contexts = self.library.contexts
        if not contexts:
            return None
        if self.settled or not self.pending:
            return self.library.get(self.current) if self.current else contexts[-1]
        seen = self.window if len(self.window) >= 5 else list(self.pending)
        return self.library.get(ranked(contexts, seen[-60:], self.background())[0].number)

    # Learning

    def observe(
        self, step: Transition, next_mask: NDArray[np.bool_] | None = None
    ) -> tuple[Change, ...]:
        """Learn from one transition. Raises ValueError for anything that is not a step of this
        world; nothing is changed then."""
        self.check_step(step)
        if next_mask is not None and not step.terminated:
            next_mask = self._checked_mask(next_mask)
        self.steps += 1
        if not self.frozen:
            self._note_reward(step.reward)
        changes: tuple[Change, ...] = ()
        if not self.library.contexts:
            if self.frozen:
                return ()
            changes = self._open(None)
            self.settled = True
        if self.settled:
            changes += self._follow(step)
        else:
            self.pending.append(step)
            self.window = [*self.window, step][-self.config.window_max_steps:]
            changes += self._decide()
        if not self.frozen:
            self.everything.learn(step)
        if next_mask is not None and not step.terminated and self.settled and not self.frozen:
            self._current().allowed[step.next_state] = next_mask
        return changes

    def suspect(self) -> tuple[Change, ...]:
        """Recognise anew: after a start, or when something outside says that all is different."""
        if not self.library.contexts or not self.settled:
            return ()
        return self._suspect(self.steps + 1)

    def background(self) -> Background:
        count, mean, squares = self.rewards
        spread = (squares / count) ** 0.5 if count > 1.0 else 0.0
        return Background(self.everything, mean, max(spread, 1e-6))

    def _current(self) -> Context:
        return self.library.get(self.current)

    def _follow(self, step: Transition) -> tuple[Change, ...]:
        """Watch the alarms, then learn."""
        context, background = self._current(), self.background()
        context.used = self.steps
        if not self.frozen:
            context.strikes *= 1.0 - 1.0 / FORGIVEN_STEPS
        since = self._surprised(context, step, background)
        if since is None:
            since = self._rivalled(context, step, background)
        if not self.frozen:
            self.pending.append(step)
            held = HOLD_SHARE * self.config.alarm_limit
            if self.alarm.total <= held or len(self.pending) == self.pending.maxlen:
                self._learn_pending(context)
            if self.steps % self.config.plan_every_steps == 0:
                self._plan(context, self.config.plan_sweeps)
        if since is None:
            return ()
        if self.alarm.total > self.config.alarm_limit and not self.frozen:
            context.strikes += 1.0
        return self._suspect(since)

    def _surprised(self, context: Context, step: Transition, known: Background) -> int | None:
        """The step since which the context in force does not explain what happens, if any."""
        if not context.model.knows(step):
            return None
        excess, variance = context.model.surprise(step, known.spread)
        total = self.alarm.add(self._suspicion(context, excess, variance), self.steps)
        self.block = [self.block[0] + excess, self.block[1] + variance, self.block[2] + 1.0]
        if total > self.config.alarm_limit:
            return self.alarm.since
        if self.block[2] >= BLOCK_STEPS:
            if not self.frozen:
                context.calibrate(self.block[0], self.block[1], BLOCK_STEPS)
            self.block = [0.0, 0.0, 0.0]
        return None

    def _suspicion(self, context: Context, excess: float, variance: float) -> float:
        """What one step adds to the alarm: standard deviations of surprise beyond the slack."""
        return context.block(excess, max(variance, 0.1), 1) - self.config.alarm_slack

    def _rivalled(self, context: Context, step: Transition, known: Background) -> int | None:
        """The step since which another context foretells so much better that both are to be
        judged again: the other one fits, and the one in force does not or cannot tell."""
        if len(self.library.contexts) < 2:
            return None
        hint = known.hint(step)
        own = context.model.support(step, hint)
        for other in self.library.contexts:
            if other is context:
                continue
            cusum = self.rivals.setdefault(other.number, Cusum())
            cusum.add(other.model.support(step, hint) - own, self.steps)
            tried = min(PATIENCE_MAX, self.patience.get(other.number, 0))
            if cusum.total <= self.config.rival_limit_nats * 2 ** tried:
                continue
            recent = [old for at, old, _ in self.taken if at >= cusum.since]
            recent += [*self.pending, step]
            if len(recent) < self.config.window_min_steps:
                continue
            recent = recent[-self.config.window_max_steps:]
            theirs, ours = judged(other, recent, known), judged(context, recent, known)
            unsure = ours.known < len(recent) // 2 or abs(ours.misfit) >= 2.0
            fits = abs(theirs.misfit) <= self.config.misfit_limit
            if unsure and fits and theirs.known >= len(recent) // 4:
                self.patience[other.number] = tried + 1
                return cusum.since
            cusum.clear()
        return None

    def _suspect(self, since: int) -> tuple[Change, ...]:
        taken = self._take_back(since)
        self.settled = False
        self.window = []
        return (Suspected(self.current, taken),)

    def _take_back(self, since: int) -> int:
        """Undo the steps from `since` on; they wait for the context that they belong to."""
        context, back = self._current(), []
        while self.taken and self.taken[-1][0] >= since:
            _, step, undo = self.taken.pop()
            context.model.undo(undo)
            back.append(step)
        if back:
            self._plan(context, self.config.settle_sweeps)
        back = [*reversed(back), *self.pending]
        self.pending.clear()
        self.pending.extend(back)
        self.taken.clear()
        self._clear_alarms()
        return len(back)

    def _drop_what_came_before(self, context: Context) -> None:
        """Of the steps that wait for a known context, keep those since the likeliest moment at
        which its world came back (Page's test, backwards): another one, or a sensor that lied, may
        have filled the time before that."""
        spread, steps = self.background().spread, list(self.pending)
        total = best = 0.0
        kept = len(steps)
        for at in range(len(steps) - 1, -1, -1):
            if context.model.knows(steps[at]):
                excess, variance = context.model.surprise(steps[at], spread)
                total -= self._suspicion(context, excess, variance)
            if total >= best:
                best, kept = total, at
        self.pending.clear()
        self.pending.extend(steps[kept:])

    def _learn_pending(self, context: Context) -> None:
        first = self.steps - len(self.pending) + 1
        for at, step in enumerate(self.pending, first):
            self.taken.append((at, step, context.model.learn(step)))
        self.pending.clear()

    def _decide(self) -> tuple[Change, ...]:
        """Name the context, if what was seen is enough to.

        First by all that is pending: the steps that raised the alarm say most. They may begin a
        little before the change, so if no context fits them all, by the window since the alarm.
        """
        config, least = self.config, self.config.window_min_steps
        length, background = len(self.window), self.background()
        if length % 5:
            return ()
        pending = list(self.pending)[-config.window_max_steps:]
        if len(pending) >= least and length < len(pending):
            verdicts = ranked(self.library.contexts, pending, background)
            clear = self._clearly(verdicts, len(pending))
            if clear:
                return self._settle(clear, length, tuple(verdicts))
        if length < least:
            return ()
        verdicts = ranked(self.library.contexts, self.window, background)
        full = length >= config.window_max_steps
        fitting = [verdict for verdict in verdicts if self._fits(verdict, length)]
        if fitting:
            clear = fitting[0].number if full else self._clearly(verdicts, length)
            return self._settle(clear, length, tuple(verdicts)) if clear else ()
        if full:
            # The world may have changed again within the window.
            late = ranked(self.library.contexts, self.window[-least:], background)
            clear = self._clearly(late, least)
            if clear:
                self.pending.clear()
                self.pending.extend(self.window[-least:])
                return self._settle(clear, length, tuple(late))
        hopeless = all(verdict.known >= length // 2 for verdict in verdicts) and all(
            verdict.misfit > 2.0 * config.misfit_limit for verdict in verdicts)
        if not full and not (hopeless and length >= config.window_max_steps // 2):
            return ()
        if self.frozen:
            return self._settle(verdicts[0].number, length, tuple(verdicts))
        nearest = verdicts[0] if verdicts[0].support > 0.0 else None
        opened = self._open(None if nearest is None else self.library.get(nearest.number))
        return (*opened, *self._settle(self.current, length, tuple(verdicts)))

    def _clearly(self, verdicts: list[Verdict], length: int) -> int:
        """The context that fits well and foretells better than every other that fits; 0 = none."""
        fitting = [verdict for verdict in verdicts if self._fits(verdict, length)]
        if not fitting or fitting[0].misfit > 0.6 * self.config.misfit_limit:
            return 0
        others = max((verdict.support for verdict in fitting[1:]), default=-np.inf)
        ahead = fitting[0].support - others >= self.config.lead_nats
        return fitting[0].number if ahead else 0

    def _fits(self, verdict: Verdict, length: int) -> bool:
        """Whether a context may be the one that holds: it foretells, and is not surprised."""
        struck = verdict.number == self.current and (
            self.library.get(verdict.number).strikes > STRIKES_MAX - 0.5)
        testified = verdict.known >= 0.75 * length
        return not struck and verdict.misfit <= self.config.misfit_limit and (
            testified or verdict.support >= self.config.lead_nats)

    def _open(self, nearest: Context | None) -> tuple[Change, ...]:
        context, changes = self.library.open(nearest, self.steps)
        self.current = context.number
        self.patience = {}
        return changes

    def _settle(
        self, number: int, after: int, verdicts: tuple[Verdict, ...]
    ) -> tuple[Change, ...]:
        comes_back = number != self.current     # one that was just opened is current already
        if comes_back:
            self.patience = {}
        self.current, self.settled = number, True
        context = self._current()
        context.used = self.steps
        if not self.frozen:
            if comes_back:
                self._drop_what_came_before(context)
            self._learn_pending(context)
            self._plan(context, self.config.settle_sweeps)
        self.pending.clear()
        self.window = []
        self._clear_alarms()
        return (Settled(number, after, verdicts),)

    def _plan(self, context: Context, sweeps: int) -> None:
        tried = context.model.visits > 0.0
        if not bool(tried.any()):
            return
        best = float(context.model.reward_mean[tried].max())
        context.plan(sweeps, best, self.background().spread)

    def _clear_alarms(self) -> None:
        self.alarm.clear()
        self.rivals = {}
        self.block = [0.0, 0.0, 0.0]

    def _note_reward(self, reward: float) -> None:
        count, mean, squares = self.rewards
        if count >= OUTLIER_COUNT and squares > 0.0:
            reach = OUTLIER_SPREADS * (squares / count) ** 0.5
            reward = max(mean - reach, min(mean + reach, reward))
        gap = reward - mean
        mean += gap / (count + 1.0)
        self.rewards = [count + 1.0, mean, squares + gap * (reward - mean)]

    def _check_state(self, state: int) -> None:
        if not 0 <= state < self.config.states:
            raise ValueError(f'state={state!r}: expected 0 to {self.config.states - 1}')

    def check_step(self, step: Transition) -> None:
        self._check_state(step.state)
        if not step.terminated:
            self._check_state(step.next_state)
        if not 0 <= step.action < self.config.actions:
            raise ValueError(f'action={step.action!r}: expected 0 to {self.config.actions - 1}')
        if not abs(step.reward) < 1e9:
            raise ValueError(f'reward={step.reward!r}: expected a number within 1e9 of 0')

    def _checked_mask(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        if mask is None:
            return np.ones(self.config.actions, np.bool_)
        taken = np.asarray(mask)
        if taken.shape != (self.config.actions,) or taken.dtype.kind not in 'biu':
            raise ValueError(f'mask: expected {self.config.actions} booleans, got {mask!r}')
        if not taken.any():
            raise ValueError('mask: expected at least one allowed action')
        return taken.astype(np.bool_)
