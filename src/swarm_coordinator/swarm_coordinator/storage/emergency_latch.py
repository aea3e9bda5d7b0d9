# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The emergency register on disk: a robot that stopped and lost its power must come back stopped.

A small value among the meta values of the log store; what it means is core/emergency.py's.
"""

import json

from swarm_coordinator.core.emergency import Emergency, PersistEmergency, Register
from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.storage.faults import StorageCorrupt
from swarm_coordinator.storage.log_store import LogStore

KEY = 'emergency'


def save_emergency(store: LogStore, effect: PersistEmergency) -> None:
    register = effect.register
    store.meta_set(
        KEY,
        json.dumps(
            {
                'epoch': register.epoch,
                'active': register.active,
                'raised_by': register.raised_by,
                'reason': register.reason,
                'shared': effect.shared,
            }
        ),
    )


def load_emergency(store: LogStore, robot_id: RobotId) -> Emergency:
    """Raises StorageCorrupt if what is stored is no register."""
    text = store.meta_get(KEY)
    if text is None:
        return Emergency(robot_id)
    try:
        value = json.loads(text)
        register = Register(
            int(value['epoch']), bool(value['active']), str(value['raised_by']),
            str(value['reason']),
        )
        return Emergency(robot_id, register, bool(value['shared']))
    except (ValueError, KeyError, TypeError) as error:
        raise StorageCorrupt(store.path, f'meta {KEY!r} is no emergency: {error}') from None
