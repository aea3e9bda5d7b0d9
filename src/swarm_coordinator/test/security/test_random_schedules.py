# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Random orders of everything that operators and robots do, beside a model in sets.

The promise: a robot admits another one if and only if a key that it trusts has signed a
certificate which the list that it knows does not name. Lists go from robot to robot in any order.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from identity_samples import NOW

from swarm_coordinator.core.identity import IdentityRefused, Role, SignedRevocations
from swarm_coordinator.core.identity.canonical import key_id
from swarm_coordinator.security import robot_folder
from swarm_coordinator.security.authority import Authority
from swarm_coordinator.security.keyring import Keyring
from swarm_coordinator.security.local_keys import enrol
from swarm_coordinator.storage.files import Files

NAMES = ('r1', 'r2', 'r3')
ROBOTS = st.sampled_from(NAMES)


class Swarm(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix='keys-'))
        self.quick = mock.patch.object(Files, 'sync', lambda *_: None)
        self.quick.start()
        self.now = NOW
        self.authority = Authority.create(self.folder / 'authority', 'swarm', NOW)
        self.robots: dict[str, Keyring] = {}
        for name in NAMES:
            enrol(self.authority, self.folder / name, name, [Role.VOTER], NOW, 365)
            self.robots[name] = Keyring.load(self.folder / name, 'swarm', name)
        self.lists = {self.robots['r1'].encoded_revocations}

    def teardown(self) -> None:
        self.quick.stop()
        shutil.rmtree(self.folder)

    def listed(self) -> None:
        self.lists.add(self.authority.papers().revocations.encode())

    @rule(name=ROBOTS)
    def revoke(self, name: str) -> None:
        try:
            self.authority.revoke(name, self.now, 'lost')
        except IdentityRefused as error:
            assert error.reason == 'missing'
        self.listed()

    @rule(name=ROBOTS, new_keys=st.booleans(), deliver_list=st.booleans())
    def enrol_again(self, name: str, new_keys: bool, deliver_list: bool) -> None:
        """Request, issue, install, reload; refused where it has to be."""
        self.now += 1
        robot = self.robots[name]
        request = robot_folder.request(robot.folder, 'swarm', name, new_keys)
        held = self.authority.register
        revoked_keys = {
            signed.certificate.sign_key
            for signed in held.issued
            if signed.certificate.serial in held.revoked
        }
        try:
            signed = self.authority.issue(request, [Role.VOTER], self.now, 365, new_keys)
        except IdentityRefused as error:
            assert error.reason == 'revoked', error
            assert not new_keys and request.sign_key in revoked_keys
            return
        papers = self.authority.papers(signed)
        if not deliver_list:
            try:
                robot_folder.install(robot.folder, papers, self.now)
            except IdentityRefused as error:
                assert error.reason == 'unknown_authority', error
                return
        elif not self.follows(robot, papers.revocations.encode()):
            return
        else:
            robot_folder.install(robot.folder, papers, self.now)
        robot.reload()
        assert robot.encoded == signed.encode()
        assert robot.refusal(self.now) is None

    def follows(self, robot: Keyring, encoded: bytes) -> bool:
        try:
            robot.take_revocations(encoded)
        except IdentityRefused as error:
            assert error.reason == 'unknown_authority'
            return False
        return True

    @precondition(lambda self: len(self.authority.register.authorities) < 4)
    @rule()
    def rotate(self) -> None:
        self.authority.rotate(self.now)
        self.listed()

    @precondition(lambda self: len(self.authority.register.authorities) > 1)
    @rule()
    def retire(self) -> None:
        oldest = self.authority.register.authorities[0]
        self.authority.retire(key_id(oldest), self.now, force=True)
        self.listed()

    @rule(name=ROBOTS, which=st.randoms(use_true_random=False))
    def hear_a_list(self, name: str, which) -> None:  # type: ignore[no-untyped-def]
        """Any list that ever was, also an old one."""
        robot = self.robots[name]
        encoded = which.choice(sorted(self.lists))
        before, heard = robot.revocations, SignedRevocations.decode(encoded)
        signers = {name for name, _ in heard.signatures}
        trusted = set(map(key_id, before.authorities))
        number = heard.revocations.number
        try:
            is_new = robot.take_revocations(encoded)
        except IdentityRefused as error:
            wanted = 'rolled_back' if number < before.number else 'unknown_authority'
            assert error.reason == wanted
            assert number < before.number or not signers & trusted
            assert robot.revocations == before
        else:
            assert is_new == (number > before.number)
            assert robot.revocations.number == number

    @rule(name=ROBOTS)
    def restart(self, name: str) -> None:
        robot = self.robots[name]
        try:
            self.robots[name] = Keyring.load(robot.folder, 'swarm', name)
        except IdentityRefused as error:
            assert error.reason == 'unknown_authority'
            refusal = robot.refusal(self.now)
            assert refusal is not None and refusal.reason == 'unknown_authority'
            return
        assert self.robots[name].revocations == robot.revocations
        assert self.robots[name].encoded == robot.encoded

    @invariant()
    def each_admits_whom_it_has_to(self) -> None:
        for robot in self.robots.values():
            known = robot.revocations
            trusted = set(map(key_id, known.authorities))
            for other in self.robots.values():
                authority = other.encoded.partition(b'\n')[2][:32].decode()
                wanted = authority in trusted and other.certificate.serial not in known.revoked
                try:
                    robot.admit(other.encoded, self.now)
                except IdentityRefused:
                    assert not wanted
                else:
                    assert wanted

    @invariant()
    def no_robot_is_ahead_of_the_authority(self) -> None:
        newest = self.authority.register.number
        assert all(robot.revocations.number <= newest for robot in self.robots.values())


TestSwarm = Swarm.TestCase
TestSwarm.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
