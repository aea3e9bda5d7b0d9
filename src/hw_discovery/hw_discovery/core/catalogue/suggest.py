# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A stanza for a device that the catalogue does not know, made from what was seen of it.

The text is a whole user's file that the schema accepts; what only a person can know is marked
TODO. Refuses to guess: a value that was not seen is left out or said to be a placeholder.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hw_discovery.core.device import BusKind, HardwareDevice, Observation
from hw_discovery.core.finding import Finding

REGISTERS_MAX = 8  # more evidence than a signature needs
_USB_ID = re.compile(r'[0-9a-f]{4}\Z')
_ADDRESS = re.compile(r'0x([0-9a-f]{2})\b', re.IGNORECASE)
_REGISTER = re.compile(
    r'register 0x([0-9a-f]{1,4}) = 0x([0-9a-f]{2}|[0-9a-f]{4})\b', re.IGNORECASE)
_BAUD = re.compile(r' at ([1-9][0-9]{2,7})\Z')


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a serial port said: the baud rate and the name of the frames, '' = none fitted."""

    baud: int
    frame: str = ''


def suggest(device: HardwareDevice | Finding, spoken: Spoken | None = None) -> str:
    """The file. `spoken`: for a serial port that was listened to."""
    signature, buses = _signatures(device, spoken)
    name = _identifier(device)
    lines = [
        '# Made from what was seen; check each TODO, then',
        '# python -m hw_discovery.catalogue_files check <this file>',
        'schema: 1',
        'devices:',
        f'- id: {name}',
        '  kind: unknown_device  # TODO: imu, lidar, gps, camera, servo, stepper, ...',
        f'  vendor: {_quoted(_strings(device).get("manufacturer", "TODO"))}',
        f'  model: {_quoted(_model(device))}',
        f'  buses: [{", ".join(buses)}]',
        *signature,
        '  # TODO: what it gives, for instance:',
        '  # capabilities:',
        "  # - {name: 'sensor:imu', ros_type: sensor_msgs/msg/Imu}",
        '  sources:',
        "  - {page: 'TODO: where the facts were read; so far only seen on this robot'}",
        '  confidence: unverified',
        *_notes(device.evidence),
    ]
    return '\n'.join(lines) + '\n'


def _signatures(
    device: HardwareDevice | Finding, spoken: Spoken | None,
) -> tuple[list[str], list[str]]:
    lines: list[str] = []
    buses: list[str] = []
    if _USB_ID.match(device.vendor_id) and _USB_ID.match(device.product_id):
        lines += _usb(device)
        buses.append('usb')
    if device.bus is BusKind.I2C:
        lines += _i2c(device)
        buses.append('i2c')
    elif device.bus is BusKind.SPI:
        lines += _spi(device)
        buses.append('spi')
    if spoken is not None or device.bus is BusKind.SERIAL:
        lines += _serial(spoken or Spoken(_baud(device.evidence)))
        buses.append('serial')
    if not buses:
        lines += ['  network:', '    services: [_todo._tcp]  # TODO: its mDNS service']
        buses.append('network')
    return lines, buses


def _usb(device: HardwareDevice | Finding) -> list[str]:
    strings = _strings(device)
    lines = [
        '  usb:', '    ids:',
        f"    - {{vendor: '{device.vendor_id}', product: '{device.product_id}'}}",
        '    proof: weak  # TODO: unique if no other product has this id, or bridge_shared, ...']
    for key in ('manufacturer', 'product'):
        if strings.get(key):
            lines.append(f'    {key}: {_quoted("^" + re.escape(strings[key][:100]))}')
    return lines


def _i2c(device: HardwareDevice | Finding) -> list[str]:
    address = _i2c_address(device)
    shown = f'0x{address:02X}' if address is not None else '0x03'
    todo = '' if address is not None else '  # TODO: its address'
    registers = _registers(device.evidence)
    lines = ['  i2c:', f'    addresses: [{shown}]{todo}',
             '    register_index_bits: 8  # TODO: 0 = no registers, 16 = two bytes']
    if registers:
        lines.append('    identity:  # TODO: keep what never changes, as the datasheet says')
        lines += [f'    - {{register: 0x{register:02X}, width_bits: {width}, '
                  f'expected: [0x{value:0{width // 4}X}]}}'
                  for register, width, value in registers]
    else:
        lines += ['    safe_read: false',
                  '    precondition: TODO, which register tells it, and is reading it harmless?']
    return lines


def _spi(device: HardwareDevice | Finding) -> list[str]:
    lines = ['  spi:', '    mode: 3  # TODO', '    probe_hz: 1000000',
             '    read_bit: 0x80  # TODO: 0x00 for Trinamic and ADIS, where 0x80 writes']
    registers = _registers(device.evidence)
    if registers:
        lines.append('    identity:  # TODO: keep what never changes, as the datasheet says')
        lines += [f'    - {{register: 0x{register:02X}, width_bits: {width}, '
                  f'expected: [0x{value:0{width // 4}X}]}}'
                  for register, width, value in registers]
    return lines


def _serial(spoken: Spoken) -> list[str]:
    lines = ['  serial:', f'    bauds: [{spoken.baud}]  # TODO: others that it can be set to',
             '    blind_send: never  # TODO: may anything be sent before it is known?',
             '    moves_hardware: true  # TODO: false if no request can move anything']
    if re.match(r'[a-z][a-z0-9_]{0,40}\Z', spoken.frame):
        lines += ['    passive:', '      listen_ms: 1200', f'      frame: {spoken.frame}']
    return lines


def _baud(evidence: Iterable[Observation]) -> int:
    """The rate at which something was heard or answered; the usual 115200 if nothing was."""
    for one in evidence:
        match = _BAUD.search(one.location)
        if match is not None and 300 <= int(match.group(1)) <= 12_000_000:
            return int(match.group(1))
    return 115_200


def _registers(evidence: Iterable[Observation]) -> list[tuple[int, int, int]]:
    """(register, bits, value) of 'register 0x75 = 0x68'; 0 and all ones tell nothing."""
    found: list[tuple[int, int, int]] = []
    for one in evidence:
        match = _REGISTER.search(one.seen)
        if match is None:
            continue
        index, number = int(match.group(1), 16), int(match.group(2), 16)
        width = 4 * len(match.group(2))
        if index > 0xFF or number in (0, (1 << width) - 1):
            continue
        if all(index != known for known, _, _ in found):
            found.append((index, width, number))
    return found[:REGISTERS_MAX]


def _i2c_address(device: HardwareDevice | Finding) -> int | None:
    places = [device.name, *(one.location for one in device.evidence)]
    if isinstance(device, Finding):
        places.insert(0, device.nested_id)
    for text in places:
        match = _ADDRESS.search(text)
        if match and 0x03 <= int(match.group(1), 16) <= 0x77:
            return int(match.group(1), 16)
    return None


def _strings(device: HardwareDevice | Finding) -> dict[str, str]:
    """USB strings among the evidence."""
    found: dict[str, str] = {}
    for one in device.evidence:
        name = one.location.rpartition('/')[2]
        if name in ('manufacturer', 'product') and one.seen.strip():
            found.setdefault(name, _clean(one.seen))
    return found


def _model(device: HardwareDevice | Finding) -> str:
    return _strings(device).get('product') or _clean(device.name) or 'TODO'


def _identifier(device: HardwareDevice | Finding) -> str:
    words = re.sub(r'[^a-z0-9]+', '_', _model(device).lower()).strip('_')
    return f'my_{words or "device"}'[:60]


def _notes(evidence: Iterable[Observation]) -> list[str]:
    seen = [f'  # seen: {_clean(one.location)}: {_clean(one.seen)} ({_clean(one.says)})'[:160]
            for one in list(evidence)[:20]]
    return seen and ['  # The evidence:', *seen]


def _clean(text: str) -> str:
    """One line of printable ASCII, so that a device cannot write YAML."""
    return ''.join(c if 32 <= ord(c) < 127 else ' ' for c in text)[:120].strip()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
