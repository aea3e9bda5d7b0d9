# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Video nodes. Not every video4linux node is a camera: codecs and metadata have one too.

A camera on MIPI CSI is a pipeline: a receiver with capture nodes, and a sensor on I2C that shows
as a sub-device 'imx219 10-0010' of the same receiver.
"""

import re

from hw_discovery.core.device import BusKind, Capability, Observation, Property, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode, NodeTree

CONFIDENCE_BY_CAPABILITIES = 0.9     # udev's v4l_id asked the driver; chosen without data
CONFIDENCE_BY_USB_CLASS = 0.7        # first node of a UVC interface; chosen without data
CONFIDENCE_SUBDEVICE = 0.7           # its driver registered it; chosen without data
_SUBDEVICE = re.compile(r'v4l-subdev\d+$')
_CHIP = re.compile(r'(\S+) (\d+)-([0-9a-f]{4})$')
# Chips on I2C beside sensors: drivers/media/i2c of Linux, files for lenses, flashes and bridges.
_NO_SENSOR = re.compile(
    r'(dw97|dw98|ad5398|ad5820|ak73|lc898|vcm|adp1653|as3645|lm3560|lm3646|tc3587|tc3588|adv7|'
    r'max92|max96|ds90ub)')


def recognise(tree: NodeTree) -> list[Finding]:
    """Return every video4linux node that hardware is behind."""
    nodes = [n for n in tree.of('video4linux') if not n.is_virtual]
    return [_subdevice(n) if _SUBDEVICE.match(n.sys_name) else _finding(tree, n) for n in nodes]


def _subdevice(node: KernelNode) -> Finding:
    """Return a part of a pipeline. It offers nothing: the capture node gives the images."""
    name = node.attribute('name')
    chip = _CHIP.match(name)
    holder = _holder(node)
    says = f'a part of the pipeline of {holder.rpartition("/")[2]}'
    if chip:
        says += f': chip {chip.group(1)} at 0x{int(chip.group(3), 16):02x} of i2c-{chip.group(2)}'
    return Finding(
        bus=BusKind.VIDEO, sysfs_path=node.sysfs_path, device_path=node.device_path,
        name=name or node.sys_name, driver=node.driver,
        verdict=Verdict.IDENTIFIED if chip else Verdict.UNKNOWN,
        confidence=CONFIDENCE_SUBDEVICE if chip else 0.0,
        port_id=f'video:{holder.rpartition("/")[2]}/{name or node.sys_name}',
        evidence=(Observation(node.source, f'{node.sysfs_path}/name', name, says),))


def _holder(node: KernelNode) -> str:
    return node.parent_path.rpartition('/video4linux')[0]


def _sensors(tree: NodeTree, node: KernelNode) -> list[str]:
    """Return the chips that can be image sensors in the pipeline of a capture node."""
    beside = tree.below(_holder(node), 'video4linux')
    chips = [_CHIP.match(n.attribute('name')) for n in beside if _SUBDEVICE.match(n.sys_name)]
    return [c.group(1) for c in chips if c and not _NO_SENSOR.match(c.group(1))]


def _has_media_controller(tree: NodeTree, node: KernelNode) -> bool:
    return any(n.parent_path == _holder(node) for n in tree.below(_holder(node), 'media'))


def _finding(tree: NodeTree, node: KernelNode) -> Finding:
    interface = tree.nearest_above(node, 'usb', 'usb_interface')
    verdict, confidence, says, alternatives, capabilities = _judge(tree, node, interface)
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
    tree: NodeTree, node: KernelNode, interface: KernelNode | None,
) -> tuple[Verdict, float, str, tuple[str, ...], tuple[Capability, ...]]:
    asked = node.property('ID_V4L_CAPABILITIES')
    is_uvc = interface is not None and interface.attribute('bInterfaceClass').lower() == '0e'
    camera = (Capability('sensor:camera'),)
    if interface is None and _has_media_controller(tree, node) and (
            not asked or ':capture:' in asked):
        return _judge_pipeline(_sensors(tree, node), bool(asked))
    said = node.attribute('v4l2')
    if said.startswith('capture'):
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_CAPABILITIES,
                f'its driver says that it captures video: {said}', (), (camera_of(said),))
    if said.startswith('other'):
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_CAPABILITIES,
                'its driver says that it does not capture video', (), ())
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


def _judge_pipeline(
    sensors: list[str], captures: bool,
) -> tuple[Verdict, float, str, tuple[str, ...], tuple[Capability, ...]]:
    if sensors and captures:
        return (Verdict.IDENTIFIED, CONFIDENCE_BY_CAPABILITIES,
                f'it captures from the image sensor {" or ".join(sensors)}; the pipeline must be '
                'set up first', (), (Capability('sensor:camera'),))
    if sensors:
        return (Verdict.AMBIGUOUS, 0.5,
                f'a node of the pipeline of the image sensor {" or ".join(sensors)}',
                (f'camera {" or ".join(sensors)}', 'metadata of a camera'), ())
    return (Verdict.AMBIGUOUS, 0.3, 'a node of a pipeline without an image sensor',
            ('camera whose sensor has not been found', 'image processor', 'codec'), ())


def camera_of(said: str) -> Capability:
    """Return the camera that a line of the attribute 'v4l2' describes; see buses/camera_formats.

    What cannot be read is left out.
    """
    units = {'width': 'px', 'height': 'px', 'rate': 'Hz'}
    found = []
    for part in said.split(';')[1:]:
        name, _, value = part.partition('=')
        low, dots, high = value.partition('..')
        if name == 'format':
            found.append(Property(name, choices=tuple(value.split(','))))
        elif name in units and dots and _is_number(low) and _is_number(high):
            found.append(Property(name, float(low), float(high), units[name]))
    return Capability(
        'sensor:camera', ros_type='sensor_msgs/msg/Image', properties=tuple(found))


def _is_number(text: str) -> bool:
    return text.replace('.', '', 1).isdigit()
