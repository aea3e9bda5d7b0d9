# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns which mode is proposed and when, and what is learned from how it went; refuses to know
what becomes of a proposal, other than by the mode in force that it sees.

One decision every dwell. It learns from the mode that was in force, whoever chose it, so that an
operator's or the coordinator's choice teaches too. Whatever is proposed has passed the shield.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..observation import Mode
from ..regimes.snapshot import Regime
from .buckets import MODE_INDEX, MODES, Buckets, Level, Situation
from .chance import Chance
from .doubt import TRIAL, Doubt
from .drift import Drift
from .experience import Array, Experience, ExperienceConfig, spread
from .reward import RewardWeights, Window, reward_of
from .shield import SAFE, emergency, masks, may_explore, risk
from .view import ModeDecision, ModeValue, ModeView, PolicyFacts

SCHEMA = 1
NS_PER_S = 1_000_000_000
RECENT = 100            # decisions behind the means that are told
START_DECISIONS = 700   # that a shipped start stands for
TRAINED_WEIGHT = 50.0   # decisions from which values are better than the rule (bench modes)
SURE_MIN = 0.6          # of every proposal: what the coordinator needs to follow one
SURE_MAX = 0.95
MARGIN = 0.1            # lead over the runner-up that counts as half sure; no unit
OVER_CAUTIOUS_BONUS = 0.05   # for modes that are not safe ones; as much as a change costs
TIE = 1e-9
STAY = 0.05             # lead of another mode over the one in force (bench modes)
TRIED_MIN = 1.0         # decisions behind a mode that is used where nothing may be tried
UNTRIED = 'untried, and no place to try'


@dataclass(frozen=True)
class ModeConfig:
    """Settings of the mode controller."""

    dwell_s: float = field(
        default=10.0, metadata={'help': 'time between decisions in s; the reward of a shorter '
                                        'time says more of the last mode than of this one'})
    thrash_dwells: int = field(
        default=3, metadata={'help': 'dwells between decisions while the regime is thrash: the '
                                     'cure is to stay'})
    gap_s_max: float = field(
        default=3.0, metadata={'help': 'longest silence in s over which figures are held to be '
                                       'the last; three missed ticks'})
    seen_share_min: float = field(
        default=0.7, metadata={'help': 'share of a decision that must have been seen, and under '
                                       'one mode, to learn from it (chosen without data)'})
    epsilon_start: float = field(
        default=0.4, metadata={'help': 'share of decisions that try any mode at first'})
    epsilon_end: float = field(
        default=0.03, metadata={'help': 'share of decisions that try any mode in the end'})
    epsilon_half_life: float = field(
        default=300.0, metadata={'help': 'decisions in which the share above its end halves'})
    experience: ExperienceConfig = field(default_factory=ExperienceConfig)
    reward: RewardWeights = field(default_factory=RewardWeights)

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon_end <= self.epsilon_start <= 1.0:
            raise ValueError('epsilon_end: expected 0 <= epsilon_end <= epsilon_start <= 1, got '
                             f'{self.epsilon_end} and {self.epsilon_start}')
        for name in ('dwell_s', 'gap_s_max', 'epsilon_half_life'):
            if not 0.0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name}: expected a number above 0, got {getattr(self, name)}')
        if not 0.0 < self.seen_share_min <= 1.0 or self.thrash_dwells < 1:
            raise ValueError('expected seen_share_min above 0 and at most 1 and thrash_dwells of '
                             f'at least 1, got {self.seen_share_min} and {self.thrash_dwells}')


@dataclass
class Pending:
    """The decision whose window is open."""

    cell: int
    in_force: Mode
    teaches: bool
    window: Window


@dataclass(frozen=True)
class Past:
    """A decision that is over, for the means."""

    reward: float
    switched: bool
    elapsed_ns: int


