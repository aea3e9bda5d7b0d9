# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Cameras on MIPI CSI, sensors that the kernel serves, raw HID devices, neural processors."""

from collections.abc import Callable

import pytest

from hw_discovery.core.device import BusKind, Capability, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.identity import assign_ids
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.recognition import recognise

CSI = '/devices/platform/soc/fe801000.csi'
CAMERA = (Capability('sensor:camera'),)
Nodes = Callable[..., list[KernelNode]]


def video(name: str, sys_name: str, capabilities: str = '') -> KernelNode:
    return KernelNode(
        'video4linux', f'{CSI}/video4linux/{sys_name}', device_path=f'/dev/{sys_name}',
        attributes={'name': name, 'index': '0'},
        properties={'ID_V4L_CAPABILITIES': capabilities} if capabilities else {})


MEDIA = KernelNode('media', f'{CSI}/media0', attributes={'model': 'unicam'})
SENSOR, LENS = video('imx219 10-0010', 'v4l-subdev0'), video('dw9807 10-000c', 'v4l-subdev1')


def by_path(nodes: list[KernelNode]) -> dict[str, Finding]:
    return {f.sysfs_path.rpartition('/')[2]: f for f in recognise(nodes)}


def test_a_csi_camera_is_its_capture_node_and_names_its_sensor() -> None:
    found = by_path([MEDIA, SENSOR, LENS, video('unicam-image', 'video0', ':capture:'),
                     video('unicam-embedded', 'video1', ':')])
    assert found['video0'].capabilities == CAMERA
    assert 'image sensor imx219;' in found['video0'].evidence[0].says
    assert found['video1'].capabilities == ()
    assert found['v4l-subdev0'].verdict is Verdict.IDENTIFIED
    assert 'chip imx219 at 0x10 of i2c-10' in found['v4l-subdev0'].evidence[0].says
    assert found['v4l-subdev0'].capabilities == found['v4l-subdev1'].capabilities == ()


def test_a_receiver_without_sensor_is_no_camera_though_it_captures() -> None:
    found = by_path([MEDIA, LENS, video('bcm2835-isp-capture0', 'video0', ':capture:')])
    assert (found['video0'].verdict, found['video0'].capabilities) == (Verdict.AMBIGUOUS, ())


def test_without_udev_the_nodes_of_a_pipeline_are_not_told_apart() -> None:
    found = by_path([MEDIA, SENSOR, video('unicam-image', 'video0')])
    assert found['video0'].verdict is Verdict.AMBIGUOUS
    assert found['video0'].alternatives == ('camera imx219', 'metadata of a camera')


def test_a_capture_node_without_media_controller_is_believed() -> None:
    found = by_path([video('mmal service 16.1', 'video0', ':capture:')])
    assert found['video0'].capabilities == CAMERA


def iio(name: str, channels: str, at: str = '1-0068', number: int = 0) -> KernelNode:
    return KernelNode(
        'iio', f'/devices/platform/soc/i2c/i2c-1/{at}/iio:device{number}',
        device_path=f'/dev/iio:device{number}', attributes={'name': name, 'channels': channels})


def test_a_sensor_of_the_kernel_offers_what_its_channels_measure() -> None:
    (found,) = recognise([iio('mpu6050', 'in_accel in_anglvel in_temp in_odd')])
    assert found.verdict is Verdict.IDENTIFIED
    assert {c.name for c in found.capabilities} == {
        'linear_acceleration', 'angular_velocity', 'temperature', 'sensor:imu'}
    assert (found.bus, found.port_id) == (BusKind.PLATFORM, 'iio:1-0068/mpu6050')


