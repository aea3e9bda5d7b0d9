# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which protocol messages are let in: the one place that every received message passes first.

Owns the order of the questions, cheap ones first: is it for us, is its source trusted with our
time, is it new, may its sender say this, is the signature good. Counts what is refused by reason.
What a source can cost is bounded (credit.py): every refusal draws on its credit, and without
credit nothing of it is looked at until some has come back.

Certificates and the check of signatures are passed in; refuses to know files, clocks and ROS.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from swarm_coordinator.core.identity.certificate import CLOCK_OFF_S, Role
from swarm_coordinator.core.identity.credit import Accounts
from swarm_coordinator.core.identity.sealed import Header, parted, read_header, to_sign

WINDOW = 4096  # messages that may come late, of one sender on one topic
STREAMS_MAX = 4096


class Reason(Enum):
    """Why a message was refused."""

    MALFORMED = 'malformed'
    PROTOCOL = 'other protocol version'
    TOO_LARGE = 'too large'
    MUTED = 'source out of credit'
    UNSIGNED = 'unsigned'
    UNKNOWN = 'no certificate of the sender'
    EXPIRED = 'certificate not valid now'
    ROLE = 'role does not allow it'
    STALE = 'from an earlier life of the sender'
    REPLAYED = 'had before'
    RATE = 'more than a sender may send'
    FORGED = 'signature does not fit'
    KEYLESS = 'no key of the sender yet'
    UNREADABLE = 'cannot be decrypted'
    LEVEL = 'another level of security'


# Who may say what. What is not named is for robots, whether they vote or not.
LEADERS_AND_VOTERS = frozenset({
    '/swarm/vote_request', '/swarm/vote', '/swarm/append', '/swarm/append_bulk',
    '/swarm/snapshot', '/swarm/timeout_now',
})
# What only a leader, or its learner, says of the swarm; robots, pages and recorders believe it.
OF_THE_LEADER = frozenset({
    '/swarm/state', '/swarm/mode', '/swarm/jobs', '/swarm/outcomes', '/swarm/consciousness',
    '/swarm/route_costs', '/swarm/reputation', '/swarm/policy', '/swarm/regime',
})
ANYBODY = frozenset({'/swarm/emergency', '/swarm/emergency_now'})
KEYS = '/swarm/keys'  # who only listens needs keys too
# A beacon under our own name may be of another robot, keys are for our other processes. What parts
# of a robot tell one another is on topics of its own.
OWN_TOO = frozenset({'/swarm/heartbeat', KEYS})
ROBOTS = frozenset({Role.VOTER, Role.NON_VOTER})
VOTERS = frozenset({Role.VOTER})
STOPPERS = frozenset({Role.VOTER, Role.NON_VOTER, Role.OPERATOR})


def allowed_roles(topic: str) -> frozenset[Role]:
    if topic in ANYBODY:
        return STOPPERS
    if topic == KEYS:
        return frozenset(Role)
    return VOTERS if topic in LEADERS_AND_VOTERS | OF_THE_LEADER else ROBOTS


def owner_of(topic: str) -> str:
    """The robot whose own topic it is; '' = a topic of the swarm."""
    first = topic[1:].partition('/')[0]
    return '' if first == 'swarm' else first


@dataclass(frozen=True)
class Known:
    """What is known of a sender: its public key, what it may do and until when (Unix s)."""

    sign_key: bytes
    roles: frozenset[Role]
    not_before_s: int
    not_after_s: int

    def is_valid(self, wall_s: float, slack_s: float = CLOCK_OFF_S) -> bool:
        return self.not_before_s - slack_s <= wall_s <= self.not_after_s + slack_s


_Key = tuple[str, int, str, int]  # sender, its storage, topic, listener


@dataclass
class _Stream:
    """What was had of one sender on one topic since its start: the highest number, and one bit for
    each of those below it."""

    incarnation: int
    highest: int
    seen: int = 1

    def is_new(self, sequence: int) -> bool:
        if sequence > self.highest:
            return True
        below = self.highest - sequence
        return below < WINDOW and not self.seen >> below & 1

    def take(self, sequence: int) -> None:
        if sequence > self.highest:
            shift = min(sequence - self.highest, WINDOW)
            self.seen = (self.seen << shift | 1) & ((1 << WINDOW) - 1)
            self.highest = sequence
        else:
            self.seen |= 1 << (self.highest - sequence)


def other_protocol(theirs: int, ours: int) -> str:
    """Both sides say the same of who has to be updated."""
    older = 'this robot' if theirs > ours else 'that robot'
    return (
        f'speaks protocol {theirs}, this robot {ours}: they do not hear each other until {older} '
        'is updated'
    )


@dataclass(frozen=True)
class Offence:
    """The last refusal of a kind, for people."""

    sender: str  # as the message says, not proven
    topic: str
    source: str
    text: str


@dataclass(frozen=True)
class _Refused:
    reason: Reason
    sender: str
    text: str


@dataclass
class Refusals:
    """Counted by reason since the start; `last` has one example of each."""

    counts: Counter[Reason] = field(default_factory=Counter)
    last: dict[Reason, Offence] = field(default_factory=dict)

    def add(self, reason: Reason, offence: Offence) -> None:
        self.counts[reason] += 1
        self.last[reason] = offence

    @property
    def total(self) -> int:
        return self.counts.total()


