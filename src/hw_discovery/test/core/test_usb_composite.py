# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Which USB devices are one product."""

from dataclasses import replace

from hw_discovery.core.catalogue.entry import (
    DeviceEntry,
    OfferedCapability,
    UsbId,
    UsbProof,
    UsbSignature,
)
from hw_discovery.core.device import BusKind, Capability, Verdict
from hw_discovery.core.finding import Finding
from hw_discovery.core.offers import offers_of
from hw_discovery.core.usb_composite import CompositeGroup, groups, joined

ROOT = '/devices/pci0000:00/0000:00:14.0/usb1'


def entry(
    name: str, ids: str, proof: UsbProof = UsbProof.UNIQUE, gives: str = '',
) -> DeviceEntry:
    return DeviceEntry(
        name, 'k', 'v', 'm', (BusKind.USB,), usb=UsbSignature(ids_of(ids), proof),
        capabilities=(OfferedCapability(gives),) if gives else ())


def ids_of(text: str) -> tuple[UsbId, ...]:
    return tuple(UsbId(*one.split(':'), means='loader') for one in text.split())


def usb(port: str, ids: str, serial: str = '') -> Finding:
    path = ROOT
    parts = port.partition('-')[2].split('.')
    for depth in range(len(parts)):
        path += f'/1-{".".join(parts[:depth + 1])}'
    vendor, _, product = ids.partition(':')
    return Finding(BusKind.USB, path, 'n', Verdict.UNKNOWN, 0.0, f'usb:{ids}@{port}',
                   vendor_id=vendor, product_id=product, serial=serial)


PRODUCTS = [
    entry('cam_zed', '2b03:f780 2b03:f781', UsbProof.COMPOSITE),
    entry('cam_azure_kinect', '045e:097c 045e:097d 045e:097b', UsbProof.COMPOSITE),
    entry('px4', '26ac:0011'),
]


def test_functions_behind_one_hub_are_one_product() -> None:
    camera, sensors = usb('1-2.1', '2b03:f780'), usb('1-2.2', '2b03:f781')
    assert groups([sensors, camera, usb('1-2.3', '10c4:ea60')], PRODUCTS) == (CompositeGroup(
        'cam_zed', '0000:00:14.0-2', (camera.sysfs_path, sensors.sysfs_path)),)


def test_twins_behind_two_hubs_are_two_products() -> None:
    found = groups([
        usb(f'1-{hub}.{port}', f'2b03:f78{port - 1}') for hub in (2, 3) for port in (1, 2)],
        PRODUCTS)
    assert [group.port for group in found] == ['0000:00:14.0-2', '0000:00:14.0-3']
    assert {len(group.members) for group in found} == {2}


def test_a_product_whose_hub_is_one_of_its_functions_is_one_group() -> None:
    hub = usb('1-4', '045e:097b')
    parts = [usb('1-4.1', '045e:097c'), usb('1-4.2', '045e:097d')]
    assert groups([hub, *parts], PRODUCTS) == (CompositeGroup(
        'cam_azure_kinect', '0000:00:14.0-4',
        (hub.sysfs_path, *(p.sysfs_path for p in parts))),)


def test_functions_in_ports_of_the_computer_are_not_put_together() -> None:
    assert groups([usb('1-2', '2b03:f780'), usb('1-3', '2b03:f781')], PRODUCTS) == ()


def test_hub_of_a_product_is_shown_as_it_and_gives_what_it_gives_once() -> None:
    known = [entry('cam_zed', '2b03:f780 2b03:f781', UsbProof.COMPOSITE, gives='depth_image')]
    hub = usb('1-2', '05e3:0610')
    parts = [replace(usb(f'1-2.{n}', f'2b03:f78{n - 1}'), kind='depth_camera',
                     capabilities=(*offers_of(known[0]), Capability('link:audio')))
             for n in (1, 2)]
    other = usb('1-3', '10c4:ea60')
    shown = joined([hub, *parts, other], known)
    assert (shown[0].catalogue_id, shown[0].name, shown[0].verdict) == (
        'cam_zed', 'v m', Verdict.IDENTIFIED)
    assert 'one v m on one hub' in shown[0].evidence[-1].says
    assert [c.name for c in shown[0].capabilities] == ['depth_image']
    assert [[c.name for c in f.capabilities] for f in shown[1:3]] == [['link:audio']] * 2
    assert shown[3] == other


def test_function_that_is_the_hub_itself_keeps_what_it_gives() -> None:
    known = [entry('k', '045e:097c 045e:097b', UsbProof.COMPOSITE, gives='depth_image')]
    hub = replace(usb('1-4', '045e:097b'), capabilities=offers_of(known[0]))
    shown = joined([hub, usb('1-4.1', '045e:097c')], known)
    assert [c.name for c in shown[0].capabilities] == ['depth_image']
    assert shown[0].catalogue_id == 'k'
