# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Devices that announce themselves on the network. What a stranger claims identifies nobody."""

from hw_discovery.core.device import BusKind, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

SEEN_CHARACTERS_MAX = 256


def recognise(tree: NodeTree) -> list[Finding]:
    """Return one finding for each announcement."""
    return [_finding(node) for node in tree.of('mdns')]


def _finding(node: KernelNode) -> Finding:
    service = node.attribute('service')
    seen = ' '.join(filter(None, (
        node.attribute('host'), node.attribute('addresses'), f'port {node.attribute("port")}',
        node.attribute('properties'))))
    return Finding(
        bus=BusKind.NETWORK, sysfs_path=node.sysfs_path,
        name=f'{node.sys_name} ({service} on the network)', verdict=Verdict.UNKNOWN,
        confidence=0.0, port_id=f'mdns:{service}/{node.sys_name}',
        evidence=(Observation(node.source, service, seen[:SEEN_CHARACTERS_MAX],
                              'it announces itself; nobody has checked what it is'),))