class Doorkeeper:
    """verify(public key, data, signature) tells whether a signature is good; known(robot_id) what
    is known of a robot, or None. `addressed`: what is meant for another robot, or comes from this
    one, is left out before anything is checked. Not for several threads at once."""

    def __init__(
        self,
        swarm_id: str,
        robot_id: str,
        protocol_version: int,
        verify: Callable[[bytes, bytes, bytes], bool],
        known: Callable[[str], Known | None],
        addressed: bool = True,
        slack_s: int = CLOCK_OFF_S,
    ) -> None:
        self._swarm_id, self._robot_id, self._addressed = swarm_id, robot_id, addressed
        self._protocol_version = protocol_version
        self._verify, self._known, self._slack_s = verify, known, slack_s
        self._accounts = Accounts()
        self._streams: OrderedDict[_Key, _Stream] = OrderedDict()
        self.refusals = Refusals()

    def admit(
        self, topic: str, raw: bytes, source: bytes, now_ns: int, wall_s: float, bytes_max: int,
        listener: int = 0,
    ) -> Header | Reason | None:
        """The envelope of a message that may be decoded and believed, or why it is refused; None
        if it is not for us. `now_ns` is monotonic, `wall_s` Unix time, for validity only; each
        `listener` of a topic has every message once."""
        account = self._accounts.of(source, now_ns)
        if account.muted or not account.count():
            # Not charged: who is muted must not stay so for being muted.
            reason = Reason.MUTED if account.muted else Reason.RATE
            self.refusals.add(reason, Offence('', topic, source.hex(), ''))
            return reason
        found = self._look(topic, raw, wall_s, bytes_max, listener)
        if isinstance(found, _Refused):
            account.charge()
            self.refusals.add(
                found.reason, Offence(found.sender[:64], topic, source.hex(), found.text)
            )
            return found.reason
        return found

    def _look(
        self, topic: str, raw: bytes, wall_s: float, bytes_max: int, listener: int
    ) -> Header | None | _Refused:
        if len(raw) > bytes_max:
            text = f'{len(raw)} bytes, at most {bytes_max}'
            return _Refused(Reason.TOO_LARGE, '', text)
        try:
            header = read_header(raw)
        except ValueError as error:
            return _Refused(Reason.MALFORMED, '', str(error))
        if header.swarm_id != self._swarm_id:
            # Two swarms may share a domain. Who watches may say so; it is believed by nobody.
            return None if self._addressed else header
        if self._addressed and not self._for_us(topic, header):
            return None
        if header.protocol_version != self._protocol_version:
            text = other_protocol(header.protocol_version, self._protocol_version)
            return _Refused(Reason.PROTOCOL, header.sender, text)
        refused = self._judge(topic, raw, header, wall_s, listener)
        return header if refused is None else _Refused(refused[0], header.sender, refused[1])

    def _for_us(self, topic: str, header: Header) -> bool:
        if header.recipient:
            return header.recipient == self._robot_id
        return (
            header.sender != self._robot_id or topic in OWN_TOO or bool(owner_of(topic))
        )

    def _judge(
        self, topic: str, raw: bytes, header: Header, wall_s: float, listener: int
    ) -> tuple[Reason, str] | None:
        if not header.signed:
            return Reason.UNSIGNED, 'expected a signature; its robot runs with security: off'
        known = self._known(header.sender)
        if known is None:
            return Reason.UNKNOWN, 'its certificate was not heard, or was refused'
        if not known.is_valid(wall_s, self._slack_s):
            return Reason.EXPIRED, (
                f'valid from {known.not_before_s} to {known.not_after_s}, the clock here says '
                f'{int(wall_s)} (Unix s)'
            )
        allowed = allowed_roles(topic)
        if not allowed & known.roles:
            has, needs = _names(known.roles), _names(allowed)
            return Reason.ROLE, f'its certificate says {has}, {topic} needs one of: {needs}'
        owner = owner_of(topic)
        if owner and header.sender != owner:
            return Reason.ROLE, f'only {owner[:64]} itself may say that'
        key = (header.sender, header.storage_id, topic, listener)
        stream = self._streams.get(key)
        if stream is not None:
            if header.incarnation < stream.incarnation:
                return Reason.STALE, f'life {header.incarnation}, now {stream.incarnation}'
            same = header.incarnation == stream.incarnation
            if same and not stream.is_new(header.sequence):
                return Reason.REPLAYED, f'number {header.sequence}'
        blank, signature = parted(raw, header)
        if not self._verify(known.sign_key, to_sign(topic, blank), signature):
            return Reason.FORGED, 'not made with the key of its certificate, or changed on the way'
        self._note(key, stream, header)
        return None

    def _note(self, key: _Key, stream: _Stream | None, header: Header) -> None:
        if stream is None or header.incarnation > stream.incarnation:
            self._streams[key] = _Stream(header.incarnation, header.sequence)
            while len(self._streams) > STREAMS_MAX:
                self._streams.popitem(last=False)
        else:
            stream.take(header.sequence)
        self._streams.move_to_end(key)


def _names(roles: frozenset[Role]) -> str:
    return ', '.join(sorted(role.value for role in roles)) or 'nothing'
