# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A file of devices, read into entries: every key, number, pattern and checksum is checked.

An entry with a problem is left out and the problem said; the others stay. Refuses to know YAML
and files. The format for people: docs/CATALOGUE.md.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hw_discovery.core.catalogue.checksums import CHECKSUMS, expected_of, holds
from hw_discovery.core.catalogue.entry import (
    HEURISTICS,
    BlindSend,
    Confidence,
    DeviceEntry,
    I2cSignature,
    NetworkSignature,
    OfferedCapability,
    PassiveSignature,
    RegisterIdentity,
    RosDriver,
    SerialRequest,
    SerialSignature,
    Source,
    SpiSignature,
    UsbId,
    UsbProof,
    UsbSignature,
)
from hw_discovery.core.catalogue.marked import Fields, Mapping, Problems, Scalar, Value
from hw_discovery.core.catalogue.patterns import (
    BadPattern,
    byte_pattern,
    hex_pattern,
    text_pattern,
)
from hw_discovery.core.device import BusKind

SCHEMA = 1
BAUDS_MAX = 16  # each costs a listening time of about a second
_ID = re.compile(r'[a-z][a-z0-9_]{2,60}\Z')
_USB_HALF = re.compile(r'[0-9a-f]{4}\Z')
_CLASS = re.compile(r'[0-9a-f]{2}\Z')
_ROS_TYPE = re.compile(r'[a-z][a-z0-9_]*/msg/[A-Z][A-Za-z0-9]*\Z')
_NAME = re.compile(r'[a-z][a-z0-9_:]{0,59}\Z')
_LINE_FORMAT = re.compile(r'[5-8][NEO][12]\Z')
_SIGNATURES = ('usb', 'i2c', 'spi', 'serial', 'network')
_TOP = ('schema', 'kind', 'devices')
_KEYS = (
    'id', 'kind', 'vendor', 'model', 'buses', *_SIGNATURES, 'capabilities', 'ros_types',
    'drivers', 'own_driver', 'sources', 'confidence', 'never_probe', 'facts', 'notes')
OWN_DRIVERS = ('gps', 'imu', 'lidar_ld', 'lidar_rplidar', 'camera', 'servo_pca9685',
               'servo_dynamixel', 'stepper_grbl', 'stepper_tmc2209')
T = TypeVar('T')


@dataclass(frozen=True, slots=True)
class ReadEntry:
    """`line`: where it begins in `file`."""

    entry: DeviceEntry
    file: str
    line: int


def read_devices(document: Value, problems: Problems) -> list[ReadEntry]:
    """Entries without problems, in the order of the file; each id once."""
    top = Fields(document, 'file', _TOP, problems)
    top.need('schema', 'devices')
    if 'schema' in top and top.integer('schema', 0, 999) != SCHEMA:
        top.wrong('schema', f'expected {SCHEMA}')
        return []
    kind = top.text('kind')
    read: list[ReadEntry] = []
    lines: dict[str, int] = {}
    for value in top.items('devices'):
        before = len(problems)
        entry = _entry(value, kind, problems)
        if entry.id in lines:
            problems.add(value.line, entry.id, f'this id is also at line {lines[entry.id]}')
        lines.setdefault(entry.id, value.line)
        if len(problems) == before:
            read.append(ReadEntry(entry, problems.file, value.line))
    return read


def _entry(value: Value, kind: str, problems: Problems) -> DeviceEntry:
    fields = Fields(value, _name_of(value), _KEYS, problems)
    fields.need('id', 'vendor', 'model', 'buses', 'sources', *(() if kind else ('kind',)))
    name = fields.text('id')
    if 'id' in fields and not _ID.match(name):
        fields.wrong('id', 'expected 3 to 61 of a-z, 0-9 and _, a letter first')
    buses = _buses(fields)
    entry = DeviceEntry(
        id=name, kind=fields.text('kind', kind), vendor=fields.text('vendor'),
        model=fields.text('model'), buses=buses,
        usb=_part(fields, 'usb', _usb), i2c=_part(fields, 'i2c', _i2c),
        spi=_part(fields, 'spi', _spi), serial=_part(fields, 'serial', _serial),
        network=_part(fields, 'network', _network),
        capabilities=tuple(_capability(item, f'{name}.capabilities', problems)
                           for item in fields.items('capabilities')),
        ros_types=_ros_types(fields),
        drivers=tuple(_driver(item, f'{name}.drivers', problems)
                      for item in fields.items('drivers')),
        own_driver=fields.name_of('own_driver', OWN_DRIVERS),
        sources=tuple(read_source(item, f'{name}.sources', problems)
                      for item in fields.items('sources')),
        confidence=fields.choice('confidence', Confidence, Confidence.UNVERIFIED),
        never_probe=fields.flag('never_probe', False), facts=_facts(fields),
        notes=fields.text('notes'))
    _agree(fields, entry)
    return entry


