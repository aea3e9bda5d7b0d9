# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what evidence makes of each robot: whose word weighs how much, scores, and why; refuses to
know where evidence comes from."""

from __future__ import annotations

from .config import ReputationConfig
from .evidence import Evidence, Pair
from .score import Belief, belief_of, quality
from .standing import Known, Standing

NS_PER_S = 1_000_000_000
RATED = 0.5             # receipts; a rater with fewer says too little to be counted as one
FULL_WEIGHT_MIN = 0.1   # of credibility times score; a newcomer has 0.08


class Opinions:
    """Of all robots that the log has named.

    age         what beliefs are faded to; it moves in steps, so that a belief is the same however
                often it is asked for
    last_round  scores at its end; with `age` and `known` all that is to be kept
    """

    def __init__(self, config: ReputationConfig) -> None:
        self._config = config
        self.evidence = Evidence()
        self.known: dict[str, Known] = {}
        self.age = 0.0
        self.last_round: dict[str, float] = {}
        # Computed since anything changed.
        self._fresh: dict[str, Belief] = {}
        self._weights: dict[str, float] = {}
        self._usual: float | None = None

    # ---- what changes

    def stale(self) -> None:
        """Evidence has changed, or who there is."""
        self._usual = None
        self._fresh.clear()
        self._weights.clear()

    def reconsider(self, robot_id: str) -> None:
        """Evidence on this robot has changed."""
        self._fresh.pop(robot_id, None)

    def grow_old(self, age: float) -> None:
        self.stale()
        self.age = age

    def end_round(self, age: float) -> None:
        """The scores of now are what words are weighed by in the next round."""
        self.grow_old(age)
        self.last_round = {robot: self.score(robot) for robot in self.known}
        self.stale()

    def forget(self, robot_id: str) -> None:
        del self.known[robot_id]
        self.last_round.pop(robot_id, None)

    # ---- what is believed

    def weight(self, rater: str) -> float:
        """Credibility times score, beside what is usual in the swarm, at most 1;
        squared, so that those who only just get by among friends have little say."""
        found = self._weights.get(rater)
        if found is None:
            found = min(1.0, self._believed(rater) / self._full_weight()) ** 2
            self._weights[rater] = found
        return found

    def _believed(self, rater: str) -> float:
        return self.credibility(rater) * self.last_score(rater)

    def _full_weight(self) -> float:
        """What counts in full: the median, so that it takes half a swarm to move the scale. At the
        start nobody counts in full."""
        if self._usual is None:
            believed = sorted(self._believed(robot) for robot in self.known)
            usual = believed[len(believed) // 2] if believed else 0.0
            self._usual = max(FULL_WEIGHT_MIN, usual)
        return self._usual

    def _pairs(self, robot_id: str) -> list[tuple[str, Pair]]:
        return self.evidence.of(robot_id, self.age)

    def receipts(self, robot_id: str) -> float:
        return self._spoken(robot_id)[0]

    def _spoken(self, robot_id: str) -> tuple[float, int]:
        """Receipts on this robot, and how many raters they are of."""
        given = [pair.receipts for _, pair in self._pairs(robot_id)]
        return sum(given), sum(one >= RATED for one in given)

    def _belief(self, robot_id: str) -> Belief:
        found = self._fresh.get(robot_id)
        if found is None:
            found = belief_of(self._pairs(robot_id), self.weight, self._config)
            self._fresh[robot_id] = found
        return found

    def last_score(self, robot_id: str) -> float:
        """At the end of the last round; that is what its own word is weighed by."""
        found = self.last_round.get(robot_id)
        return Belief(0.0, 0.0).lower_bound if found is None else found

    def score(self, robot_id: str) -> float:
        """Lower bound in [0, 1]; of an unknown robot 0.21."""
        return self._belief(robot_id).lower_bound

    def credibility(self, robot_id: str) -> float:
        return self.evidence.credibility(robot_id, self.age, self._config.lie_factor)

    def standing(self, robot_id: str, now_ns: int | None) -> Standing:
        belief, (receipts, raters) = self._belief(robot_id), self._spoken(robot_id)
        known = self.known.get(robot_id, Known(0))
        return Standing(
            robot_id=robot_id, mean=belief.mean, lower_bound=belief.lower_bound,
            successes=belief.successes, failures=belief.failures,
            credibility=self.credibility(robot_id), receipts=receipts, raters=raters,
            steals_helpful=known.steals_helpful, steals_useless=known.steals_useless,
            newcomer=receipts < self._config.newcomer_receipts,
            may_lead=not self.leader_lacks(robot_id, now_ns), reason=self._reason(robot_id))

    def leader_lacks(self, robot_id: str, now_ns: int | None) -> str:
        """What it would need in order to be preferred as leader; '' = nothing."""
        config, known = self._config, self.known.get(robot_id)
        if known is None or now_ns is None:
            return 'it was never seen in the log'
        receipts, raters = self._spoken(robot_id)
        checks = (
            (self.score(robot_id), config.leader_score, 'score'),
            (receipts, config.leader_receipts, 'receipts'),
            (raters, config.leader_raters, 'raters'),
            ((now_ns - known.first_ns) / NS_PER_S, config.leader_age_s, 's since it came'))
        return '; '.join(f'{has:.2f} of {needs:g} {what}' for has, needs, what in checks
                         if has < needs)

    # ---- why

    def explain(self, robot_id: str, now_ns: int | None, round_number: int) -> tuple[str, ...]:
        """For people."""
        if robot_id not in self.known:
            return (f'{robot_id}: never seen in the log, counts like any newcomer: '
                    f'{self.score(robot_id):.2f}',)
        belief, one = self._belief(robot_id), self.standing(robot_id, now_ns)
        lines = [
            f'{robot_id}: {one.lower_bound:.2f} = mean {one.mean:.2f} less deviation '
            f'{belief.deviation:.2f}; its routes count {quality(one.lower_bound):.2f}',
            f'{one.receipts:.1f} receipts of {one.raters} raters, faded over '
            f'{self._config.rounds_memory:g} rounds (this is round {round_number})']
        lines += [self._rater_line(robot_id, rater) for rater in self._loudest(robot_id)]
        lines.append(f'its own word is believed {one.credibility:.2f}')
        if one.steals_helpful or one.steals_useless:
            lines.append(f'stole {one.steals_helpful} jobs that were done sooner so, '
                         f'{one.steals_useless} that were not')
        lacks = self.leader_lacks(robot_id, now_ns)
        lines.append(f'not preferred as leader: {lacks}' if lacks
                     else 'may be preferred as leader')
        return tuple(lines)

    def _loudest(self, robot_id: str, most: int = 5) -> list[str]:
        """Raters whose word weighs most."""
        weights = {rater: self.weight(rater) * pair.receipts
                   for rater, pair in self._pairs(robot_id)}
        return sorted(weights, key=lambda rater: (-weights[rater], rater))[:most]

    def _rater_line(self, robot_id: str, rater: str) -> str:
        pair = dict(self._pairs(robot_id))[rater]
        return (f'{rater}: {pair.successes:.1f} good, {pair.failures:.1f} bad; believed '
                f'{self.credibility(rater):.2f} x its own score {self.last_score(rater):.2f}')

    def _reason(self, robot_id: str) -> str:
        belief, loudest = self._belief(robot_id), self._loudest(robot_id, 1)
        if not loudest:
            return 'nothing is known of its work'
        return (f'{belief.successes:.1f} for it, {belief.failures:.1f} against it, '
                f'most from {loudest[0]}')
