# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files of hazards and of bus rules, read and checked. Refuses to know YAML and files."""

import re
from typing import Any

from hw_discovery.core.catalogue.bus_rules import (
    Acceptance,
    BusRules,
    ForbiddenRange,
    I2cRules,
    SerialOrder,
    SerialRules,
    SerialStep,
    SpiRules,
    Unless,
)
from hw_discovery.core.catalogue.hazards import Condition, Hazard, Severity, Targets
from hw_discovery.core.catalogue.marked import Fields, Problems, Value
from hw_discovery.core.catalogue.patterns import BadPattern, byte_pattern, text_pattern
from hw_discovery.core.catalogue.schema import SCHEMA, read_source
from hw_discovery.core.device import BusKind

_BUSES = ('i2c', 'spi', 'serial')
_BYTE_LISTS = ('bytes_any', 'first_bytes', 'last_bytes', 'pointers')
_PARTS: dict[str, tuple[str, ...]] = {
    'serial': ('any_tx', 'bytes_any', 'sequences', 'first_bytes', 'last_bytes', 'pattern',
               'length_multiple', 'outside_frames', 'bauds', 'opens_port'),
    'i2c': ('addresses', 'pointer_write', 'pointers', 'index_bits'),
    'spi': ('address_bit_set', 'address_bit_clear'),
}
_TARGETS = ('entries', 'kinds', 'register_index_bits', 'spi_read_bit', 'spi_write_bit',
            'always')
_RANGE = re.compile(r'0x([0-9A-Fa-f]{2})(?:-0x([0-9A-Fa-f]{2}))?\Z')


def read_hazards(document: Value, problems: Problems) -> list[tuple[Hazard, int]]:
    """Hazards without problems, each with its line; each id once."""
    top = Fields(document, 'file', ('schema', 'hazards'), problems)
    top.need('schema', 'hazards')
    if 'schema' in top and top.integer('schema', 0, 999) != SCHEMA:
        top.wrong('schema', f'expected {SCHEMA}')
        return []
    read: list[tuple[Hazard, int]] = []
    for value in top.items('hazards'):
        before = len(problems)
        hazard = _hazard(value, problems)
        if any(hazard.id == other.id for other, _ in read):
            problems.add(value.line, hazard.id, 'this id comes twice')
        if len(problems) == before:
            read.append((hazard, value.line))
    return read


def _hazard(value: Value, problems: Problems) -> Hazard:
    fields = Fields(value, 'hazard', (
        'id', 'when', 'targets', 'effect', 'severity', 'sources', 'recovery_ms',
        'undo_pointer', 'note'), problems)
    fields.need('id', 'when', 'targets', 'effect', 'severity', 'sources')
    fields.what = fields.text('id') or 'hazard'
    severity = fields.name_of('severity', [one.name.lower() for one in Severity], 'damage')
    when, targets = fields.get('when'), fields.get('targets')
    return Hazard(
        id=fields.text('id'),
        when=(_condition(when, f'{fields.what}.when', problems)
              if when is not None else Condition(BusKind.UNKNOWN)),
        targets=(_targets(targets, f'{fields.what}.targets', problems)
                 if targets is not None else Targets()),
        effect=fields.text('effect'), severity=Severity[severity.upper()],
        sources=tuple(read_source(item, f'{fields.what}.sources', problems)
                      for item in fields.items('sources')),
        recovery_ms=fields.integer('recovery_ms', 0, 60_000),
        undo_pointer=(fields.integer('undo_pointer', 0, 255)
                      if 'undo_pointer' in fields else None),
        note=fields.text('note'))


