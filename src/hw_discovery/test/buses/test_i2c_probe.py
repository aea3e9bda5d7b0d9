# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads on I2C: what is never asked, how an absence looks, and what a bus that hangs costs."""

import errno
import os
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from hw_discovery.buses import i2c_dev
from hw_discovery.buses.adapters import AdapterRules, HostAdapters, I2cAdapter, denied_by
from hw_discovery.buses.i2c_probe import I2cProbe
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    I2cRead,
    SpiExchange,
    SpiPlace,
)

SMBUS_ONLY = (i2c_dev.FUNC_READ_BYTE | i2c_dev.FUNC_READ_BYTE_DATA | i2c_dev.FUNC_READ_WORD_DATA
              | i2c_dev.FUNC_READ_I2C_BLOCK)
EVERYTHING = SMBUS_ONLY | i2c_dev.FUNC_I2C
CHIPS = {0x68: bytes(range(256))}


class FakeDevice:
    """An adapter with chips; it notes what was sent."""

    def __init__(self, functions: int = EVERYTHING, fault: int = 0) -> None:
        self.functions = functions
        self.fault = fault
        self.absent_error = errno.ENXIO
        self.owned: tuple[int, ...] = ()
        self.sent: list[tuple[Any, ...]] = []
        self.opened = 0
        self.before: Callable[[], None] = lambda: None

    def claim(self, address: int) -> None:
        if address in self.owned:
            raise OSError(errno.EBUSY, 'busy')

    def _chip(self, *call: Any) -> bytes:
        self.sent.append(call)
        self.before()
        if self.fault:
            raise OSError(self.fault, os.strerror(self.fault))
        if call[1] not in CHIPS:
            raise OSError(self.absent_error, os.strerror(self.absent_error))
        return CHIPS[call[1]]

    def read_byte(self, address: int) -> int:
        return self._chip('byte', address)[0]

    def read_byte_data(self, address: int, register: int) -> int:
        return self._chip('byte_data', address, register)[register]

    def read_word_data(self, address: int, register: int) -> int:
        chip = self._chip('word_data', address, register)
        return chip[register] | chip[register + 1] << 8

    def read_block(self, address: int, register: int, size: int) -> bytes:
        return self._chip('block', address, register)[register:register + size]

    def exchange(self, address: int, tx: bytes, size: int) -> bytes:
        chip = self._chip('exchange', address, tx)
        return chip[tx[-1]:tx[-1] + size] if tx else chip[:size]

    def close(self) -> None:
        self.opened -= 1


def add_adapter(fake_sysfs: Any, bus: int = 1, name: str = 'bcm2835 (i2c@7e804000)') -> str:
    path = f'/devices/platform/soc/{bus}.i2c/i2c-{bus}'
    fake_sysfs.add(path, 'i2c', kind='bus', attributes={'name': name})
    fake_sysfs.add(f'{path}/i2c-dev/i2c-{bus}', 'i2c-dev', attributes={'name': name})
    return path


def probe_of(fake_sysfs: Any, device: FakeDevice, allow: str = '*', **options: Any) -> I2cProbe:
    def open_bus(path: str) -> FakeDevice:
        device.opened += 1
        return device

    return I2cProbe(
        AdapterRules((allow,)), HostAdapters(fake_sysfs.root), open_bus=open_bus, **options)


def read(address: int = 0x68, register: int = 0x75, bits: int = 8, size: int = 1) -> I2cRead:
    return I2cRead(I2cPlace(1, address), register, bits, size)


