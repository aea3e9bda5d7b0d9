# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Who belongs to the swarm's log and who votes: thesis chapter 4, one voter at a time.

Owns the set of members, the steps from one set to the next and which set counts at which entry.
Refuses to know who is heard, who leads and whether a step is wise.

A member is a robot with its disk: (robot_id, storage_id). A robot that comes back with another
disk has forgotten its votes and acknowledgements, and is not the voter that bears its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from swarm_coordinator.core.raft.messages import Entry, EntryKind, RobotId

VOTERS_MAX = 7      # commits wait for a majority; more than 7 cost latency and gain nothing
UNCLAIMED = 0       # storage_id of a founder that nobody has heard yet: it has no vote
STORAGE_ID_MAX = 2**64 - 1

Seat = tuple[RobotId, int]  # robot and storage_id


class MalformedMembership(ValueError):
    """Bytes that are no membership."""


@dataclass(frozen=True)
class AddNonVoter:
    """Let a robot follow the log. Under the name of a voter with another disk: that voter is
    gone, the robot begins anew and is to vote again once it has caught up."""

    robot: RobotId
    storage_id: int


@dataclass(frozen=True)
class Claim:
    """A founder that nobody had heard when the swarm was founded takes its seat."""

    robot: RobotId
    storage_id: int


@dataclass(frozen=True)
class Promote:
    robot: RobotId


@dataclass(frozen=True)
class Demote:
    robot: RobotId


@dataclass(frozen=True)
class Remove:
    robot: RobotId


Change = AddNonVoter | Claim | Promote | Demote | Remove


