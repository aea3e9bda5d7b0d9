# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What protects one robot process: its keys, whom it knows by certificate, and how these spread.

Owns the topic of certificates and the roster made of them, who may read what is encrypted, and
that robots of another level of security are noticed. Which of two certificates of a robot counts:
the one that begins later. Refuses to know what messages mean.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rclpy.node import Node
from swarm_msgs import msg

from swarm_coordinator import policy_file as policy_file_of
from swarm_coordinator.core.identity.certificate import CLOCK_OFF_S, Certificate, Role
from swarm_coordinator.core.identity.credit import Accounts
from swarm_coordinator.core.identity.doorkeeper import Known, Offence, Reason
from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.ros.asking_node import CallerKeys
from swarm_coordinator.ros.deferred import steady_timer
from swarm_coordinator.ros.guarded_node import Guard, GuardedNode, source_of, with_info
from swarm_coordinator.ros.request_guard import Keys, RequestGuard, Signer
from swarm_coordinator.ros.topics import TOPICS, certificates
from swarm_coordinator.security.callers import NoCaller, keys_folder
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.local_keys import make_local_keys

if TYPE_CHECKING:  # they load what only sign_encrypt needs
    from swarm_coordinator.ros.secrecy import Secrecy
    from swarm_coordinator.security.request_cipher import Answering, Asking

TOPIC = '/swarm/certificates'
SAY_AGAIN_S = 5.0  # who missed it at discovery has it soon after; chosen, about 150 B/s a robot
ROBOTS_MAX = 1024
# Of a list: the robot has not heard of the newest, or its operator uses two copies of a folder.
HONEST = ('rolled_back', 'conflict')


@dataclass(frozen=True)
class _Entry:
    """What the roster has of a robot."""

    serial: str
    known: Known
    exchange_key: bytes


