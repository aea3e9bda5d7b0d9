# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes what one process says unreadable for strangers, and hands its key to who may read.

Owns which topics stay readable, the topic on which keys are handed over, and when. When a key is
replaced is for core/identity/group_keys.py. Methods other than `attach` and what it starts may be
called from any thread.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from array import array
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import QoSProfile
from swarm_msgs import msg

from swarm_coordinator.core.identity import concealed
from swarm_coordinator.core.identity.concealed import Concealed, Keyless
from swarm_coordinator.core.identity.doorkeeper import KEYS
from swarm_coordinator.core.identity.group_keys import (
    LIVES_MAX,
    ROBOTS_MAX,
    GroupKeys,
    MayRead,
    Peer,
    life_of,
)
from swarm_coordinator.core.identity.sealed import Header, read_header
from swarm_coordinator.ros.deferred import steady_timer
from swarm_coordinator.ros.topics import certificates, latched
from swarm_coordinator.security.group_cipher import Exchange, Way, draw
from swarm_coordinator.security.keys import decrypt, encrypt

# A stop is for whoever hears it, also before it was handed a key; certificates and keys are what
# the rest hangs on; by cards tools find robots, and robots see that another has another level.
READABLE = frozenset({
    KEYS, '/swarm/certificates', '/swarm/emergency', '/swarm/emergency_now', '/swarm/robots',
})
TICK_S = 0.25
EXCHANGE_KEY_BYTES = 32
RECIPIENTS_MAX = ROBOTS_MAX * LIVES_MAX


def address(robot_id: str, life: int) -> str:
    """Of one process of a robot, as a handover names it."""
    return f'{robot_id}/{life:08x}'


