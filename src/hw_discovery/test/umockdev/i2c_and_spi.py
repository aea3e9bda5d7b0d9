# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The real smbus2 and spidev on pretended chips, and i2cdetect to vouch for the pretence.

The Python module spidev keeps the interpreter's lock across its ioctl, and the pretended chip
needs that lock to answer: in one process they would wait for each other for ever. Whoever uses
spidev here is a process of its own.
"""

import errno
import gc
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from chips import (
    SMBUS_ONLY,
    I2cChips,
    SpiChip,
    UMockdev,
    i2c_adapter,
    i2c_client,
    spi_chip_select,
)

from hw_discovery.buses.adapters import AdapterRules, HostAdapters
from hw_discovery.buses.host_scan import HostScanner
from hw_discovery.buses.i2c_probe import I2cProbe
from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace, I2cRead, Outcome
from hw_discovery.core.recognition import recognise

smbus2 = pytest.importorskip('smbus2')

# Who answers, and with what: MPU-6050, INA219 without identity, VL53L0X, BMP280.
CHIPS = {0x68: {0x75: b'\x68'}, 0x40: {0x00: b'\x39\x9f'}, 0x29: {0xC0: b'\xee\xaa'},
         0x76: {0xD0: b'\x58', 0x88: bytes(range(24))}}
ADDRESSES = range(0x08, 0x78)
SCAN_S_MAX = 1.5             # the promise for four adapters


@pytest.fixture
def testbed() -> Iterator[Any]:
    made = UMockdev.Testbed.new()
    yield made
    made.clear()
    made.disable()
    del made
    gc.collect()


def add(testbed: Any, *records: str) -> None:
    for record in records:
        assert testbed.add_from_string(record)


def add_chips(testbed: Any, number: int = 1, **options: Any) -> I2cChips:
    add(testbed, *i2c_adapter(number))
    chips = I2cChips({a: dict(registers) for a, registers in CHIPS.items()}, **options)
    assert testbed.attach_ioctl(f'/dev/i2c-{number}', chips)
    return chips


def probe() -> I2cProbe:
    return I2cProbe(AdapterRules(('i2c-*',)))


def read(address: int, register: int, size: int = 1, bits: int = 8) -> Outcome:
    return probe().perform(I2cRead(I2cPlace(1, address), register, bits, size))


@pytest.mark.skipif(shutil.which('i2cdetect') is None and not os.path.exists(
    '/usr/sbin/i2cdetect'), reason='apt-get install i2c-tools')
def test_i2cdetect_sees_the_pretended_chips_as_it_sees_real_ones(testbed: Any) -> None:
    add_chips(testbed).owned.add(0x76)
    tool = shutil.which('i2cdetect') or '/usr/sbin/i2cdetect'
    shown = subprocess.run([tool, '-y', '1'], capture_output=True, text=True, timeout=20)
    lines = shown.stdout.splitlines()[1:]
    cells = {line[:2]: line[3:].split() for line in lines}
    assert '68' in cells['60'] and '40' in cells['40'] and '29' in cells['20']
    assert 'UU' in cells['70'] and '76' not in cells['70']


@pytest.mark.parametrize('functions', [0x0EFF0009, SMBUS_ONLY])
def test_identity_registers_are_read_and_nothing_else_is_written(
    testbed: Any, functions: int,
) -> None:
    chips = add_chips(testbed, functions=functions)
    assert read(0x68, 0x75).data == b'\x68'
    assert read(0x29, 0xC0, 2).data == b'\xee\xaa'
    assert read(0x76, 0x88, 24).data == bytes(range(24))
    assert read(0x76, 0xD0).data == b'\x58'
    assert (chips.written, chips.quick_writes, chips.forced) == ([], 0, 0)


def test_an_index_of_sixteen_bits_works_on_plain_i2c_only(testbed: Any) -> None:
    chips = add_chips(testbed)
    chips.chips[0x29][0x010F] = b'\xea\xcc'
    assert read(0x29, 0x010F, 2, bits=16).data == b'\xea\xcc'
    chips.functions = SMBUS_ONLY
    calls = chips.calls
    refused = read(0x29, 0x010F, 2, bits=16)
    assert refused.error == 'failed' and 'SMBus-only' in refused.detail
    # Only what it can do and whose address it is were asked.
    assert chips.calls - calls <= 3 and chips.written == []


@pytest.mark.parametrize('number', [errno.ENXIO, errno.ENODEV, errno.EREMOTEIO])
def test_an_empty_address_is_absent(testbed: Any, number: int) -> None:
    add_chips(testbed).absent_errno = number
    assert read(0x50, 0x00).error == 'absent'
    assert probe().perform(I2cBareRead(I2cPlace(1, 0x50))).error == 'absent'


def test_an_owned_address_is_busy_and_its_driver_is_named(testbed: Any) -> None:
    chips = add_chips(testbed)
    chips.owned.add(0x76)
    assert (read(0x76, 0xD0).error, chips.forced) == ('busy', 0)
    add(testbed, i2c_client(1, 0x76, 'bmp280'))
    calls = chips.calls
    outcome = read(0x76, 0xD0)
    assert (outcome.error, 'bmp280' in outcome.detail) == ('busy', True)
    assert chips.calls == calls, 'sysfs said it, so the adapter is not even opened'


def test_four_adapters_are_scanned_within_the_promised_time(testbed: Any) -> None:
    for number in range(1, 5):
        add_chips(testbed, number)
    asked = [I2cBareRead(I2cPlace(bus, address)) for bus in range(1, 5) for address in ADDRESSES]
    took_s = []
    for _ in range(3):                   # the best one counts: others use the machine too
        begun = time.monotonic()
        outcomes = probe().scan(asked)
        took_s.append(time.monotonic() - begun)
    found = [(o.operation.place.bus, o.operation.place.address)  # type: ignore[union-attr]
             for o in outcomes if not o.error]
    assert found == [(bus, address) for bus in range(1, 5) for address in sorted(CHIPS)]
    assert {o.error for o in outcomes} == {'', 'absent'}
    print(f'scan of 4 x {len(ADDRESSES)} addresses: {min(took_s):.3f} s')
    assert min(took_s) <= SCAN_S_MAX


def test_a_thousand_reads_leave_no_descriptor_open(testbed: Any) -> None:
    add_chips(testbed)
    one = probe()
    operation = I2cBareRead(I2cPlace(1, 0x68))
    one.perform(operation)
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(1000):
        assert one.perform(operation).error == ''
    # The testbed answers in this process, and closes its side of the last ones a little later.
    assert len(os.listdir('/proc/self/fd')) < before + 10


def test_an_adapter_that_is_unplugged_is_gone(testbed: Any) -> None:
    add_chips(testbed)
    assert read(0x68, 0x75).error == ''
    for record in reversed(i2c_adapter(1)):
        path = '/sys' + record.splitlines()[0].removeprefix('P: ')
        testbed.uevent(path, 'remove')
        testbed.remove_device(path)
    assert read(0x68, 0x75).error == 'gone'


def test_adapters_chip_selects_and_clients_are_enumerated(testbed: Any) -> None:
    add(testbed, *i2c_adapter(1), i2c_client(1, 0x76, 'bmp280'), *spi_chip_select(0, 1))
    findings = recognise(HostScanner(('i2c', 'spi')).scan().nodes)
    assert [f.port_id for f in findings] == [
        'spi:0.spi/cs1', 'i2c:1.i2c', 'i2c:1-0076']
    host = HostAdapters()
    assert [a.bus for a in host.i2c()] == [1]
    assert host.i2c_owners(1) == {0x76: 'bmp280'}
    assert [c.sys_name for c in host.spi()] == ['spidev0.1']


SPI_USER = """
import json, sys
from hw_discovery.buses.spi_probe import SpiProbe
from hw_discovery.core.probing.operation import SpiExchange, SpiPlace
probe = SpiProbe()
outcomes = [probe.perform(SpiExchange(SpiPlace(bus, select), mode, 1_000_000, bytes.fromhex(tx)))
            for bus, select, mode, tx in json.loads(sys.argv[1])]
print(json.dumps([[o.data.hex(), o.error, o.detail] for o in outcomes]))
"""


def exchange_in_a_process_of_its_own(*asked: tuple[int, int, int, str]) -> list[list[str]]:
    ran = subprocess.run(
        [sys.executable, '-c', SPI_USER, json.dumps(asked)], capture_output=True, text=True,
        timeout=30)
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers: list[list[str]] = json.loads(ran.stdout)
    return answers


def test_who_am_i_is_read_over_spi_in_the_right_mode_only(testbed: Any) -> None:
    pytest.importorskip('spidev')
    add(testbed, *spi_chip_select(0, 0))
    chip = SpiChip({0x75: 0x12, 0x76: 0x34}, mode=3)
    assert testbed.attach_ioctl('/dev/spidev0.0', chip)
    right, wrong, other = exchange_in_a_process_of_its_own(
        (0, 0, 3, 'f500'), (0, 0, 1, 'f500'), (0, 1, 3, 'f500'))
    assert right == ['0012', '', '']
    assert wrong == ['ffff', '', '']
    assert other[1] == 'gone'
    assert chip.writes == []
    assert chip.mode == 0, 'the mode that was found was put back'
    assert chip.speed_hz == 1_000_000