@dataclass(frozen=True)
class Membership:
    """Seats sorted by robot. returning: non-voters that lost a disk and are to vote again.

    Raises ValueError if a robot has two seats or a seat cannot exist.
    """

    voters: tuple[Seat, ...]
    non_voters: tuple[Seat, ...] = ()
    returning: tuple[RobotId, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, 'voters', tuple(sorted(self.voters)))
        object.__setattr__(self, 'non_voters', tuple(sorted(self.non_voters)))
        object.__setattr__(self, 'returning', tuple(sorted(self.returning)))
        seats = self.voters + self.non_voters
        if len({robot for robot, _ in seats}) != len(seats):
            raise ValueError(f'{self} must name every robot once: they are different robots')
        if not 1 <= len(self.voters) <= VOTERS_MAX:
            raise ValueError(f'{len(self.voters)} voters; expected 1 to {VOTERS_MAX}')
        if any(not UNCLAIMED <= storage_id <= STORAGE_ID_MAX for _, storage_id in seats):
            raise ValueError(f'{self} must have storage ids of 64 bits')
        if any(storage_id == UNCLAIMED for _, storage_id in self.non_voters):
            raise ValueError(f'{self} must name the storage of every non-voter')
        if len({*self.returning} & {*self.non_voter_ids}) != len(self.returning):
            raise ValueError(f'{self} must have non-voters as returning robots, each once')

    @property
    def voter_ids(self) -> tuple[RobotId, ...]:
        return tuple(robot for robot, _ in self.voters)

    @property
    def non_voter_ids(self) -> tuple[RobotId, ...]:
        return tuple(robot for robot, _ in self.non_voters)

    @property
    def awaited_ids(self) -> tuple[RobotId, ...]:
        """Founders that nobody has heard yet: voters whose vote cannot count."""
        return tuple(robot for robot, storage_id in self.voters if storage_id == UNCLAIMED)

    def storage_of(self, robot: RobotId) -> int | None:
        """Storage of a member; None = it is none."""
        return dict(self.voters + self.non_voters).get(robot)

    def is_voter(self, robot: RobotId, storage_id: int) -> bool:
        return storage_id != UNCLAIMED and (robot, storage_id) in self.voters

    def encode(self) -> bytes:
        """The data of a MEMBERSHIP entry; equal memberships have equal bytes."""
        return json.dumps(
            {
                'non_voters': self.non_voters,
                'returning': self.returning,
                'voters': self.voters,
            },
            ensure_ascii=True, separators=(',', ':'), sort_keys=True,
        ).encode()

    @classmethod
    def decode(cls, data: bytes) -> Membership:
        """Raises MalformedMembership on everything that encode() would not have written."""
        try:
            raw = json.loads(data)
            decoded = cls(
                _seats(raw['voters']), _seats(raw['non_voters']),
                tuple(RobotId(str(robot)) for robot in raw['returning']),
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedMembership(f'no membership: {error}') from error
        if decoded.encode() != data:
            raise MalformedMembership(f'no membership as encode() writes it: {data[:80]!r}')
        return decoded


def _seats(raw: object) -> tuple[Seat, ...]:
    if not isinstance(raw, list):
        raise TypeError('expected a list of [robot, storage_id]')
    seats = []
    for robot, storage_id in raw:
        if not isinstance(robot, str) or type(storage_id) is not int:
            raise TypeError(f'expected [robot, storage_id], not [{robot!r}, {storage_id!r}]')
        seats.append((RobotId(robot), storage_id))
    return tuple(seats)


class ChangeRefused(ValueError):
    """A step that the membership does not allow; the text says why."""


def changed(membership: Membership, changes: Iterable[Change]) -> Membership:
    """The membership after `changes`, of which at most one may touch a voter: then every
    majority before shares a voter with every majority after (thesis section 4.1)."""
    after = membership
    for change in changes:
        after = _changed_once(after, change)
    if after == membership:
        raise ChangeRefused('nothing would change')
    if not _is_single_step(membership, after):
        raise ChangeRefused('only one voter may change at a time')
    return after


def _is_single_step(before: Membership, after: Membership) -> bool:
    different = {*before.voters} ^ {*after.voters}
    if len(different) <= 1:
        return True
    # A claim: the seat could not vote before, so the majorities before were those without it.
    (robot_a, storage_a), (robot_b, storage_b) = sorted(different)[:2]
    return len(different) == 2 and robot_a == robot_b and UNCLAIMED in (storage_a, storage_b)


def _changed_once(membership: Membership, change: Change) -> Membership:
    robot, voters, others = change.robot, dict(membership.voters), dict(membership.non_voters)
    returning = {*membership.returning}
    if isinstance(change, AddNonVoter):
        _add(change, voters, others, returning)
    elif isinstance(change, Claim):
        if voters.get(robot) != UNCLAIMED or change.storage_id == UNCLAIMED:
            raise ChangeRefused(f'{robot} has no unclaimed seat')
        voters[robot] = change.storage_id
    elif isinstance(change, Promote):
        if robot not in others:
            raise ChangeRefused(f'{robot} is no non-voter')
        if len(voters) >= VOTERS_MAX:
            raise ChangeRefused(f'there are {len(voters)} voters, at most {VOTERS_MAX} allowed')
        voters[robot] = others.pop(robot)
        returning.discard(robot)
    else:
        _take_vote(change, voters, others)
        returning.discard(robot)
    if not voters:
        raise ChangeRefused(f'{robot} is the last voter')
    return Membership(tuple(voters.items()), tuple(others.items()), tuple(sorted(returning)))


def _add(
    change: AddNonVoter, voters: dict[RobotId, int], others: dict[RobotId, int],
    returning: set[RobotId],
) -> None:
    robot = change.robot
    if not UNCLAIMED < change.storage_id <= STORAGE_ID_MAX:
        raise ChangeRefused(f'{robot} must be added with its storage id')
    if change.storage_id == voters.get(robot):
        raise ChangeRefused(f'{robot} votes already; demote it instead')
    if robot in voters:
        del voters[robot]
        returning.add(robot)
    others[robot] = change.storage_id


def _take_vote(
    change: Demote | Remove, voters: dict[RobotId, int], others: dict[RobotId, int]
) -> None:
    robot = change.robot
    if isinstance(change, Demote):
        if voters.get(robot, UNCLAIMED) == UNCLAIMED:
            raise ChangeRefused(f'{robot} is no voter')
        others[robot] = voters.pop(robot)
    elif voters.pop(robot, None) is None and others.pop(robot, None) is None:
        raise ChangeRefused(f'{robot} is no member')


def with_storage(membership: Membership, robot: RobotId, storage_id: int) -> Membership:
    """The founders as heard so far; only before the log names a membership."""
    voters = {**dict(membership.voters), robot: storage_id}
    return replace(membership, voters=tuple(voters.items()))


class MembershipHistory:
    """Which membership counts: that of the last such entry in the log, committed or not (thesis
    section 4.1), so that one which is cut from the log is taken back."""

    def __init__(self, index: int, base: Membership) -> None:
        self.reset(index, base)

    def reset(self, index: int, base: Membership) -> None:
        """Start from a snapshot that ends with `index`, or from the founders with index 0."""
        self._steps: list[tuple[int, Membership]] = [(index, base)]

    @property
    def current(self) -> Membership:
        return self._steps[-1][1]

    @property
    def index(self) -> int:
        """Entry that set the current membership; 0 = the log names none."""
        return self._steps[-1][0]

    @property
    def previous(self) -> Membership:
        """The one before the current one, as far as it is remembered."""
        return self._steps[-2 if len(self._steps) > 1 else -1][1]

    def append(self, entry: Entry) -> None:
        assert entry.kind is EntryKind.MEMBERSHIP and entry.index > self.index
        self._steps.append((entry.index, Membership.decode(entry.data)))

    def cut_from(self, index: int) -> bool:
        """Whether the current membership was among what is cut."""
        before = self.index
        while len(self._steps) > 1 and self.index >= index:
            self._steps.pop()
        return self.index != before

    def at(self, index: int) -> Membership:
        """The membership after entry `index`, which must not be before the base."""
        return next(value for start, value in reversed(self._steps) if start <= index)

    def forget_before(self, index: int) -> None:
        """Entries up to index are committed and in a snapshot."""
        while len(self._steps) > 1 and self._steps[1][0] <= index:
            del self._steps[0]
