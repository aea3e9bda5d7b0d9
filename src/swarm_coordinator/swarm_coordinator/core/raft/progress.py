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

from swarm_coordinator.core.raft.messages import CHUNK_BYTES_MAX
from swarm_coordinator.core.raft.snapshot import CHUNKS_IN_FLIGHT_MAX, SnapshotImage

APPENDS_IN_FLIGHT_MAX = 8  # of up to 48 KiB each; chosen without data
# Of the entries in one Append; a single larger entry goes alone. After a loss it is less: one
# of many packets is lost with any of them, so that on a link that loses a fifth nothing would come
# through any more, while what waits grows. The least is what fits one packet.
APPEND_BYTES_MAX = 48 * 1024
APPEND_BYTES_MIN = 900
CHUNK_BYTES_MIN = APPEND_BYTES_MIN  # of a snapshot, likewise
# Waits grow up to so many heartbeat rounds, so that bulk data on a slow link, overtaken by small
# heartbeats, is not sent again and again.
RESEND_ROUNDS_MAX = 8
# How far behind a non-voter may be to be given a vote, and how recent its last answer must be:
# what is still missing goes in one or two Appends. Chosen without data.
CAUGHT_UP_LAG_MAX = 64
CAUGHT_UP_ROUNDS_MAX = 4


class ProgressPhase(Enum):
    PROBE = 'probe'            # where the logs agree is a guess: one Append at a time
    REPLICATE = 'replicate'    # they agree up to match_index: a window of Appends ahead
    SNAPSHOT = 'snapshot'      # what it lacks is no longer in the log: a window of chunks


@dataclass(frozen=True)
class PeerProgress:
    """What the leader knows of one peer, for people and for decisions of the caller.

    in_flight     Appends, or chunks of a snapshot
    caught_up     near the end of the log for a whole heartbeat round, and still heard
    sent_permille of the snapshot that is known to have arrived; 0 outside that phase
    """

    phase: ProgressPhase
    match_index: int
    next_index: int
    in_flight: int
    caught_up: bool = False
    sent_permille: int = 0


