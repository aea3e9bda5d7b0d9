# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""SPI chip selects that board code declared. SPI has no presence signal, so none is claimed."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree


def recognise(tree: NodeTree) -> list[Finding]:
    """Return declared chip selects."""
    return [_finding(tree, n) for n in tree.of('spi') if '.' in n.sys_name]


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    doors = tree.below(node.sysfs_path, 'spidev')
    bound = bool(node.driver) and node.driver != 'spidev'
    modalias = node.attribute('modalias') or node.property('MODALIAS')
    chip_select = node.sys_name.partition('.')[2]
    controller = node.sysfs_path.partition('/spi_master/')[0].rpartition('/')[2]
    says = (f'driver {node.driver} accepted it' if bound
            else 'a chip select that board code declares; whether a chip answers is not known')
    return Finding(
        bus=BusKind.SPI, sysfs_path=node.sysfs_path,
        name=f'{modalias.removeprefix("spi:") or "SPI device"} at {node.sys_name}',
        verdict=Verdict.IDENTIFIED if bound else Verdict.UNKNOWN,
        confidence=0.6 if bound else 0.0, driver=node.driver,
        port_id=f'spi:{controller}/cs{chip_select}',
        device_path=doors[0].device_path if doors else '',
        capabilities=(Capability('bus:spi'),) if doors else (),
        evidence=(Observation(node.source, f'{node.sysfs_path}/modalias', modalias, says),))
