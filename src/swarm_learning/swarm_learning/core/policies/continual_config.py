# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the settings of the continual learner with their defaults and reasons."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields

from .figures import check_figures


@dataclass(frozen=True)
class ContinualConfig:
    """Settings of a ContinualLearner. "Own worlds" are those of sim/mdps.py."""

    states: int = field(metadata={'help': 'number of states, counted from 0'})
    actions: int = field(metadata={'help': 'number of actions, counted from 0'})
    discount: float = field(default=0.9, metadata={
        'help': 'worth of a reward one step later; 0.9 looks about ten decisions ahead'})
    contexts_max: int = field(default=8, metadata={
        'help': 'contexts kept; bounds memory and the time of recognition'})
    window_min_steps: int = field(default=20, metadata={
        'help': 'steps after an alarm before a context is named; fewer mistake related worlds'})
    window_max_steps: int = field(default=60, metadata={
        'help': 'steps after an alarm by which a context is named, or a new one is opened'})
    lead_nats: float = field(default=6.0, metadata={
        'help': 'lead over the next context that ends the window early: odds of 400 to 1'})
    misfit_limit: float = field(default=3.5, metadata={
        'help': 'standard deviations from what a context expects up to which it may hold'})
    alarm_limit: float = field(default=15.0, metadata={
        'help': 'sum of standard deviations of surprise that is an alarm; with the slack, about '
                'one false alarm in 300 000 steps if steps were normal'})
    alarm_slack: float = field(default=0.35, metadata={
        'help': 'standard deviations of surprise per step that are no reason for suspicion; '
                'half of the smallest shift worth finding (Page); chosen on own worlds'})
    rival_limit_nats: float = field(default=12.0, metadata={
        'help': 'sum of support by which a known context takes over at once: odds of 160 000'})
    undo_max_steps: int = field(default=256, metadata={
        'help': 'steps that an alarm can take back from the context it proves wrong'})
    hope_visits: float = field(default=0.3, metadata={
        'help': 'imagined visits of every pair that led to the best reward for ever; more '
                'explores longer (own worlds: 0.1 to 1 differ by less than 0.01 in ACC)'})
    warm_visits: float = field(default=0.3, metadata={
        'help': 'weight of the nearest context in a new one, in visits of a pair'})
    warm_hope: float = field(default=0.5, metadata={
        'help': 'how far hope for an untried pair lies above what the nearest context says, '
                'as a share of the way to the best (chosen without data)'})
    epsilon: float = field(default=0.01, metadata={
        'help': 'share of random actions beside hope, so that a change of what is no longer '
                'done can be noticed (chosen without data)'})
    plan_every_steps: int = field(default=4, metadata={
        'help': 'steps between two rounds of value iteration; a matter of processor time'})
    plan_sweeps: int = field(default=2, metadata={'help': 'sweeps of such a round'})
    settle_sweeps: int = field(default=60, metadata={
        'help': 'sweeps when a context comes into force; at discount 0.9, 0.2 % is left open'})

    def __post_init__(self) -> None:
        check_figures(self)
        for each in fields(self):
            value = getattr(self, each.name)
            whole = each.type == 'int'
            if whole and (not isinstance(value, int) or value < 1):
                raise ValueError(f'{each.name}: expected a whole number from 1, got {value!r}')
        if not 0.0 <= self.discount <= 0.9999:
            raise ValueError(f'discount: expected 0 to 0.9999, got {self.discount}')
        if not self.window_min_steps <= self.window_max_steps <= self.undo_max_steps:
            raise ValueError('expected window_min_steps <= window_max_steps <= undo_max_steps')
        if self.epsilon > 1.0 or self.warm_hope > 1.0:
            raise ValueError('epsilon and warm_hope: expected at most 1')
        if not (self.hope_visits > 0.0 and self.warm_visits > 0.0):
            raise ValueError('hope_visits and warm_visits: expected above 0')
        if not 2 <= self.contexts_max <= 16:
            raise ValueError(f'contexts_max: expected 2 to 16, got {self.contexts_max}')

    def document(self) -> dict[str, object]:
        return asdict(self)
