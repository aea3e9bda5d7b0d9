# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""HID devices that are no input devices: bridges, lights, sensors with their own reports."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_ID_PARTS = 3                # HID_ID=0003:000010C4:0000EA90: bus, vendor, product


def recognise(tree: NodeTree) -> list[Finding]:
    """Return the raw nodes whose HID device has no input device that says more."""
    found = []
    for node in tree.of('hidraw'):
        holder = node.sysfs_path.partition('/hidraw/')[0]
        if not node.is_virtual and not tree.below(holder, 'input'):
            found.append(_finding(tree, node, holder))
    return found


def _finding(tree: NodeTree, node: KernelNode, holder: str) -> Finding:
    device = tree.nearest_above(node, 'hid', '')
    interface = tree.nearest_above(node, 'usb', 'usb_interface')
    name = device.property('HID_NAME') if device else ''
    ids = (device.property('HID_ID') if device else '').lower().split(':')
    vendor, product = (ids[1][-4:], ids[2][-4:]) if len(ids) == _ID_PARTS else ('', '')
    where = f'if{interface.attribute("bInterfaceNumber") or "??"}/' if interface else ''
    # 0003:10C4:EA90.0001: the last number counts plugs since boot.
    kind = holder.rpartition('/')[2].partition('.')[0].lower()
    return Finding(
        bus=BusKind.INPUT, sysfs_path=node.sysfs_path, name=name or f'HID device {kind}',
        verdict=Verdict.UNKNOWN, confidence=0.0, port_id=f'hid:{kind}',
        nested_id=f'{where}hid', vendor_id=vendor, product_id=product,
        driver=device.driver if device else '', device_path=node.device_path,
        capabilities=(Capability('link:hid'),),
        evidence=(Observation(
            node.source, node.sysfs_path, name or kind,
            'a HID device without input events; what its reports mean is not known'),))
