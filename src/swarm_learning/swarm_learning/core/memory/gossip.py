# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns what a robot tells of its memory, and when; refuses to know messages.

A robot tells each of its blocks once, and every ten minutes the windows for which it has blocks.
Who has what is missing there tells it: the robot whose life it is, or if that has been silent
for long, the one robot that a hash picks, so that not all answer at once.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from .block import Block, BlockKey
from .config import MemoryConfig
from .history import Entry, History
from .packing import unpack

BLOCKS_MAX = 8              # of one parcel, as MemoryBlocks.msg says
HAVE_MAX = 256              # windows of one parcel, as MemoryBlocks.msg says
WANTED_MAX = 512            # blocks that wait to be told
PEERS_MAX = 256


@dataclass(frozen=True)
class Span:
    """A window of one life for which a robot has blocks, or wants none."""

    robot_id: str
    life: int
    begin_ns: int
    end_ns: int


@dataclass(frozen=True)
class Parcel:
    """What one robot tells the others. have = (): it says nothing of what it has."""

    sender: str
    blocks: tuple[Block, ...] = ()
    have: tuple[Span, ...] = ()


def have_of(histories: Iterable[History]) -> tuple[Span, ...]:
    """Windows for which nothing is wanted, newest first, at most HAVE_MAX."""
    spans = [Span(one.robot_id, one.life, begin_ns, end_ns)
             for one in histories for begin_ns, end_ns in one.spans()]
    spans.sort(key=lambda one: (-one.end_ns, one.robot_id, one.life))
    return tuple(spans[:HAVE_MAX])


def missing(history: History, have: tuple[Span, ...]) -> list[Entry]:
    """Entries that a robot with these windows lacks, newest first."""
    theirs = sorted((one.begin_ns, one.end_ns) for one in have
                    if (one.robot_id, one.life) == (history.robot_id, history.life))
    begins = [begin_ns for begin_ns, _ in theirs]
    # A full list says nothing of what is older than its end.
    oldest_ns = have[-1].end_ns if len(have) >= HAVE_MAX else 0

    def lacks(begin_ns: int, end_ns: int) -> bool:
        at = bisect_right(begins, begin_ns) - 1
        return (at < 0 or theirs[at][1] < end_ns) and end_ns > oldest_ns

    if not any(lacks(*span) for span in history.spans()):
        return []
    found = [one for one in history if lacks(one.begin_ns, one.end_ns)]
    return found[::-1]


def wire_bytes(block: Block) -> int:
    """About the size of a MemoryBlock message: an int32 and a uint64 for each bin."""
    bins = sum(len(channel.sketch.bins) for channel in block.channels.values())
    texts = sum(len(one.text) + len(one.subject) + len(one.kind) for one in block.exemplars)
    return (256 + 80 * len(block.channels) + 12 * bins + 28 * len(block.counts)
            + 32 * len(block.exemplars) + texts)


class Gossip:
    """The blocks that wait to be told, and who was heard when."""

    def __init__(self, config: MemoryConfig, robot_id: str) -> None:
        self._config, self._robot_id = config, robot_id
        self._wanted: dict[BlockKey, None] = {}
        self._heard_ns: dict[str, int] = {}
        self._sent_ns = self._have_ns = -(1 << 62)

    def tell(self, key: BlockKey, first: bool = False) -> None:
        """A block of this robot can be told; what was just formed comes first."""
        if first:
            self._wanted = {key: None, **self._wanted}
        else:
            self._wanted.setdefault(key)
        while len(self._wanted) > WANTED_MAX:
            self._wanted.popitem()

    def hear(self, parcel: Parcel, histories: list[History], now_ns: int) -> None:
        """Note who spoke, and queue what he lacks and it is on this robot to tell."""
        if parcel.sender in self._heard_ns or len(self._heard_ns) < PEERS_MAX:
            self._heard_ns[parcel.sender] = now_ns
        for block in parcel.blocks:
            self._wanted.pop(block.key, None)
        if not parcel.have:
            return
        for history in histories:
            if self._answers_for(history.robot_id, history.life, parcel, histories[0], now_ns):
                for entry in missing(history, parcel.have)[:BLOCKS_MAX]:
                    self.tell(history.key_of(entry))

    def next_parcel(
        self, histories: list[History], held: frozenset[BlockKey], now_ns: int
    ) -> Parcel | None:
        """What to send now; None = nothing, or too soon. histories: the own one first.

        held: blocks that are not yet on the disk, and wait.
        """
        if 0 <= now_ns - self._sent_ns < self._config.gossip_period_ns:
            return None
        blocks = tuple(self._blocks({(one.robot_id, one.life): one for one in histories}, held))
        have: tuple[Span, ...] = ()
        if not 0 <= now_ns - self._have_ns < self._config.have_period_ns:
            self._have_ns = now_ns
            # An empty list would say nothing, so a newcomer names a window without length.
            nothing = Span(histories[0].robot_id, histories[0].life, 0, 0)
            have = have_of(histories) or (nothing,)
        if not blocks and not have:
            return None
        self._sent_ns = now_ns
        return Parcel(self._robot_id, blocks, have)

    def _blocks(
        self, histories: dict[tuple[str, int], History], held: frozenset[BlockKey]
    ) -> Iterable[Block]:
        room = self._config.parcel_bytes_max
        told = 0
        for key in [one for one in self._wanted if one not in held]:
            history = histories.get((key.robot_id, key.life))
            entry = history.find(key.begin_ns, key.level) if history else None
            block = unpack(entry.data).told() if entry else None
            if block is not None:
                room -= wire_bytes(block)
                if told == BLOCKS_MAX or (told and room < 0):
                    return
                told += 1
                yield block
            del self._wanted[key]

    def _answers_for(
        self, owner: str, life: int, parcel: Parcel, own: History, now_ns: int
    ) -> bool:
        if (owner, life) == (own.robot_id, own.life):
            return True
        lives = {(one.robot_id, one.life) for one in parcel.have}
        if owner == parcel.sender and (owner, life) in lives:
            return False        # its present life, or one that it got back
        if owner != parcel.sender and self._recent(owner, now_ns):
            return False
        others = [one for one in sorted(self._heard_ns) if self._recent(one, now_ns)]
        others = [one for one in others if one not in (parcel.sender, self._robot_id)]
        picked = max([self._robot_id, *others], key=lambda one: _weight(one, owner, life))
        return picked == self._robot_id

    def _recent(self, robot_id: str, now_ns: int) -> bool:
        return now_ns - self._heard_ns.get(robot_id, -(1 << 62)) < self._config.owner_silent_ns


def _weight(robot_id: str, owner: str, life: int) -> bytes:
    """Rendezvous hashing: everybody picks the same robot without asking."""
    return hashlib.blake2b(f'{robot_id}\n{owner}\n{life}'.encode(), digest_size=8).digest()
