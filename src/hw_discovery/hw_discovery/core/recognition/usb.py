# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB devices by id, strings and interface classes. Does not know ttys or cameras."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree
from hw_discovery.core.recognition.usb_shared import SHARED_IDS

# Confidences here are chosen without data: strings are free text that clones copy, a class code
# is checked by the kernel driver that binds to it, and a shared id names only the bridge.
CONFIDENCE_SHARED_ID = 0.3
CONFIDENCE_ID_AND_CLASS = 0.5
CONFIDENCE_ID_AND_STRINGS = 0.6

# Interface class codes: https://www.usb.org/defined-class-codes
_CLASS_SAYS = {
    '01': ('audio', 'link:audio'), '02': ('communications (CDC)', 'link:serial'),
    '03': ('human interface', 'input:hid'), '07': ('printer', ''),
    '08': ('mass storage', 'storage:usb'), '0a': ('CDC data', ''),
    '0e': ('video', 'sensor:camera'), 'e0': ('wireless controller', ''),
}
# Serial numbers that factories and clones leave in. They tell no two devices apart.
_SERIALS_OF_NOBODY = {'0001', '00000000', '0123456789', '123456', '1234567890', 'none', 'n/a'}


def recognise(tree: NodeTree) -> list[Finding]:
    """Return every USB device but root hubs, which belong to the host."""
    devices = [n for n in tree.of('usb') if n.property('DEVTYPE') == 'usb_device']
    return [_finding(n, interfaces_of(tree, n)) for n in devices if '-' in n.sys_name]


def interfaces_of(tree: NodeTree, device: KernelNode) -> list[KernelNode]:
    """Return the device's own interfaces, not those of devices behind a hub."""
    below = tree.below(device.sysfs_path, 'usb')
    return [n for n in below
            if n.property('DEVTYPE') == 'usb_interface' and n.parent_path == device.sysfs_path]


def usb_id(device: KernelNode) -> str:
    """Return 'vid:pid' in lower-case hex."""
    return f'{device.attribute("idVendor")}:{device.attribute("idProduct")}'.lower()


def is_credible_serial(serial: str) -> bool:
    """Return False for numbers that many devices share or that are no numbers."""
    return (len(serial) >= 4 and serial.lower() not in _SERIALS_OF_NOBODY
            and len(set(serial)) > 1)


def port_path(sysfs_path: str) -> str:
    """Return controller and port chain without the bus number, which changes between boots."""
    head, _, sys_name = sysfs_path.rpartition('/')
    above_root_hub, _, _ = head.partition('/usb')
    controller = above_root_hub.rsplit('/', 1)[-1]
    return f'{controller}-{sys_name.partition("-")[2]}'


def _finding(device: KernelNode, interfaces: list[KernelNode]) -> Finding:
    ids, serial = usb_id(device), device.attribute('serial')
    port_id = f'usb:{ids}@{port_path(device.sysfs_path)}'
    verdict, confidence, alternatives = _judge(device, interfaces)
    vendor, _, product = ids.partition(':')
    return Finding(
        bus=BusKind.USB, sysfs_path=device.sysfs_path, name=_name(device),
        verdict=verdict, confidence=confidence, alternatives=alternatives,
        port_id=port_id, strong_id=f'usb:{ids}:{serial}' if is_credible_serial(serial) else '',
        attachment=f'{device.attribute("busnum")}.{device.attribute("devnum")}',
        vendor_id=vendor, product_id=product, serial=serial,
        driver=' '.join(sorted({n.driver for n in interfaces if n.driver})),
        device_path=device.device_path, capabilities=_capabilities(interfaces),
        evidence=_evidence(device, interfaces))


def _name(device: KernelNode) -> str:
    strings = f'{device.attribute("manufacturer")} {device.attribute("product")}'.strip()
    return strings or f'USB device {usb_id(device)}'


def _judge(
    device: KernelNode, interfaces: list[KernelNode],
) -> tuple[Verdict, float, tuple[str, ...]]:
    shared = SHARED_IDS.get(usb_id(device))
    if shared is not None:
        return Verdict.AMBIGUOUS, CONFIDENCE_SHARED_ID, shared.alternatives
    if device.attribute('product'):
        return Verdict.IDENTIFIED, CONFIDENCE_ID_AND_STRINGS, ()
    if device.attribute('bDeviceClass') == '09' or _capabilities(interfaces):
        return Verdict.IDENTIFIED, CONFIDENCE_ID_AND_CLASS, ()
    return Verdict.UNKNOWN, 0.0, ()


def _capabilities(interfaces: list[KernelNode]) -> tuple[Capability, ...]:
    """Offer only what has no node of its own; ttys, cameras and inputs say it themselves."""
    codes = {n.attribute('bInterfaceClass').lower() for n in interfaces}
    offered = {_CLASS_SAYS[code][1] for code in codes if code in _CLASS_SAYS}
    return tuple(Capability(name) for name in sorted(offered & {'storage:usb', 'link:audio'}))


def _evidence(device: KernelNode, interfaces: list[KernelNode]) -> tuple[Observation, ...]:
    shared = SHARED_IDS.get(usb_id(device))
    says = f'shared by many products: {shared.bridge}' if shared else 'vendor and product'
    seen = [Observation(device.source, f'{device.sysfs_path}/idVendor', usb_id(device), says)]
    for name in ('manufacturer', 'product', 'serial'):
        text = device.attribute(name)
        if text:
            seen.append(Observation(
                device.source, f'{device.sysfs_path}/{name}', text, _says_of(name, text)))
    return tuple(seen + [_interface_observation(n) for n in interfaces])


def _says_of(name: str, text: str) -> str:
    if name != 'serial':
        return f'what the device calls its {name}'
    if is_credible_serial(text):
        return 'which one of its kind it is'
    return 'a number that many devices share; the port is used instead'


def _interface_observation(interface: KernelNode) -> Observation:
    code = interface.attribute('bInterfaceClass').lower()
    what = _CLASS_SAYS[code][0] if code in _CLASS_SAYS else 'vendor or other class'
    driver = f', driven by {interface.driver}' if interface.driver else ', no driver'
    return Observation(
        interface.source, f'{interface.sysfs_path}/bInterfaceClass', code, what + driver)
