#!/usr/bin/env python3
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Writes what a robot keeps, with the code of the commit that it is run with:

    git worktree add /tmp/old COMMIT
    tests/versions/make.sh /tmp/old tests/versions/kept/COMMIT

What that commit has not is left out. Uses only what all versions have had.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from random_commands import run

from swarm_coordinator.core.emergency import PersistEmergency, Register
from swarm_coordinator.core.raft import (
    Entry,
    EntryKind,
    HardState,
    Membership,
    RobotId,
    Snapshot,
)
from swarm_coordinator.core.replicated.apply import apply_command
from swarm_coordinator.core.replicated.command import encode
from swarm_coordinator.core.replicated.snapshot import encode_state
from swarm_coordinator.core.replicated.state import ReplicatedState

SEED, STEPS, SNAPSHOT_AT = 4, 240, 120
CONTENT = b'a file of a job\n' * 64
MEMBERS = Membership(((RobotId('r1'), 11), (RobotId('r2'), 22), (RobotId('r3'), 33)))


def log(folder: Path) -> None:
    from swarm_coordinator.storage.emergency_latch import save_emergency
    from swarm_coordinator.storage.log_store import LogStore

    _, made = run(SEED, STEPS)
    entries = [
        Entry(index, term, EntryKind.COMMAND, stamp_ns, encode(issued))
        for index, (term, stamp_ns, issued) in enumerate(made, 1)
    ]
    state, halfway = ReplicatedState(), b''
    for entry, (_, _, issued) in zip(entries, made, strict=True):
        apply_command(state, entry.index, entry.term, entry.stamp_ns, issued)
        if entry.index == SNAPSHOT_AT:
            halfway = encode_state(state)
    store = LogStore.open(folder / 'log.sqlite')
    store.next_incarnation()
    store.save(HardState(entries[-1].term, RobotId('r1'), len(entries)), None, entries)
    last = entries[SNAPSHOT_AT - 1]
    store.save_snapshot(Snapshot(last.index, last.term, last.stamp_ns, MEMBERS, halfway), 101)
    store.meta_set('robot_id', 'r1')
    save_emergency(store, PersistEmergency(Register(2, True, RobotId('r2'), 'a person'), False))
    store.close()
    (folder / 'state.json').write_bytes(encode_state(state))


def files(folder: Path) -> None:
    from swarm_coordinator.storage.blob_store import BlobStore

    source = folder / 'source.txt'
    source.write_bytes(CONTENT)
    store = BlobStore(folder, 1 << 24)
    ref = store.add_file(source, source.name)
    store.keep(ref.sha256, True)


def output(folder: Path) -> None:
    from swarm_coordinator.runner.job_logs import JobLogs

    logs = JobLogs(folder / 'logs', 8 << 20, logging.getLogger())
    writers = logs.open('j1', 1)
    writers[0].write(CONTENT)
    logs.ended(writers)


def fence(folder: Path) -> None:
    from swarm_coordinator.fencing import FencedResource

    FencedResource('dock', folder / 'dock.token').present(41)


def learner(folder: Path) -> None:
    from swarm_learning.storage.checkpoint_file import CheckpointFile
    from swarm_learning.storage.memory_store import MemoryStore
    from swarm_learning.storage.mind_files import MindFolder
    from swarm_learning.storage.policy_files import PolicyFiles

    CheckpointFile(folder).save({'number': 7})
    MindFolder(folder).save({'number': 7}, {'table': np.full(40, 7)})
    memory = MemoryStore(folder, quota_bytes=12_000)
    memory.open()
    memory.write({'record': CONTENT}, ())
    memory.close()
    policies = PolicyFiles(folder / 'policies')
    sha256 = policies.add('mode', 1, {'number': 7}, {'table': np.full(20, 7)})
    policies.save_state({'versions': {'1': sha256}})


def hardware(folder: Path) -> None:
    from hw_discovery import memory_file
    from hw_discovery.core.memory import Remembered

    memory_file.write(str(folder / 'memory.json'), {'i2c-1/76': Remembered('bme280', 3)})


def tower(folder: Path) -> None:
    from swarm_tower.web.gate import open_gate

    open_gate(str(folder / 'tokens.json'), lambda: 0.0)


PARTS: tuple[Callable[[Path], None], ...] = (
    log, files, output, fence, learner, hardware, tower,
)


def main(target: Path) -> None:
    made = []
    for part in PARTS:
        folder = target / part.__name__
        folder.mkdir(parents=True)
        try:
            part(folder)
        except (ImportError, AttributeError) as missing:
            print(f'{part.__name__}: not of this version: {missing}', file=sys.stderr)
            continue
        made.append(part.__name__)
    (target / 'parts.json').write_text(json.dumps(made) + '\n')


if __name__ == '__main__':
    main(Path(sys.argv[1]).resolve())