@pytest.mark.parametrize(('operation', 'functions', 'data', 'sent'), [
    (I2cBareRead(I2cPlace(1, 0x68)), EVERYTHING, b'\0', ('byte', 0x68)),
    (I2cBareRead(I2cPlace(1, 0x68)), i2c_dev.FUNC_I2C, b'\0', ('exchange', 0x68, b'')),
    (read(), EVERYTHING, b'\x75', ('exchange', 0x68, b'\x75')),
    (read(register=0x10F, bits=16, size=2), EVERYTHING, b'\x0f\x10',
     ('exchange', 0x68, b'\x01\x0f')),
    (read(), SMBUS_ONLY, b'\x75', ('byte_data', 0x68, 0x75)),
    (read(size=2), SMBUS_ONLY, b'\x75\x76', ('word_data', 0x68, 0x75)),
    (read(size=6), SMBUS_ONLY, b'\x75\x76\x77\x78\x79\x7a', ('block', 0x68, 0x75)),
])
def test_each_read_uses_what_the_adapter_can_do(
    fake_sysfs: Any, operation: I2cRead, functions: int, data: bytes, sent: tuple[Any, ...],
) -> None:
    add_adapter(fake_sysfs)
    device = FakeDevice(functions)
    outcome = probe_of(fake_sysfs, device).perform(operation)
    assert (outcome.data, outcome.error) == (data, '')
    assert device.sent == [sent]
    assert device.opened == 0, 'the descriptor was given back'


@pytest.mark.parametrize(('operation', 'functions', 'says'), [
    (read(bits=16), SMBUS_ONLY, 'without writing a register'),
    (read(size=33), SMBUS_ONLY, 'cannot read 33 bytes of a register at once'),
    (read(size=2), i2c_dev.FUNC_READ_BYTE_DATA, 'cannot read 2 bytes'),
    (I2cBareRead(I2cPlace(1, 0x68)), i2c_dev.FUNC_READ_BYTE_DATA, 'can neither'),
    (read(bits=0), EVERYTHING, 'expected index_bits 8 or 16; given: 0'),
    (read(register=0x100), EVERYTHING, 'register 0x100 does not fit 8 bits'),
    (read(size=0), EVERYTHING, 'expected a size of 1 to 256'),
    (read(size=257), EVERYTHING, 'expected a size of 1 to 256'),
    (read(address=0x07), EVERYTHING, '0x07 is reserved'),
    (read(address=0x78), EVERYTHING, '0x78 is reserved'),
    (SpiExchange(SpiPlace(0, 0), 0, 1, b''), EVERYTHING, 'is not for an I2C adapter'),
])
def test_what_cannot_be_read_is_refused_with_the_reason_and_sends_nothing(
    fake_sysfs: Any, operation: Any, functions: int, says: str,
) -> None:
    add_adapter(fake_sysfs)
    device = FakeDevice(functions)
    outcome = probe_of(fake_sysfs, device).perform(operation)
    assert (outcome.error, outcome.data, device.sent) == ('failed', b'', [])
    assert says in outcome.detail


@pytest.mark.parametrize('number', [errno.ENXIO, errno.ENODEV, errno.EREMOTEIO])
def test_every_way_in_which_nobody_acknowledges_is_an_absence(
    fake_sysfs: Any, number: int, tmp_path: Any,
) -> None:
    add_adapter(fake_sysfs)
    (tmp_path / 'i2c-1').touch()
    device = FakeDevice()
    device.absent_error = number
    assert probe_of(fake_sysfs, device, dev_root=tmp_path).perform(read(0x40)).error == 'absent'


@pytest.mark.parametrize(('number', 'error'), [
    (errno.EIO, 'failed'), (errno.ETIMEDOUT, 'failed'), (errno.EOPNOTSUPP, 'failed'),
    (errno.ENODEV, 'gone'), (errno.ESHUTDOWN, 'gone')])
def test_other_faults_are_no_absence(
    fake_sysfs: Any, tmp_path: Any, number: int, error: str,
) -> None:
    add_adapter(fake_sysfs)
    outcome = probe_of(fake_sysfs, FakeDevice(fault=number), dev_root=tmp_path).perform(read())
    assert outcome.error == error


