# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Owns the versions of one policy: which one is followed for the next decision, which are asked
beside it, and how they move through their lives. Refuses to know files, messages and policies.

`handle(command)` answers an operator or a learner (srv/ChangePolicy), `turn()` says who decides
next, `note(result)` takes what came of it. What must be done outside, such as deleting a file,
is returned as effects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .chance import chance_from, chance_of
from .evidence import BLOCK_DECISIONS, REWARD_MAX, Followed, whole
from .judgement import ShelfConfig, fell_behind, may_follow, may_lead
from .lifecycle import VersionEvent, VersionPhase
from .version import NAME, PolicyVersion

SCHEMA = 1
# A record of shelf and versions is at most this long: those kept, those in trial, some to spare.
VERSIONS_MAX = 128
SHADOWS_MAX = 4  # asked for every decision; each costs the time of one


@dataclass(frozen=True)
class Load:
    """A new version: its file is already kept under this hash. It starts as a shadow."""

    kind: str
    sha256: str
    source: str
    owner: str
    reason: str
    parent: int = 0
    context: str = ''


@dataclass(frozen=True)
class Promote:
    version: int
    owner: str
    reason: str


@dataclass(frozen=True)
class RollBack:
    owner: str
    reason: str


@dataclass(frozen=True)
class Remove:
    version: int
    owner: str
    reason: str


Command = Load | Promote | RollBack | Remove


@dataclass(frozen=True)
class Moved:
    """A version came into another phase."""

    version: int
    phase: VersionPhase
    reason: str


@dataclass(frozen=True)
class Forget:
    """No record names this version any more: its file can go."""

    version: int


Effect = Moved | Forget


@dataclass(frozen=True)
class Accepted:
    version: PolicyVersion
    effects: tuple[Effect, ...]


@dataclass(frozen=True)
class Refused:
    reason: str


@dataclass(frozen=True)
class Turn:
    """Who decides next: `followed` (0 = nobody yet), and who is asked beside it."""

    followed: int
    asked: tuple[int, ...]


@dataclass(frozen=True)
class Result:
    """What came of one decision. `chance` is that with which `action` was chosen, above 0; the
    actions of the versions that were asked are in `asked`."""

    followed: int
    action: int
    chance: float
    reward: float
    asked: Mapping[int, int]