class Secrecy:
    """`agree` is Keyring.agree(); `certified(robot_id)` the exchange key in a certificate, None
    where there is none; `came(robot_id)` hears that a robot can be read now; `life` is drawn where
    none is given."""

    def __init__(
        self,
        swarm_id: str,
        robot_id: str,
        agree: Callable[[bytes], bytes],
        certified: Callable[[str], bytes | None],
        may_read: MayRead,
        came: Callable[[str], None] = lambda robot_id: None,
        life: int = 0,
    ) -> None:
        self._swarm_id, self._robot_id = swarm_id, robot_id
        self._certified, self._may_read, self._came = certified, may_read, came
        self.exchange = Exchange(agree)
        self.life = life = life or secrets.randbits(32) or 1
        self._self = Peer(robot_id, life, self.exchange.public)
        self._keys = GroupKeys(robot_id, life, draw, time.monotonic_ns())
        self._lock = threading.Lock()
        self._log: Any = logging.getLogger('swarm.secrecy')
        self._publisher: Any = None

    @staticmethod
    def covers(topic: str) -> bool:
        """Whether what has an envelope is for members only on this topic."""
        return topic not in READABLE

    # ---- messages

    def conceal(self, topic: str, envelope: bytes, rest: bytes) -> bytes:
        """`envelope`: the first bytes of a message, with a blank signature in it."""
        with self._lock:
            key_epoch, number, key = self._keys.own.use()
        bound = concealed.bound(topic, envelope, read_header(envelope), key_epoch)
        body = encrypt(key, concealed.nonce(number), rest, bound)
        return concealed.wrapped(envelope, Concealed(key_epoch, number, body))

    def reveal(self, topic: str, raw: bytes, header: Header) -> bytes:
        """What conceal() was given as the rest. Raises Keyless, or ValueError."""
        found = concealed.unwrapped(raw, header)
        with self._lock:
            key = self._keys.find(header.sender, found.key_epoch)
            if key is None:
                self._keys.lacks(header.sender)
                raise Keyless('its key was not handed over yet')
        bound = concealed.bound(topic, raw, header, found.key_epoch)
        return decrypt(key, concealed.nonce(found.number), found.body, bound)

    def can_read(self, robot_id: str, key_epoch: int) -> bool:
        """What this robot says with the key of this name."""
        with self._lock:
            return self._keys.find(robot_id, key_epoch) is not None

    def facts(self) -> tuple[int, int, int]:
        """For people: how many keys this process has had, the age of the present one in s, and
        how many robots' keys are missing."""
        with self._lock:
            own = self._keys.own
            age_s = own.age_s(time.monotonic_ns())
            return own.key_epoch & 0xFFFFFFFF, age_s, len(self._keys.missing)

    # ---- keys

    def attach(self, node: Node) -> None:
        """Hand keys over through this node, and take those of others."""
        self._log = node.get_logger()
        self._publisher = node.create_publisher(msg.KeyHandover, KEYS, latched())
        depth: QoSProfile = certificates()
        node.create_subscription(msg.KeyHandover, KEYS, self.hear, depth)
        self.tick()
        steady_timer(node, TICK_S, self.tick)

    def tick(self) -> None:
        """Replace the key and hand it over, where it is time to."""
        with self._lock:
            before = self._keys.own.handed[0]
            peers = self._keys.tick(self._may_read, time.monotonic_ns())
            key_epoch, given = self._keys.own.handed
            missing = self._keys.missing
            if peers is not None:
                self._keys.told()
        if key_epoch != before:
            self._log.info(f'another key, the {key_epoch & 0xFFFFFFFF}., for {len(peers or ())}')
        if peers is not None and self._publisher is not None:
            self._hand_over(peers, key_epoch, given, missing)

    def _hand_over(
        self,
        peers: tuple[Peer, ...],
        key_epoch: int,
        given: tuple[bytes, ...],
        missing: tuple[str, ...],
    ) -> None:
        recipients, wrapped = [], bytearray()
        for peer in peers:
            certified = self._certified(peer.robot_id)
            if certified is None:
                continue
            way = Way(self._swarm_id, self._self, peer, key_epoch)
            try:
                wrapped += self.exchange.wrap(way, certified, given)
            except ValueError as error:
                self._log.warning(f'{peer.robot_id} cannot be handed a key: {error}')
                continue
            recipients.append(address(peer.robot_id, peer.life))
        self._publisher.publish(
            msg.KeyHandover(
                exchange_key=list(self.exchange.public),
                key_epoch=key_epoch,
                recipients=recipients,
                wrapped=array('B', wrapped),
                missing=list(missing),
            )
        )

    def hear(self, message: msg.KeyHandover) -> None:
        sender = message.envelope.sender
        try:
            taken = self.take(message)
        except ValueError as error:
            self._log.warning(f'key of {sender!r} refused: {error}', throttle_duration_sec=10.0)
            return
        self.tick()  # who is new is handed our key at once
        if taken:
            self._came(sender)

    def take(self, message: msg.KeyHandover) -> bool:
        """Whether there was a key for us. Raises ValueError."""
        sender, life = message.envelope.sender, life_of(message.key_epoch)
        if message.envelope.swarm_id != self._swarm_id or life == self._self.life:
            return False
        peer = Peer(sender, life, bytes(message.exchange_key))
        if len(peer.exchange_key) != EXCHANGE_KEY_BYTES or not life:
            raise ValueError(f'expected an exchange key of {EXCHANGE_KEY_BYTES} bytes and a life')
        count = len(message.recipients)
        if count > RECIPIENTS_MAX or len(message.missing) > ROBOTS_MAX:
            raise ValueError(f'{count} recipients: expected at most {RECIPIENTS_MAX}')
        with self._lock:
            self._keys.hear(peer, tuple(message.missing), time.monotonic_ns())
        ours, certified = address(self._robot_id, self._self.life), self._certified(sender)
        if certified is None or ours not in message.recipients:
            return False
        place = message.recipients.index(ours)
        each = len(message.wrapped) // count
        wrapped = bytes(message.wrapped[place * each : (place + 1) * each])
        way = Way(self._swarm_id, peer, self._self, message.key_epoch)
        found = self.exchange.unwrap(way, certified, wrapped)
        with self._lock:
            self._keys.take(sender, message.key_epoch, found)
        return True