class ModeController:
    """Proposes modes and learns. One per robot; used where the robot leads."""

    def __init__(self, config: ModeConfig | None = None, seed: int = 0) -> None:
        self.config = config or ModeConfig()
        self.experience = Experience(self.config.experience, self.config.reward)
        self.frozen = False
        self._chance = Chance(seed)
        self._buckets = Buckets()
        self._drift = Drift()
        self._doubt: Doubt | None = None
        self._pending: Pending | None = None
        self._choice: ModeDecision | None = None
        self._seen_ns: int | None = None
        self._decisions = self._explored = self._since_drift = 0
        self.closed = 0     # decisions in this life whose reward is known
        self._past: deque[Past] = deque(maxlen=RECENT)

    @classmethod
    def from_start(
        cls, config: ModeConfig | None, arrays: Mapping[str, Array], seed: int
    ) -> ModeController:
        """A new controller that begins with shipped experience: it tries things less at first, as
        after START_DECISIONS, and reality outweighs the start as it comes in. Raises ValueError
        as restore() does."""
        controller = cls(config, seed)
        controller.experience.take(arrays)
        controller._since_drift = START_DECISIONS
        return controller

    # ---- use

    def observe(self, view: ModeView, now_ns: int) -> None:
        """Fold what is seen now; call it every tick. now_ns is monotonic and never goes back."""
        last_ns, self._seen_ns = self._seen_ns, max(now_ns, self._seen_ns or now_ns)
        if self._pending is None or last_ns is None or now_ns <= last_ns:
            return
        self._pending.window.add(
            view.arousal, view.stability, view.pressure, view.mode, now_ns - last_ns,
            int(self.config.gap_s_max * NS_PER_S), self.config.reward)

    def decide(self, view: ModeView, now_ns: int) -> ModeDecision:
        """The proposal now: the last one until its dwell is over or the shield forbids it."""
        self.observe(view, now_ns)
        before = self._buckets.stability.level
        situation = self._buckets.settle(
            view.arousal, view.stability, view.pressure, view.mode)
        masked = masks(view, situation)
        fell = before is not None and before > situation.stability is Level.LOW
        if self._choice is not None and not self._is_due(view, masked, fell):
            return self._choice
        self._close(view)
        self._choice = self._choose(view, situation, self._unsafe_trials(view, situation, masked))
        self._pending = Pending(
            situation.cell, view.mode, not emergency(view) and view.mode in MODE_INDEX, Window())
        return self._choice

    def freeze(self, frozen: bool) -> None:
        """Frozen: nothing is learned and nothing tried; what was learned is used."""
        self.frozen = frozen

    def is_trained(self) -> bool:
        """Whether there is enough experience to prefer its values to the hand rule."""
        return self.experience.total_weight() >= TRAINED_WEIGHT

    def epsilon(self) -> float:
        """Share of the decisions that try any permitted mode, where it is safe to."""
        if self.frozen:
            return 0.0
        c = self.config
        left = math.pow(0.5, self._since_drift / c.epsilon_half_life)
        return c.epsilon_end + (c.epsilon_start - c.epsilon_end) * left

    def facts(self) -> PolicyFacts:
        """For people and the policy topic; a tick is 1 s."""
        past, held_ns = self._past, sum(one.elapsed_ns for one in self._past)
        switches = sum(one.switched for one in past)
        return PolicyFacts(
            frozen=self.frozen, decisions=self._decisions, explored=self._explored,
            epsilon=self.epsilon(),
            reward_mean=math.fsum(one.reward for one in past) / len(past) if past else 0.0,
            reward_last=past[-1].reward if past else 0.0,
            switches_per_100_ticks=100.0 * switches * NS_PER_S / held_ns if held_ns else 0.0,
            choice=self._choice)

    def check_invariants(self) -> None:
        self.experience.check_invariants()
        if self._doubt is not None:
            self._doubt.check_invariants()
        assert 0 <= self._explored <= self._decisions
        assert 0.0 <= self.epsilon() <= 1.0
        if self._choice is not None:
            mask = self._choice.values[MODE_INDEX[self._choice.mode]].masked
            assert not mask, self._choice

    # ---- keep

    def arrays(self) -> dict[str, Array]:
        """What was experienced, for an archive; see experience.SHAPES. While a change of the world
        is doubted, also what was known before it."""
        return self.experience.arrays() | (self._doubt.arrays() if self._doubt else {})

    def manifest(self) -> dict[str, object]:
        """All the rest, as plain JSON. With arrays() it restores a controller that goes on as if
        it had never stopped."""
        return {
            'schema': SCHEMA,
            'modes': [mode.value for mode in MODES],
            'chance': f'{self._chance.state:016x}',
            'frozen': self.frozen,
            'decisions': self._decisions,
            'explored': self._explored,
            'since_drift': self._since_drift,
            'levels': self._buckets.levels(),
            'drift': self._drift.document(),
            'doubt': None if self._doubt is None else self._doubt.document(),
            'past': [[one.reward.hex(), one.switched, one.elapsed_ns] for one in self._past],
            'pending': _pending_document(self._pending),
            'choice': _choice_document(self._choice),
        }

    @classmethod
    def restore(
        cls, config: ModeConfig | None, arrays: Mapping[str, Array],
        manifest: Mapping[str, object], now_ns: int, *, same_life: bool = False,
    ) -> ModeController:
        """Go on from arrays() and manifest(). Raises ValueError that says what was expected.

        same_life: the controller goes on in the same place at the same time, with its open
        decision. Otherwise (another robot, or after a pause) that decision is dropped: nobody saw
        what came of it.
        """
        from .manifest import fill
        controller = cls(config, 0)
        controller.experience.take(arrays)
        fill(controller, manifest, arrays, same_life)
        controller._seen_ns = now_ns if same_life else None
        return controller

    # ---- inside

    def _is_due(self, view: ModeView, masked: tuple[str, ...], fell: bool) -> bool:
        """Whether to decide anew. fell: stability has just become low, which does not wait for the
        end of the dwell, unless the mode is a safe one already or the swarm is thrashing."""
        assert self._choice is not None
        if masked[MODE_INDEX[self._choice.mode]] or self._pending is None:
            return True
        thrashing = view.regime is Regime.THRASH
        if fell and not thrashing and self._choice.mode not in SAFE:
            return True
        dwells = self.config.thrash_dwells if thrashing else 1
        return self._pending.window.elapsed_ns >= dwells * self.config.dwell_s * NS_PER_S

    def _close(self, view: ModeView) -> None:
        """Learn from the decision that is over."""
        pending, self._pending = self._pending, None
        if pending is None or pending.window.elapsed_ns == 0 or pending.window.seen_ns == 0:
            return
        window, c = pending.window, self.config
        mode = window.main_mode(c.seen_share_min)
        if mode is None or mode not in MODE_INDEX:
            return
        switched, figures = mode is not pending.in_force, window.means()
        reward = reward_of(figures, switched, c.reward)
        self._past.append(Past(reward, switched, window.elapsed_ns))
        self.closed += 1
        if self.frozen or not pending.teaches:
            return
        cell, in_force = pending.cell, MODE_INDEX[pending.in_force]
        share = min(1.0, window.elapsed_ns / (c.dwell_s * NS_PER_S))
        place = (cell, in_force, MODE_INDEX[mode])
        self._look_for_change(place, reward_of(figures, False, c.reward), share)
        following = spread(view.arousal, view.stability, view.pressure)
        self.experience.learn(*place, figures, share, following)
        if self._doubt is not None:
            self._doubt.before.learn(*place, figures, share, following)

    def _look_for_change(self, place: tuple[int, int, int], worth: float, share: float) -> None:
        """Compare a reward with what was expected, and doubt what is known if they keep differing.

        place: row of buckets, mode in force, mode."""
        expected = self.experience.expected(*place)
        if self._doubt is not None:
            changed = self._doubt.see(worth, expected, self._doubt.before.expected(*place))
            if changed is False:
                self.experience = self._doubt.before
                expected = self.experience.expected(*place)
                self._since_drift = self._doubt.since_drift + TRIAL
            if changed is not None:
                self._doubt = None
        known = self.experience.evidence(place[0], place[2])
        if self._drift.see(worth - expected, known, share):
            self._doubt = self._doubt or Doubt(self.experience.copy(), self._since_drift)
            self.experience.fade(self._drift.trust_after)
            self._since_drift = min(self._since_drift, START_DECISIONS)

    def _choose(
        self, view: ModeView, situation: Situation, masked: tuple[str, ...]
    ) -> ModeDecision:
        trying = view.can_change and may_explore(view, situation) and not self.frozen
        values = self.experience.values(situation.cell, situation.mode_index, trying)
        free = [index for index in range(len(MODES)) if not masked[index]]
        ranked = sorted(free, key=lambda index: -self._worth(index, values, view, situation))
        best = self._best(ranked, values, view, situation)
        if not trying and view.can_change and not self.frozen and MODES[best] in SAFE:
            best = self._hoped_safe(best, free, situation)
        index, explored = best, False
        if trying and self._chance.share() < self.epsilon():
            index = free[self._chance.below(len(free))]
            explored = index != best
        kept = MODE_INDEX.get(view.mode)
        if not view.can_change and kept is not None and kept in free:
            index = kept
        if masked[index]:   # cannot be: the shield once more, after everything else
            index = best
        self._decisions += 1
        self._since_drift += 1
        self._explored += explored
        return self._told(view, situation, masked, values, index, ranked, explored)

    def _hoped_safe(self, best: int, free: list[int], situation: Situation) -> int:
        """The safe mode that is hoped to be best: which of the two may be learned anywhere."""
        hoped = self.experience.values(situation.cell, situation.mode_index, True)
        safe = [best, *(index for index in free if MODES[index] in SAFE)]
        return max(safe, key=lambda index: hoped[index])

    def _unsafe_trials(
        self, view: ModeView, situation: Situation, masked: tuple[str, ...]
    ) -> tuple[str, ...]:
        """The masks, and modes that only hope speaks for where nothing may be tried."""
        if not (emergency(view) or risk(view, situation.stability)):
            return masked
        return tuple(
            cause or (UNTRIED if mode not in SAFE and self.experience.evidence(
                situation.cell, index) < TRIED_MIN else '')
            for index, (mode, cause) in enumerate(zip(MODES, masked, strict=True)))

    def _worth(
        self, index: int, values: list[float], view: ModeView, situation: Situation
    ) -> float:
        """The value, with a nudge out of caution that nothing calls for."""
        bold = MODES[index] not in (Mode.DEFENSIVE, Mode.RECOVERY)
        nudged = (bold and view.regime is Regime.OVER_CAUTIOUS
                  and situation.stability is not Level.LOW)
        stays = index == situation.mode_index
        return values[index] + (OVER_CAUTIOUS_BONUS if nudged else 0.0) + (STAY if stays else 0.0)

    def _best(
        self, ranked: list[int], values: list[float], view: ModeView, situation: Situation
    ) -> int:
        """The best; among equals the mode in force, or one by chance."""
        top = self._worth(ranked[0], values, view, situation)
        equal = [index for index in ranked
                 if self._worth(index, values, view, situation) >= top - TIE]
        if len(equal) == 1:
            return equal[0]
        if situation.mode_index in equal:
            return situation.mode_index
        return sorted(equal)[self._chance.below(len(equal))]

    def _told(
        self, view: ModeView, situation: Situation, masked: tuple[str, ...],
        values: list[float], index: int, ranked: list[int], explored: bool,
    ) -> ModeDecision:
        visits = self.experience.visits(situation.cell, situation.mode_index)
        others = [other for other in ranked if other != index]
        runner_up = others[0] if others else index
        return ModeDecision(
            mode=MODES[index],
            confidence=self._confidence(situation, values, index, runner_up, explored),
            reason=self._reason(view, situation, masked, values, index, runner_up, explored),
            state=situation.text(),
            values=tuple(ModeValue(*one) for one in zip(MODES, values, visits, masked,
                                                       strict=True)),
            runner_up=MODES[runner_up],
            explored=explored)

    def _confidence(
        self, situation: Situation, values: list[float], index: int, runner_up: int,
        explored: bool,
    ) -> float:
        """Rises with the decisions behind the mode and with its lead; never below what it takes
        to be followed, because what is never followed is never learned."""
        known = self.experience.evidence(situation.cell, index)
        lead = max(0.0, values[index] - values[runner_up])
        sure = 0.0 if explored else known / (known + 3.0) * lead / (lead + MARGIN)
        return SURE_MIN + (SURE_MAX - SURE_MIN) * sure

    def _reason(
        self, view: ModeView, situation: Situation, masked: tuple[str, ...],
        values: list[float], index: int, runner_up: int, explored: bool,
    ) -> str:
        known = self.experience.evidence(situation.cell, index)
        if not view.can_change:
            why = 'an override decides'
        elif explored:
            why = f'tried in order to learn ({100.0 * self.epsilon():.0f} % of decisions)'
        else:
            made = round(known)  # old ones count in part
            why = f'worth {values[index]:.2f} after {made} decision{"" if made == 1 else "s"}'
            if runner_up != index:
                lead = 'before' if values[runner_up] <= values[index] else 'too little below'
                why += f', {lead} {MODES[runner_up].value} with {values[runner_up]:.2f}'
        causes = sorted({cause for cause in masked if cause})
        forbidden = [mode.value for mode, cause in zip(MODES, masked, strict=True) if cause]
        shut = f'; not {", ".join(forbidden)}: {", ".join(causes)}' if causes else ''
        regime = '' if view.regime is Regime.UNKNOWN else f'; regime {view.regime.name.lower()}'
        doubt = '' if self._doubt is None else (
            f'; the world may have changed, known in {self._doubt.left} decisions')
        return f'{MODES[index].value} at {situation.text()}: {why}{shut}{regime}{doubt}'


def _pending_document(pending: Pending | None) -> dict[str, object] | None:
    if pending is None:
        return None
    window = pending.window
    return {
        'cell': pending.cell, 'in_force': pending.in_force.value, 'teaches': pending.teaches,
        'elapsed_ns': window.elapsed_ns, 'seen_ns': window.seen_ns,
        'sums': [value.hex() for value in (window.stability, window.pressure, window.off)],
        'mode_ns': {mode.value: held_ns for mode, held_ns in (window.mode_ns or {}).items()},
    }


def _choice_document(choice: ModeDecision | None) -> dict[str, object] | None:
    if choice is None:
        return None
    return {
        'mode': choice.mode.value, 'confidence': choice.confidence.hex(),
        'reason': choice.reason, 'state': choice.state, 'runner_up': choice.runner_up.value,
        'explored': choice.explored,
        'values': [[one.value.hex(), one.visits, one.masked] for one in choice.values],
    }