class Protection:
    """Raises ValueError where this robot has no keys, or wrong ones, and says what to do. `level`
    is 'sign' or 'sign_encrypt'."""

    def __init__(
        self,
        keys_dir: str,
        swarm_id: str,
        robot_id: RobotId,
        level: str = 'sign',
        roles: tuple[Role, ...] = (Role.VOTER,),  # of keys that are made here
        policy_file: str = '',
    ) -> None:
        policy = policy_file_of.load(policy_file)
        folder = keys_folder(keys_dir, swarm_id)
        made = make_local_keys(folder, swarm_id, (robot_id,), roles)
        self._keyring = Keyring.load(made[robot_id], swarm_id, robot_id, CLOCK_OFF_S)
        self._swarm_id, self._robot_id = swarm_id, robot_id
        self._roster: dict[str, _Entry] = {}
        self._levels: dict[str, str] = {}  # of robots that have another one than ours
        self._accounts = Accounts()
        self._nodes: list[GuardedNode] = []
        self.guard = Guard(swarm_id, robot_id, self._keyring, self.known)
        if level == 'sign_encrypt':
            from swarm_coordinator.ros.secrecy import Secrecy

            self.guard.secrecy = Secrecy(
                swarm_id, robot_id, self._keyring.agree, self._exchange_key_of, self.may_read,
                self._came,
            )
        self.requests = RequestGuard(swarm_id, robot_id, self._keyring, policy)
        if self.guard.secrecy is not None:
            self.requests.answering, self.requests.asking = self._concealing(self.guard.secrecy)
        self._operators = CallerKeys(str(folder))
        self.requests.operator = Signer(self._operator)
        self.guard.requests = self.requests
        self._log: Any = logging.getLogger('swarm.protection')

    def _concealing(self, secrecy: Secrecy) -> tuple[Answering, Asking]:
        """With keys of the same start as messages have."""
        from swarm_coordinator.security.request_cipher import Answering, Asking

        answering = Answering(
            self._swarm_id, self._robot_id, secrecy.life, secrecy.exchange, self._keyring,
            time.monotonic_ns(),
        )
        return answering, Asking()

    def _operator(self, robot: str) -> Keys:
        """The keys of this machine's operator, else the robot's own."""
        try:
            return self._operators.of('') or self._keyring
        except NoCaller:
            return self._keyring

    def node(
        self, name: str, namespace: str, addressed: bool, **options: Any
    ) -> GuardedNode:
        made = GuardedNode(
            name, namespace=namespace, guard=self.guard, addressed=addressed, **options
        )
        self._nodes.append(made)
        return made

    def attach(self, node: Node) -> None:
        """Say through this node who we are, and hear who others are."""
        self._log = node.get_logger()
        self._publisher = node.create_publisher(msg.RobotCertificate, TOPIC, certificates())
        node.create_subscription(
            msg.RobotCertificate, TOPIC, with_info(self._on_certificate), certificates()
        )
        cards = TOPICS['/swarm/robots']
        node.create_subscription(cards.kind, cards.name, self._on_card, certificates())
        self._say()
        steady_timer(node, SAY_AGAIN_S, self._again)
        if self.guard.secrecy is not None:
            self.guard.secrecy.attach(node)

    def known(self, robot_id: str) -> Known | None:
        found = self._roster.get(robot_id)
        if found is None or self._keyring.is_revoked(found.serial):
            return None
        return found.known

    def may_read(self, robot_id: str) -> bool | None:
        """What is encrypted; None while its certificate is not known."""
        if robot_id in self.guard.removed:
            return False
        found = self._roster.get(robot_id)
        if found is None:
            return None
        ends_s = found.known.not_after_s + CLOCK_OFF_S
        return not self._keyring.is_revoked(found.serial) and time.time() <= ends_s

    def _exchange_key_of(self, robot_id: str) -> bytes | None:
        found = self._roster.get(robot_id)
        return None if found is None else found.exchange_key

    def _came(self, robot_id: str) -> None:
        for node in self._nodes:
            node.came(robot_id)

    def _again(self) -> None:
        trusted, sign_key = self._keyring.revocations.authorities, self._sign_key
        try:
            self._keyring.reload()
        except (ValueError, OSError) as error:
            self._log.error(
                f'keys: {error}; going on with those of before', throttle_duration_sec=60.0
            )
        self._trust(trusted)
        self._say()
        if self._sign_key != sign_key:
            for node in self._nodes:
                node.say_again()
        for robot_id in sorted(self._levels):
            self._tell_level(robot_id)

    @property
    def _sign_key(self) -> bytes:
        return self._keyring.certificate.sign_key

    def _on_card(self, card: msg.RobotCard) -> None:
        robot_id = card.envelope.sender
        if card.envelope.swarm_id != self._swarm_id:
            return
        if card.security == self.guard.level:
            self._levels.pop(robot_id, None)
        elif robot_id in self._levels or len(self._levels) < ROBOTS_MAX:
            self._levels[robot_id] = card.security
            self._tell_level(robot_id)

    def _tell_level(self, robot_id: str) -> None:
        """Its messages come where we do not listen: counted here, for as long as it is so."""
        text = (
            f'{robot_id} has security: {self._levels[robot_id]}, this robot has '
            f'{self.guard.level}: they do not hear each other. Start all robots with the same one'
        )
        refusals = self._nodes[0].door_refusals
        refusals.add(Reason.LEVEL, Offence(robot_id, '/swarm/robots', '', text))
        self._log.error(text, throttle_duration_sec=60.0)

    def _trust(self, before: tuple[bytes, ...]) -> None:
        """Where another key of the authority counts now, all have to prove themselves anew: they
        say their certificate every few seconds."""
        if self._keyring.revocations.authorities != before:
            self._roster.clear()

    def _say(self) -> None:
        keyring = self._keyring
        refusal = keyring.refusal(time.time())
        if refusal is not None:
            self._log.error(
                f'the other robots will not believe this one: {refusal}',
                throttle_duration_sec=60.0,
            )
        self._roster[self._robot_id] = _entry(keyring.certificate)
        self._publisher.publish(
            msg.RobotCertificate(
                swarm_id=self._swarm_id,
                robot_id=self._robot_id,
                certificate=list(keyring.encoded),
                revocations=list(keyring.encoded_revocations),
            )
        )

    def _on_certificate(self, message: msg.RobotCertificate, info: Any) -> None:
        if message.swarm_id != self._swarm_id or message.robot_id == self._robot_id:
            return
        account = self._accounts.of(source_of(info), time.monotonic_ns())
        if account.muted:
            return
        try:
            self._take(message.robot_id, bytes(message.certificate))
            self._take_revocations(bytes(message.revocations))
        except (ValueError, OSError) as error:
            account.charge()
            self._log.warning(
                f'certificate of {message.robot_id[:64]!r} refused: {error}',
                throttle_duration_sec=10.0,
            )

    def _take(self, robot_id: str, encoded: bytes) -> None:
        found = self._keyring.admit(encoded, time.time())
        if found.robot_id != robot_id:
            raise ValueError(f'it certifies {found.robot_id!r}')
        before = self._roster.get(robot_id)
        if before is None and len(self._roster) >= ROBOTS_MAX:
            raise ValueError(f'already {ROBOTS_MAX} robots are known')
        if before is None or found.not_before >= before.known.not_before_s:
            self._roster[robot_id] = _entry(found)
        if before is None:
            self._came(robot_id)

    def _take_revocations(self, encoded: bytes) -> None:
        if encoded == self._keyring.encoded_revocations:
            return
        trusted = self._keyring.revocations.authorities
        try:
            newer = self._keyring.take_revocations(encoded)
        except OSError as error:
            newer = True
            self._log.error(f'the list of revocations is in force, but cannot be kept: {error}')
        except IdentityRefused as error:
            if error.reason == 'conflict':
                self._log.error(f'keys: {error}', throttle_duration_sec=60.0)
            if error.reason in HONEST:
                return
            raise
        if newer:
            gone = len(self._keyring.revocations.revoked)
            self._log.warning(f'the authority has taken back {gone} certificates')
            self._trust(trusted)
            self._say()


def reader(keys_dir: str, swarm_id: str, name: str) -> Protection:
    """Of somebody who only listens to robots that encrypt: as one of the robots of this machine,
    or with a certificate of that name from the authority."""
    return Protection(keys_dir, swarm_id, RobotId(name), 'sign_encrypt', (Role.OBSERVER,))


def _entry(certificate: Certificate) -> _Entry:
    known = Known(
        certificate.sign_key,
        frozenset(certificate.roles),
        certificate.not_before,
        certificate.not_after,
    )
    return _Entry(certificate.serial, known, certificate.exchange_key)