class PolicyShelf:
    """The versions of one name. `chance`: a generator, or the seed of one."""

    def __init__(
        self, name: str, config: ShelfConfig, chance: np.random.Generator | int
    ) -> None:
        if not NAME.fullmatch(name):
            raise ValueError(f'name={name[:50]!r}: expected {NAME.pattern}')
        self.name = name
        self.config = config
        self._chance = chance
        self.versions: dict[int, PolicyVersion] = {}
        self.last = 0  # highest number ever given; none is used twice
        self.decisions = 0
        self.quiet_until = 0  # decision until which nothing is promoted by itself
        self.previous = 0  # version that a roll-back returns to; 0 = none
        self._turn = 0  # version followed in this block of decisions
        self._left = 0  # decisions of the block that are left

    # What is asked and told

    def handle(self, command: Command) -> Accepted | Refused:
        """Raises nothing: an answer says what was expected."""
        if not command.owner or not command.reason:
            return Refused('owner, reason: expected to be told who and why')
        if isinstance(command, Load):
            return self._load(command)
        if isinstance(command, Promote):
            return self._promote(command)
        if isinstance(command, RollBack):
            return self._roll_back(f'{command.owner}: {command.reason}')
        return self._remove(command)

    def turn(self) -> Turn:
        """Who makes the next decision. A canary is followed for whole blocks, so that what one
        version causes is not booked on another."""
        active, canary = self.in_phase(VersionPhase.ACTIVE), self.in_phase(VersionPhase.CANARY)
        if self._left <= 0 or self._turn not in (active, canary):
            drawn = self._draw() if canary else 1.0
            self._turn = canary if drawn < self.config.canary_share else active
            self._left = BLOCK_DECISIONS
        asked = [number for number, version in sorted(self.versions.items())
                 if version.phase is VersionPhase.SHADOW]
        return Turn(self._turn, tuple(asked))

    def _draw(self) -> float:
        if isinstance(self._chance, int):
            self._chance = np.random.default_rng(self._chance)
        return float(self._chance.random())

    def note(self, result: Result) -> tuple[Effect, ...]:
        """Take the reward of a decision. Raises ValueError for one that is no number; nothing is
        changed then. A result of a version that is gone meanwhile is ignored."""
        if not abs(result.reward) <= REWARD_MAX:
            raise ValueError(f'reward={result.reward!r}: expected within {REWARD_MAX:g} of 0')
        if not 0.0 < result.chance <= 1.0:
            raise ValueError(f'chance={result.chance!r}: expected above 0, up to 1')
        self.decisions += 1
        self._left -= 1
        whole_block = False
        followed = self.versions.get(result.followed)
        if followed is not None:
            whole_block = followed.followed.add(result.reward)
        for number, action in sorted(result.asked.items()):
            version = self.versions.get(number)
            if version is not None and version.phase is VersionPhase.SHADOW:
                version.asked.add(action == result.action, result.chance, result.reward)
        return self._judge() if whole_block else ()

    def listed(self) -> tuple[PolicyVersion, ...]:
        """Newest first."""
        return tuple(self.versions[number] for number in sorted(self.versions, reverse=True))

    def in_phase(self, phase: VersionPhase) -> int:
        """The newest version in a phase, 0 = none."""
        return max((number for number, version in self.versions.items()
                    if version.phase is phase), default=0)

    def lost(self, number: int, reason: str) -> tuple[Effect, ...]:
        """The file of a version cannot be used: go on without it, with the best there is."""
        version = self.versions.pop(number, None)
        if version is None:
            return ()
        effects: tuple[Effect, ...] = (Forget(number),)
        if self.previous == number:
            self.previous = 0
        if version.phase is VersionPhase.ACTIVE:
            heir = self._heir()
            if heir:
                effects = (*effects, self._reinstate(heir, f'version {number} lost: {reason}'))
        return effects

    def check_invariants(self) -> None:
        phases = [version.phase for version in self.versions.values()]
        assert phases.count(VersionPhase.ACTIVE) <= 1, phases
        assert phases.count(VersionPhase.CANARY) <= 1, phases
        assert phases.count(VersionPhase.SHADOW) <= SHADOWS_MAX, phases
        assert len(self.versions) <= VERSIONS_MAX
        assert all(1 <= number <= self.last for number in self.versions)
        assert not self.previous or self.previous in self.versions

    # Lives

    def _load(self, command: Load) -> Accepted | Refused:
        if command.parent and command.parent not in self.versions:
            return Refused(f'parent={command.parent}: expected 0 or one of '
                           f'{sorted(self.versions)}')
        try:
            version = PolicyVersion(
                self.name, self.last + 1, command.parent, command.kind, command.sha256,
                command.source, command.context, reason=f'{command.owner}: {command.reason}')
        except ValueError as error:
            return Refused(str(error))
        effects = self._make_room()
        self.last += 1
        self.versions[self.last] = version
        version.since_decision = self.decisions
        effects.append(Moved(self.last, VersionPhase.SHADOW, version.reason))
        if not self.in_phase(VersionPhase.ACTIVE):
            effects.append(self._move(self.last, VersionEvent.INSTALLED, version.reason))
        return Accepted(version, (*effects, *self._tidy()))

    def _promote(self, command: Promote) -> Accepted | Refused:
        version = self.versions.get(command.version)
        if version is None:
            return Refused(self._unknown(command.version))
        reason = f'{command.owner}: {command.reason}'
        if version.phase is VersionPhase.SHADOW:
            if version.asked.decisions < self.config.shadow_min_decisions:
                return Refused(
                    f'version {command.version}: expected {self.config.shadow_min_decisions} '
                    f'decisions as a shadow, has {version.asked.decisions}')
            return Accepted(version, self._to_canary(version, reason))
        if version.phase is VersionPhase.CANARY:
            return Accepted(version, (*self._to_active(version, reason), *self._tidy()))
        if version.phase is VersionPhase.ACTIVE:
            return Refused(f'version {command.version} is active already')
        return Accepted(version, self._again(version, reason))

    def _roll_back(self, reason: str) -> Accepted | Refused:
        canary = self.in_phase(VersionPhase.CANARY)
        if canary:
            effect = self._move(canary, VersionEvent.FELL_BEHIND, reason)
            self._cool()
            return Accepted(self.versions[canary], (effect,))
        active = self.in_phase(VersionPhase.ACTIVE)
        heir = self._heir()
        if not active or not heir:
            return Refused('expected a version before the active one to go back to; there is none')
        return Accepted(self.versions[heir], self._fall(active, heir, reason))

    def _remove(self, command: Remove) -> Accepted | Refused:
        version = self.versions.get(command.version)
        if version is None:
            return Refused(self._unknown(command.version))
        if version.phase in (VersionPhase.ACTIVE, VersionPhase.CANARY):
            return Refused(f'version {command.version} is {version.phase.label}: expected one '
                           'that is not followed; roll it back first')
        del self.versions[command.version]
        if self.previous == command.version:
            self.previous = 0
        return Accepted(version, (Forget(command.version),))

    def _judge(self) -> tuple[Effect, ...]:
        """After every block: first what fell behind, then what has shown enough."""
        active = self.versions.get(self.in_phase(VersionPhase.ACTIVE))
        canary = self.versions.get(self.in_phase(VersionPhase.CANARY))
        if active is None:
            return ()
        if canary is not None:
            why = fell_behind(canary.followed, active.followed.mean, active.followed.error,
                              active.followed.moments.samples, self.config)
            if why:
                self._cool()
                return (self._move(canary.version, VersionEvent.FELL_BEHIND, why),)
        before = self.versions.get(self.previous)
        if before is not None and active.followed.decisions <= self.config.probation_decisions:
            why = fell_behind(active.followed, before.record_mean, before.record_error,
                              before.record_samples, self.config)
            if why:
                return self._fall(active.version, before.version, why)
        if self.decisions < self.quiet_until:
            return ()
        if canary is not None:
            if may_lead(canary.followed, active.followed, self.config):
                return ()
            return (*self._to_active(canary, 'not worse than the active one as a canary'),
                    *self._tidy())
        for shadow in self.listed():
            if shadow.phase is VersionPhase.SHADOW and not may_follow(
                    shadow.asked, active.followed, self.config):
                return self._to_canary(shadow, 'as good as the active one where it agreed')
        return ()

    def _to_canary(self, version: PolicyVersion, reason: str) -> tuple[Effect, ...]:
        effects: list[Effect] = []
        other = self.in_phase(VersionPhase.CANARY)
        if other:
            effects.append(self._move(other, VersionEvent.WITHDRAWN,
                                      f'version {version.version} is tried instead'))
        version.followed = Followed.fresh()
        effects.append(self._move(version.version, VersionEvent.PROMOTED, reason))
        return tuple(effects)

    def _to_active(self, version: PolicyVersion, reason: str) -> tuple[Effect, ...]:
        effects: list[Effect] = []
        old = self.versions.get(self.in_phase(VersionPhase.ACTIVE))
        if old is not None:
            old.keep_record()
            effects.append(self._move(old.version, VersionEvent.SUPERSEDED,
                                      f'version {version.version} took over'))
            self.previous = old.version
        effects.append(self._move(version.version, VersionEvent.PROMOTED, reason))
        version.followed = Followed.fresh()
        self._left = 0
        return tuple(effects)

    def _fall(self, active: int, heir: int, reason: str) -> tuple[Effect, ...]:
        self.versions[active].keep_record()
        fallen = self._move(active, VersionEvent.FELL_BEHIND, reason)
        self._cool()
        return (fallen, self._reinstate(heir, f'version {active} fell behind'))

    def _reinstate(self, number: int, reason: str) -> Effect:
        """It starts to count anew, and has nothing to fall back behind: the world may have become
        worse for every version."""
        version = self.versions[number]
        effect = self._move(number, VersionEvent.REINSTATED, reason)
        version.followed = Followed.fresh()
        self.previous = 0
        self._left = 0
        return effect

    def _again(self, version: PolicyVersion, reason: str) -> tuple[Effect, ...]:
        effects = self._make_room()
        version.asked = type(version.asked).fresh()
        return (*effects, self._move(version.version, VersionEvent.TRIED_AGAIN, reason))

    def _make_room(self) -> list[Effect]:
        """For one more shadow: the oldest gives way."""
        shadows = sorted(number for number, version in self.versions.items()
                         if version.phase is VersionPhase.SHADOW)
        if len(shadows) < SHADOWS_MAX:
            return []
        return [self._move(shadows[0], VersionEvent.WITHDRAWN, 'another shadow came')]

    def _move(self, number: int, event: VersionEvent, reason: str) -> Moved:
        version = self.versions[number]
        version.move(event, reason, self.decisions)
        return Moved(number, version.phase, version.reason)

    def _heir(self) -> int:
        """Whom a roll-back returns to: the one before, else the newest that was good."""
        if self.previous:
            return self.previous
        return self.in_phase(VersionPhase.RETIRED)

    def _cool(self) -> None:
        self.quiet_until = self.decisions + self.config.cool_down_decisions
        self._left = 0

    def _unknown(self, number: int) -> str:
        return f'version {number}: expected one of {sorted(self.versions)}'

    def _tidy(self) -> tuple[Forget, ...]:
        """Keep what is in trial or in force, the one before, the newest, and per context the
        best."""
        kept = {number for number, version in self.versions.items() if version.phase in (
            VersionPhase.SHADOW, VersionPhase.CANARY, VersionPhase.ACTIVE)}
        kept |= {self.previous, *sorted(self.versions)[-self.config.kept_last:]}
        best: dict[str, tuple[float, int]] = {}
        for number, version in sorted(self.versions.items()):
            lower = version.standing()
            if lower > best.get(version.context, (-math.inf, 0))[0]:
                best[version.context] = (lower, number)
        newest = sorted((number for _, number in best.values()), reverse=True)
        kept |= set(newest[:self.config.contexts_max])
        gone = sorted(set(self.versions) - kept)
        for number in gone:
            del self.versions[number]
        return tuple(Forget(number) for number in gone)

    # What survives a restart

    def document(self) -> dict[str, object]:
        return {
            'schema': SCHEMA, 'name': self.name, 'last': self.last,
            'decisions': self.decisions, 'quiet_until': self.quiet_until,
            'previous': self.previous, 'turn': self._turn, 'left': max(0, self._left),
            'generator': chance_of(self._chance),
            'versions': [self.versions[n].document() for n in sorted(self.versions)],
        }

    @classmethod
    def from_document(cls, document: object, config: ShelfConfig) -> PolicyShelf:
        """Raises ValueError that says what was expected."""
        if not isinstance(document, Mapping) or document.get('schema') != SCHEMA:
            raise ValueError(f'shelf: expected an object of schema {SCHEMA}')
        listed = document.get('versions')
        if not isinstance(listed, list) or len(listed) > VERSIONS_MAX:
            raise ValueError(f'versions: expected a list of at most {VERSIONS_MAX}')
        shelf = cls(str(document.get('name')), config, chance_from(document.get('generator')))
        for one in listed:
            version = PolicyVersion.from_document(one)
            if version.name != shelf.name or version.version in shelf.versions:
                raise ValueError(f'versions: expected each of {shelf.name} once')
            shelf.versions[version.version] = version
        shelf.last = whole(document, 'last', 0xFFFFFFFF)
        shelf.decisions = whole(document, 'decisions')
        shelf.quiet_until = whole(document, 'quiet_until')
        shelf.previous = whole(document, 'previous', 0xFFFFFFFF)
        shelf._turn = whole(document, 'turn', 0xFFFFFFFF)
        shelf._left = whole(document, 'left', BLOCK_DECISIONS)
        try:
            shelf.check_invariants()
        except AssertionError as error:
            raise ValueError(f'shelf: its versions contradict one another: {error}') from None
        return shelf