def test_lost_arbitration_is_tried_again_but_not_for_ever(fake_sysfs: Any) -> None:
    add_adapter(fake_sysfs)
    device = FakeDevice(fault=errno.EAGAIN)
    assert probe_of(fake_sysfs, device).perform(read()).error == 'failed'
    assert len(device.sent) == 3
    device.before = lambda: setattr(device, 'fault', 0)
    device.fault = errno.EAGAIN
    assert probe_of(fake_sysfs, device).perform(read()).data == b'\x75'


def test_an_owned_address_is_not_touched_and_its_driver_is_named(fake_sysfs: Any) -> None:
    path = add_adapter(fake_sysfs)
    fake_sysfs.add(f'{path}/1-0068', 'i2c', kind='bus', driver='inv-mpu6050-i2c')
    device = FakeDevice()
    outcome = probe_of(fake_sysfs, device).perform(read())
    assert (outcome.error, outcome.detail) == (
        'busy', 'the kernel driver inv-mpu6050-i2c owns 0x68')
    assert device.opened == 0 and device.sent == []
    assert HostAdapters(fake_sysfs.root).i2c_owners(1) == {0x68: 'inv-mpu6050-i2c'}


def test_an_address_that_only_the_kernel_knows_to_be_owned_is_busy(fake_sysfs: Any) -> None:
    add_adapter(fake_sysfs)
    device = FakeDevice()
    device.owned = (0x68,)
    outcome = probe_of(fake_sysfs, device).perform(read())
    assert (outcome.error, device.sent) == ('busy', [])


def test_a_declared_client_without_driver_may_be_read(fake_sysfs: Any) -> None:
    path = add_adapter(fake_sysfs)
    fake_sysfs.add(f'{path}/1-0068', 'i2c', kind='bus')
    assert probe_of(fake_sysfs, FakeDevice()).perform(read()).error == ''


