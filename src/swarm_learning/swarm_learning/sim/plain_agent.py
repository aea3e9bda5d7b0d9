# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns a baseline: the agent that one writes first, Q-learning on a dict, in its textbook shape;
refuses every improvement.

It stands for a typical predecessor of the library in core/agents: constant learning rate, epsilon
that decays by a factor per episode, values that start at 0, replay drawn uniformly from a long
list, no masks, first of equals wins, truncation is taken for an end, saved by its table alone. It
is written from the usual textbook pseudocode (Sutton & Barto, 2nd ed., 6.5), not copied from
anywhere.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Hashable

Remembered = tuple[Hashable, int, float, Hashable, bool]


class PlainDictAgent:
    """replay_updates=0 is plain Q-learning."""

    def __init__(
        self,
        actions: int,
        seed: int,
        *,
        learning_rate: float = 0.1,
        discount: float = 0.99,
        epsilon: float = 1.0,
        epsilon_decay: float = 0.995,
        epsilon_min: float = 0.05,
        replay_updates: int = 0,
        replay_size: int = 10_000,
    ) -> None:
        self.actions = actions
        self.rng = random.Random(seed)
        self.learning_rate = learning_rate
        self.discount = discount
        self.epsilon = epsilon
        self.epsilon_decay = epsilon_decay
        self.epsilon_min = epsilon_min
        self.replay_updates = replay_updates
        self.memory: deque[Remembered] = deque(maxlen=replay_size)
        self.q_table: dict[Hashable, dict[int, float]] = defaultdict(
            lambda: {action: 0.0 for action in range(actions)})
        self.updates = 0
        self.total_reward = 0.0
        self.errors: deque[float] = deque(maxlen=100)

    def choose_action(self, state: Hashable) -> int:
        if self.rng.random() < self.epsilon:
            return self.rng.randrange(self.actions)
        values = self.q_table[state]
        return max(values, key=lambda action: values[action])

    def learn(
        self, state: Hashable, action: int, reward: float, next_state: Hashable, done: bool
    ) -> None:
        self.memory.append((state, action, reward, next_state, done))
        self.total_reward += reward
        self.errors.append(abs(self._update(state, action, reward, next_state, done)))
        if self.replay_updates and len(self.memory) > self.replay_updates:
            for past in self.rng.sample(self.memory, self.replay_updates):
                self._update(*past)
        if done:
            self.epsilon = max(self.epsilon_min, self.epsilon * self.epsilon_decay)

    def _update(
        self, state: Hashable, action: int, reward: float, next_state: Hashable, done: bool
    ) -> float:
        best_next = 0.0 if done else max(self.q_table[next_state].values())
        error = reward + self.discount * best_next - self.q_table[state][action]
        self.q_table[state][action] += self.learning_rate * error
        self.updates += 1
        return error
