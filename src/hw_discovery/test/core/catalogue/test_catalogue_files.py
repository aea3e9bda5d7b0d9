# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The bundled files as a whole, and a user's files laid over them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from catalogue_stanza import GOOD

from hw_discovery import catalogue_files
from hw_discovery.catalogue_files import FILE_BYTES_MAX, load, main, parse
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.entry import UsbProof
from hw_discovery.core.catalogue.patterns import MATCHED_BYTES_MAX
from hw_discovery.core.device import BusKind
from hw_discovery.core.probing.operation import I2cPlace, I2cRead


def test_the_bundled_files_have_no_problem_and_at_least_163_devices() -> None:
    loaded = load()
    assert [str(problem) for problem in loaded.problems] == []
    assert len(loaded.catalogue.entries) >= 163
    assert len(loaded.where) == len(loaded.catalogue.entries)


def test_every_entry_says_where_its_facts_were_read(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        assert entry.sources, entry.id
        for source in entry.sources:
            assert source.page or (source.repository.count('/') == 1 and source.path), entry.id
    for hazard in catalogue.hazards:
        assert hazard.sources, hazard.id


def test_every_entry_can_be_recognised_by_something_or_is_never_probed(
    catalogue: Catalogue,
) -> None:
    for entry in catalogue.entries:
        serial, i2c = entry.serial, entry.i2c
        assert (
            entry.usb is not None or entry.network is not None or entry.never_probe
            or (i2c is not None and (i2c.identity or i2c.heuristic or i2c.precondition
                                     or i2c.distinguish))
            or (entry.spi is not None and entry.spi.identity)
            or (serial is not None and (serial.passive or serial.requests))
            or entry.id == 'rtc_ds1307'), entry.id


def test_every_named_kind_of_the_mission_has_a_driver_of_our_own(catalogue: Catalogue) -> None:
    kinds = {entry.kind for entry in catalogue.entries if entry.own_driver}
    assert {'gps', 'imu', 'lidar', 'camera', 'servo', 'stepper'} <= kinds


def test_ros_parameters_hold_only_known_placeholders(catalogue: Catalogue) -> None:
    known = {'device_path', 'baud', 'address', 'bus', 'frame_id'}
    for entry in catalogue.entries:
        for driver in entry.drivers:
            for _, value in driver.parameters:
                assert set(re.findall(r'\{(\w*)\}', value)) <= known, (entry.id, value)


def test_no_two_entries_claim_a_unique_usb_id(catalogue: Catalogue) -> None:
    seen: dict[tuple[str, str], str] = {}
    for entry in catalogue.entries:
        if entry.usb is not None and entry.usb.proof is UsbProof.UNIQUE:
            for one in entry.usb.ids:
                assert seen.setdefault((one.vendor, one.product), entry.id) == entry.id
    assert len(seen) > 80


def test_no_pattern_takes_long_on_what_fits_it_worst(catalogue: Catalogue) -> None:
    """Bounded by the schema; here every pattern runs over input made of its own letters."""
    for entry in catalogue.entries:
        if entry.serial is None:
            continue
        passive = entry.serial.passive
        patterns = [request.reply_regex for request in entry.serial.requests]
        patterns += [passive.pattern, passive.regex] if passive else []
        for pattern in patterns:
            if pattern is not None:
                letters = bytes(pattern.pattern)
                text = (letters * (MATCHED_BYTES_MAX // len(letters) + 1))[:MATCHED_BYTES_MAX]
                assert len(pattern.findall(text)) <= MATCHED_BYTES_MAX


# ---- lookups


def test_usb_lookup_gives_exact_ids_before_whole_vendors(catalogue: Catalogue) -> None:
    assert [entry.id for entry in catalogue.of_usb('06C2', '0038')] == [
        'servo_phidget', 'imu_phidget_spatial']
    assert [entry.id for entry in catalogue.of_usb_class('0E')] == ['cam_uvc_generic']
    assert 'cam_uvc_generic' not in [e.id for e in catalogue.of_usb('1234', '5678')]
    assert catalogue.of_usb('1d50', '6177')[0].id == 'stepper_klipper_mcu'


def test_an_address_gives_entries_in_the_order_of_asking(catalogue: Catalogue) -> None:
    at_29 = [entry.id for entry in catalogue.of_i2c_address(0x29)]
    assert at_29.index('range_vl53l0x') < at_29.index('range_vl53l1x')
    at_68 = [entry.id for entry in catalogue.of_i2c_address(0x68)]
    assert at_68[0] == 'imu_mpu6050' and at_68[-1] == 'rtc_ds1307'
    assert catalogue.of_i2c_address(0x03) == ()


def test_orders_of_shared_addresses_name_every_entry_that_has_an_identity(
    catalogue: Catalogue,
) -> None:
    for address, order in catalogue.bus_rules.i2c.orders:
        for entry in catalogue.of_i2c_address(address):
            assert entry.i2c is not None
            if entry.i2c.identity and entry.i2c.safe_read and not entry.never_probe:
                assert entry.id in order, f'0x{address:02X}: {entry.id}'


def test_a_serial_hint_gives_the_named_before_those_behind_any_bridge(
    catalogue: Catalogue,
) -> None:
    behind = catalogue.of_serial_hint('10c4', 'ea60')
    loose = [entry.usb is None for entry in behind]
    assert loose == sorted(loose) and not loose[0]
    assert {'lidar_rplidar', 'lidar_ldrobot'} <= {entry.id for entry in behind}
    assert 'motor_vesc' not in {entry.id for entry in behind}
    assert len(catalogue.of_serial_hint('', '')) == len(catalogue.of_serial())


def test_adapters_of_displays_memory_and_supplies_are_denied(catalogue: Catalogue) -> None:
    rules = catalogue.bus_rules.i2c
    for name in ('SMBus I801 adapter at efa0', 'SMBus PIIX4 adapter port 0 at 0b00',
                 'NVIDIA i2c adapter 1 at 1:00.0', 'AMDGPU DM i2c hw bus 0', 'DPDDC-A',
                 'i915 gmbus dpb'):
        assert rules.adapter_denied(name) and not rules.adapter_allowed(name), name
    assert rules.adapter_allowed('bcm2835 (i2c@7e804000)')
    assert rules.adapter_allowed('SMBus stub driver')
    # Laptops have their touchpads on such adapters.
    assert not rules.adapter_allowed('Synopsys DesignWare I2C adapter')
    assert not rules.adapter_allowed('some bus')


def test_forbidden_addresses_say_why_and_what_lifts_it(catalogue: Catalogue) -> None:
    rules = catalogue.bus_rules.i2c
    assert rules.forbids(0x00)[0].unless.value == 'never'
    assert rules.forbids(0x24)[0].bare_read
    assert [rule.unless.value for rule in rules.forbids(0x55)] == ['allowed_bus', 'declared']
    assert rules.forbids(0x68) == ()


def test_serial_orders_fall_back_to_the_vendor(catalogue: Catalogue) -> None:
    rules = catalogue.bus_rules.serial
    dynamixel, any_ftdi = rules.order_of('0403', '6014'), rules.order_of('0403', '6001')
    assert dynamixel is not None and dynamixel.product == '6014'
    assert any_ftdi is not None and any_ftdi.product == '*'
    assert rules.order_of('1234', '5678') is None


# ---- a user's files


def user_file(tmp_path: Path, text: str, name: str = 'mine.yaml') -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_users_stanza_adds_a_device(tmp_path: Path) -> None:
    loaded = load([user_file(tmp_path, GOOD)])
    assert loaded.problems == ()
    assert loaded.catalogue.by_id('my_imu') is not None
    assert loaded.where['my_imu'].endswith('mine.yaml:4')


def test_a_users_stanza_overrides_and_says_so(tmp_path: Path) -> None:
    loaded = load([user_file(tmp_path, GOOD.replace('my_imu', 'imu_bmi160'))])
    entry = loaded.catalogue.by_id('imu_bmi160')
    assert entry is not None and entry.serial is not None
    assert len(loaded.overridden) == 1 and 'imu_bmi160' in loaded.overridden[0]
    assert len(loaded.catalogue.entries) == len(load().catalogue.entries)


@pytest.mark.parametrize('text', [
    'devices: [', GOOD.replace('vendor', 'vender'), '', '\x00', 'a: &x [*x]',
    '- !!python/name:os.x', 'schema: 1\nhazards:\n- id: sabertooth_moves\n',
    'schema: 1\nbus_rules: {}\n',
    GOOD + GOOD.partition('devices:\n')[2].replace('my_imu', 'x' * 90),
])
def test_a_broken_users_file_is_said_and_the_bundled_catalogue_stays(
    tmp_path: Path, text: str,
) -> None:
    loaded = load([user_file(tmp_path, text)])
    assert loaded.problems and str(loaded.problems[0]).startswith(str(tmp_path / 'mine.yaml'))
    assert {e.id for e in loaded.catalogue.entries} == {e.id for e in load().catalogue.entries}
    assert len(loaded.catalogue.hazards) == len(load().catalogue.hazards)


def test_a_good_file_beside_a_broken_one_counts(tmp_path: Path) -> None:
    loaded = load([user_file(tmp_path, 'x: [', 'bad.yaml'), user_file(tmp_path, GOOD)])
    assert loaded.catalogue.by_id('my_imu') is not None and loaded.problems


def test_a_users_hazard_adds_but_never_takes_away(tmp_path: Path) -> None:
    text = """\
schema: 1
hazards:
- id: mine
  when: {bus: i2c, pointers: ['0x10']}
  targets: {entries: [imu_bmi160]}
  effect: something
  severity: motion
  sources: [{page: mine}]
"""
    loaded = load([user_file(tmp_path, text)])
    assert loaded.problems == ()
    read = I2cRead(I2cPlace(1, 0x68), 0x10, 8, 1)
    assert [h.id for h in loaded.catalogue.harms(read, ['imu_bmi160'])] == ['mine']
    taken = load([user_file(tmp_path, text.replace('id: mine', 'id: wide_index_writes'))])
    assert 'taken' in taken.problems[0].text


def test_a_hazard_for_nobody_is_said(tmp_path: Path) -> None:
    text = 'schema: 1\nhazards:\n- {id: mine, when: {bus: i2c, pointers: ["0x10"]}, effect: x, ' \
           'severity: note, sources: [{page: x}], targets: {entries: [imu_none]}}\n'
    loaded = load([user_file(tmp_path, text)])
    assert "no entry 'imu_none'" in str(loaded.problems[0])


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    loaded = load([tmp_path / 'none.yaml', tmp_path])
    assert ['none.yaml' in str(loaded.problems[0]), len(loaded.problems)] == [True, 2]


@pytest.mark.parametrize(('data', 'words'), [
    (b'a' * (FILE_BYTES_MAX + 1), 'at most 1024 KiB'),
    (b'[' * 100, 'nested more than'),
    (b'a: &x 1\nb: *x', 'anchors and aliases'),
    (b'a: 1\n---\nb: 2', 'one document'),
    (b'\xff\xfe', 'not YAML'),
    (b'a: !!binary aGk=', 'tag'),
    (b'? [a]\n: 1', 'as a key'),
    (b'a: "\n', 'not YAML'),
])
def test_yaml_beyond_the_limits_is_refused_with_its_reason(data: bytes, words: str) -> None:
    value, problems = parse(data, 'mine.yaml')
    assert value is None
    assert words in str(problems.found[0])


def test_checking_a_file_answers_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    good = user_file(tmp_path, GOOD)
    assert main(['check', str(good)]) == 0
    assert f'{good}:4: my_imu: good' in capsys.readouterr().out
    bad = user_file(tmp_path, GOOD.replace('8N1', '9N9'), 'bad.yaml')
    assert main(['check', str(bad)]) == 1
    assert f'{bad}:22: my_imu.serial.line_format: expected' in capsys.readouterr().err
    assert main([]) == 2


def test_the_check_runs_as_a_module(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, '-m', 'hw_discovery.catalogue_files', 'check',
         str(user_file(tmp_path, GOOD))], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stderr) == (0, ''), ran.stderr


def test_the_pure_yaml_loader_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML was built without libyaml."""
    data = GOOD.encode()
    fast = parse(data, 'mine.yaml')[0]
    monkeypatch.setattr(catalogue_files, '_LOADER', catalogue_files.yaml.SafeLoader)
    assert parse(data, 'mine.yaml')[0] == fast


def test_buses_and_signatures_agree(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        parts = {BusKind.USB: entry.usb, BusKind.I2C: entry.i2c, BusKind.SPI: entry.spi,
                 BusKind.SERIAL: entry.serial, BusKind.NETWORK: entry.network}
        assert {kind for kind, part in parts.items() if part is not None} == set(entry.buses)
