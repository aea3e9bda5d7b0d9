# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The keys that messages are encrypted with: whose, since when, for whom, and for how long.

Every process has a key of its own to speak with, drawn when it starts, and hands it to all who
may read. So nobody has to agree on a key: there is no maker who could die, the parts of a swarm
that was cut each go on, and a number is used up by one process only.

Owns when a key is replaced (somebody who had it may no longer read; enough messages; enough time),
who has been handed it, and which keys of others are known. A process of a robot is a `life`: a
random number, the upper half of the names of its keys (`key_epoch`); the lower half counts them.
Keys are in memory and nowhere else. Refuses to know how a key is drawn, wrapped and used, who is
a member, what time it is and how messages travel. Not for several threads at once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

SECOND_NS = 1_000_000_000
KEY_BYTES = 32
HANDED_MAX = 8  # of one's keys, the newest: what is latched may still be under an older one
MESSAGES_MAX = 1 << 32  # with one key: a year at 100 a second. Chosen, the cipher bears more
KEY_NS = 24 * 3600 * SECOND_NS  # chosen without data
# A new key is handed over before it is used, so that what is said with it is read at once. Who may
# no longer read hears that much longer. Chosen without data.
AHEAD_NS = SECOND_NS // 2
ROBOTS_MAX = 1024
LIVES_MAX = 8  # of one robot: its parts, where each is a process, and those before a start
FORGOTTEN_NS = 300 * SECOND_NS  # after a process was last heard: it has ended, or starts anew
# A robot whose certificate is not known just now: all prove themselves anew after a change of the
# authority, within seconds.
DOUBT_NS = 30 * SECOND_NS
AGAIN_NS = 60 * SECOND_NS  # a handover is said again though nobody asked
ASK_NS = SECOND_NS  # between two handovers that only ask, or only answer

# Whether a robot may read: True, False, or None where its certificate is not known just now.
MayRead = Callable[[str], 'bool | None']


def life_of(key_epoch: int) -> int:
    return key_epoch >> 32


class OwnKeys:
    """What one process speaks with. `draw(n)` gives n random bytes."""

    def __init__(self, life: int, draw: Callable[[int], bytes], now_ns: int) -> None:
        self._draw = draw
        self._newest = life << 32 | 1
        self._keys = [draw(KEY_BYTES)]  # newest first
        self._ahead = 0  # of the newest keys, how many are not used yet
        self._use_at_ns = 0  # when they are
        self._number = 0
        self._since_ns = now_ns

    @property
    def key_epoch(self) -> int:
        """Names the key in use."""
        return self._newest - self._ahead

    def age_s(self, now_ns: int) -> int:
        return (now_ns - self._since_ns) // SECOND_NS

    @property
    def handed(self) -> tuple[int, tuple[bytes, ...]]:
        """What to hand over: the name of the newest key, and the keys, newest first."""
        return self._newest, tuple(self._keys)

    def use(self) -> tuple[int, int, bytes]:
        """The name of the key, a number that it was never used with, and the key."""
        self._number += 1
        return self.key_epoch, self._number, self._keys[self._ahead]

    def find(self, key_epoch: int) -> bytes | None:
        return _find(self._newest, self._keys, key_epoch)

    def replace(self, now_ns: int) -> None:
        """Draw another key, to be used AHEAD_NS from now, or when one that waits already is."""
        if not self._ahead:
            self._use_at_ns = now_ns + AHEAD_NS
        self._newest += 1
        self._keys.insert(0, self._draw(KEY_BYTES))
        del self._keys[HANDED_MAX:]
        self._ahead += 1
        if self._ahead == len(self._keys):
            self._change(now_ns)

    def tick(self, now_ns: int) -> bool:
        """Whether the key had to be replaced, for its age or use."""
        if self._ahead and now_ns >= self._use_at_ns:
            self._change(now_ns)
        worn = self._number >= MESSAGES_MAX or now_ns - self._since_ns >= KEY_NS
        if worn and not self._ahead:
            self.replace(now_ns)
            return True
        return False

    def _change(self, now_ns: int) -> None:
        self._ahead, self._number, self._since_ns = 0, 0, now_ns


def _find(newest: int, keys: tuple[bytes, ...] | list[bytes], key_epoch: int) -> bytes | None:
    behind = newest - key_epoch
    return keys[behind] if 0 <= behind < len(keys) else None


@dataclass(frozen=True, order=True)
class Peer:
    """Another process that can be handed keys."""

    robot_id: str
    life: int
    exchange_key: bytes


