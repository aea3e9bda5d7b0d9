# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why an identity is refused: a key to count by and a sentence for a person.

Owns the list of reasons. Refuses to know who asks.
"""

from __future__ import annotations

from dataclasses import dataclass

# Each is explained in docs/SECURITY.md; a test compares.
REASONS = (
    'clock_off',  # one of two clocks is far off
    'conflict',  # there is something else there already
    'damaged',  # a file or message is not what its kind looks like
    'expired',
    'exposed',  # others can read what is private
    'forged',  # the signature does not fit
    'full',  # a bound is reached
    'missing',
    'not_yet',
    'other_keys',  # the certificate was made for other keys than those that are here
    'revoked',
    'rolled_back',  # older than what is known already
    'unknown_authority',
    'wrong_owner',
    'wrong_robot',
    'wrong_role',
    'wrong_swarm',
)


@dataclass(frozen=True)
class Refusal:
    reason: str  # one of REASONS
    sentence: str  # what is wrong and what to do

    def __post_init__(self) -> None:
        assert self.reason in REASONS, self.reason

    def __str__(self) -> str:
        return self.sentence


class IdentityRefused(ValueError):
    """A refusal where no answer can be given instead."""

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.refusal = Refusal(reason, sentence)

    @property
    def reason(self) -> str:
        return self.refusal.reason


def damaged(what: str, expected: str) -> IdentityRefused:
    return IdentityRefused('damaged', f'{what}: expected {expected}')
