# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Asking peers about a silent robot before it is taken for dead: owns the open questions.

SWIM (Das, Gupta, Motivala, DSN 2002, section 4.1) with beacons in the place of pings: while a
robot is suspect, up to three peers are asked when they last heard it. Whoever heard it lately
keeps it at suspect. What is believed stays with suspicion.py; nothing here knows messages.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import singledispatchmethod

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.registry.awareness import Awareness
from swarm_coordinator.core.registry.suspicion import Liveness, Suspicion

MS = 1_000_000
PEERS_ASKED_MAX = 3  # SWIM's k; with a fifth of all messages lost, one round in 20 goes unanswered
# Robots asked about at the same time. When more fall silent at once, the network is gone and
# there is hardly anybody to ask; the others wait for their turn.
INQUIRIES_MAX = 32
# From suspect to dead are 15 periods at least: time for three rounds of questions and answers.
ANSWER_PERIODS = 4
# After an answer that helps, the next round: well before the answer is too old to keep it alive.
AGAIN_PERIODS = 10

# ---- events


@dataclass(frozen=True)
class ProbeTick:
    """Time went on. `robots` are those whose death would matter, other than this one."""

    robots: Iterable[RobotId]


@dataclass(frozen=True)
class ProbeAsked:
    """A peer's ProbeRequest."""

    sender: RobotId
    target: RobotId
    nonce: int


@dataclass(frozen=True)
class ProbeAnswered:
    """A peer's ProbeReply. `heard_ms_ago` None: never. `incarnation` 0: none heard."""

    sender: RobotId
    target: RobotId
    nonce: int
    heard_ms_ago: int | None
    incarnation: int


ProbeEvent = ProbeTick | ProbeAsked | ProbeAnswered

# ---- effects


@dataclass(frozen=True)
class AskPeer:
    """Send a ProbeRequest to `peer`."""

    peer: RobotId
    target: RobotId
    nonce: int


@dataclass(frozen=True)
class AnswerPeer:
    """Send a ProbeReply to `peer`."""

    peer: RobotId
    target: RobotId
    nonce: int
    heard_ms_ago: int | None
    incarnation: int


ProbeEffect = AskPeer | AnswerPeer


@dataclass
class _Inquiry:
    """One round of questions about one robot. `waiting`: asked and not yet answered."""

    nonce: int
    asked_ns: int
    closes_ns: int
    asked: int
    waiting: set[RobotId]
    helped: bool = False  # somebody heard the robot lately
    closed: bool = False

    @property
    def answered(self) -> int:
        return self.asked - len(self.waiting)


