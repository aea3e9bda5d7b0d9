# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Graphics and neural processors: PCI classes, DRM render nodes, the accel subsystem.

A display controller is not yet a processor: a server's management chip is one too. Only a render
node, an accel node or a vendor's own compute driver makes it one.
"""

import re
from collections.abc import Iterable, Mapping

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.host import ComputeKind, ComputeUnit
from hw_discovery.core.kernel_node import KernelNode, NodeTree

_PCI_DISPLAY = ('0300', '0302', '0380')          # VGA, 3D, other display controller
_PCI_ACCELERATOR = ('1200',)
_DRM_NODE = re.compile(r'(card|renderD)\d+$')
_ACCEL_NODE = re.compile(r'accel\d+$')
_VENDORS = {'1002': 'AMD', '10de': 'NVIDIA', '8086': 'Intel', '1af4': 'virtio', '1a03': 'ASPEED'}
# Neural processors whose PCI class does not say so: https://pci-ids.ucw.cz
_PCI_NPUS = {
    '1e60:2864': 'Hailo-8 neural processor', '1ac1:089a': 'Coral Edge TPU neural processor'}
# The device tree of Rockchip and others names them by their unit: fdab0000.npu.
_CHIP_NPU = re.compile(r'\.npu$|^npu[.@\d]*$|\bvipnano|ethos', re.IGNORECASE)
_COMPUTE_DRIVERS = ('nvidia',)                   # has no render node without its DRM module
_CAPABILITY_KINDS = {'compute:gpu': ComputeKind.GPU, 'compute:npu': ComputeKind.NPU}


def recognise(tree: NodeTree) -> list[Finding]:
    """Return display controllers and accelerators on PCI, and those of the chip itself."""
    found = [_finding(tree, n) for n in tree.of('pci') if _is_processor(tree, n)]
    known = {finding.sysfs_path for finding in found}
    return found + _of_the_chip(tree, known)


def units(
    findings: Iterable[Finding], tree: NodeTree, device_ids: Mapping[str, str],
) -> tuple[ComputeUnit, ...]:
    """Return the processors among the listed devices; memory only where the driver states it.

    device_ids: ids of the devices that are believed present, by sysfs_path.
    """
    found = []
    for finding in findings:
        for capability in finding.capabilities:
            kind = _CAPABILITY_KINDS.get(capability.name)
            if kind is not None and finding.sysfs_path in device_ids:
                found.append(ComputeUnit(
                    f'{kind.value}:{finding.port_id}', kind, finding.name,
                    memory_bytes=_memory(tree, finding.sysfs_path),
                    device_id=device_ids[finding.sysfs_path]))
    return tuple(sorted(found, key=lambda unit: unit.unit_id))


def _memory(tree: NodeTree, sysfs_path: str) -> int:
    for node in tree.of('pci'):
        text = node.attribute('mem_info_vram_total')
        if node.sysfs_path == sysfs_path and text.isdecimal():
            return int(text)
    return 0


def _pci_class(node: KernelNode) -> str:
    return node.attribute('class').removeprefix('0x')[:4].lower()


def _pci_id(node: KernelNode) -> str:
    vendor, product = node.attribute('vendor'), node.attribute('device')
    return f'{vendor.removeprefix("0x")}:{product.removeprefix("0x")}'.lower()


def _is_processor(tree: NodeTree, node: KernelNode) -> bool:
    """Tell by class, by id, or by a node of the accel subsystem right below."""
    return (_pci_class(node) in _PCI_DISPLAY + _PCI_ACCELERATOR or _pci_id(node) in _PCI_NPUS
            or any(n.sysfs_path.startswith(f'{node.sysfs_path}/accel/')
                   for n in tree.below(node.sysfs_path, 'accel')))


def _doors(tree: NodeTree, path: str) -> list[KernelNode]:
    drm = [n for n in tree.below(path, 'drm') if _DRM_NODE.match(n.sys_name)]
    return drm + [n for n in tree.below(path, 'accel') if _ACCEL_NODE.match(n.sys_name)]


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    vendor, _, product = _pci_id(node).partition(':')
    known = _PCI_NPUS.get(_pci_id(node), '')
    doors = _doors(tree, node.sysfs_path)
    what = 'display controller' if _pci_class(node) in _PCI_DISPLAY else 'accelerator'
    seen = Observation(
        node.source, f'{node.sysfs_path}/class', node.attribute('class'),
        f'{known} by its PCI id' if known else f'a PCI {what}')
    return _judged(
        node, doors, what, bus=BusKind.PCI, driver=node.driver, seen=seen, vendor=vendor,
        product=product,
        name=known or f'{_VENDORS.get(vendor, vendor)} {what} {vendor}:{product}',
        is_driven=bool(known and node.driver),
        port_id=f'pci:{vendor}:{product}@{node.sys_name}', path=node.sysfs_path)


def _of_the_chip(tree: NodeTree, known: set[str]) -> list[Finding]:
    """Return DRM and accel nodes that no PCI device above them explains."""
    holders: dict[str, KernelNode] = {}
    for node in tree.of('drm') + tree.of('accel'):
        holder = re.sub(r'/(drm|accel)/[^/]+$', '', node.sysfs_path)
        is_node = _DRM_NODE.match(node.sys_name) or _ACCEL_NODE.match(node.sys_name)
        if is_node and not node.is_virtual and not any(
                holder == path or holder.startswith(f'{path}/') for path in known):
            holders.setdefault(holder, node)
    return [_chip_finding(tree, holder, node) for holder, node in sorted(holders.items())]


def _chip_finding(tree: NodeTree, holder: str, node: KernelNode) -> Finding:
    name = holder.rpartition('/')[2]
    seen = Observation(node.source, node.sysfs_path, node.sys_name, f'a {node.subsystem} node')
    return _judged(
        node, _doors(tree, holder),
        'accelerator' if _CHIP_NPU.search(name) else 'display controller',
        bus=BusKind.PLATFORM, driver='', seen=seen, vendor='', product='',
        name=f'{node.subsystem} device {name}',
        port_id=f'platform:{name}', path=holder)


def _judged(
    node: KernelNode, doors: list[KernelNode], what: str, *, bus: BusKind, driver: str,
    seen: Observation, vendor: str, product: str, name: str, port_id: str, path: str,
    is_driven: bool = False,
) -> Finding:
    usable = [d for d in doors if not d.sys_name.startswith('card')]
    accel = [d for d in usable if d.subsystem == 'accel']
    is_compute = bool(usable) or driver in _COMPUTE_DRIVERS or is_driven
    capability = 'compute:npu' if accel or what == 'accelerator' else 'compute:gpu'
    shown = (accel or usable or doors)[:1]
    evidence = (seen,) + tuple(Observation(
        d.source, d.sysfs_path, d.device_path or d.sys_name, _says_of(d)) for d in doors)
    return Finding(
        bus=bus, sysfs_path=path, name=name, port_id=port_id, vendor_id=vendor,
        product_id=product, driver=driver, device_path=shown[0].device_path if shown else '',
        verdict=Verdict.IDENTIFIED if is_compute else Verdict.AMBIGUOUS,
        confidence=0.8 if is_compute else 0.3,
        alternatives=() if is_compute else (f'{what} without usable driver', 'display only'),
        capabilities=(Capability(capability),) if is_compute else (), evidence=evidence)


def _says_of(door: KernelNode) -> str:
    if door.subsystem == 'accel':
        return 'programs can send it work through the accel subsystem'
    if door.sys_name.startswith('renderD'):
        return 'programs can render or compute on it'
    return 'it drives a display'