def _name_of(value: Value) -> str:
    if isinstance(value, Mapping):
        for key, held in value.pairs:
            if key.text == 'id' and isinstance(held, Scalar) and _ID.match(held.text):
                return held.text
    return 'device'


def _agree(fields: Fields, entry: DeviceEntry) -> None:
    """What one key says must fit what another says."""
    if 'sources' in fields and not entry.sources:
        fields.wrong('sources', 'expected at least one: where were the facts read?')
    for key in _SIGNATURES:
        if key in fields and BusKind(key) not in entry.buses:
            fields.wrong('buses', f'expected {key} among them: there is a {key} signature')
    if not any(key in fields for key in _SIGNATURES):
        fields.wrong('', f'expected a signature: one of {", ".join(_SIGNATURES)}')
    if entry.never_probe and entry.serial and entry.serial.requests:
        fields.wrong('never_probe', 'expected no serial requests where nothing may be asked')


def _part(
    fields: Fields, key: str, read: Callable[[Value, str, Problems], T],
) -> T | None:
    value = fields.get(key)
    return None if value is None else read(value, f'{fields.what}.{key}', fields.problems)


def _buses(fields: Fields) -> tuple[BusKind, ...]:
    names = {kind.value: kind for kind in BusKind}
    read = []
    for text in fields.texts('buses'):
        if text in names:
            read.append(names[text])
        else:
            fields.wrong('buses', f'expected of {", ".join(names)}; given: {text[:40]!r}')
    if 'buses' in fields and not read:
        fields.wrong('buses', 'expected at least one')
    return tuple(read)


# ---- USB


def _usb(value: Value, what: str, problems: Problems) -> UsbSignature:
    fields = Fields(value, what, (
        'ids', 'proof', 'manufacturer', 'product', 'interface_class', 'bootloader_ids',
        'ambiguity'), problems)
    fields.need('ids', 'proof')
    proof = fields.choice('proof', UsbProof, UsbProof.WEAK)
    signature = UsbSignature(
        ids=_usb_ids(fields, 'ids'), proof=proof,
        manufacturer=_pattern(fields, 'manufacturer', text_pattern),
        product=_pattern(fields, 'product', text_pattern),
        interface_class=fields.text('interface_class'),
        bootloader_ids=_usb_ids(fields, 'bootloader_ids'), ambiguity=fields.text('ambiguity'))
    if signature.interface_class and not _CLASS.match(signature.interface_class):
        fields.wrong('interface_class', "expected two hex digits such as '0e'")
    if not signature.ids:
        fields.wrong('ids', 'expected at least one')
    if proof is UsbProof.CLASS and not signature.interface_class:
        fields.wrong('interface_class', 'is missing: the proof is the class')
    if proof is UsbProof.STRING_REQUIRED and not (signature.manufacturer or signature.product):
        fields.wrong('proof', 'expected a manufacturer or product pattern with string_required')
    return signature


def _usb_ids(fields: Fields, key: str) -> tuple[UsbId, ...]:
    read = []
    for item in fields.items(key):
        one = Fields(item, f'{fields.what}.{key}', ('vendor', 'product', 'means'),
                     fields.problems)
        one.need('vendor', 'product')
        for half in ('vendor', 'product'):
            text = one.text(half)
            if half in one and not _USB_HALF.match(text) and text != '*':
                one.wrong(half, f"expected four lower-case hex digits in quotes, or '*'; "
                          f'given: {text[:20]!r}')
        read.append(UsbId(one.text('vendor'), one.text('product'), one.text('means')))
    if len({(one.vendor, one.product) for one in read}) != len(read):
        fields.wrong(key, 'an id comes twice')
    return tuple(read)


# ---- I2C and SPI


