# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What nodes of the kernel are taken for, and what is not claimed about them."""

from collections.abc import Callable

import pytest

from hw_discovery.core.device import BusKind, Capability, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.host import ComputeKind, HostFacts
from hw_discovery.core.kernel_node import KernelNode, NodeTree
from hw_discovery.core.recognition import compute, platform, recognise
from hw_discovery.core.recognition.usb import is_credible_serial, port_path

Nodes = Callable[..., list[KernelNode]]


def only(findings: list[Finding], bus: BusKind) -> Finding:
    found = [f for f in findings if f.bus is bus]
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize('ids', [
    ('10c4', 'ea60'), ('1a86', '7523'), ('0403', '6001'), ('0483', '5740'), ('10C4', 'EA60')])
def test_a_shared_usb_id_is_ambiguous_and_names_the_alternatives(
    make_usb_nodes: Nodes, ids: tuple[str, str],
) -> None:
    device = only(recognise(make_usb_nodes(ids=ids, tty='')), BusKind.USB)
    assert device.verdict is Verdict.AMBIGUOUS
    assert len(device.alternatives) >= 3
    assert device.confidence < 0.5
    assert 'shared by many products' in device.evidence[0].says


def test_a_port_behind_a_shared_id_inherits_the_doubt(make_usb_nodes: Nodes) -> None:
    port = only(recognise(make_usb_nodes()), BusKind.SERIAL)
    assert port.verdict is Verdict.AMBIGUOUS
    assert port.capabilities == (Capability('link:serial'),)
    assert port.device_path == '/dev/ttyUSB0'
    assert port.driver == 'some_driver'


def test_an_id_with_strings_gives_moderate_confidence_only(make_usb_nodes: Nodes) -> None:
    device = only(recognise(make_usb_nodes(ids=('32e4', '9230'), tty='')), BusKind.USB)
    assert device.verdict is Verdict.IDENTIFIED
    assert 0.4 <= device.confidence <= 0.7


def test_a_bare_id_without_strings_or_class_stays_unknown(make_usb_nodes: Nodes) -> None:
    device = only(
        recognise(make_usb_nodes(ids=('32e4', '9230'), product='', tty='')), BusKind.USB)
    assert device.verdict is Verdict.UNKNOWN
    assert device.confidence == 0.0


def test_root_hubs_belong_to_the_host_and_are_not_listed() -> None:
    hub = KernelNode('usb', '/devices/pci0000:00/0000:00:14.0/usb1',
                     properties={'DEVTYPE': 'usb_device'}, attributes={'idVendor': '1d6b'})
    assert recognise([hub]) == []


@pytest.mark.parametrize('serial', ['', '0001', '0', '00000000', 'AAAAAA', '0123456789', 'N/A'])
def test_serial_numbers_of_nobody_are_not_credible(serial: str) -> None:
    assert not is_credible_serial(serial)


def test_the_port_path_does_not_contain_the_bus_number() -> None:
    one, other = ('/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2.3',
                  '/devices/pci0000:00/0000:00:14.0/usb3/3-2/3-2.3')
    assert port_path(one) == port_path(other) == '0000:00:14.0-2.3'


@pytest.mark.parametrize(('path', 'attributes'), [
    ('/devices/virtual/tty/tty1', {}), ('/devices/virtual/tty/ptmx', {}),
    ('/devices/platform/serial8250/tty/ttyS3', {'type': '0'})])
def test_ttys_without_hardware_are_not_listed(path: str, attributes: dict[str, str]) -> None:
    assert recognise([KernelNode('tty', path, attributes=attributes)]) == []


def test_a_chip_uart_is_listed_but_what_is_wired_to_it_is_unknown() -> None:
    port = only(recognise([KernelNode(
        'tty', '/devices/platform/fe201000.serial/tty/ttyAMA0', device_path='/dev/ttyAMA0',
        attributes={'type': '32'})]), BusKind.SERIAL)
    assert (port.verdict, port.port_id) == (Verdict.UNKNOWN, 'serial:ttyAMA0')