def test_no_permission_names_the_group_or_the_rules_file(
    fake_sysfs: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    add_adapter(fake_sysfs)
    node = tmp_path / 'i2c-1'
    node.touch()
    node.chmod(0o600)

    def refuse(path: str) -> Any:
        raise PermissionError(errno.EACCES, 'Permission denied')

    probe = I2cProbe(AdapterRules(('*',)), HostAdapters(fake_sysfs.root), tmp_path, refuse)
    outcome = probe.perform(read())
    assert outcome.error == 'denied'
    assert '60-swarm-hardware.rules' in outcome.detail and 'group i2c' in outcome.detail
    node.chmod(0o660)
    monkeypatch.setattr('hw_discovery.buses.access._group_name', lambda gid: 'wires')
    assert 'add the user to the group wires' in probe.perform(read()).detail


def test_a_node_without_adapter_is_gone_not_absent(fake_sysfs: Any, tmp_path: Any) -> None:
    def vanish(path: str) -> Any:
        raise OSError(errno.ENXIO, 'No such device or address')

    add_adapter(fake_sysfs)
    (tmp_path / 'i2c-1').touch()
    probe = I2cProbe(AdapterRules(('*',)), HostAdapters(fake_sysfs.root), tmp_path, vanish)
    assert probe.perform(read()).error == 'gone'
    assert probe.perform(I2cBareRead(I2cPlace(9, 0x68))).error == 'gone'


def test_another_adapter_under_the_same_number_is_not_asked(fake_sysfs: Any) -> None:
    path = add_adapter(fake_sysfs)
    device = FakeDevice()
    probe = probe_of(fake_sysfs, device)
    assert probe.perform(I2cBareRead(I2cPlace(1, 0x68, path))).error == ''
    other = probe.perform(I2cBareRead(I2cPlace(1, 0x68, '/devices/usb/i2c-1')))
    assert (other.error, len(device.sent)) == ('gone', 1)


def test_without_smbus2_the_outcome_says_so(
    fake_sysfs: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'smbus2', None)
    add_adapter(fake_sysfs)
    probe = I2cProbe(AdapterRules(('*',)), HostAdapters(fake_sysfs.root))
    assert 'smbus2 is not installed' in probe.perform(read()).detail


@pytest.mark.parametrize('name', [
    'SMBus I801 adapter at efa0', 'SMBus PIIX4 adapter port 0 at 0b00', 'SMBus nForce2 adapter',
    'i915 gmbus dpa', 'AUX B/DDI B/PHY B', 'NVIDIA i2c adapter 1 at 1:00.0', 'DPDDC-A', 'DPMST',
    'AMDGPU DM i2c hw bus 0', 'Radeon i2c bit bus 0x90', 'Tegra DPAUX', 'fef04500.i2c',
    'bcm2835 (i2c@7e805000)'])
def test_adapters_of_memory_and_displays_are_never_asked_even_if_allowed(name: str) -> None:
    refusal = AdapterRules(('*',)).refusal(I2cAdapter(0, name, '/devices/x'))
    assert 'is never asked' in refusal


@pytest.mark.parametrize('name', [
    'bcm2835 (i2c@7e804000)', 'Synopsys DesignWare I2C adapter', 'CP2112 SMBus Bridge on hidraw0',
    'i2c-tiny-usb at bus 001 device 004', 'SMBus stub driver', 'imx-i2c', 'OMAP I2C adapter',
    'Tegra I2C adapter', 'i2c-1-mux (chan_id 0)', 'MCP2221 usb-i2c bridge'])
def test_adapters_of_headers_and_usb_bridges_may_be_allowed(name: str) -> None:
    assert AdapterRules(('*',)).refusal(I2cAdapter(0, name, '/devices/x', '0x0c0330')) == ''


@pytest.mark.parametrize(('pci_class', 'refused'), [
    ('0x030000', True), ('0x0c0500', True), ('0x0c0330', False), ('0x0c8000', False)])
def test_an_adapter_of_a_graphics_card_is_refused_whatever_its_name(
    fake_sysfs: Any, pci_class: str, refused: bool,
) -> None:
    path = '/devices/pci0000:00/0000:00:02.0'
    fake_sysfs.add(path, 'pci', kind='bus', attributes={'class': pci_class})
    fake_sysfs.add(f'{path}/i2c-3', 'i2c', kind='bus', attributes={'name': 'harmless'})
    fake_sysfs.add(f'{path}/i2c-3/i2c-dev/i2c-3', 'i2c-dev')
    (adapter,) = HostAdapters(fake_sysfs.root).i2c()
    assert adapter == I2cAdapter(3, 'harmless', f'{path}/i2c-3', pci_class)
    assert bool(AdapterRules(('*',)).refusal(adapter)) is refused


@pytest.mark.parametrize('allow', [
    ('i2c-1',), ('bcm2835*',), ('/devices/platform/soc/*',)])
def test_an_adapter_is_allowed_by_number_name_or_path(allow: tuple[str, ...]) -> None:
    adapter = I2cAdapter(1, 'bcm2835 (i2c@7e804000)', '/devices/platform/soc/a/i2c-1')
    assert AdapterRules(allow).refusal(adapter) == ''
    assert 'i2c-2' in AdapterRules(('i2c-2',)).refusal(adapter)


def test_names_of_the_catalogue_allow_adapters_and_denying_wins() -> None:
    rules = AdapterRules(allow_names=(re.compile('^CP2112'), re.compile('I801')))
    assert rules.refusal(I2cAdapter(3, 'CP2112 SMBus Bridge on hidraw0', '/devices/x')) == ''
    assert rules.refusal(I2cAdapter(0, 'SMBus I801 adapter at efa0', '/devices/x'))
    assert rules.refusal(I2cAdapter(1, 'another one', '/devices/x'))


def test_an_empty_list_allows_nothing_and_an_operator_can_deny_more(fake_sysfs: Any) -> None:
    adapter = I2cAdapter(1, 'battery bus', '/devices/x')
    assert 'the list is empty' in AdapterRules().refusal(adapter)
    rules = AdapterRules(('*',), (denied_by('battery', 'the pack is on it'),))
    assert 'the pack is on it' in rules.refusal(adapter)
    with pytest.raises(ValueError, match='expected a regular expression'):
        denied_by('(', '')
    with pytest.raises(ValueError, match='expected a pattern of 1 to'):
        denied_by('', '')
    add_adapter(fake_sysfs, name='battery bus')
    device = FakeDevice()
    outcome = probe_of(fake_sysfs, device, allow='i2c-7').perform(read())
    assert (outcome.error, device.opened) == ('denied', 0)


def bare(buses: tuple[int, ...], addresses: range) -> list[I2cBareRead]:
    return [I2cBareRead(I2cPlace(bus, address)) for bus in buses for address in addresses]


def test_a_scan_answers_in_the_order_of_the_questions(fake_sysfs: Any) -> None:
    for bus in (1, 2):
        add_adapter(fake_sysfs, bus)
    asked = bare((2, 1), range(0x60, 0x70))[::3]
    outcomes = probe_of(fake_sysfs, FakeDevice()).scan(asked)
    assert [o.operation for o in outcomes] == asked
    assert {o.operation.place.address for o in outcomes if o.data} <= {0x68}  # type: ignore


def test_four_adapters_are_asked_at_the_same_time_and_one_by_one_read(fake_sysfs: Any) -> None:
    for bus in range(4):
        add_adapter(fake_sysfs, bus)
    together = threading.Barrier(4)
    device = FakeDevice()
    device.before = lambda: (together.wait(5.0), None)[1]    # breaks if they were in series
    outcomes = probe_of(fake_sysfs, device).scan(bare((0, 1, 2, 3), range(0x68, 0x6A)))
    assert [o.error for o in outcomes] == ['', 'absent'] * 4


def test_reads_of_one_adapter_never_overlap(fake_sysfs: Any) -> None:
    add_adapter(fake_sysfs)
    device = FakeDevice()
    inside: list[int] = []
    worst: list[int] = []

    def slow() -> None:
        inside.append(1)
        worst.append(len(inside))
        threading.Event().wait(0.002)
        inside.pop()

    device.before = slow
    probe = probe_of(fake_sysfs, device)
    threads = [threading.Thread(target=probe.perform, args=(read(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(worst) == 8 and max(worst) == 1


def test_a_bus_that_hangs_is_left_after_two_reads(fake_sysfs: Any) -> None:
    add_adapter(fake_sysfs)
    clock = [0]
    device = FakeDevice(fault=errno.ETIMEDOUT)
    device.before = lambda: clock.__setitem__(0, clock[0] + 1_000_000_000)
    outcomes = probe_of(fake_sysfs, device, now_ns=lambda: clock[0]).scan(
        bare((1,), range(0x10, 0x20)), timeout_s=60.0)
    assert len(device.sent) == 2
    assert {o.error for o in outcomes} == {'failed'}
    assert 'the bus hangs' in outcomes[2].detail


def test_an_adapter_that_blocks_does_not_hold_up_the_others(fake_sysfs: Any) -> None:
    for bus in (1, 2):
        add_adapter(fake_sysfs, bus)
    go_on = threading.Event()
    free, stuck = FakeDevice(), FakeDevice()
    stuck.before = lambda: (go_on.wait(10.0), None)[1]
    probe = I2cProbe(
        AdapterRules(('*',)), HostAdapters(fake_sysfs.root),
        open_bus=lambda path: stuck if path.endswith('1') else free)
    outcomes = probe.scan(bare((1, 2), range(0x68, 0x6A)), timeout_s=0.2)
    go_on.set()
    assert [o.error for o in outcomes] == ['failed', 'failed', '', 'absent']
    assert 'not reached within 0.2 s' in outcomes[0].detail
