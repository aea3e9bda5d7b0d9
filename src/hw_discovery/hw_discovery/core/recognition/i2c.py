# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""I2C adapters and the clients that board code declared. No address is ever touched here."""

import re

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_ADAPTER = re.compile(r'i2c-(\d+)$')
_CLIENT = re.compile(r'\d+-([0-9a-f]{4})$')
CONFIDENCE_BOUND = 0.7               # most drivers check an id before they bind, not all do


def recognise(tree: NodeTree) -> list[Finding]:
    """Return adapters and declared clients."""
    nodes = [n for n in tree.of('i2c') if not n.is_virtual]
    adapters = [_adapter(tree, n) for n in nodes if _ADAPTER.match(n.sys_name)]
    return adapters + [_client(n) for n in nodes if _CLIENT.match(n.sys_name)]


def _adapter(tree: NodeTree, node: KernelNode) -> Finding:
    doors = tree.below(node.sysfs_path, 'i2c-dev')
    own = [door for door in doors if door.sys_name == node.sys_name]
    name = node.attribute('name')
    says = 'a bus that programs can open' if own else 'a bus without /dev node (i2c-dev missing)'
    return Finding(
        bus=BusKind.I2C, sysfs_path=node.sysfs_path, name=f'I2C adapter {name or node.sys_name}',
        verdict=Verdict.IDENTIFIED, confidence=0.9,
        port_id=f'i2c:{node.parent_path.rpartition("/")[2]}',
        device_path=own[0].device_path if own else '',
        capabilities=(Capability('bus:i2c'),) if own else (),
        evidence=(Observation(node.source, f'{node.sysfs_path}/name', name, says),))


def _client(node: KernelNode) -> Finding:
    matched = _CLIENT.match(node.sys_name)
    address = f'0x{int(matched.group(1), 16):02x}' if matched else node.sys_name
    name = node.attribute('name')
    if node.driver:
        verdict, confidence, says = (
            Verdict.IDENTIFIED, CONFIDENCE_BOUND, f'driver {node.driver} accepted it')
    else:
        verdict, confidence, says = (
            Verdict.UNKNOWN, 0.2, 'board code declares it; nothing has confirmed it')
    return Finding(
        bus=BusKind.I2C, sysfs_path=node.sysfs_path, name=f'{name or "I2C client"} at {address}',
        verdict=verdict, confidence=confidence, driver=node.driver,
        port_id=f'i2c:{node.sys_name}', nested_id=address,
        evidence=(Observation(node.source, f'{node.sysfs_path}/name', name, says),))
