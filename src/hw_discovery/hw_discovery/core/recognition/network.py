# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Network interfaces with hardware, and CAN. Whether a link is up is not discovery's business."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_ARPHRD_ETHER, _ARPHRD_CAN = '1', '280'          # linux/if_arp.h
_ADDRESS_PERMANENT = '0'                         # NET_ADDR_PERM of linux/netdevice.h
_NO_ADDRESS = ('', '00:00:00:00:00:00')


def recognise(tree: NodeTree) -> list[Finding]:
    """Return hardware interfaces, and CAN ones even if virtual: tests of robots use vcan."""
    return [_finding(tree, n) for n in tree.of('net')
            if not n.is_virtual or n.attribute('type') == _ARPHRD_CAN]


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    is_can = node.attribute('type') == _ARPHRD_CAN
    address = node.attribute('address').lower()
    permanent = (node.attribute('addr_assign_type') == _ADDRESS_PERMANENT
                 and address not in _NO_ADDRESS)
    capability, says = _judge(node)
    capabilities = (Capability(capability),) if capability else ()
    holder = node.parent_path.removesuffix('/net').rpartition('/')[2]
    return Finding(
        bus=BusKind.CAN if is_can else BusKind.NETWORK, sysfs_path=node.sysfs_path,
        name=f'network interface {node.sys_name}', driver=_driver(tree, node),
        verdict=Verdict.IDENTIFIED if capability else Verdict.UNKNOWN,
        confidence=0.9 if capability else 0.0,
        strong_id=f'net:{address}' if permanent else '',
        port_id=f'net:{holder}/{node.sys_name}',
        serial=address if permanent else '',
        capabilities=capabilities + _can_capabilities(node),
        evidence=(Observation(
            node.source, f'{node.sysfs_path}/type', node.attribute('type'), says),))


def _judge(node: KernelNode) -> tuple[str, str]:
    if node.attribute('type') == _ARPHRD_CAN:
        bitrate = node.attribute('can/bitrate')
        return 'link:can', 'a CAN interface' + (f' at {bitrate} bit/s' if bitrate else '')
    if node.property('DEVTYPE') == 'wlan':
        return 'link:wifi', 'its driver registered it as wireless'
    if node.property('DEVTYPE') == 'wwan':
        return 'link:cellular', 'its driver registered it as mobile broadband'
    if node.attribute('type') == _ARPHRD_ETHER:
        return 'link:ethernet', 'it carries Ethernet frames'
    return '', 'an interface of a type that is not known here'


def _can_capabilities(node: KernelNode) -> tuple[Capability, ...]:
    bitrate = node.attribute('can/bitrate')
    rate = (Capability('can:bitrate', float(bitrate), 'bit/s'),) if bitrate.isdecimal() else ()
    return rate + ((Capability('link:can_fd'),) if node.attribute('can/fd') else ())


def _driver(tree: NodeTree, node: KernelNode) -> str:
    interface = tree.nearest_above(node, 'usb', 'usb_interface')
    pci = tree.nearest_above(node, 'pci', '')
    return node.driver or (interface or pci or node).driver
