# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""At which level of security robots are, as far as they prove it to somebody who asks them.

A robot that encrypts proves that with each answer. One that only signs says so in its card on
/swarm/robots, signed with the key of its certificate: without that nobody with keys asks in the
clear, or a stranger would only have to say `sign` to read along. Owns the two topics this is heard
on and what is kept of them. Refuses to know requests.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from rclpy.node import Node
from rclpy.serialization import deserialize_message
from swarm_msgs import msg

from swarm_coordinator.core.identity.certificate import ENCODED_BYTES_MAX, Certificate
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.identity.sealed import (
    SIGNATURE_BYTES,
    parted,
    read_header,
    to_decode,
    to_sign,
)
from swarm_coordinator.ros.topics import TOPICS, certificates

CARDS, CERTIFICATES = '/swarm/robots', '/swarm/certificates'
ROBOTS_MAX = 1024
CARD_BYTES_MAX = 65_536
KEPT = 8  # of one robot that are not looked at yet, genuine or not


class Keys(Protocol):
    """What is needed of a keyring."""

    @property
    def swarm_id(self) -> str: ...

    def admit(self, encoded: bytes, now_s: float) -> Certificate: ...

    def verify(self, public: bytes, data: bytes, signature: bytes) -> bool: ...


@dataclass
class Heard:
    """Of one robot. `life` counts its starts: a card of an earlier one proves nothing now."""

    certificates: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT))
    cards: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT))
    level: str = ''
    life: int = -1
    trouble: str = 'its certificate was not heard on /swarm/certificates'


class HeardLevels:
    """`news` is called when something was heard that may prove a level. Methods may be
    called from any thread."""

    def __init__(self, node: Node, news: Callable[[], None]) -> None:
        self._news = news
        self._lock = threading.Lock()
        self._robots: dict[str, Heard] = {}
        node.create_subscription(
            msg.RobotCertificate, CERTIFICATES, self.hear_certificate, certificates()
        )
        node.create_subscription(
            TOPICS[CARDS].kind, CARDS, self.hear_card, certificates(), raw=True
        )

    def hear_certificate(self, message: msg.RobotCertificate) -> None:
        encoded = bytes(message.certificate[: ENCODED_BYTES_MAX + 1])
        if self._keep(message.robot_id, encoded, lambda found: found.certificates):
            self._news()

    def hear_card(self, raw: bytes) -> None:
        if len(raw) > CARD_BYTES_MAX:
            return
        try:
            sender = read_header(raw).sender
        except ValueError:
            return
        if self._keep(sender, raw, lambda found: found.cards):
            self._news()

    def _keep(self, robot: str, raw: bytes, among: Callable[[Heard], deque[bytes]]) -> bool:
        """Whether it is new."""
        with self._lock:
            if robot not in self._robots and len(self._robots) >= ROBOTS_MAX:
                return False
            kept = among(self._robots.setdefault(robot, Heard()))
            if raw in kept:
                return False
            kept.append(raw)
            return True

    def proven(self, robot: str, keys: Keys) -> str:
        """The level that a robot has proven; '' = none yet, see trouble()."""
        with self._lock:
            found = self._robots.get(robot)
            if found is None:
                return ''
            certificate = self._admitted(robot, found, keys) if found.cards else None
            while certificate is not None and found.cards:
                self._look(found.cards.popleft(), certificate, keys, found)
            return found.level

    def trouble(self, robot: str) -> str:
        """Why there is no proof."""
        return self._robots.get(robot, Heard()).trouble

    def _admitted(self, robot: str, found: Heard, keys: Keys) -> Certificate | None:
        """The newest certificate that is good."""
        for encoded in reversed(found.certificates):
            try:
                certificate = keys.admit(encoded, time.time())
            except IdentityRefused as error:
                found.trouble = str(error)
                continue
            if certificate.robot_id == robot:
                return certificate
        return None

    def _look(self, raw: bytes, certificate: Certificate, keys: Keys, found: Heard) -> None:
        header = read_header(raw)
        if not header.signed or header.swarm_id != keys.swarm_id:
            found.trouble = found.trouble if found.level else (
                f'its card is of swarm {header.swarm_id[:64]!r}' if header.signed else
                'its card is not signed, as with security: off'
            )
            return
        blank, signature = parted(raw, header)
        good = len(signature) == SIGNATURE_BYTES and keys.verify(
            certificate.sign_key, to_sign(CARDS, blank), signature
        )
        if not good:
            found.trouble = 'the signature of its card does not fit its certificate'
            return
        try:
            card: Any = deserialize_message(to_decode(raw), msg.RobotCard)
        except Exception as error:  # what rclpy raises depends on the middleware
            found.trouble = f'its card cannot be read: {error}'
            return
        if header.incarnation >= found.life:
            found.level, found.life = card.security, header.incarnation
            found.trouble = f'it has security: {card.security}'