def _identity(fields: Fields) -> tuple[RegisterIdentity, ...]:
    known = ('register', 'width_bits', 'expected', 'mask', 'shift', 'little_endian',
             'addresses', 'note')
    read = []
    for item in fields.items('identity'):
        one = Fields(item, f'{fields.what}.identity', known, fields.problems)
        one.need('register', 'expected')
        width = one.integer('width_bits', 8, 32, 8)
        if width % 8:
            one.wrong('width_bits', 'expected 8, 16, 24 or 32')
        most = (1 << width) - 1
        identity = RegisterIdentity(
            register=one.integer('register', 0, 0xFFFF), width_bits=width,
            expected=one.integers('expected', 0, most), mask=one.integer('mask', 1, most, most),
            shift=one.integer('shift', 0, width - 1), note=one.text('note'),
            little_endian=one.flag('little_endian', False),
            addresses=one.integers('addresses', 0, 0x7F))
        for number in identity.expected:
            if number & ~identity.mask:
                one.wrong('expected', f'0x{number:X} can never be: the mask is '
                          f'0x{identity.mask:X}')
        if 'expected' in one and not identity.expected:
            one.wrong('expected', 'expected at least one number')
        read.append(identity)
    return tuple(read)


def _i2c(value: Value, what: str, problems: Problems) -> I2cSignature:
    fields = Fields(value, what, (
        'addresses', 'register_index_bits', 'identity', 'fingerprint', 'safe_read',
        'precondition', 'boot_delay_ms', 'max_khz', 'side_effects', 'must_not', 'distinguish',
        'heuristic', 'mismatch_excludes'), problems)
    fields.need('addresses', 'register_index_bits')
    signature = I2cSignature(
        addresses=fields.integers('addresses', 0x03, 0x77),
        register_index_bits=fields.integer('register_index_bits', 0, 16),
        identity=_identity(fields), fingerprint=fields.flag('fingerprint', False),
        safe_read=fields.flag('safe_read', True), precondition=fields.text('precondition'),
        boot_delay_ms=fields.integer('boot_delay_ms', 0, 60_000),
        max_khz=fields.integer('max_khz', 10, 5000, 100),
        side_effects=fields.text('side_effects'), must_not=fields.text('must_not'),
        distinguish=fields.text('distinguish'),
        heuristic=fields.name_of('heuristic', HEURISTICS),
        mismatch_excludes=fields.flag('mismatch_excludes', True))
    if signature.register_index_bits not in (0, 8, 16):
        fields.wrong('register_index_bits', 'expected 0 (no registers), 8 or 16')
    if 'addresses' in fields and not signature.addresses:
        fields.wrong('addresses', 'expected at least one')
    if signature.identity and not signature.register_index_bits:
        fields.wrong('identity', 'expected none where there are no registers')
    if not signature.safe_read and not (signature.precondition or signature.must_not):
        fields.wrong('precondition', 'is missing: what does safe_read: false depend on?')
    for one in signature.identity:
        if set(one.addresses) - set(signature.addresses):
            fields.wrong('identity', 'expected only addresses of the device')
        if one.register >> max(signature.register_index_bits, 8):
            fields.wrong('identity', f'register 0x{one.register:X} does not fit '
                         f'{signature.register_index_bits} bits')
    return signature


def _spi(value: Value, what: str, problems: Problems) -> SpiSignature:
    fields = Fields(value, what, (
        'mode', 'probe_hz', 'read_bit', 'identity', 'dummy_bytes', 'write_bit', 'frame',
        'precondition'), problems)
    fields.need('mode', 'probe_hz')
    signature = SpiSignature(
        mode=fields.integer('mode', 0, 3),
        probe_hz=fields.integer('probe_hz', 1000, 50_000_000, 1_000_000),
        read_bit=fields.integer('read_bit', 0, 0x80) if 'read_bit' in fields else None,
        identity=_identity(fields), dummy_bytes=fields.integer('dummy_bytes', 0, 8),
        write_bit=fields.integer('write_bit', 1, 0x80) if 'write_bit' in fields else None,
        frame=fields.name_of('frame', ('tmc40', 'adis16')),
        precondition=fields.text('precondition'))
    if signature.identity and signature.read_bit is None:
        fields.wrong('read_bit', 'is missing: which bit of the address byte means reading?')
    for one in signature.identity:
        if one.register > 0xFF:
            fields.wrong('identity', f'register 0x{one.register:X} does not fit a byte')
    return signature


# ---- serial