class Peers:
    """The processes that were heard, and since when their robots are in doubt."""

    def __init__(self) -> None:
        self._heard: dict[str, OrderedDict[int, tuple[Peer, int]]] = {}
        self._doubted_ns: dict[str, int] = {}

    def hear(self, peer: Peer, now_ns: int) -> bool:
        """Whether it is new. One too many is not taken: the oldest process of a robot makes
        room, a robot does not."""
        lives = self._heard.get(peer.robot_id)
        if lives is None:
            if len(self._heard) >= ROBOTS_MAX:
                return False
            lives = self._heard[peer.robot_id] = OrderedDict()
        before = lives.pop(peer.life, None)
        lives[peer.life] = peer, now_ns
        while len(lives) > LIVES_MAX:
            lives.popitem(last=False)
        return before is None or before[0] != peer

    def readers(self, may_read: MayRead, now_ns: int) -> tuple[Peer, ...]:
        """Those who may read now, sorted. Forgets who must not, and who is silent for long."""
        found = []
        for robot_id in sorted(self._heard):
            lives = self._heard[robot_id]
            for life in [one for one, (_, at) in lives.items() if now_ns - at > FORGOTTEN_NS]:
                del lives[life]
            verdict = may_read(robot_id)
            if verdict is False or not lives:
                del self._heard[robot_id]
            elif verdict:
                found += [peer for peer, _ in lives.values()]
        return tuple(sorted(found))

    def has_left(self, robot_id: str, may_read: MayRead, now_ns: int) -> bool:
        verdict = may_read(robot_id)
        if verdict is None:
            return now_ns - self._doubted_ns.setdefault(robot_id, now_ns) > DOUBT_NS
        self._doubted_ns.pop(robot_id, None)
        return not verdict


class GroupKeys:
    """The keys of one process and those that it was handed."""

    def __init__(
        self, robot_id: str, life: int, draw: Callable[[int], bytes], now_ns: int
    ) -> None:
        self.robot_id, self.life = robot_id, life
        self.own = OwnKeys(life, draw, now_ns)
        self._others: dict[str, OrderedDict[int, tuple[int, tuple[bytes, ...]]]] = {}
        self._peers = Peers()
        self._had: set[str] = set()  # robots that were handed a key that is in use, or will be
        self._told: tuple[int, tuple[Peer, ...]] = (0, ())  # what was said last
        self._told_ns = now_ns - AGAIN_NS
        self._missing: set[str] = set()
        self._asked = False

    # ---- to read

    def find(self, robot_id: str, key_epoch: int) -> bytes | None:
        """The key of this name; None where it was not handed over."""
        if (robot_id, life_of(key_epoch)) == (self.robot_id, self.life):
            return self.own.find(key_epoch)
        lives = self._others.get(robot_id) or OrderedDict()
        known = lives.get(life_of(key_epoch))
        return None if known is None else _find(*known, key_epoch)

    def lacks(self, robot_id: str) -> None:
        """Something of this robot could not be read: it is asked with the next handover."""
        if len(self._missing) < ROBOTS_MAX:
            self._missing.add(robot_id)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(sorted(self._missing))

    def take(self, robot_id: str, key_epoch: int, keys: tuple[bytes, ...]) -> None:
        """`key_epoch` names the first; older ones follow. Raises ValueError."""
        if not 1 <= len(keys) <= HANDED_MAX or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f'{len(keys)} keys: expected 1 to {HANDED_MAX} of {KEY_BYTES} bytes')
        if robot_id not in self._others and len(self._others) >= ROBOTS_MAX:
            raise ValueError(f'already the keys of {ROBOTS_MAX} robots are known')
        lives = self._others.setdefault(robot_id, OrderedDict())
        life = life_of(key_epoch)
        before = lives.pop(life, None)
        lives[life] = before if before and before[0] > key_epoch else (key_epoch, keys)
        while len(lives) > LIVES_MAX:
            lives.popitem(last=False)
        self._missing.discard(robot_id)

    # ---- to hand over

    def hear(self, peer: Peer, missing: tuple[str, ...], now_ns: int) -> None:
        """A handover of another process, which asks the robots that it names."""
        if peer.life != self.life:
            self._peers.hear(peer, now_ns)
            self._asked |= self.robot_id in missing

    def tick(self, may_read: MayRead, now_ns: int) -> tuple[Peer, ...] | None:
        """Replaces the key where it is time to. Returns for whom a handover is to be said now, or
        None where there is no need."""
        left = [one for one in sorted(self._had) if self._peers.has_left(one, may_read, now_ns)]
        peers = self._peers.readers(may_read, now_ns)
        if left:
            self._had.clear()
            self.own.replace(now_ns)
        self.own.tick(now_ns)
        news = (self.own.handed[0], peers) != self._told
        waited_ns = now_ns - self._told_ns
        small_talk = self._asked or bool(self._missing)
        if not news and waited_ns < (ASK_NS if small_talk else AGAIN_NS):
            return None
        self._told, self._told_ns, self._asked = (self.own.handed[0], peers), now_ns, False
        self._had |= {peer.robot_id for peer in peers}
        return peers

    def told(self) -> None:
        """The robots that were asked had their question."""
        self._missing.clear()
