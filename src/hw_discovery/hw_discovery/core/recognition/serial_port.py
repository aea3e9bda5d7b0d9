# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serial ports that have hardware behind them. What is wired to one is not known from here."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree
from hw_discovery.core.recognition.usb import CONFIDENCE_SHARED_ID, usb_id
from hw_discovery.core.recognition.usb_shared import SHARED_IDS

_UART_TYPE_NONE = '0'        # PORT_UNKNOWN of linux/serial_core.h: a reserved name, no chip


def recognise(tree: NodeTree) -> list[Finding]:
    """Return the ttys with a parent device; virtual consoles and ptys have none."""
    return [_finding(tree, n) for n in tree.of('tty') if _has_hardware(n)]


def _has_hardware(node: KernelNode) -> bool:
    return not node.is_virtual and node.attribute('type') != _UART_TYPE_NONE


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    device = tree.nearest_above(node, 'usb', 'usb_device')
    interface = tree.nearest_above(node, 'usb', 'usb_interface')
    shared = SHARED_IDS.get(usb_id(device)) if device else None
    return Finding(
        bus=BusKind.SERIAL, sysfs_path=node.sysfs_path, name=_name(node, device),
        verdict=Verdict.AMBIGUOUS if shared else Verdict.UNKNOWN,
        confidence=CONFIDENCE_SHARED_ID if shared else 0.0,
        alternatives=shared.alternatives if shared else (),
        port_id=f'serial:{node.sys_name}', nested_id=_nested_id(node, interface),
        driver=node.driver or (interface.driver if interface else ''),
        attachment=node.attribute('attachment'),
        device_path=node.device_path, capabilities=(Capability('link:serial'),),
        evidence=(Observation(
            node.source, node.sysfs_path, node.device_path or node.sys_name,
            'a serial port; what is connected to it has not been asked'),))


def _name(node: KernelNode, device: KernelNode | None) -> str:
    behind = device.attribute('product') if device else ''
    return f'serial port {node.sys_name}' + (f' of {behind}' if behind else '')


def _nested_id(node: KernelNode, interface: KernelNode | None) -> str:
    if interface is None:
        return ''
    port = node.attribute('port_number')
    suffix = f'.{port}' if port not in ('', '0') else ''
    return f'if{interface.attribute("bInterfaceNumber") or "??"}/serial{suffix}'
