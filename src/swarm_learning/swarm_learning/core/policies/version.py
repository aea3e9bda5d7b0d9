# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the record of one version of a policy, as swarm_msgs/msg/PolicyVersion shows it; refuses
to know the policy itself and where it is kept."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..hexadecimal import from_hex
from .evidence import Asked, Followed, whole
from .lifecycle import VersionEvent, VersionPhase, next_phase

KINDS = ('table', 'network')
TEXT_MAX = 200  # characters of source, reason and context
_SHA256 = re.compile(r'[0-9a-f]{64}')
NAME = re.compile(r'[a-z][a-z0-9_]{0,39}')


@dataclass
class PolicyVersion:
    """What is known of a version. Its file never changes; this record does."""

    name: str
    version: int
    parent: int
    kind: str
    sha256: str
    source: str
    context: str  # what world it was made for; '' = any
    phase: VersionPhase = VersionPhase.SHADOW
    reason: str = ''
    followed: Followed = field(default_factory=Followed.fresh)
    asked: Asked = field(default_factory=Asked.fresh)
    # The decision of the shelf at which it came into its phase.
    since_decision: int = 0
    # Mean and standard error when it was last active; what its successor is held against.
    record_mean: float = 0.0
    record_error: float = math.inf
    record_samples: float = 0.0

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f'name={self.name[:50]!r}: expected {NAME.pattern}')
        if self.kind not in KINDS:
            raise ValueError(f'kind={self.kind!r}: expected one of {", ".join(KINDS)}')
        if not _SHA256.fullmatch(self.sha256):
            raise ValueError('sha256: expected 64 hexadecimal digits')
        if not 0 <= self.parent < self.version:
            raise ValueError(f'parent={self.parent}: expected 0 to {self.version - 1}')
        for each in ('source', 'context', 'reason'):
            setattr(self, each, getattr(self, each)[:TEXT_MAX])

    def move(self, event: VersionEvent, reason: str, decision: int) -> None:
        """Raises InvalidTransition; nothing is changed then."""
        self.phase = next_phase(self.phase, event)
        self.reason = reason[:TEXT_MAX]
        self.since_decision = decision

    @property
    def decisions(self) -> int:
        """It was followed or asked for."""
        return self.followed.decisions + self.asked.decisions

    def reward(self) -> tuple[float, float]:
        """(mean, lower bound) over its own decisions, or where it has none, over those on which
        it agreed; (0, 0) without any."""
        if self.followed.moments.samples >= 2.0:
            return self.followed.mean, self.followed.lower()
        moments = self.asked.moments
        if moments.samples >= 2.0:
            return moments.mean, moments.mean - 2.0 * moments.error
        return 0.0, 0.0

    def standing(self) -> float:
        """The best lower bound it has shown while it was followed; -inf without any."""
        recorded = self.record_mean - 2.0 * self.record_error
        return max(self.followed.lower(), recorded)

    def keep_record(self) -> None:
        """What its successor is held against; a stay too short to say keeps the older one."""
        if math.isfinite(self.followed.error):
            self.record_mean, self.record_error = self.followed.mean, self.followed.error
            self.record_samples = self.followed.moments.samples

    def document(self) -> dict[str, object]:
        return {
            'name': self.name, 'version': self.version, 'parent': self.parent,
            'kind': self.kind, 'sha256': self.sha256, 'source': self.source,
            'context': self.context, 'phase': self.phase.label, 'reason': self.reason,
            'followed': self.followed.document(), 'asked': self.asked.document(),
            'since_decision': self.since_decision, 'record_mean': self.record_mean.hex(),
            'record_error': self.record_error.hex(),
            'record_samples': self.record_samples.hex(),
        }

    @classmethod
    def from_document(cls, document: object) -> PolicyVersion:
        """Raises ValueError that says what was expected."""
        if not isinstance(document, Mapping):
            raise ValueError('version: expected an object')
        phases = {phase.label: phase for phase in VersionPhase}
        phase = phases.get(_text(document, 'phase'))
        if phase is None:
            raise ValueError(f'phase: expected one of {", ".join(phases)}')
        mean = from_hex(_text(document, 'record_mean'))
        error = from_hex(_text(document, 'record_error'))
        samples = from_hex(_text(document, 'record_samples'))
        if not math.isfinite(mean) or not error >= 0.0 or not 0.0 <= samples < math.inf:
            raise ValueError('record: expected a mean, an error from 0 and samples from 0')
        return cls(
            _text(document, 'name'), whole(document, 'version', 0xFFFFFFFF),
            whole(document, 'parent', 0xFFFFFFFF), _text(document, 'kind'),
            _text(document, 'sha256'), _text(document, 'source'), _text(document, 'context'),
            phase, _text(document, 'reason'), Followed.from_document(document.get('followed')),
            Asked.from_document(document.get('asked')), whole(document, 'since_decision'),
            mean, error, samples)


def _text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    if not isinstance(value, str):
        raise ValueError(f'{key}: expected text, found {value!r}')
    return value
