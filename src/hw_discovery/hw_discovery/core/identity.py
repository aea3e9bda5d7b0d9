# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Gives findings their ids and parents. Sticky: a device that stays put keeps its id.

A serial number beats a port, but clones share serial numbers. Twins that are there together are
told apart by port; a single one that was known by its serial keeps that id when its twin comes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import ancestor_paths


@dataclass(frozen=True)
class Identified:
    """A finding with its id. attachment differs between two attachments of the device."""

    finding: Finding
    device_id: str
    parent_id: str
    attachment: str


def assign_ids(
    findings: Sequence[Finding], held: Mapping[str, str],
) -> tuple[Identified, ...]:
    """Return every finding with a unique id, parents first.

    held: device_id by sysfs_path of the devices that are believed present now.
    """
    ordered = sorted(findings, key=lambda finding: (finding.sysfs_path, finding.port_id))
    strong_counts = Counter(f.strong_id for f in ordered if f.strong_id)
    by_path: dict[str, Identified] = {}
    used: set[str] = set()
    for finding in _holders_first(ordered, held):
        parent = _parent_of(finding, by_path)
        device_id = _unused(_candidate(finding, parent, held, strong_counts), used)
        used.add(device_id)
        by_path[finding.sysfs_path] = Identified(
            finding, device_id, parent.device_id if parent else '', _attachment(finding, parent))
    return tuple(by_path[path] for path in sorted(by_path))


def _holders_first(ordered: list[Finding], held: Mapping[str, str]) -> list[Finding]:
    """Keep parents before children; among equals whoever has an id already goes first."""
    return sorted(ordered, key=lambda f: (
        f.sysfs_path.count('/'), held.get(f.sysfs_path) != f.strong_id,
        f.sysfs_path not in held, f.sysfs_path))


def _parent_of(finding: Finding, by_path: Mapping[str, Identified]) -> Identified | None:
    for path in ancestor_paths(finding.sysfs_path):
        if path in by_path:
            return by_path[path]
    return None


def _candidate(
    finding: Finding, parent: Identified | None, held: Mapping[str, str],
    strong_counts: Counter[str],
) -> str:
    now_held = held.get(finding.sysfs_path, '')
    if finding.state_of and now_held:
        return now_held              # a bootloader is the device that was at this port
    if finding.nested_id and parent is not None:
        nested = f'{parent.device_id}/{finding.nested_id}'
        return now_held if _is_numbered(now_held, nested) else nested
    if now_held and (now_held == finding.strong_id or _is_numbered(now_held, finding.port_id)):
        return now_held
    # Held at another path and seen once means that it moved here.
    is_alone = strong_counts[finding.strong_id] == 1
    return finding.strong_id if finding.strong_id and is_alone else finding.port_id


def _is_numbered(device_id: str, base: str) -> bool:
    return device_id == base or device_id.startswith(f'{base}#')


def _unused(candidate: str, used: set[str]) -> str:
    if candidate not in used:
        return candidate
    number = 2
    while f'{candidate}#{number}' in used:
        number += 1
    return f'{candidate}#{number}'


def _attachment(finding: Finding, parent: Identified | None) -> str:
    above = parent.attachment if parent else ''
    return f'{above}>{finding.sysfs_path}:{finding.attachment}'
