# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""USB devices and their video nodes as what the catalogue knows of them."""

from pathlib import Path

import pytest

from hw_discovery.buses.camera_formats import CameraFormats, text_of
from hw_discovery.buses.v4l2 import FrameSize, V4l2Kind, V4l2Node, VideoFormat, VideoUnreadable
from hw_discovery.catalogue_files import bundled
from hw_discovery.core.device import Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.recognition import recognise
from hw_discovery.core.usb_match import named

CATALOGUE = bundled()
USB = '/devices/pci0000:00/0000:00:14.0/usb1/1-4'
SAID = 'capture;width=160..1920;height=120..1080;rate=5..30;format=MJPG,YUYV'


def camera_nodes(vendor: str, product: str, said: str = SAID) -> list[KernelNode]:
    return [
        KernelNode('usb', USB, driver='usb', properties={'DEVTYPE': 'usb_device'}, attributes={
            'idVendor': vendor, 'idProduct': product, 'product': 'HD Camera', 'busnum': '1',
            'devnum': '4'}),
        KernelNode('usb', f'{USB}/1-4:1.0', driver='uvcvideo', properties={
            'DEVTYPE': 'usb_interface'}, attributes={
                'bInterfaceNumber': '00', 'bInterfaceClass': '0e'}),
        KernelNode('video4linux', f'{USB}/1-4:1.0/video4linux/video0', '/dev/video0',
                   attributes={'index': '0', 'name': 'HD Camera', 'v4l2': said})]


def found(nodes: list[KernelNode], bus: str) -> Finding:
    return next(f for f in named(recognise(nodes), CATALOGUE) if f.bus.value == bus)


def test_a_camera_that_nobody_lists_is_one_by_its_class_with_formats_as_properties() -> None:
    camera = found(camera_nodes('1234', '5678'), 'video')
    assert (camera.kind, camera.catalogue_id) == ('camera', 'cam_uvc_generic')
    (offer,) = camera.capabilities
    limits = {p.name: (p.minimum, p.maximum, p.choices) for p in offer.properties}
    assert limits['width'] == (160.0, 1920.0, ()) and limits['rate'] == (5.0, 30.0, ())
    assert limits['format'][2] == ('MJPG', 'YUYV')
    assert offer.ros_type == 'sensor_msgs/msg/Image'


def test_the_nodes_of_a_depth_camera_are_no_cameras_of_their_own() -> None:
    nodes = camera_nodes('8086', '0b07')
    depth, node = found(nodes, 'usb'), found(nodes, 'video')
    assert depth.kind == 'depth_camera' and node.catalogue_id == ''
    assert [c.name for c in depth.capabilities].count('sensor:camera') == 0


def test_a_node_of_metadata_offers_nothing() -> None:
    node = found(camera_nodes('1234', '5678', 'other'), 'video')
    assert node.capabilities == () and node.verdict is Verdict.IDENTIFIED


@pytest.mark.parametrize('said', ['capture;width=a..b;=;;rate=3', 'capture', 'capture;'])
def test_what_cannot_be_read_is_left_out(said: str) -> None:
    (offer,) = found(camera_nodes('1234', '5678', said), 'video').capabilities
    assert offer.name == 'sensor:camera' and offer.properties == ()


def test_a_node_is_asked_once_and_a_refusal_is_kept_as_such(tmp_path: Path) -> None:
    asked: list[Path] = []

    def query(device: Path) -> V4l2Node:
        asked.append(device)
        raise VideoUnreadable('denied', 'add the user to the group video')

    formats = CameraFormats(query)
    nodes = camera_nodes('1234', '5678')
    for _ in range(2):
        out = formats.add_to(nodes)
    assert len(asked) == 1 and out[2].attribute('v4l2').startswith('denied;add the user')
    assert out[:2] == nodes[:2]


def test_formats_become_one_line() -> None:
    node = V4l2Node(
        driver='uvcvideo', card='HD', bus_info='usb', kind=V4l2Kind.CAPTURE, formats=(
            VideoFormat('MJPG', 'Motion-JPEG', True, (
                FrameSize(640, 480, rates_hz=(15.0, 30.0)),)),
            VideoFormat('YUYV', 'YUYV 4:2:2', False, (FrameSize(1280, 720, rates_hz=(10.0,)),))))
    assert text_of(node) == (
        'capture;width=640..1280;height=480..720;rate=10..30;format=MJPG,YUYV')


def test_a_name_says_its_vendor_once() -> None:
    titles = {entry.id: entry.title for entry in CATALOGUE.entries}
    assert titles['gps_ublox_uart'].startswith('u-blox NEO')
    assert titles['imu_mpu6050'].startswith('InvenSense')
    for title in titles.values():
        first, second, *_ = [*title.lower().split(), '', '']
        assert first != second, title
