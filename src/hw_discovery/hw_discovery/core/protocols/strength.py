# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What frames prove: how likely random bytes would have given as many.

Only distinct frames count, since a device that repeats itself repeats an accident as well. The
number of accidents in n random bytes is at most Poisson with n * chance. That says nothing of
bytes that are not random: another protocol with the same framing passes too (Feetech and
Dynamixel 1.0, YDLIDAR's and RPLIDAR's answers). Coverage helps there: what is really spoken
fills the stream.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from hw_discovery.core.protocols.frame import Frame


@dataclass(frozen=True, slots=True)
class Match:
    """What one decoder found in all that was heard."""

    protocol: str
    frames: tuple[Frame, ...]
    rejected_bytes: int
    heard_bytes: int = 0
    chance: float = 1.0  # of the decoder, for one place
    chances: Mapping[str, float] = field(default_factory=dict)  # of rarer kinds

    @property
    def distinct_frames(self) -> int:
        """Frames that differ from each other."""
        return len({frame.data for frame in self.frames})

    @property
    def coverage(self) -> float:
        """Share of the bytes that lie in frames, 0..1."""
        if not self.heard_bytes:
            return 0.0
        return sum(len(frame.data) for frame in self.frames) / self.heard_bytes

    @property
    def false_probability(self) -> float:
        """Upper bound of the probability that random bytes give as many distinct frames.

        The frames of each rarer kind are judged alone as well. The best of these counts, times
        their number, since any of them could have been the best by accident.
        """
        ways = [accident_probability(self.distinct_frames, self.heard_bytes * self.chance)]
        for kind, chance in self.chances.items():
            distinct = len({frame.data for frame in self.frames if frame.kind == kind})
            ways.append(accident_probability(distinct, self.heard_bytes * chance))
        return min(1.0, len(ways) * min(ways))


def accident_probability(frames: int, expected: float) -> float:
    """Return the bound expected**frames / frames! of a Poisson tail, at most 1."""
    if frames <= 0:
        return 1.0
    if expected <= 0.0:
        return 0.0
    return min(1.0, math.exp(frames * math.log(expected) - math.lgamma(frames + 1)))
