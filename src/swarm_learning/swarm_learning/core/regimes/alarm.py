# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the hysteresis between what single snapshots say and what is told; refuses to know
features and clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .document import whole
from .snapshot import BAD, Regime


@dataclass
class Alarm:
    """A regime is told once `agree` snapshots in a row name it. A bad one raises the alarm; it
    is cleared by `clear` snapshots in a row that name none that is bad."""

    agree: int = 3
    clear: int = 10
    regime: Regime = Regime.UNKNOWN
    raised: bool = False
    since_ns: int = 0
    named: Regime = Regime.UNKNOWN
    in_a_row: int = 0
    good_in_a_row: int = 0

    def observe(self, named: Regime, now_ns: int) -> None:
        """Fold what one snapshot says."""
        self.in_a_row = self.in_a_row + 1 if named is self.named else 1
        self.named = named
        self.good_in_a_row = 0 if named in BAD else self.good_in_a_row + 1
        if self.in_a_row >= self.agree and named is not self.regime:
            self.regime, self.since_ns = named, now_ns
        if named in BAD and self.in_a_row >= self.agree:
            self.raised = True
        elif self.good_in_a_row >= self.clear:
            self.raised = False

    def document(self) -> dict[str, object]:
        return {'regime': self.regime.value, 'raised': self.raised, 'since_ns': self.since_ns,
                'named': self.named.value, 'in_a_row': self.in_a_row,
                'good_in_a_row': self.good_in_a_row}

    def restore(self, document: Mapping[str, object]) -> None:
        """Raises ValueError that says what was expected."""
        values = {name: whole(name, document.get(name)) for name in
                  ('regime', 'since_ns', 'named', 'in_a_row', 'good_in_a_row')}
        if type(document.get('raised')) is not bool:
            raise ValueError(f'raised: expected a truth value, got {document.get("raised")!r}')
        self.regime, self.named = Regime(values['regime']), Regime(values['named'])
        self.raised, self.since_ns = document['raised'] is True, values['since_ns']
        self.in_a_row, self.good_in_a_row = values['in_a_row'], values['good_in_a_row']