def _condition(value: Value, what: str, problems: Problems) -> Condition:
    every = tuple(name for parts in _PARTS.values() for name in parts)
    fields = Fields(value, what, ('bus', *every), problems)
    fields.need('bus')
    bus = fields.name_of('bus', _BUSES, 'serial')
    given = [name for name in fields.names() if name != 'bus']
    for name in given:
        if name not in _PARTS[bus]:
            fields.wrong(name, f'expected for {bus} only {", ".join(_PARTS[bus])}')
    if not given:
        fields.wrong('', f'expected a part: one of {", ".join(_PARTS[bus])}')
    lists: dict[str, Any] = {
        name: _byte_set(fields, name) for name in _BYTE_LISTS}
    return Condition(
        bus=BusKind(bus), any_tx=fields.flag('any_tx', False), **lists,
        sequences=fields.hex_list('sequences'), pattern=_bytes(fields, 'pattern'),
        length_multiple=fields.integer('length_multiple', 0, 255),
        outside_frames=fields.name_of('outside_frames', ('msp',)),
        bauds=frozenset(fields.integers('bauds', 50, 12_000_000)),
        opens_port=fields.flag('opens_port', False), addresses=_ranges(fields, 'addresses'),
        pointer_write=fields.flag('pointer_write', False),
        index_bits=fields.integer('index_bits', 0, 16),
        address_bit_set=fields.integer('address_bit_set', 0, 0x80),
        address_bit_clear=fields.integer('address_bit_clear', 0, 0x80))


def _targets(value: Value, what: str, problems: Problems) -> Targets:
    fields = Fields(value, what, _TARGETS, problems)
    if not fields.names():
        fields.wrong('', f'expected at least one of {", ".join(_TARGETS)}')

    def number(key: str) -> int | None:
        return fields.integer(key, 0, 255) if key in fields else None

    return Targets(
        frozenset(fields.texts('entries')), frozenset(fields.texts('kinds')),
        number('register_index_bits'), number('spi_read_bit'), number('spi_write_bit'),
        fields.flag('always', False))


def _byte_set(fields: Fields, key: str) -> frozenset[int]:
    ranges = _ranges(fields, key, 0xFF)
    return frozenset(byte for first, last in ranges for byte in range(first, last + 1))


def _ranges(fields: Fields, key: str, most: int = 0x7F) -> tuple[tuple[int, int], ...]:
    read = []
    for text in fields.texts(key):
        match = _RANGE.match(text)
        if match is None:
            fields.wrong(key, f"expected '0x20' or '0x20-0x27'; given: {text[:20]!r}")
            continue
        first = int(match.group(1), 16)
        last = int(match.group(2), 16) if match.group(2) else first
        if first > last or last > most:
            fields.wrong(key, f'expected first <= last <= 0x{most:02X}; given: {text}')
        read.append((first, last))
    return tuple(read)


def _bytes(fields: Fields, key: str) -> re.Pattern[bytes] | None:
    if key not in fields:
        return None
    try:
        return byte_pattern(fields.text(key), lines=False)
    except BadPattern as bad:
        fields.wrong(key, str(bad))
        return None


def _texts(fields: Fields, key: str) -> tuple[re.Pattern[str], ...]:
    read = []
    for text in fields.texts(key):
        try:
            read.append(text_pattern(text))
        except BadPattern as bad:
            fields.wrong(key, str(bad))
    return tuple(read)


# ---- bus rules


def read_bus_rules(document: Value, problems: Problems) -> BusRules | None:
    """The rules, or None with problems noted."""
    top = Fields(document, 'file', ('schema', 'bus_rules'), problems)
    top.need('schema', 'bus_rules')
    value = top.get('bus_rules')
    if value is None:
        return None
    rules = Fields(value, 'bus_rules', _BUSES, problems)
    i2c, spi, serial = (rules.get(name) for name in _BUSES)
    if not rules.need(*_BUSES) or i2c is None or spi is None or serial is None:
        return None
    before = len(problems)
    read = BusRules(_i2c(i2c, problems), _spi(spi, problems), _serial(serial, problems))
    return read if len(problems) == before else None


