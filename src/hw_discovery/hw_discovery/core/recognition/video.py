# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Video nodes. Not every video4linux node is a camera: codecs and metadata have one too."""

from hw_discovery.core.device import BusKind, Capability, Observation, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

CONFIDENCE_BY_CAPABILITIES = 0.9     # udev's v4l_id asked the driver; chosen without data
CONFIDENCE_BY_USB_CLASS = 0.7        # first node of a UVC interface; chosen without data


def recognise(tree: NodeTree) -> list[Finding]:
    """Return every video4linux node that hardware is behind."""
    return [_finding(tree, n) for n in tree.of('video4linux') if not n.is_virtual]


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    interface = tree.nearest_above(node, 'usb', 'usb_interface')
    verdict, confidence, says, alternatives, capabilities = _judge(node, interface)
    where = f'if{interface.attribute("bInterfaceNumber")}/' if interface else ''
    index = node.attribute('index') or '0'
    return Finding(
        bus=BusKind.VIDEO, sysfs_path=node.sysfs_path, device_path=node.device_path,
        name=node.attribute('name') or node.sys_name, verdict=verdict, confidence=confidence,
        alternatives=alternatives, capabilities=capabilities,
        port_id=f'video:{node.parent_path.rpartition("/video4linux")[0].rpartition("/")[2]}'
                f'/{index}',
        nested_id=f'{where}video{index}' if interface else '',
        driver=node.driver or (interface.driver if interface else ''),
        evidence=(Observation(
            node.source, node.sysfs_path,
            node.property('ID_V4L_CAPABILITIES') or f'index {index}', says),))


def _judge(
    node: KernelNode, interface: KernelNode | None,
) -> tuple[Verdict, float, str, tuple[str, ...], tuple[Capability, ...]]:
    asked = node.property('ID_V4L_CAPABILITIES')
    is_uvc = interface is not None and interface.attribute('bInterfaceClass').lower() == '0e'
    camera = (Capability('sensor:camera'),)
    if ':capture:' in asked:
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_CAPABILITIES,
                'its driver says that it captures video', (), camera)
    if asked:
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_CAPABILITIES,
                'its driver says that it does not capture video', (), ())
    if is_uvc and node.attribute('index') == '0':
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_USB_CLASS,
                'first node of a USB video interface', (), camera)
    return (Verdict.AMBIGUOUS, 0.3, 'a video node; its driver has not been asked',
            ('camera', 'metadata of a camera', 'codec', 'image processor'), ())