@dataclass
class ChunkWindow:
    """A snapshot on its way out to one follower."""

    image: SnapshotImage
    round: int                  # at which something of it last moved
    acked_bytes: int = 0
    sent_bytes: int = 0
    chunk_bytes: int = CHUNK_BYTES_MAX
    is_open: bool = False       # the follower has answered: more than one chunk at a time
    is_held: bool = False       # refused: wait for the next resend
    is_patched: bool = False    # what is missing at acked_bytes was sent again, at once

    @property
    def total_bytes(self) -> int:
        return len(self.image.encoded)

    def may_send(self) -> bool:
        window = self.chunk_bytes * (CHUNKS_IN_FLIGHT_MAX if self.is_open else 1)
        room = self.sent_bytes < self.acked_bytes + window and not self.is_held
        return room and self.sent_bytes < self.total_bytes

    def rewind(self, acked_bytes: int, round_: int) -> None:
        self.acked_bytes = self.sent_bytes = acked_bytes
        self.round = round_
        self.is_patched = False

    def lost(self, round_: int) -> None:
        """Nothing came back: send again what is not acknowledged, in smaller pieces."""
        self.is_held = False
        self.chunk_bytes = max(self.chunk_bytes // 4, CHUNK_BYTES_MIN)
        self.rewind(self.acked_bytes, round_)

    def acknowledged_again(self) -> None:
        """Something later than acked_bytes came, so a piece was lost before it. Once for a
        piece: what is sent again is answered again."""
        if not self.is_patched and self.sent_bytes > self.acked_bytes + self.chunk_bytes:
            self.sent_bytes, self.is_patched = self.acked_bytes, True

    def acknowledged(self, next_offset_bytes: int, round_: int) -> None:
        self.is_open, self.is_patched = True, False
        self.chunk_bytes = min(2 * self.chunk_bytes, CHUNK_BYTES_MAX)
        self.acked_bytes = next_offset_bytes
        self.sent_bytes = max(self.sent_bytes, next_offset_bytes)
        self.round = round_


@dataclass
class Progress:
    """Rounds are the leader's heartbeat rounds; an answer to round r proves that the follower has
    heard everything that was sent before r and not lost or overtaken."""

    next_index: int
    storage_id: int = 1
    phase: ProgressPhase = ProgressPhase.PROBE
    match_index: int = 0
    match_round: int = 0               # round at which match_index was learned
    answered_round: int = 0            # highest round it has answered
    near_round: int = 0                # since when it is near the end of the log; 0 = it is not
    commit_sent: int = 0               # newest commit_index that an Append took there
    probe_due: bool = True
    probe_round: int = 0               # round at which the last probe left
    resends: int = 0                   # since the last acknowledgement
    append_bytes: int = APPEND_BYTES_MAX
    in_flight: deque[tuple[int, int]] = field(default_factory=deque)  # last index, round
    chunks: ChunkWindow | None = None  # in phase SNAPSHOT

    def may_send(self, last_index: int) -> bool:
        if self.phase is ProgressPhase.REPLICATE:
            return self.next_index <= last_index and len(self.in_flight) < APPENDS_IN_FLIGHT_MAX
        return self.phase is ProgressPhase.PROBE and self.probe_due

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
            self.append_bytes = min(2 * self.append_bytes, APPEND_BYTES_MAX)
        while self.in_flight and self.in_flight[0][0] <= self.match_index:
            self.in_flight.popleft()
        self.next_index = max(self.next_index, self.match_index + 1)

    def agreed(self, match_index: int, base_index: int, round_: int) -> None:
        """Its log follows the leader's up to match_index. A snapshot that is on its way goes on
        if what comes after match_index is no longer in the log."""
        self.acknowledged(match_index, round_)
        if self.chunks is None or match_index >= base_index:
            self.replicate()

    def replicate(self) -> None:
        if self.phase is not ProgressPhase.REPLICATE:
            self.phase = ProgressPhase.REPLICATE
            self.chunks = None
            self.probe_due = False
            self.resends = 0
            self.in_flight.clear()
            self.next_index = self.match_index + 1

    def probe_from(self, next_index: int) -> None:
        self.phase = ProgressPhase.PROBE
        self.chunks = None
        self.in_flight.clear()
        self.next_index = max(next_index, self.match_index + 1)
        self.probe_due = True

    def rejected(self, next_index: int) -> None:
        """The follower asks to try next_index; a late copy of an old rejection is ignored."""
        is_news = self.match_index < next_index < self.next_index
        if is_news and self.phase is not ProgressPhase.SNAPSHOT:
            self.probe_from(next_index)

    def lacks_entries(self, match_index: int, answered_round: int) -> None:
        """A follower that answered this round has only match_index: send again what got lost."""
        if self.chunks is not None:
            self._lacks_chunks(self.chunks, answered_round)
            return
        replicating = self.phase is ProgressPhase.REPLICATE
        if self.probe_due or (replicating and match_index >= self.next_index - 1):
            return  # what it lacks has not been sent yet
        sent_round = self._oldest_unanswered_round()
        if answered_round >= sent_round + min(1 << self.resends, RESEND_ROUNDS_MAX):
            self.resends = min(self.resends + 1, 8)
            self.append_bytes = max(self.append_bytes // 4, APPEND_BYTES_MIN)
            # A probe keeps its guess: only an answer may move it.
            self.probe_from(0 if replicating else self.next_index)

    def _lacks_chunks(self, chunks: ChunkWindow, answered_round: int) -> None:
        if answered_round >= chunks.round + min(1 << self.resends, RESEND_ROUNDS_MAX):
            self.resends = min(self.resends + 1, 8)
            chunks.lost(answered_round)

    def send_snapshot(self, image: SnapshotImage, round_: int) -> ChunkWindow:
        self.phase = ProgressPhase.SNAPSHOT
        self.in_flight.clear()
        self.probe_due = False
        self.resends = 0
        self.chunks = ChunkWindow(image, round_)
        return self.chunks

    def received_chunks(self, next_offset_bytes: int, round_: int) -> None:
        """Less than before is a late answer, unless nothing else came back for a while: then the
        follower has lost what it had in memory."""
        assert self.chunks is not None
        if next_offset_bytes > self.chunks.acked_bytes:
            self.resends = 0
            self.chunks.acknowledged(next_offset_bytes, round_)
        elif next_offset_bytes < self.chunks.acked_bytes and self.resends:
            self.resends = 0
            self.chunks.rewind(next_offset_bytes, round_)
        elif next_offset_bytes == self.chunks.acked_bytes > 0:
            self.chunks.acknowledged_again()

    def refused_snapshot(self, round_: int) -> None:
        assert self.chunks is not None
        self.chunks.rewind(0, round_)
        self.chunks.is_held = True

    def lost_its_log(self) -> None:
        """The follower's log is shorter than what it once acknowledged: its disk broke a
        promise. It gets everything again."""
        self.match_index = 0
        self.commit_sent = 0
        self.near_round = 0
        self.probe_from(1)

    def answered(self, round_: int) -> None:
        self.answered_round = max(self.answered_round, round_)

    def note_nearness(self, last_index: int, round_: int) -> None:
        """To be called once per heartbeat round."""
        if last_index - self.match_index > CAUGHT_UP_LAG_MAX:
            self.near_round = 0
        elif not self.near_round:
            self.near_round = round_

    def is_caught_up(self, last_index: int, round_: int) -> bool:
        """Thesis section 4.2.1: near the end for a whole round, so that a new voter does not
        stop commits while it catches up."""
        if self.phase is not ProgressPhase.REPLICATE:
            return False
        if last_index - self.match_index > CAUGHT_UP_LAG_MAX:
            return False
        answers = self.answered_round > self.near_round > 0
        return answers and round_ - self.answered_round <= CAUGHT_UP_ROUNDS_MAX

    def _oldest_unanswered_round(self) -> int:
        if self.phase is ProgressPhase.PROBE:
            return self.probe_round
        return self.in_flight[0][1] if self.in_flight else self.match_round

    def view(self, last_index: int, round_: int) -> PeerProgress:
        flight, permille = len(self.in_flight), 0
        if self.phase is ProgressPhase.PROBE:
            flight = 0 if self.probe_due else 1
        elif self.chunks is not None:
            waiting = self.chunks.sent_bytes - self.chunks.acked_bytes
            flight = -(-waiting // self.chunks.chunk_bytes)
            permille = 1000 * self.chunks.acked_bytes // self.chunks.total_bytes
        return PeerProgress(
            self.phase, self.match_index, self.next_index, flight,
            self.is_caught_up(last_index, round_), permille,
        )
