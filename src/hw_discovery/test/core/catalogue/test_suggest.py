# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The stanza for an unknown device: the schema accepts it, whatever the device said."""

import random

import pytest
from catalogue_stanza import Read

from hw_discovery.core.catalogue.suggest import Spoken, suggest
from hw_discovery.core.device import BusKind, Observation, Verdict
from hw_discovery.core.finding import Finding


def finding(bus: BusKind, *evidence: Observation, **more: str) -> Finding:
    return Finding(bus=bus, sysfs_path='/devices/x', name=more.pop('name', 'some thing'),
                   verdict=Verdict.UNKNOWN, confidence=0.0, port_id='port', evidence=evidence,
                   **more)


def usb_string(name: str, text: str) -> Observation:
    return Observation('sysfs', f'/sys/devices/x/{name}', text, 'what it calls itself')


def test_an_unknown_usb_device_keeps_its_id_and_strings(read: Read) -> None:
    text = suggest(finding(BusKind.USB, usb_string('manufacturer', "Bob's (Robots)"),
                           usb_string('product', 'Claw+ 3'), vendor_id='1209',
                           product_id='0001'))
    entries, problems = read(text)
    assert problems == []
    entry = entries[0].entry
    assert (entry.id, entry.vendor, entry.model) == ('my_claw_3', "Bob's (Robots)", 'Claw+ 3')
    assert entry.usb is not None and entry.usb.product is not None
    assert entry.usb.ids[0].vendor == '1209' and entry.usb.product.search('Claw+ 3')
    assert 'TODO' in text and '# seen:' in text


def test_an_unknown_chip_keeps_its_address_and_registers(read: Read) -> None:
    def register(number: int, value: str) -> Observation:
        return Observation('register', 'i2c-1 0x6b', f'register 0x{number:02x} = 0x{value}', '')

    text = suggest(finding(BusKind.I2C, register(0x0F, '6d'), register(0x00, 'ff'),
                           register(0xFE, '5449')))
    entries, problems = read(text)
    assert problems == []
    i2c = entries[0].entry.i2c
    assert i2c is not None and i2c.addresses == (0x6B,)
    assert [(one.register, one.width_bits, one.expected) for one in i2c.identity] == [
        (0x0F, 8, (0x6D,)), (0xFE, 16, (0x5449,))]


def test_a_speaking_port_keeps_its_rate_and_frames(read: Read) -> None:
    entries, problems = read(suggest(
        finding(BusKind.SERIAL, vendor_id='10c4', product_id='ea60'), Spoken(460800, 'nmea')))
    assert problems == []
    serial = entries[0].entry.serial
    assert serial is not None and serial.bauds == (460800,)
    assert serial.passive is not None and serial.passive.frame == 'nmea'
    assert entries[0].entry.usb is not None


def test_the_rate_comes_from_the_evidence_where_nobody_names_it(read: Read) -> None:
    heard = Observation('listening', '/dev/ttyUSB0 at 57600', 'heard 01 02', 'nothing known')
    entries, problems = read(suggest(finding(BusKind.SERIAL, heard)))
    assert problems == [] and entries[0].entry.serial is not None
    assert entries[0].entry.serial.bauds == (57600,)


@pytest.mark.parametrize('bus', list(BusKind))
def test_every_kind_of_device_gets_a_stanza_that_is_accepted(read: Read, bus: BusKind) -> None:
    _, problems = read(suggest(finding(bus, name='')))
    assert problems == []
    _, problems = read(suggest(finding(bus).as_device('id', '')))
    assert problems == []


def test_no_text_of_a_device_breaks_the_stanza_or_adds_keys_to_it(read: Read) -> None:
    rng = random.Random(7)
    alphabet = "\n\r\t'\"#:{}[]&*!|>%@`\\,? -x\x00\x85\u2028\u202eé0"
    for _ in range(200):
        words = [''.join(rng.choices(alphabet, k=rng.randrange(0, 200))) for _ in range(4)]
        text = suggest(finding(
            BusKind.USB, usb_string('manufacturer', words[0]), usb_string('product', words[1]),
            Observation('x', words[2], words[3], words[0]), name=words[2], vendor_id='1209',
            product_id='0001'))
        entries, problems = read(text)
        assert problems == [], (text, [str(one) for one in problems])
        assert len(entries) == 1 and entries[0].entry.never_probe is False
