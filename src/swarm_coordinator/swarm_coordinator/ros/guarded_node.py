# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A node whose protocol messages are signed when they go out and checked when they come in.

Owns where that happens: in the making of publishers and subscriptions, for every message type
that begins with an envelope, so that no part of a robot can forget it and none needs to know of
it. Where there is a Secrecy, what it covers travels encrypted, on a topic beside. Whom to believe
is for core/identity and the keyring.
"""

from __future__ import annotations

import inspect
import itertools
import secrets
import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message, serialize_message
from swarm_msgs import msg

from swarm_coordinator.core.identity.certificate import Role
from swarm_coordinator.core.identity.concealed import SUFFIX, Keyless, body_at
from swarm_coordinator.core.identity.doorkeeper import (
    Doorkeeper,
    Known,
    Offence,
    Reason,
    Refusals,
)
from swarm_coordinator.core.identity.sealed import (
    BLANK,
    SIGNATURE_BYTES,
    Header,
    padded,
    read_header,
    to_decode,
    to_sign,
    with_signature,
)
from swarm_coordinator.ros.concealed_client import ConcealedClient, concealed_client
from swarm_coordinator.ros.concealed_service import is_concealed, offered
from swarm_coordinator.ros.request_guard import RequestGuard, Signer, signing

if TYPE_CHECKING:  # it loads what only that level needs
    from swarm_coordinator.ros.secrecy import Secrecy

MESSAGE_BYTES_MAX = 8 << 20
CHECKED_MAX = 4096  # signatures found good that are remembered: each part hears the same beacons
EARLY_MAX, EARLY_BYTES_MAX = 256, 65_536  # latched messages that came before a certificate
STATEMENT = b'swarm statement 1\0'  # what parts sign is no message, whatever they sign
STATED_MAX = 32  # kinds of refused statements that are told apart
SOURCE_BYTES = 12  # of a DDS endpoint's name: those of its participant


class Keys(Protocol):
    """What a guard needs of a keyring."""

    def sign(self, data: bytes) -> bytes: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool: ...


class Guard:
    """One for a process. `known(robot_id)` is what the roster knows of a robot."""

    def __init__(
        self, swarm_id: str, robot_id: str, keys: Keys, known: Callable[[str], Known | None]
    ) -> None:
        self.swarm_id, self.robot_id = swarm_id, robot_id
        self._keys, self._known = keys, known
        self.secrecy: Secrecy | None = None
        self.removed: frozenset[str] = frozenset()  # robots that are to be no members
        self._checked: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        self._session = secrets.randbits(63) + 1
        self._sequence = 0
        self._doorkeepers: list[Doorkeeper] = []
        self._stated: Counter[str] = Counter()
        self._stated_last = ''
        self.requests: RequestGuard | None = None  # of services; Protection makes it

    def doorkeeper(self, addressed: bool) -> Doorkeeper:
        made = Doorkeeper(
            self.swarm_id,
            self.robot_id,
            msg.Envelope.PROTOCOL_VERSION,
            self._verify,
            self._known,
            addressed,
        )
        self._doorkeepers.append(made)
        return made

    def refusals(self) -> list[Refusals]:
        """What each node of this process has refused."""
        return [one.refusals for one in self._doorkeepers]

    def counts(self) -> dict[str, int]:
        """Refused messages and requests of this process by reason, those that occurred only.
        Called from any thread: the executor's may be counting."""
        total: Counter[Reason] = Counter()
        for refusals in self.refusals():
            total.update(dict.copy(refusals.counts))
        requests = self.requests.counts() if self.requests is not None else {}
        messages = {reason.value: count for reason, count in total.items()}
        return messages | dict.copy(self._stated) | requests

    def last(self) -> str:
        """An example of what was refused, in words; '' if nothing was."""
        if self._stated_last:
            return self._stated_last  # of a member: rarer, and of more weight
        for refusals in self.refusals():
            for reason, offence in reversed(dict.copy(refusals.last).items()):
                if offence.text:
                    return f'{offence.sender or "somebody"} on {offence.topic}: {reason.value}'
        return self.requests.last() if self.requests is not None else ''

    @property
    def level(self) -> str:
        return 'sign' if self.secrecy is None else 'sign_encrypt'

    def conceals(self, topic: str) -> bool:
        """What has an envelope, on this topic."""
        return self.secrecy is not None and self.secrecy.covers(topic)

    def sealed(self, topic: str, message: Any) -> bytes:
        """The signed message, serialised. Called from any thread."""
        return self._signed(topic, self._blank(message))

    def concealed(self, topic: str, message: Any) -> bytes:
        """The signed and encrypted message, a serialised msg.Concealed."""
        assert self.secrecy is not None
        blank = self._blank(message)
        at = body_at(read_header(blank))
        return self._signed(topic, self.secrecy.conceal(topic, blank[:at], blank[at:]))

    def revealed(self, topic: str, raw: bytes, header: Header) -> bytes:
        """The serialised message that was concealed. Raises ValueError."""
        assert self.secrecy is not None
        return raw[: body_at(header)] + self.secrecy.reveal(topic, raw, header)

    def _blank(self, message: Any) -> bytes:
        envelope = message.envelope
        if not envelope.sender:  # of a part that leaves all of it to its node
            envelope.swarm_id, envelope.sender = self.swarm_id, self.robot_id
            envelope.protocol_version = msg.Envelope.PROTOCOL_VERSION
        if not envelope.storage_id:
            # Of a part that keeps no count of its own across starts.
            with self._lock:
                self._sequence += 1
                envelope.storage_id, envelope.sequence = self._session, self._sequence
        envelope.signature = list(BLANK)
        return padded(bytes(serialize_message(message)))

    def _signed(self, topic: str, blank: bytes) -> bytes:
        at = read_header(blank).signature_at
        return with_signature(blank, at, self._keys.sign(to_sign(topic, blank)))

    def sign(self, data: bytes) -> bytes:
        """Of something that a part says and others may pass on."""
        return self._keys.sign(STATEMENT + data)

    def verify(self, robot_id: str, data: bytes, signature: bytes) -> bool | None:
        """Whether a robot has signed that; None: no certificate of it counts now. Called from any
        thread; remembers what was found good."""
        known = self._known(robot_id)
        if known is None or not known.is_valid(time.time()):
            return None
        return len(signature) == SIGNATURE_BYTES and self._verify(
            known.sign_key, STATEMENT + data, signature)

    def refused(self, what: str, sender: str, count: int) -> None:
        """A part has refused what a robot says, and why: counted with messages."""
        if what in self._stated or len(self._stated) < STATED_MAX:
            self._stated[what] += count
            self._stated_last = f'{sender[:64]}: {what}'

    def may_lead(self, robot_id: str) -> bool:
        known = self._known(robot_id)
        return known is not None and Role.VOTER in known.roles

    def _verify(self, public: bytes, data: bytes, signature: bytes) -> bool:
        digest = blake2b(data, key=public, salt=signature[:16], digest_size=32)
        digest.update(signature)
        key = digest.digest()
        if key in self._checked:
            return True
        if not self._keys.verify(public, data, signature):
            return False
        with self._lock:
            self._checked[key] = None
            if len(self._checked) > CHECKED_MAX:
                self._checked.popitem(last=False)
        return True


