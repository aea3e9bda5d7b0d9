# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Relatives of a node are found by path."""

from hw_discovery.core.kernel_node import KernelNode, NodeTree, ancestor_paths


def test_ancestors_end_below_devices() -> None:
    assert list(ancestor_paths('/devices/a/b/c')) == ['/devices/a/b', '/devices/a']


def test_relatives_are_found_by_subsystem_and_type() -> None:
    device = KernelNode('usb', '/devices/a', properties={'DEVTYPE': 'usb_device'})
    interface = KernelNode('usb', '/devices/a/i', properties={'DEVTYPE': 'usb_interface'})
    tty = KernelNode('tty', '/devices/a/i/tty/ttyUSB0')
    tree = NodeTree([tty, interface, device])
    assert tree.nearest_above(tty, 'usb', 'usb_device') is device
    assert tree.nearest_above(tty, 'usb', '') is interface
    assert tree.nearest_above(tty, 'pci', '') is None
    assert tree.below('/devices/a', 'tty') == [tty]
    assert tree.below('/devices', 'tty') == []