def video(index: str, interface_class: str, capabilities: str) -> Finding:
    base = '/devices/pci0000:00/0000:00:14.0/usb1/1-4'
    nodes = [
        KernelNode('usb', f'{base}/1-4:1.0', properties={'DEVTYPE': 'usb_interface'},
                   attributes={'bInterfaceNumber': '00', 'bInterfaceClass': interface_class}),
        KernelNode('video4linux', f'{base}/1-4:1.0/video4linux/video0',
                   properties={'ID_V4L_CAPABILITIES': capabilities} if capabilities else {},
                   attributes={'index': index, 'name': 'Cam'})]
    return only(recognise(nodes), BusKind.VIDEO)


@pytest.mark.parametrize(('index', 'interface_class', 'capabilities', 'is_camera'), [
    ('0', '0e', '', True), ('1', '0e', '', False), ('0', 'ff', '', False),
    ('1', 'ff', ':capture:', True), ('0', '0e', ':', False)])
def test_a_video_node_is_a_camera_only_by_its_driver_or_its_usb_class(
    index: str, interface_class: str, capabilities: str, is_camera: bool,
) -> None:
    found = video(index, interface_class, capabilities)
    assert (Capability('sensor:camera') in found.capabilities) is is_camera
    assert (found.verdict is Verdict.AMBIGUOUS) is (not is_camera and not capabilities)


def test_i2c_clients_are_unknown_until_a_driver_accepted_them() -> None:
    base = '/devices/platform/soc/fe804000.i2c/i2c-1'
    nodes = [
        KernelNode('i2c', base, attributes={'name': 'bcm2835 (i2c@7e804000)'}),
        KernelNode('i2c-dev', f'{base}/i2c-dev/i2c-1', device_path='/dev/i2c-1'),
        KernelNode('i2c', f'{base}/1-0068', attributes={'name': 'mpu6050'}, driver='inv-mpu'),
        KernelNode('i2c', f'{base}/1-0076', attributes={'name': 'bmp280'})]
    adapter, bound, declared = recognise(nodes)
    assert (adapter.device_path, adapter.port_id) == ('/dev/i2c-1', 'i2c:fe804000.i2c')
    assert (bound.verdict, bound.nested_id) == (Verdict.IDENTIFIED, '0x68')
    assert (declared.verdict, declared.nested_id) == (Verdict.UNKNOWN, '0x76')


def test_a_spidev_chip_select_claims_no_chip() -> None:
    base = '/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.1'
    found = only(recognise([
        KernelNode('spi', base, driver='spidev', attributes={'modalias': 'spi:spidev'}),
        KernelNode('spidev', f'{base}/spidev/spidev0.1', device_path='/dev/spidev0.1'),
    ]), BusKind.SPI)
    assert found.verdict is Verdict.UNKNOWN
    assert (found.device_path, found.port_id) == ('/dev/spidev0.1', 'spi:fe204000.spi/cs1')


def test_input_devices_say_their_kind_only_if_udev_did() -> None:
    path = '/devices/platform/gpio-keys/input/input3'
    silent = only(recognise([KernelNode('input', path)]), BusKind.INPUT)
    told = only(recognise([
        KernelNode('input', path, properties={'ID_INPUT_JOYSTICK': '1'}),
        KernelNode('input', f'{path}/event2', device_path='/dev/input/event2'),
    ]), BusKind.INPUT)
    assert (silent.verdict, silent.capabilities) == (Verdict.UNKNOWN, ())
    assert told.capabilities == (Capability('input:joystick'),)
    assert told.device_path == '/dev/input/event2'


@pytest.mark.parametrize(('type_', 'devtype', 'capability'), [
    ('1', '', 'link:ethernet'), ('1', 'wlan', 'link:wifi'), ('280', '', 'link:can'),
    ('65534', '', '')])
def test_network_interfaces_are_told_apart_by_what_their_driver_registered(
    type_: str, devtype: str, capability: str,
) -> None:
    found = recognise([KernelNode(
        'net', '/devices/platform/fd580000.ethernet/net/eth0', properties={'DEVTYPE': devtype},
        attributes={'type': type_, 'address': 'aa:bb:cc:00:11:22', 'addr_assign_type': '0'})])[0]
    assert found.capabilities == ((Capability(capability),) if capability else ())
    assert found.strong_id == 'net:aa:bb:cc:00:11:22'