def test_a_sensor_of_the_kernel_hangs_on_its_chip_and_twins_are_two() -> None:
    client = KernelNode('i2c', '/devices/platform/soc/i2c/i2c-1/1-0068', driver='inv-mpu6050',
                        attributes={'name': 'mpu6050'})
    other = KernelNode('i2c', '/devices/platform/soc/i2c/i2c-1/1-0069', driver='inv-mpu6050',
                       attributes={'name': 'mpu6050'})
    nodes = [client, other, iio('mpu6050', ''), iio('mpu6050', '', '1-0069', 1)]
    ids = {i.device_id: i.parent_id for i in assign_ids(recognise(nodes), {})}
    assert ids['i2c:1-0068/iio/mpu6050'] == 'i2c:1-0068'
    assert ids['i2c:1-0069/iio/mpu6050'] == 'i2c:1-0069'


def test_triggers_are_no_sensors() -> None:
    assert recognise([KernelNode('iio', '/devices/platform/x/trigger0')]) == []


def hid_nodes(with_input: bool) -> list[KernelNode]:
    base = '/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/0003:10C4:EA90.0007'
    nodes = [
        KernelNode('usb', base.rpartition('/')[0], properties={'DEVTYPE': 'usb_interface'},
                   attributes={'bInterfaceNumber': '00', 'bInterfaceClass': '03'}),
        KernelNode('hid', base, driver='cp2112', properties={
            'HID_NAME': 'Silicon Labs CP2112', 'HID_ID': '0003:000010C4:0000EA90'}),
        KernelNode('hidraw', f'{base}/hidraw/hidraw0', device_path='/dev/hidraw0')]
    if with_input:
        nodes.append(KernelNode('input', f'{base}/input/input7'))
    return nodes


def test_a_hid_bridge_is_listed_without_the_number_that_counts_plugs() -> None:
    (found,) = recognise(hid_nodes(False))
    assert (found.name, found.vendor_id, found.product_id) == (
        'Silicon Labs CP2112', '10c4', 'ea90')
    assert (found.port_id, found.nested_id) == ('hid:0003:10c4:ea90', 'if00/hid')
    assert (found.verdict, found.capabilities) == (
        Verdict.UNKNOWN, (Capability('link:hid'),))


def test_a_hid_device_with_input_events_is_listed_once() -> None:
    assert [f.sysfs_path.rpartition('/')[2] for f in recognise(hid_nodes(True))] == ['input7']


def pci(class_: str, ids: str, driver: str = '', accel: bool = False) -> list[KernelNode]:
    vendor, _, device = ids.partition(':')
    path = '/devices/pci0000:00/0000:01:00.0'
    nodes = [KernelNode('pci', path, driver=driver, attributes={
        'class': class_, 'vendor': f'0x{vendor}', 'device': f'0x{device}'})]
    return nodes + ([KernelNode(
        'accel', f'{path}/accel/accel0', device_path='/dev/accel/accel0')] if accel else [])


@pytest.mark.parametrize(('nodes', 'offers'), [
    (pci('0x0b4000', '1e60:2864', 'hailo'), True),
    (pci('0x0b4000', '1e60:2864'), False),
    (pci('0x088000', '1ac1:089a', 'apex'), True),
    (pci('0x118000', '1022:1502', 'amdxdna', accel=True), True),
    (pci('0x120000', '8086:7d1d', 'intel_vpu', accel=True), True),
    (pci('0x120000', '8086:7d1d'), False)])
def test_neural_processors_are_known_by_class_id_or_accel_node_and_usable_with_a_driver(
    nodes: list[KernelNode], offers: bool,
) -> None:
    (found,) = recognise(nodes)
    assert found.bus is BusKind.PCI
    assert bool(found.capabilities == (Capability('compute:npu'),)) is offers


def test_another_co_processor_is_not_taken_for_one() -> None:
    assert recognise(pci('0x0b4000', '8086:0435', 'qat')) == []


def test_a_neural_processor_of_the_chip_is_no_graphics_processor() -> None:
    path = '/devices/platform/fdab0000.npu/drm/renderD129'
    (found,) = recognise([KernelNode('drm', path, device_path='/dev/dri/renderD129')])
    assert found.capabilities == (Capability('compute:npu'),)
