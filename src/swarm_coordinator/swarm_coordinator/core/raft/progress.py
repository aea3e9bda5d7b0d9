# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""How far one follower's log is known to follow the leader's.

Owns what was sent to one peer, what it acknowledged and when to send again. Refuses to know the
log's content, terms and the other peers.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

APPENDS_IN_FLIGHT_MAX = 8  # of up to 48 KiB each; chosen without data
# Waits grow up to so many heartbeat rounds, so that bulk data on a slow link, overtaken by small
# heartbeats, is not sent again and again.
RESEND_ROUNDS_MAX = 8


class ProgressPhase(Enum):
    PROBE = 'probe'            # where the logs agree is a guess: one Append at a time
    REPLICATE = 'replicate'    # they agree up to match_index: a window of Appends ahead


@dataclass(frozen=True)
class PeerProgress:
    """What the leader knows of one peer, for people and for decisions of the caller."""

    phase: ProgressPhase
    match_index: int
    next_index: int
    in_flight: int


@dataclass
class Progress:
    """Rounds are the leader's heartbeat rounds; an answer to round r proves that the follower has
    heard everything that was sent before r and not lost or overtaken."""

    next_index: int
    phase: ProgressPhase = ProgressPhase.PROBE
    match_index: int = 0
    match_round: int = 0               # round at which match_index was learned
    commit_sent: int = 0               # newest commit_index that an Append took there
    probe_due: bool = True
    probe_round: int = 0               # round at which the last probe left
    resends: int = 0                   # since the last acknowledgement
    in_flight: deque[tuple[int, int]] = field(default_factory=deque)  # last index, round

    def may_send(self, last_index: int) -> bool:
        if self.phase is ProgressPhase.PROBE:
            return self.probe_due
        return self.next_index <= last_index and len(self.in_flight) < APPENDS_IN_FLIGHT_MAX

    def sent(self, last_sent: int, round_: int) -> None:
        """An Append left that ends with entry last_sent (its prev_index if it had no entries)."""
        if self.phase is ProgressPhase.PROBE:
            self.probe_due = False
            self.probe_round = round_
        else:
            self.in_flight.append((last_sent, round_))
            self.next_index = last_sent + 1

    def acknowledged(self, match_index: int, round_: int) -> None:
        """The follower has everything up to match_index; older news changes nothing."""
        if match_index > self.match_index:
            self.match_index = match_index
            self.match_round = round_
            self.resends = 0
        while self.in_flight and self.in_flight[0][0] <= self.match_index:
            self.in_flight.popleft()
        self.next_index = max(self.next_index, self.match_index + 1)

    def replicate(self) -> None:
        if self.phase is ProgressPhase.PROBE:
            self.phase = ProgressPhase.REPLICATE
            self.probe_due = False
            self.resends = 0
            self.in_flight.clear()
            self.next_index = self.match_index + 1

    def probe_from(self, next_index: int) -> None:
        self.phase = ProgressPhase.PROBE
        self.in_flight.clear()
        self.next_index = max(next_index, self.match_index + 1)
        self.probe_due = True

    def rejected(self, next_index: int) -> None:
        """The follower asks to try next_index; a late copy of an old rejection is ignored."""
        if self.match_index < next_index < self.next_index:
            self.probe_from(next_index)

    def lacks_entries(self, match_index: int, answered_round: int) -> None:
        """A follower that answered this round has only match_index: send again what got lost."""
        replicating = self.phase is ProgressPhase.REPLICATE
        if self.probe_due or (replicating and match_index >= self.next_index - 1):
            return  # what it lacks has not been sent yet
        sent_round = self._oldest_unanswered_round()
        if answered_round >= sent_round + min(1 << self.resends, RESEND_ROUNDS_MAX):
            self.resends = min(self.resends + 1, 8)
            # A probe keeps its guess: only an answer may move it.
            self.probe_from(0 if replicating else self.next_index)

    def lost_its_log(self) -> None:
        """The follower's log is shorter than what it once acknowledged: a new disk."""
        self.match_index = 0
        self.commit_sent = 0
        self.probe_from(1)

    def _oldest_unanswered_round(self) -> int:
        if self.phase is ProgressPhase.PROBE:
            return self.probe_round
        return self.in_flight[0][1] if self.in_flight else self.match_round

    def view(self) -> PeerProgress:
        flight = len(self.in_flight)
        if self.phase is ProgressPhase.PROBE:
            flight = 0 if self.probe_due else 1
        return PeerProgress(self.phase, self.match_index, self.next_index, flight)
