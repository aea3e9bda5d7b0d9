# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Input devices (joysticks, keyboards, buttons). Event nodes belong to their input device."""

import re

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_INPUT = re.compile(r'input\d+$')
_KINDS = {
    'ID_INPUT_JOYSTICK': 'input:joystick', 'ID_INPUT_KEYBOARD': 'input:keyboard',
    'ID_INPUT_MOUSE': 'input:mouse', 'ID_INPUT_TOUCHSCREEN': 'input:touchscreen',
}


def recognise(tree: NodeTree) -> list[Finding]:
    """Return the inputN nodes that hardware is behind."""
    nodes = [n for n in tree.of('input') if not n.is_virtual]
    return [_finding(tree, n) for n in nodes if _INPUT.match(n.sys_name)]


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    kinds = tuple(sorted(_KINDS[key] for key in _KINDS if node.property(key) == '1'))
    doors = [n for n in tree.below(node.sysfs_path, 'input') if n.sys_name.startswith('event')]
    port = node.attribute('phys').rpartition('/')[2]
    name = node.attribute('name')
    holder = node.parent_path.removesuffix('/input').rpartition('/')[2]
    return Finding(
        bus=BusKind.INPUT, sysfs_path=node.sysfs_path, name=name or node.sys_name,
        verdict=Verdict.IDENTIFIED if kinds else Verdict.UNKNOWN,
        confidence=0.7 if kinds else 0.0,
        port_id=f'input:{holder}/{port or "input"}', nested_id=port or 'input',
        vendor_id=node.attribute('id/vendor').lower(),
        product_id=node.attribute('id/product').lower(),
        device_path=doors[0].device_path if doors else '',
        capabilities=tuple(Capability(kind) for kind in kinds),
        evidence=(Observation(
            node.source, f'{node.sysfs_path}/name', name,
            f'udev says: {", ".join(kinds)}' if kinds else 'an input of unknown kind'),))