def test_a_random_address_is_no_identity() -> None:
    found = recognise([KernelNode('net', '/devices/platform/usb/net/usb0', attributes={
        'type': '1', 'address': 'aa:bb:cc:00:11:22', 'addr_assign_type': '1'})])[0]
    assert found.strong_id == ''


def test_virtual_interfaces_are_left_out_but_for_can() -> None:
    nodes = [KernelNode('net', '/devices/virtual/net/lo', attributes={'type': '772'}),
             KernelNode('net', '/devices/virtual/net/vcan0', attributes={'type': '280'})]
    assert [f.bus for f in recognise(nodes)] == [BusKind.CAN]


PCI = '/devices/pci0000:00/0000:01:00.0'


def pci_node(class_: str, **attributes: str) -> KernelNode:
    return KernelNode('pci', PCI, attributes={
        'class': class_, 'vendor': '0x1002', 'device': '0x73bf', **attributes})


def test_a_display_controller_without_render_node_is_not_taken_for_a_processor() -> None:
    nodes = [pci_node('0x030000'), KernelNode('drm', f'{PCI}/drm/card0')]
    found = only(recognise(nodes), BusKind.PCI)
    assert (found.verdict, found.capabilities) == (Verdict.AMBIGUOUS, ())
    assert compute.units([found], NodeTree(nodes), {PCI: 'gpu'}) == ()


def test_a_render_node_makes_a_compute_unit_with_the_memory_its_driver_states() -> None:
    nodes = [pci_node('0x030000', mem_info_vram_total='17163091968'),
             KernelNode('drm', f'{PCI}/drm/card0'),
             KernelNode('drm', f'{PCI}/drm/card0/card0-HDMI-A-1'),
             KernelNode('drm', f'{PCI}/drm/renderD128', device_path='/dev/dri/renderD128')]
    found = only(recognise(nodes), BusKind.PCI)
    assert (found.verdict, found.device_path) == (Verdict.IDENTIFIED, '/dev/dri/renderD128')
    unit, = compute.units([found], NodeTree(nodes), {PCI: 'the gpu'})
    assert (unit.kind, unit.memory_bytes) == (ComputeKind.GPU, 17163091968)
    assert unit.device_id == 'the gpu'


def test_an_accel_node_makes_an_npu() -> None:
    nodes = [pci_node('0x120000'),
             KernelNode('accel', f'{PCI}/accel/accel0', device_path='/dev/accel/accel0')]
    unit, = compute.units(recognise(nodes), NodeTree(nodes), {PCI: 'npu'})
    assert unit.kind is ComputeKind.NPU


def test_a_gpu_of_the_chip_is_found_without_pci() -> None:
    nodes = [KernelNode('drm', '/devices/platform/v3d/drm/card0'),
             KernelNode('drm', '/devices/platform/v3d/drm/renderD128')]
    found = only(recognise(nodes), BusKind.PLATFORM)
    assert (found.port_id, found.capabilities) == ('platform:v3d', (Capability('compute:gpu'),))


def test_host_facts_that_are_unknown_establish_nothing() -> None:
    assert platform.recognise(HostFacts()) == []


def test_cores_and_memory_are_offered_with_their_amounts_and_units() -> None:
    found = platform.recognise(HostFacts(cpu_cores=4, memory_bytes=8 << 30))
    assert [f.capabilities for f in found] == [
        (Capability('compute:cpu', 4.0, 'count'),),
        (Capability('memory:ram', float(8 << 30), 'B'),)]


def test_findings_do_not_depend_on_the_order_of_the_listing(make_usb_nodes: Nodes) -> None:
    nodes = make_usb_nodes() + make_usb_nodes(port='1-3', serial='OTHER99', tty='ttyUSB1')
    assert recognise(nodes) == recognise(reversed(nodes))