class Prober:
    """`handle(event, now_ns) -> effects`. Tells `suspicion` what peers answer and `awareness` how
    many do; `rng` chooses whom to ask."""

    def __init__(
        self,
        robot_id: RobotId,
        suspicion: Suspicion,
        awareness: Awareness,
        rng: random.Random,
    ) -> None:
        self.robot_id = robot_id
        self.ignored = 0  # answers that were late, double or not asked for
        self._suspicion = suspicion
        self._awareness = awareness
        self._rng = rng
        # From a random start, so that an answer to a former life of ours is not asked for.
        self._nonce = rng.getrandbits(48)
        self._inquiries: dict[RobotId, _Inquiry] = {}

    @property
    def open_targets(self) -> tuple[RobotId, ...]:
        return tuple(self._inquiries)

    def handle(self, event: ProbeEvent, now_ns: int) -> tuple[ProbeEffect, ...]:
        return self._on(event, now_ns)

    @singledispatchmethod
    def _on(self, event: ProbeEvent, now_ns: int) -> tuple[ProbeEffect, ...]:
        raise AssertionError(f'no rule for {type(event).__name__}')

    @_on.register
    def _tick(self, event: ProbeTick, now_ns: int) -> tuple[ProbeEffect, ...]:
        robots = sorted(set(event.robots) - {self.robot_id})
        phases = {robot: self._suspicion.phase_of(robot, now_ns) for robot in robots}
        self._close(now_ns)
        for target in list(self._inquiries):
            if phases.get(target) is not Liveness.SUSPECT:
                del self._inquiries[target]
        healthy = [robot for robot in robots if phases[robot] is Liveness.HEALTHY]
        effects: list[ProbeEffect] = []
        for target in robots:
            if phases[target] is Liveness.SUSPECT and self._may_ask(target, now_ns):
                effects += self._ask(target, healthy, now_ns)
        return tuple(effects)

    @_on.register
    def _asked(self, event: ProbeAsked, now_ns: int) -> tuple[ProbeEffect, ...]:
        if event.target == self.robot_id:
            # Asked of ourselves: we live; which life this is, our beacons say.
            return (AnswerPeer(event.sender, event.target, event.nonce, 0, 0),)
        silence_ns = self._suspicion.silence_ns(event.target, now_ns)
        return (
            AnswerPeer(
                event.sender,
                event.target,
                event.nonce,
                None if silence_ns is None else silence_ns // MS,
                self._suspicion.incarnation_of(event.target),
            ),
        )

    @_on.register
    def _answered(self, event: ProbeAnswered, now_ns: int) -> tuple[ProbeEffect, ...]:
        inquiry = self._inquiries.get(event.target)
        if (
            inquiry is None
            or now_ns >= inquiry.closes_ns
            or event.nonce != inquiry.nonce
            or event.sender not in inquiry.waiting
        ):
            self.ignored += 1
            return ()
        inquiry.waiting.discard(event.sender)
        if event.heard_ms_ago is not None:
            # Counted from the question: the peer heard it at that time or, if the answer took
            # long, later. Too early only makes us ask again.
            heard_ns = inquiry.asked_ns - max(0, event.heard_ms_ago) * MS
            recent = now_ns - heard_ns < self._suspicion.limits_of(event.target, now_ns).dead_ns
            kept = self._suspicion.vouch(event.target, heard_ns, now_ns, event.incarnation)
            inquiry.helped |= kept and recent
        return ()

    def _may_ask(self, target: RobotId, now_ns: int) -> bool:
        inquiry = self._inquiries.get(target)
        if inquiry is None:
            return len(self._inquiries) < INQUIRIES_MAX
        again_ns = AGAIN_PERIODS * self._suspicion.period_ns if inquiry.helped else 0
        return inquiry.closed and now_ns >= inquiry.asked_ns + again_ns

    def _ask(
        self, target: RobotId, healthy: list[RobotId], now_ns: int
    ) -> list[ProbeEffect]:
        peers = sorted(self._rng.sample(healthy, min(PEERS_ASKED_MAX, len(healthy))))
        if not peers:
            self._inquiries.pop(target, None)
            return []
        self._nonce += 1
        wait_ns = ANSWER_PERIODS * self._suspicion.period_ns
        self._inquiries[target] = _Inquiry(
            nonce=self._nonce,
            asked_ns=now_ns,
            # Stretched as every time-out that accuses others (Lifeguard, section IV-A).
            closes_ns=now_ns + wait_ns * self._awareness.stretch_permille(now_ns) // 1000,
            asked=len(peers),
            waiting=set(peers),
        )
        return [AskPeer(peer, target, self._nonce) for peer in peers]

    def _close(self, now_ns: int) -> None:
        for inquiry in self._inquiries.values():
            if not inquiry.closed and (now_ns >= inquiry.closes_ns or not inquiry.waiting):
                inquiry.closed = True
                self._awareness.peers_answered(inquiry.answered, inquiry.asked, now_ns)

    def check_invariants(self) -> None:
        assert len(self._inquiries) <= INQUIRIES_MAX
        for target, inquiry in self._inquiries.items():
            assert target != self.robot_id
            assert target not in inquiry.waiting
            assert len(inquiry.waiting) <= inquiry.asked <= PEERS_ASKED_MAX
