# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The robots that were ever heard or are members. Owns presence and rows; knows no clock.

Presence is the tower's own ear (fresh, stale, lost, unheard); phase is what the swarm has agreed
on in its log. The two are shown side by side, because they may differ.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from swarm_tower.core.facts import ROBOTS_MAX, Beacon, Member
from swarm_tower.core.leadership import Opinion

NS_PER_MS = 1_000_000
# A dead leader still counts as fresh for a while; 5 beacon periods after its last word a higher
# term has the say. One that lives on in a part of its own keeps talking, and makes a split view.
LAST_WORD_NS = 500 * NS_PER_MS
# Low bits of an incarnation, as swarm_coordinator/core/ids.py makes it; the others name the disk.
STARTS_BITS = 20
HEARD_STEP_MS = 1000  # a fresh robot's last-seen time moves in such steps, to keep messages small


class RobotBoard:
    """At most ROBOTS_MAX robots; a lost one makes room for a new one, others do not."""

    def __init__(self, stale_after_ms: int, lost_after_ms: int) -> None:
        self._stale_ns = stale_after_ms * NS_PER_MS
        self._lost_ns = lost_after_ms * NS_PER_MS
        self._beacons: dict[str, Beacon] = {}
        self._heard_ns: dict[str, int] = {}
        self._members: dict[str, Member] = {}
        self._presence: dict[str, str] = {}
        self.refused = 0

    def hear(self, beacon: Beacon, now_ns: int) -> str:
        """Take a beacon; return '' or what is news: 'heard', 'back', 'restarted'."""
        robot_id = beacon.robot_id
        before = self._beacons.get(robot_id)
        if before is None and not self._make_room(robot_id, now_ns):
            self.refused += 1
            return ''
        self._beacons[robot_id] = beacon
        self._heard_ns[robot_id] = now_ns
        was_lost = self._presence.get(robot_id) == 'lost'
        self._presence[robot_id] = 'fresh'
        if before is None:
            return 'heard'
        if beacon.incarnation > before.incarnation:
            return 'restarted'
        return 'back' if was_lost else ''

    def set_members(self, members: Iterable[Member]) -> None:
        """Replace the membership by that of a newer swarm state."""
        self._members = {m.robot_id: m for m in members}

    def age(self, now_ns: int) -> list[str]:
        """Bring presence up to now; return the robots that have become lost."""
        lost = []
        for robot_id in self._heard_ns:
            presence = self.presence(robot_id, now_ns)
            if presence == 'lost' and self._presence.get(robot_id) != 'lost':
                lost.append(robot_id)
            self._presence[robot_id] = presence
        return lost

    def presence(self, robot_id: str, now_ns: int) -> str:
        """Return fresh, stale, lost or unheard."""
        heard = self._heard_ns.get(robot_id)
        if heard is None:
            return 'unheard'
        silence = now_ns - heard
        if silence >= self._lost_ns:
            return 'lost'
        return 'stale' if silence >= self._stale_ns else 'fresh'

    def heard_ids(self) -> list[str]:
        """Return all robots that were ever heard and are still shown."""
        return sorted(self._beacons)

    def fresh_ids(self, now_ns: int) -> list[str]:
        """Return the robots that are heard now."""
        return [r for r in self.heard_ids() if self.presence(r, now_ns) == 'fresh']

    def last_heard_ns(self) -> int | None:
        """Return when any robot was last heard."""
        return max(self._heard_ns.values(), default=None)

    def opinions(self, now_ns: int) -> list[Opinion]:
        """Return what the robots that are heard now say about leadership."""
        found = []
        fresh = self.fresh_ids(now_ns)
        term = max((self._beacons[r].term for r in fresh), default=0)
        for robot_id in fresh:
            behind = self._beacons[robot_id].term < term
            if behind and now_ns - self._heard_ns[robot_id] >= LAST_WORD_NS:
                continue
            beacon = self._beacons[robot_id]
            found.append(Opinion(robot_id, beacon.role, beacon.term, beacon.leader))
        return found

    def commit_index(self, now_ns: int) -> int:
        """Return the highest commit index among the robots that are heard now."""
        fresh = self.fresh_ids(now_ns)
        return max((self._beacons[r].commit_index for r in fresh), default=0)

    def voters_heard(self, now_ns: int) -> tuple[int, int]:
        """Return (voters by the last known membership, those of them heard now)."""
        voters = [m.robot_id for m in self._members.values() if m.voter]
        return len(voters), sum(1 for v in voters if self.presence(v, now_ns) == 'fresh')

    def rows(self, now_ns: int) -> dict[str, dict[str, Any]]:
        """Return every robot as the page shows it."""
        ids = sorted(set(self._beacons) | set(self._members))
        return {robot_id: self._row(robot_id, now_ns) for robot_id in ids}

    def _row(self, robot_id: str, now_ns: int) -> dict[str, Any]:
        row: dict[str, Any] = {
            'robot_id': robot_id,
            'presence': self.presence(robot_id, now_ns),
            'heard_ms': self._shown_heard_ms(robot_id, now_ns),
        }
        row.update(_member_fields(self._members.get(robot_id)))
        row.update(_beacon_fields(self._beacons.get(robot_id)))
        return row

    def _shown_heard_ms(self, robot_id: str, now_ns: int) -> int | None:
        heard = self._heard_ns.get(robot_id)
        if heard is None:
            return None
        heard_ms = heard // NS_PER_MS
        if self.presence(robot_id, now_ns) == 'fresh':
            return heard_ms - heard_ms % HEARD_STEP_MS
        return heard_ms

    def _make_room(self, robot_id: str, now_ns: int) -> bool:
        if len(self._beacons) < ROBOTS_MAX:
            return True
        lost = [r for r in self._beacons if self.presence(r, now_ns) == 'lost']
        if not lost:
            return False
        oldest = min(lost, key=lambda r: (self._heard_ns[r], r))
        for table in (self._beacons, self._heard_ns, self._presence):
            table.pop(oldest, None)
        return True


def starts(incarnation: int) -> int:
    """Return how often a robot has started, for people."""
    return incarnation & ((1 << STARTS_BITS) - 1)


def _member_fields(member: Member | None) -> dict[str, Any]:
    if member is None:
        return {'phase': None, 'voter': None, 'job_slots': None, 'capabilities': []}
    return {
        'phase': member.phase,
        'voter': member.voter,
        'incarnation': member.incarnation,
        'starts': starts(member.incarnation),
        'job_slots': member.job_slots,
        'capabilities': list(member.capabilities),
    }


def _beacon_fields(beacon: Beacon | None) -> dict[str, Any]:
    if beacon is None:
        return {}
    return {
        'incarnation': beacon.incarnation,
        'starts': starts(beacon.incarnation),
        'role': beacon.role,
        'term': beacon.term,
        'leader': beacon.leader,
        'commit_index': beacon.commit_index,
        'applied_index': beacon.applied_index,
        'mode': beacon.mode,
        'emergency_epoch': beacon.emergency_epoch,
        'emergency_active': beacon.emergency_active,
        'local_mode': beacon.local_mode,
        'battery_permille': beacon.battery_permille,
        'cpu_permille': beacon.cpu_permille,
        'running_jobs': beacon.running_jobs,
        'held_jobs': beacon.held_jobs,
        'queued_work_ms': beacon.queued_work_ms,
        'figures': None if beacon.figures is None else asdict(beacon.figures),
    }
