# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One line of a transcript as a JSON object, and back. Knows no file, and checks every field."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from hw_discovery.core.device import BusKind
from hw_discovery.core.discovery import UeventSeen
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.probing.operation import (
    ERRORS,
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
    SerialPlace,
    SpiExchange,
    SpiPlace,
)
from hw_discovery.core.recognition.usb import is_credible_serial
from hw_discovery.core.scan import BlindSpot

NODES_MAX = 65_536
_TEXT_CHARS_MAX = 4096
_HEX_CHARS_MAX = 128 << 10
_OPERATIONS: dict[str, tuple[type, type]] = {
    'i2c_bare_read': (I2cBareRead, I2cPlace), 'i2c_read': (I2cRead, I2cPlace),
    'spi_exchange': (SpiExchange, SpiPlace), 'serial_listen': (SerialListen, SerialPlace),
    'serial_ask': (SerialAsk, SerialPlace)}
_NAMES = {operation: name for name, (operation, _) in _OPERATIONS.items()}
_BUSES = {kind.value: kind for kind in BusKind}
# Keys of udev and names of sysfs files that hold what only one device has.
_SECRET_KEY = re.compile(r'SERIAL(?!_PORT)|UNIQ|UUID|WWN|_MAC$|^serial$|^address$|^uniq$')