def _serial(value: Value, what: str, problems: Problems) -> SerialSignature:
    fields = Fields(value, what, (
        'bauds', 'line_format', 'blind_send', 'moves_hardware', 'passive', 'requests',
        'safety'), problems)
    fields.need('bauds', 'blind_send', 'moves_hardware')
    signature = SerialSignature(
        bauds=fields.integers('bauds', 300, 12_000_000),
        line_format=fields.text('line_format', '8N1'),
        blind_send=fields.choice('blind_send', BlindSend, BlindSend.NEVER),
        moves_hardware=fields.flag('moves_hardware', True),
        passive=_part(fields, 'passive', _passive), requests=_requests(fields),
        safety=fields.text('safety'))
    if not 1 <= len(signature.bauds) <= BAUDS_MAX:
        fields.wrong('bauds', f'expected 1 to {BAUDS_MAX}')
    if 1200 in signature.bauds:
        fields.wrong('bauds', 'expected no 1200: it puts boards into their bootloader')
    if not _LINE_FORMAT.match(signature.line_format):
        fields.wrong('line_format', "expected e.g. '8N1'")
    return signature


def _passive(value: Value, what: str, problems: Problems) -> PassiveSignature:
    fields = Fields(value, what, ('listen_ms', 'frame', 'pattern', 'regex'), problems)
    fields.need('listen_ms')
    passive = PassiveSignature(
        listen_ms=fields.integer('listen_ms', 10, 10_000, 1200),
        frame=_frame_name(fields, 'frame'),
        pattern=_pattern(fields, 'pattern', hex_pattern),
        regex=_pattern(fields, 'regex', byte_pattern))
    if not any(key in fields for key in ('frame', 'pattern', 'regex')):
        fields.wrong('', 'expected a frame, a pattern or a regex')
    return passive


def _requests(fields: Fields) -> tuple[SerialRequest, ...]:
    read: list[SerialRequest] = []
    for item in fields.items('requests'):
        request = _request(item, f'{fields.what}.requests', fields.problems)
        names = [earlier.name for earlier in read]
        if request.name in names:
            fields.problems.add(item.line, fields.what, f'name {request.name!r} comes twice')
        if request.only_after and request.only_after not in names:
            fields.problems.add(item.line, f'{fields.what}.requests.only_after',
                                f'expected one of the requests before it: '
                                f'{", ".join(names) or "there is none"}')
        read.append(request)
    return tuple(read)


def _request(value: Value, what: str, problems: Problems) -> SerialRequest:
    fields = Fields(value, what, (
        'name', 'tx', 'tx_text', 'timeout_ms', 'reply_bytes', 'reply_prefix', 'reply_regex',
        'reply_frame', 'only_after', 'note', 'checksum'), problems)
    fields.need('name', 'timeout_ms')
    if ('tx' in fields) == ('tx_text' in fields):
        fields.wrong('tx', 'expected either tx (bytes) or tx_text')
    text = fields.text('tx_text')
    if not text.isascii():
        fields.wrong('tx_text', 'expected ASCII; write bytes with tx')
    tx = fields.hex_bytes('tx') or text.encode('ascii', 'replace')
    request = SerialRequest(
        name=fields.text('name'), tx=tx,
        timeout_ms=fields.integer('timeout_ms', 5, 10_000, 1000),
        reply_prefix=fields.hex_bytes('reply_prefix'),
        reply_regex=_pattern(fields, 'reply_regex', byte_pattern),
        reply_frame=_frame_name(fields, 'reply_frame'), only_after=fields.text('only_after'),
        note=fields.text('note'), checksum=fields.name_of('checksum', CHECKSUMS),
        reply_bytes=fields.integer('reply_bytes', 1, 4096, 0))
    if not tx or len(tx) > 64:
        fields.wrong('tx', 'expected 1 to 64 bytes')
    if not any(key in fields for key in ('reply_prefix', 'reply_regex', 'reply_frame')):
        fields.wrong('', 'expected a reply_prefix, reply_regex or reply_frame')
    carries = expected_of(tx)
    if request.checksum and not holds(request.checksum, tx):
        fields.wrong('tx', f'the {request.checksum} checksum does not fit the bytes')
    elif carries and not request.checksum:
        fields.wrong('checksum', f'is missing: these bytes begin as {carries} does')
    return request