def _i2c(value: Value, problems: Problems) -> I2cRules:
    keys = ('allow_adapters', 'deny_adapters', 'forbidden', 'acceptance', 'probe_khz',
            'retry_ms', 'orders', 'sources')
    fields = Fields(value, 'bus_rules.i2c', keys, problems)
    fields.need(*keys)
    orders: list[tuple[int, tuple[str, ...]]] = []
    for item in fields.items('orders'):
        one = Fields(item, 'bus_rules.i2c.orders', ('addresses', 'entries', 'note'), problems)
        one.need('addresses', 'entries')
        for first, last in _ranges(one, 'addresses'):
            for address in range(first, last + 1):
                if any(address == at for at, _ in orders):
                    one.wrong('addresses', f'0x{address:02X} has an order already')
                orders.append((address, one.texts('entries')))
    return I2cRules(
        _texts(fields, 'allow_adapters'), _texts(fields, 'deny_adapters'),
        tuple(r for item in fields.items('forbidden') for r in _forbidden(item, problems)),
        _acceptance(fields), fields.integer('probe_khz', 10, 1000, 100),
        fields.integer('retry_ms', 0, 600_000), tuple(orders))


def _forbidden(value: Value, problems: Problems) -> list[ForbiddenRange]:
    fields = Fields(value, 'bus_rules.i2c.forbidden',
                    ('addresses', 'why', 'unless', 'bare_read'), problems)
    fields.need('addresses', 'why', 'unless')
    return [ForbiddenRange(first, last, fields.text('why'),
                           fields.choice('unless', Unless, Unless.NEVER),
                           fields.flag('bare_read', False))
            for first, last in _ranges(fields, 'addresses')]


def _acceptance(of: Fields) -> Acceptance:
    value = of.get('acceptance')
    if value is None:
        return Acceptance(2, (0x00, 0xFF), True)
    fields = Fields(value, 'bus_rules.i2c.acceptance',
                    ('identical_reads', 'refused_values', 'second_register'), of.problems)
    return Acceptance(fields.integer('identical_reads', 1, 10, 2),
                      fields.integers('refused_values', 0, 255),
                      fields.flag('second_register', True))


def _spi(value: Value, problems: Problems) -> SpiRules:
    fields = Fields(value, 'bus_rules.spi',
                    ('probe_hz', 'settle_ms', 'refused_values', 'sources'), problems)
    fields.need('probe_hz', 'settle_ms', 'refused_values', 'sources')
    return SpiRules(fields.integer('probe_hz', 1000, 50_000_000, 1_000_000),
                    fields.integer('settle_ms', 0, 10_000),
                    fields.integers('refused_values', 0, 255))


def _serial(value: Value, problems: Problems) -> SerialRules:
    keys = ('listen_ms', 'forbidden_bauds', 'modem_manager_ms', 'orders', 'sources')
    fields = Fields(value, 'bus_rules.serial', keys, problems)
    fields.need(*keys)
    return SerialRules(
        fields.integer('listen_ms', 10, 10_000, 1200),
        fields.integers('forbidden_bauds', 50, 12_000_000),
        fields.integer('modem_manager_ms', 0, 60_000),
        tuple(_order(item, problems) for item in fields.items('orders')))


def _order(value: Value, problems: Problems) -> SerialOrder:
    fields = Fields(value, 'bus_rules.serial.orders',
                    ('vendor', 'product', 'wait_ms', 'steps', 'note'), problems)
    fields.need('vendor', 'product', 'steps')
    steps = []
    for item in fields.items('steps'):
        one = Fields(item, 'bus_rules.serial.orders.steps', ('entries', 'bauds', 'request'),
                     problems)
        one.need('entries', 'bauds')
        step = SerialStep(one.texts('entries'), one.integers('bauds', 300, 12_000_000),
                          one.text('request'))
        if step.request and len(step.entries) != 1:
            one.wrong('entries', 'expected exactly one with a request')
        steps.append(step)
    return SerialOrder(fields.text('vendor'), fields.text('product'), tuple(steps),
                       fields.integer('wait_ms', 0, 10_000))