class TranscriptError(Exception):
    """A transcript that cannot be read. `line`: from 1; 0 = the whole file."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f'line {line}: {reason}' if line else reason)
        self.line, self.reason = line, reason


@dataclass(frozen=True, slots=True)
class Mask:
    """Hides serial numbers: equal ones stay equal, `salt` keeps them from being guessed.

    What a device says of itself over its own protocol is left as it is: without it a transcript
    would not replay. Numbers that many devices share are no secret and are evidence.
    """

    salt: bytes

    def hidden(self, text: str) -> str:
        """Return what stands for a secret in the transcript."""
        digest = hashlib.blake2b(text.encode('utf-8', 'replace'), key=self.salt[:64],
                                 digest_size=6).hexdigest()
        return f'masked{digest}'

    def within(self, text: str, secrets: Mapping[str, str]) -> str:
        """Return a text without the secrets that it contains, longest first."""
        for secret in sorted(secrets, key=lambda s: (-len(s), s)):
            text = text.replace(secret, secrets[secret])
        return text


def encode_line(item: KernelNode | UeventSeen | Outcome, mask: Mask | None) -> dict[str, Any]:
    """Return the JSON object of one item."""
    if isinstance(item, KernelNode):
        return _node_object(item, mask)
    if isinstance(item, UeventSeen):
        return {'line': 'uevent', 'action': item.action, 'path': item.sysfs_path}
    return _outcome_object(item, mask)


def decode_line(
    number: int, line: dict[str, Any],
) -> KernelNode | UeventSeen | Outcome | int | tuple[int, tuple[BlindSpot, ...]]:
    """Return the item of one line: a number is a cut, a tuple begins a scan.

    Raises TranscriptError with the line's number.
    """
    checked = _Object(number, line)
    kind = checked.text('line')
    if kind == 'node':
        return _node(checked)
    if kind == 'uevent':
        event = UeventSeen(checked.text('action'), checked.text('path'))
        checked.done()
        return event
    if kind == 'outcome':
        return _outcome(checked)
    if kind == 'scan':
        return _scan(checked)
    if kind == 'cut':
        bytes_max = checked.number('bytes_max')
        checked.done()
        return bytes_max
    raise TranscriptError(
        number, f"expected 'line' to be node, uevent, outcome, scan or cut; given: {kind[:40]!r}")


def _node_object(node: KernelNode, mask: Mask | None) -> dict[str, Any]:
    written: dict[str, Any] = {
        'line': 'node', 'subsystem': node.subsystem, 'path': node.sysfs_path,
        'device_path': node.device_path, 'driver': node.driver, 'source': node.source,
        'properties': dict(node.properties), 'attributes': dict(node.attributes)}
    if mask is None:
        return written
    secrets = {text: mask.hidden(text) for group in (node.properties, node.attributes)
               for key, text in group.items()
               if _SECRET_KEY.search(key) and is_credible_serial(text)}
    for group in ('properties', 'attributes'):
        written[group] = {k: mask.within(t, secrets) for k, t in written[group].items()}
    return written


def _outcome_object(outcome: Outcome, mask: Mask | None) -> dict[str, Any]:
    operation = {'do': _NAMES[type(outcome.operation)]}
    for of in fields(outcome.operation):
        operation[of.name] = _plain(getattr(outcome.operation, of.name))
    place: Any = operation['place']
    detail, serial = outcome.detail, place.get('serial', '')
    if mask is not None and is_credible_serial(serial):
        place['serial'] = mask.hidden(serial)
        detail = mask.within(detail, {serial: place['serial']})
    return {'line': 'outcome', 'operation': operation, 'data': outcome.data.hex(),
            'error': outcome.error, 'detail': detail, 'at_ns': outcome.at_ns,
            'took_ns': outcome.took_ns}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int | str):
        return value
    return {of.name: _plain(getattr(value, of.name)) for of in fields(value)}


class _Object:
    """A JSON object whose fields are taken one by one; what is left over is an error."""

    def __init__(self, line: int, values: dict[str, Any], where: str = '') -> None:
        self.line, self._values, self._where = line, dict(values), where

    def fail(self, name: str, expected: str) -> TranscriptError:
        return TranscriptError(self.line, f'{self._where}{name}: expected {expected}')

    def take(self, name: str) -> Any:
        if name not in self._values:
            raise self.fail(name, 'a value; it is missing')
        return self._values.pop(name)

    def text(self, name: str, chars_max: int = _TEXT_CHARS_MAX) -> str:
        value = self.take(name)
        if not isinstance(value, str) or len(value) > chars_max:
            raise self.fail(name, f'text of at most {chars_max} characters')
        return value

    def number(self, name: str, lowest: int = 0, highest: int = 1 << 63) -> int:
        value = self.take(name)
        if not isinstance(value, int) or isinstance(value, bool) or not (
                lowest <= value <= highest):
            raise self.fail(name, f'a whole number of {lowest} to {highest}')
        return value

    def bytes(self, name: str) -> bytes:
        text = self.text(name, _HEX_CHARS_MAX)
        if not re.fullmatch('(?:[0-9a-f]{2})*', text):
            raise self.fail(name, 'bytes as pairs of hex digits')
        return bytes.fromhex(text)

    def texts(self, name: str) -> dict[str, str]:
        value = self.take(name)
        if not isinstance(value, dict) or not all(
                isinstance(text, str) and len(text) <= _TEXT_CHARS_MAX
                for text in value.values()):
            raise self.fail(name, 'an object of texts')
        return value

    def object(self, name: str) -> '_Object':
        value = self.take(name)
        if not isinstance(value, dict):
            raise self.fail(name, 'an object')
        return _Object(self.line, value, f'{self._where}{name}.')

    def done(self) -> None:
        if self._values:
            raise self.fail(sorted(self._values)[0][:40], 'no such key')


def _node(line: _Object) -> KernelNode:
    node = KernelNode(
        subsystem=line.text('subsystem'), sysfs_path=line.text('path'),
        device_path=line.text('device_path'), driver=line.text('driver'),
        properties=line.texts('properties'), attributes=line.texts('attributes'),
        source=line.text('source'))
    if not node.sysfs_path.startswith('/devices/'):
        raise line.fail('path', "a path that begins with '/devices/'")
    line.done()
    return node


def _outcome(line: _Object) -> Outcome:
    outcome = Outcome(
        _operation(line.object('operation')), line.bytes('data'), line.text('error'),
        line.text('detail'), line.number('at_ns'), line.number('took_ns'))
    if outcome.error not in ('', *ERRORS):
        raise line.fail('error', f"'' or one of {', '.join(ERRORS)}")
    line.done()
    return outcome


def _operation(line: _Object) -> Operation:
    name = line.text('do')
    if name not in _OPERATIONS:
        raise line.fail('do', f'one of {", ".join(_OPERATIONS)}')
    operation, place = _OPERATIONS[name]
    made: Operation = operation(
        _filled(line.object('place'), place), **_fields(line, operation, skip='place'))
    line.done()
    return made


def _filled(line: _Object, what: type) -> Any:
    made = what(**_fields(line, what))
    line.done()
    return made


def _fields(line: _Object, what: Any, skip: str = '') -> dict[str, Any]:
    takers: dict[Any, Callable[[str], Any]] = {
        int: line.number, str: line.text, bytes: line.bytes}
    return {of.name: takers[of.type](of.name) for of in fields(what)
            if of.name != skip}


def _scan(line: _Object) -> tuple[int, tuple[BlindSpot, ...]]:
    count, blind = line.number('nodes', 0, NODES_MAX), line.take('blind')
    if not isinstance(blind, list) or not all(isinstance(spot, dict) for spot in blind):
        raise line.fail('blind', 'a list of objects')
    line.done()
    return count, tuple(_blind_spot(_Object(line.line, spot, 'blind.')) for spot in blind)


def _blind_spot(line: _Object) -> BlindSpot:
    buses, notice = line.take('buses'), line.text('notice')
    if not isinstance(buses, list) or not all(
            isinstance(bus, str) and bus in _BUSES for bus in buses):
        raise line.fail('buses', f'names of {", ".join(_BUSES)}')
    line.done()
    return BlindSpot(frozenset(_BUSES[bus] for bus in buses), notice)