class GuardedNode(Node):
    """`addressed`: what is meant for another robot, or comes from this one, is of no interest.

    A part may also sign what it says for others to pass on, and check such: sign, verify, refused.
    """

    def __init__(self, name: str, *, guard: Guard, addressed: bool, **options: Any) -> None:
        self.guard = guard
        self._door = guard.doorkeeper(addressed)
        self._early: deque[_Early] = deque(maxlen=EARLY_MAX)
        self._listeners = itertools.count(1)
        self._lasting: list[Callable[[], None]] = []
        super().__init__(name, **options)

    def sign(self, data: bytes) -> bytes:
        return self.guard.sign(data)

    def verify(self, robot_id: str, data: bytes, signature: bytes) -> bool | None:
        return self.guard.verify(robot_id, data, signature)

    def refused(self, what: str, sender: str, count: int) -> None:
        self.guard.refused(what, sender, count)

    def create_service(
        self, srv_type: Any, srv_name: str, callback: Callable[..., Any], **options: Any
    ) -> Any:
        srv_type, srv_name, callback = offered(self, srv_type, srv_name, callback)
        return super().create_service(srv_type, srv_name, callback, **options)

    def create_client(self, srv_type: Any, srv_name: str, **options: Any) -> Any:
        requests = self.guard.requests
        signer = None if requests is None else requests.signer
        return self._client(srv_type, srv_name, signer, options)

    def create_operator_client(self, srv_type: Any, srv_name: str, **options: Any) -> Any:
        """For what a person asks through this robot and has shown to be allowed: signed with the
        keys of this machine's operator, where there is one."""
        requests = self.guard.requests
        signer = None if requests is None else requests.operator
        return self._client(srv_type, srv_name, signer, options)

    def _client(
        self, kind: Any, name: str, signer: Signer | None, options: dict[str, Any]
    ) -> Any:
        """Of the level of this process: robots of another one do not hear it either."""
        requests, make = self.guard.requests, super().create_client
        asking = requests.asking if requests is not None else None
        if signer is not None and asking is not None and is_concealed(kind):
            return concealed_client(
                self, make, kind, name, signer, asking,
                lambda reason, robot: self.refused(reason, robot, 1), **options,
            )
        return signing(make(kind, name, **options), self, signer)

    def destroy_client(self, client: Any) -> bool:
        inner = client.inner if isinstance(client, ConcealedClient) else client
        return bool(super().destroy_client(inner))

    def role_refusal(self, role: str, service: str, request: Any) -> str:
        """Why somebody of this role may not ask that, by the policy of this robot; '' = may."""
        return '' if self.guard.requests is None else self.guard.requests.role_refusal(
            role, service, request
        )

    def create_publisher(self, msg_type: Any, topic: str, *given: Any, **options: Any) -> Any:
        if not has_envelope(msg_type):
            return super().create_publisher(msg_type, topic, *given, **options)
        guard, name = self.guard, self.resolve_topic_name(topic)
        concealing = guard.conceals(name)
        make = guard.concealed if concealing else guard.sealed

        class Sealing(Publisher):  # type: ignore[type-arg]
            def publish(self, message: Any) -> None:
                super().publish(message if isinstance(message, bytes) else make(name, message))

        if concealing:
            msg_type, topic = msg.Concealed, name + SUFFIX
        return super().create_publisher(
            msg_type, topic, *given, publisher_class=Sealing, **options
        )

    def create_subscription(
        self, msg_type: Any, topic: str, callback: Callable[[Any], Any], *given: Any,
        raw: bool = False, **options: Any,
    ) -> Any:
        name = self.resolve_topic_name(topic)
        if not has_envelope(msg_type):
            take = callback if raw else self._reading(name, msg_type, callback)
            if hasattr(callback, '__signature__'):  # of with_info()
                take = with_info(take)  # type: ignore[arg-type]
            return super().create_subscription(msg_type, topic, take, *given, raw=True, **options)
        concealing = self.guard.conceals(name)
        lasting, listener = _latched_depth(given, options), next(self._listeners)

        def believed(message: Any, info: Any) -> None:
            if self._may_say(name, message, info):
                callback(message)

        read = self._reading(name, msg_type, believed)

        def hand_on(data: bytes, info: Any) -> None:
            if raw:
                callback(data)
            else:
                read(data, info)

        def reveal(data: bytes, info: Any, header: Header) -> None:
            found = self._revealed(name, data, info, header)
            if found is Reason.KEYLESS and lasting:
                self._keep(listener, data, lasting, lambda: reveal(data, info, header))
            if isinstance(found, bytes):
                hand_on(found, info)

        def receive(data: bytes, info: Any) -> None:
            found = self._admitted(name, data, info, listener)
            if found is Reason.UNKNOWN and lasting:
                self._keep(listener, data, lasting, lambda: receive(data, info))
            if isinstance(found, Header):
                if concealing:
                    reveal(data, info, found)
                else:
                    hand_on(data, info)

        sent, where = (msg.Concealed, name + SUFFIX) if concealing else (msg_type, topic)
        return super().create_subscription(
            sent, where, with_info(receive), *given, raw=True, **options
        )

    def count_publishers(self, topic: str) -> int:
        """Of what is said on this topic, readable or not."""
        return super().count_publishers(topic) + super().count_publishers(topic + SUFFIX)

    def _revealed(
        self, topic: str, data: bytes, info: Any, header: Header
    ) -> bytes | Reason | None:
        if header.swarm_id != self.guard.swarm_id:
            return None
        try:
            return self.guard.revealed(topic, data, header)
        except ValueError as error:
            # Keys come within moments, and if not, the sender is asked for its key.
            reason = Reason.KEYLESS if isinstance(error, Keyless) else Reason.UNREADABLE
            offence = Offence(header.sender[:64], topic, source_of(info).hex(), str(error))
            self._door.refusals.add(reason, offence)
            return reason

    def _reading(
        self, topic: str, msg_type: Any, callback: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Decodes by itself: what rclpy is given to decode, Fast DDS 3.2 believes (to_decode)."""

        def read(data: bytes, *info: Any) -> Any:
            try:
                message = deserialize_message(to_decode(data), msg_type)
            except Exception as error:  # what rclpy raises depends on the middleware
                self.get_logger().warning(
                    f'{topic}: a message cannot be read: {error}', throttle_duration_sec=10.0
                )
                return None
            return callback(message, *info)

        return read

    def _may_say(self, topic: str, message: Any, info: Any) -> bool:
        """Beacons are for every robot; that it leads only a voter can say."""
        if not isinstance(message, msg.Heartbeat) or message.role != msg.Heartbeat.ROLE_LEADER:
            return True
        if message.envelope.swarm_id != self.guard.swarm_id:
            return True  # of another swarm: looked at, never believed
        sender = message.envelope.sender
        if self.guard.may_lead(sender):
            return True
        offence = Offence(sender, topic, source_of(info).hex(), 'it says that it leads')
        self._door.refusals.add(Reason.ROLE, offence)
        return False

    @property
    def door_refusals(self) -> Refusals:
        return self._door.refusals

    def came(self, robot_id: str) -> None:
        """Its certificate or key was heard: take what it had said before and says only once."""
        found = [one for one in self._early if one.sender == robot_id]
        for one in found:
            self._early.remove(one)
        for one in found:
            one.again()

    def say_again(self) -> None:
        """This robot has other keys: nobody who comes now can check what the old ones signed."""
        for say in self._lasting:
            say()

    def says_once(self, say: Callable[[], None]) -> None:
        """`say` publishes what is said only once, latched, for all who come later."""
        self._lasting.append(say)

    def _keep(self, listener: int, data: bytes, depth: int, again: Callable[[], None]) -> None:
        """As many of a sender as the topic keeps for latecomers."""
        if len(data) > EARLY_BYTES_MAX:
            return
        sender = read_header(data).sender
        same = [one for one in self._early if (one.sender, one.listener) == (sender, listener)]
        if len(same) >= depth:
            self._early.remove(same[0])
        self._early.append(_Early(sender, listener, again))

    def _admitted(
        self, topic: str, data: bytes, info: Any, listener: int
    ) -> Header | Reason | None:
        found = self._door.admit(
            topic, data, source_of(info), time.monotonic_ns(), time.time(), MESSAGE_BYTES_MAX,
            listener,
        )
        if isinstance(found, Reason) and (offence := self._door.refusals.last[found]).text:
            self.get_logger().warning(
                f'{topic}: message of {offence.sender!r} refused, {found.value}: {offence.text}',
                throttle_duration_sec=10.0,
            )
        return found


@dataclass(frozen=True, eq=False)
class _Early:
    """A latched message that came before the certificate or the key of its sender."""

    sender: str
    listener: int
    again: Callable[[], None]


def _latched_depth(given: Sequence[Any], options: Mapping[str, Any]) -> int:
    """How many messages a topic keeps for latecomers; 0 = none."""
    profile = given[0] if given else options.get('qos_profile')
    if isinstance(profile, QoSProfile) and (
        profile.durability == DurabilityPolicy.TRANSIENT_LOCAL
    ):
        return max(1, profile.depth)
    return 0


def guard_of(node: Node) -> Guard | None:
    """None where security is off."""
    return node.guard if isinstance(node, GuardedNode) else None


def level_of(node: Node) -> str:
    """As the parameter `security` has it."""
    guard = guard_of(node)
    return 'off' if guard is None else guard.level


def has_envelope(msg_type: Any) -> bool:
    fields = msg_type.get_fields_and_field_types()
    return next(iter(fields.values()), '') == 'swarm_msgs/Envelope'


_TWO = inspect.signature(lambda message, info: None)


def with_info(callback: Callable[[Any, Any], None]) -> Callable[..., None]:
    """For a subscription whose callback wants to know where a message came from: the events
    executor of Kilted hands both over as one tuple, the others as two arguments."""

    def receive(*given: Any) -> None:
        message, info = given if len(given) == 2 else given[0]
        callback(message, info)

    receive.__signature__ = _TWO  # type: ignore[attr-defined]
    return receive


def source_of(info: Any) -> bytes:
    """The participant that a message came from, b'' where the middleware does not say."""
    gid = info.get('publisher_gid') if isinstance(info, dict) else None
    data = gid.get('data') if isinstance(gid, dict) else None
    return bytes(data[:SOURCE_BYTES]) if data else b''
