# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The node of a program that asks robots: a command line, a script, a measurement.

Owns whose keys its requests are signed with (security/callers.py) and when they are loaded: at the
first request, because cryptography takes 0.2 s. Where there are none, requests go unsigned and
the robots' answer says what to do.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rclpy.node import Node

from swarm_coordinator.core.identity.refusal import IdentityRefused
from swarm_coordinator.ros.choosing_client import ChoosingClient, lowest_level
from swarm_coordinator.ros.concealed_service import is_concealed
from swarm_coordinator.ros.heard_levels import HeardLevels
from swarm_coordinator.ros.request_guard import Keys, Signer, signing
from swarm_coordinator.security import callers

if TYPE_CHECKING:
    from swarm_coordinator.security.keyring import Keyring
    from swarm_coordinator.security.request_cipher import Asking

LEVEL = 'SWARM_SECURITY'  # of the environment
RELOAD_S = 60.0  # a certificate that was renewed is taken by then


class CallerKeys:
    """The keys of whoever runs this program, by the robot that is asked.

    keys_dir  folder of identities; default: environment SWARM_KEYS_DIR, else that of the swarm
    name      of the identity; default: environment SWARM_AS, else the only operator
    swarm_of  the swarm of a robot, '' = not known; may wait for it
    Raises NoCaller at the first request where the choice cannot be made.
    """

    def __init__(
        self, keys_dir: str = '', name: str = '', swarm_of: Callable[[str], str] = lambda _: ''
    ) -> None:
        self._folder, self._name = callers.base(keys_dir), callers.name_given(name)
        self._swarm_of = swarm_of
        self._lock = threading.Lock()
        self._found: dict[str, tuple[Keys, float]] = {}  # by robot, and until when
        self._rings: dict[Path, Keyring] = {}

    def of(self, robot: str) -> Keys | None:
        with self._lock:
            found = self._found.get(robot)
            if found is not None and time.monotonic() < found[1]:
                return found[0]
            keys = self._look(robot)
            if keys is not None:
                self._found[robot] = (keys, time.monotonic() + RELOAD_S)
            return keys

    def any(self) -> bool:
        """Whether there are keys here, of whichever swarm."""
        folders = [self._folder] if self._folder else [
            callers.keys_folder('', swarm_id) for swarm_id in callers.swarms_here()
        ]
        return any(callers.identities(folder) for folder in folders)

    def _look(self, robot: str) -> Keys | None:
        folder = self._folder or self._of_swarm(robot)
        if folder is None:
            return None
        name = callers.chosen(folder, self._name, robot)
        return self._ring(folder / name) if name else None

    def _of_swarm(self, robot: str) -> Path | None:
        there = callers.swarms_here()
        swarm_id = self._swarm_of(robot) if there else ''
        if not swarm_id and len(there) == 1:
            swarm_id = there[0]  # as good a guess as any
        return callers.keys_folder('', swarm_id) if swarm_id in there else None

    def _ring(self, folder: Path) -> Keyring:
        from swarm_coordinator.security import robot_folder
        from swarm_coordinator.security.keyring import Keyring

        ring = self._rings.get(folder)
        try:
            if ring is None:
                ring = self._rings[folder] = Keyring(folder, robot_folder.load(folder))
            else:
                ring.reload()
        except (IdentityRefused, OSError) as error:
            if ring is None:
                raise callers.NoCaller(f'keys: {error}') from None
        return ring


def signer_of(keys: CallerKeys) -> Signer:
    return Signer(keys.of, keys.any)


class AskingNode(Node):
    """`signer`: of requests; default: with the keys that CallerKeys finds. `security` is the
    lowest level at which it asks; default: environment SWARM_SECURITY, else `sign` for who has
    keys of any swarm, else `off`. Raises ValueError for another word."""

    def __init__(
        self, name: str, *, signer: Signer | None = None, security: str = '', **options: Any
    ) -> None:
        self.signer = signer or signer_of(CallerKeys())
        given = security or os.environ.get(LEVEL, '')
        self.lowest = lowest_level(given, self.signer.has_keys)
        self._levels: HeardLevels | None = None
        self._asking: Asking | None = None
        self._choosing: list[ChoosingClient] = []
        super().__init__(name, **options)

    def create_client(self, srv_type: Any, srv_name: str, **options: Any) -> Any:
        make = super().create_client
        if not is_concealed(srv_type):
            return signing(make(srv_type, srv_name, **options), self, self.signer)
        if self._levels is None and self.lowest != 'off':
            self._levels = HeardLevels(self, self._go_on)
        client = ChoosingClient(self, srv_type, srv_name, make, options, self._levels)
        self._choosing.append(client)
        return client

    def destroy_client(self, client: Any) -> bool:
        if not isinstance(client, ChoosingClient):
            return bool(super().destroy_client(client))
        if client in self._choosing:
            self._choosing.remove(client)
        return all([bool(super(AskingNode, self).destroy_client(one)) for one in client.inner])

    @property
    def asking(self) -> Asking:
        """What it asks robots with that encrypt; loads cryptography."""
        if self._asking is None:
            from swarm_coordinator.security.request_cipher import Asking

            self._asking = Asking()
        return self._asking

    def _go_on(self) -> None:
        for client in tuple(self._choosing):
            client.go_on()
