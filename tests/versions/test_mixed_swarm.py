# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cores of different versions in one simulated swarm, and what must not change unnoticed.

That robots which speak another protocol do not hear each other is tested on the network
(tests/system/test_versions.py); here is what happens where one of them is believed all the same.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import types
import typing
from pathlib import Path
from typing import Any

import pytest
from coordinator_cluster import Cluster

from swarm_coordinator.core.ids import RobotId
from swarm_coordinator.core.raft import EntryKind
from swarm_coordinator.core.raft.snapshot import FORMAT
from swarm_coordinator.core.replicated import snapshot
from swarm_coordinator.core.replicated.codec import family_of
from swarm_coordinator.core.replicated.command import CODEC_VERSION, COMMANDS, HEAD
from swarm_coordinator.core.replicated.snapshot import SNAPSHOT_VERSION
from swarm_coordinator.core.replicated.state import Member
from swarm_coordinator.storage.schema import SCHEMA_VERSION

ROOT = Path(__file__).resolve().parent.parent.parent
LATER = b'{"v":%d,"robot":"r1","do":"Teleport","with":{}}' % (CODEC_VERSION + 1)
KNOWN = [
    # codec, snapshot, its file, protocol, schema, form of entries, form of states
    (1, 1, 1, 1, 2, 'e4e72d89fb8c5b05', '94cc99fb138a50e7'),
]


def leader_of(cluster: Cluster) -> RobotId:
    assert cluster.run_ms(20_000, lambda: len(cluster.leaders()) == 1)
    assert cluster.run_ms(20_000, lambda: cluster.replicas_equal())
    return cluster.leaders()[0]


@pytest.mark.parametrize('seed', range(8))
def test_a_leader_of_later_software_is_not_followed_and_nobody_diverges(seed: int) -> None:
    """It has put into its log what the others do not know: they acknowledge none of it, choose
    one of their own, and the swarm goes on. Its entry is cut from its own log, too."""
    cluster = Cluster(seed)
    newer = leader_of(cluster)
    raft = cluster.machines[newer].core.raft  # type: ignore[union-attr]
    raft.propose(EntryKind.COMMAND, LATER, cluster.wall_base_ns + cluster.now_ns)
    index = raft.last_index
    others = [robot for robot in cluster.machines if robot != newer]
    assert cluster.run_ms(
        60_000, lambda: any(one in others for one in cluster.leaders())
    ), f'seed {seed}: they still follow {newer}'
    request = cluster.submit(others[0], 'a', 1, expiry_ms=30_000)
    assert cluster.answered(request)
    assert not cluster.answers[request].unavailable, f'seed {seed}: nothing is committed any more'
    assert cluster.run_ms(30_000, cluster.replicas_equal), f'seed {seed}'
    for machine in cluster.machines.values():
        assert machine.core is not None and machine.halted is None
        assert all(entry.data != LATER for entry in machine.entries if entry.index <= index)
    assert any(
        cluster.machines[one].core.faults for one in others  # type: ignore[union-attr]
    ), 'nobody said why'


def _form(kind: Any, seen: set[Any]) -> str:
    """The fields of a type and of all that it holds, in order."""
    if (origin := typing.get_origin(kind)) is not None:
        name = 'any of' if origin in (typing.Union, types.UnionType) else origin.__name__
        return f'{name}[' + ' '.join(_form(one, seen) for one in typing.get_args(kind)) + ']'
    if kind in seen or not isinstance(kind, type):
        return getattr(kind, '__name__', str(kind))
    seen.add(kind)
    if (family := family_of(kind)) is not None:
        return f'{kind.__name__}: ' + ' '.join(
            f'{name}={_form(one, seen)}' for name, one in sorted(family.items()))
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        fields = (
            f'{one.name}: {_form(hints[one.name], seen)}' for one in dataclasses.fields(kind)
        )
        return f'{kind.__name__}({", ".join(fields)})'
    if issubclass(kind, enum.Enum):
        return f'{kind.__name__}[' + ' '.join(one.name for one in kind) + ']'
    return kind.__name__


def form_of_entries() -> str:
    seen: set[Any] = set()
    words = [*sorted(HEAD), *(_form(kind, seen) for _, kind in sorted(COMMANDS.items()))]
    return hashlib.sha256('\n'.join(words).encode()).hexdigest()[:16]


def form_of_states() -> str:
    seen: set[Any] = set()
    hints = [
        snapshot.MODE_HINT, snapshot.WISH_HINT, snapshot.ROUTE_HINT, snapshot.SESSION_HINT,
        *snapshot.JOB_HINTS.values(), Member,
    ]
    words = [*snapshot.PARTS, *snapshot.OPTIONAL_PARTS, *snapshot.JOB_HINTS]
    words += [_form(hint, seen) for hint in hints]
    return hashlib.sha256('\n'.join(words).encode()).hexdigest()[:16]


def protocol_version() -> int:
    text = (ROOT / 'src/swarm_msgs/msg/Envelope.msg').read_text()
    return int(text.partition('PROTOCOL_VERSION=')[2].split()[0])


def test_what_entries_and_states_are_made_of_does_not_change_without_a_new_version() -> None:
    """Robots that read the same bytes differently must not be of one version. After a change:
    count up CODEC_VERSION or SNAPSHOT_VERSION, with them PROTOCOL_VERSION and SCHEMA_VERSION,
    read what the version before wrote (tests/versions/kept), and add the row."""
    found = (CODEC_VERSION, SNAPSHOT_VERSION, FORMAT, protocol_version(), SCHEMA_VERSION,
             form_of_entries(), form_of_states())
    assert found == KNOWN[-1]