def _frame_name(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if text and not _NAME.match(text):
        fields.wrong(key, 'expected the name of a decoder, such as nmea')
    return text


def _network(value: Value, what: str, problems: Problems) -> NetworkSignature:
    fields = Fields(value, what, ('services', 'udp_ports', 'note'), problems)
    network = NetworkSignature(fields.texts('services'), fields.integers('udp_ports', 1, 65535),
                               fields.text('note'))
    if not network.services and not network.udp_ports:
        fields.wrong('', 'expected services or udp_ports')
    return network


# ---- what it gives, and where it was read


def _capability(value: Value, what: str, problems: Problems) -> OfferedCapability:
    fields = Fields(value, what, ('name', 'unit', 'minimum', 'maximum', 'count', 'rate_hz',
                                  'ros_type'), problems)
    fields.need('name')
    offered = OfferedCapability(
        name=fields.text('name'), unit=fields.text('unit'), minimum=fields.number('minimum'),
        maximum=fields.number('maximum'), count=fields.integer('count', 1, 10_000_000, 1),
        rate_hz=fields.number('rate_hz'), ros_type=fields.text('ros_type'))
    if 'name' in fields and not _NAME.match(offered.name):
        fields.wrong('name', 'expected lower-case words with _, or class:name')
    if (offered.minimum is not None and offered.maximum is not None
            and offered.minimum > offered.maximum):
        fields.wrong('minimum', f'expected at most the maximum, {offered.maximum:g}')
    if offered.minimum is not None and not offered.unit:
        fields.wrong('unit', 'is missing: a range without a unit says nothing')
    if offered.rate_hz is not None and offered.rate_hz <= 0:
        fields.wrong('rate_hz', 'expected a rate above 0')
    _check_ros_type(fields, 'ros_type', offered.ros_type)
    return offered


def _ros_types(fields: Fields) -> tuple[str, ...]:
    types = fields.texts('ros_types')
    for text in types:
        _check_ros_type(fields, 'ros_types', text)
    return types


def _check_ros_type(fields: Fields, key: str, text: str) -> None:
    if text and not _ROS_TYPE.match(text):
        fields.wrong(key, f"expected e.g. 'sensor_msgs/msg/Imu'; given: {text[:60]!r}")


def _driver(value: Value, what: str, problems: Problems) -> RosDriver:
    fields = Fields(value, what, ('package', 'executable', 'parameters', 'topics'), problems)
    fields.need('package', 'executable')
    topics = _pairs(fields, 'topics')
    for _, kind in topics:
        _check_ros_type(fields, 'topics', kind)
    return RosDriver(fields.text('package'), fields.text('executable'),
                     _pairs(fields, 'parameters'), topics)


def _pairs(fields: Fields, key: str) -> tuple[tuple[str, str], ...]:
    value = fields.get(key)
    if value is None:
        return ()
    held = Fields(value, f'{fields.what}.{key}', (), fields.problems)
    return tuple((name, held.text(name)) for name in held.names())


def read_source(value: Value, what: str, problems: Problems) -> Source:
    """A file in a repository, or a page: a datasheet by its name, an address."""
    fields = Fields(value, what, ('repository', 'path', 'place', 'page'), problems)
    source = Source(fields.text('repository'), fields.text('path'), fields.text('place'),
                    fields.text('page'))
    if bool(source.repository) != bool(source.path) or not (source.repository or source.page):
        fields.wrong('', 'expected repository and path, or page')
    return source


def _facts(fields: Fields) -> tuple[tuple[str, Any], ...]:
    value = fields.get('facts')
    if value is None:
        return ()
    held = Fields(value, f'{fields.what}.facts', (), fields.problems)
    return tuple((name, _fact(held, name)) for name in held.names())


def _fact(held: Fields, name: str) -> Any:
    """A number, a text, or numbers and texts by name."""
    value = held.get(name)
    if isinstance(value, Mapping):
        inner = Fields(value, f'{held.what}.{name}', (), held.problems)
        return tuple((key, _fact(inner, key)) for key in inner.names())
    if isinstance(value, Scalar) and not value.quoted and value.text.isdecimal():
        return held.integer(name, 0, 1 << 32)
    return held.text(name)


def _pattern(
    fields: Fields, key: str, compile_: Callable[[str], re.Pattern[Any]],
) -> re.Pattern[Any] | None:
    if key not in fields:
        return None
    try:
        return compile_(fields.text(key))
    except BadPattern as bad:
        fields.wrong(key, str(bad))
        return None
