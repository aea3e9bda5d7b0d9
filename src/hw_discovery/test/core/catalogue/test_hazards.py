# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Real collisions: what asks one device harms another."""

import pytest

from hw_discovery.catalogue_files import parse
from hw_discovery.core.catalogue.catalogue import Catalogue
from hw_discovery.core.catalogue.hazard_schema import read_bus_rules, read_hazards
from hw_discovery.core.catalogue.hazards import Severity
from hw_discovery.core.probing.operation import (
    I2cBareRead,
    I2cPlace,
    I2cRead,
    Operation,
    SerialAsk,
    SerialListen,
    SerialPlace,
    SpiExchange,
    SpiPlace,
)

PORT = SerialPlace('/dev/ttyUSB0')


def ask(tx: str, baud: int = 115200) -> SerialAsk:
    return SerialAsk(PORT, baud, '8N1', bytes.fromhex(tx), 100)


def text(tx: str) -> SerialAsk:
    return SerialAsk(PORT, 115200, '8N1', tx.encode(), 100)


def request(catalogue: Catalogue, entry: str, name: str) -> SerialAsk:
    found = catalogue.by_id(entry)
    assert found is not None and found.serial is not None
    tx = next(one.tx for one in found.serial.requests if one.name == name)
    return SerialAsk(PORT, found.serial.bauds[0], '8N1', tx, 100)


def i2c(address: int, register: int, bits: int = 8) -> I2cRead:
    return I2cRead(I2cPlace(1, address), register, bits, 1)


def bare(address: int) -> I2cBareRead:
    return I2cBareRead(I2cPlace(1, address))


def spi(tx: str) -> SpiExchange:
    return SpiExchange(SpiPlace(0, 0), 3, 1_000_000, bytes.fromhex(tx))


def worst(catalogue: Catalogue, operation: Operation, *victims: str) -> Severity | None:
    found = catalogue.harms(operation, victims)
    return found[0].severity if found else None


# asker, its request, victim
SERIAL_COLLISIONS = [
    ('motor_vesc', 'firmware', 'fc_betaflight'),
    ('lidar_sick_tim', 'identity', 'fc_betaflight'),
    ('servo_feetech_sts', 'ping_all', 'fc_betaflight'),
    ('servo_dynamixel_p1', 'ping_1', 'fc_betaflight'),
    ('imu_microstrain_mip', 'ping', 'fc_betaflight'),
    ('imu_microstrain_mip', 'device_info', 'fc_betaflight'),
    ('range_ping_sonar', 'protocol', 'fc_betaflight'),
    ('lidar_rplidar', 'health', 'fc_betaflight'),
    ('servo_dynamixel_p2', 'ping_all', 'servo_mini_ssc'),
    ('servo_feetech_sts', 'ping_1', 'servo_mini_ssc'),
    ('imu_xsens_mti', 'device_id', 'servo_mini_ssc'),
    ('servo_dynamixel_p2', 'ping_all', 'servo_maestro_mini'),
    ('gps_skytraq', 'version', 'stepper_grbl'),
    ('lidar_ydlidar', 'health', 'stepper_grbl'),
    ('lidar_ydlidar', 'info', 'stepper_fluidnc'),
    ('servo_maestro_mini', 'errors', 'stepper_grbl'),
    ('stepper_tmcl_module', 'firmware_1', 'stepper_grblhal'),
]


@pytest.mark.parametrize(('asker', 'name', 'victim'), SERIAL_COLLISIONS)
def test_a_request_of_one_device_harms_another(
    catalogue: Catalogue, asker: str, name: str, victim: str,
) -> None:
    severity = worst(catalogue, request(catalogue, asker, name), victim)
    assert severity is not None and severity >= Severity.STATE


@pytest.mark.parametrize(('asker', 'name', 'victim'), [
    ('fc_betaflight', 'variant', 'fc_betaflight'),  # 02 inside its own frame
    ('lidar_rplidar', 'info', 'fc_betaflight'),
    ('gps_mtk', 'release', 'fc_betaflight'),  # 52 not last
    ('stepper_marlin', 'firmware', 'stepper_grbl'),  # M115 is an error there
    ('stepper_grbl', 'build_info', 'stepper_marlin'),
    ('stepper_grbl', 'status', 'motor_odrive'),
    ('lidar_hokuyo', 'version', 'motor_odrive'),  # capital V
    ('gps_ublox_uart', 'version', 'stepper_grbl'),
])
def test_a_request_that_is_inert_to_another_is_not_refused(
    catalogue: Catalogue, asker: str, name: str, victim: str,
) -> None:
    severity = worst(catalogue, request(catalogue, asker, name), victim)
    assert severity is None or severity < Severity.STATE


def test_no_request_harms_its_own_device(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        for one in entry.serial.requests if entry.serial else ():
            severity = worst(catalogue, request(catalogue, entry.id, one.name), entry.id)
            assert severity is None or severity < Severity.STATE, (entry.id, one.name)


def test_no_safe_identity_read_harms_its_own_device(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        if entry.i2c is None or not entry.i2c.safe_read or entry.never_probe:
            continue
        for identity in entry.i2c.identity:
            for address in identity.addresses or entry.i2c.addresses:
                read = i2c(address, identity.register, entry.i2c.register_index_bits)
                severity = worst(catalogue, read, entry.id)
                assert severity is None or severity < Severity.STATE, (entry.id, read)


@pytest.mark.parametrize('byte', range(256))
def test_any_byte_moves_a_sabertooth(catalogue: Catalogue, byte: int) -> None:
    assert worst(catalogue, ask(f'{byte:02X}'), 'motor_sabertooth') is Severity.MOTION


def test_listening_harms_nobody(catalogue: Catalogue) -> None:
    listen = SerialListen(PORT, 115200, '8N1', 1200)
    assert catalogue.harms(listen, catalogue.of_serial()) == []


def test_1200_baud_is_refused_even_for_listening_to_nobody_known(catalogue: Catalogue) -> None:
    listen = SerialListen(PORT, 1200, '8N1', 1200)
    assert worst(catalogue, listen) is Severity.STATE


@pytest.mark.parametrize('line', ['t 0 1\n', 'i\nq 0 1 2\n', '\r\nv 0 5\n', 'p 0 3\n', ' c 0 1\n'])
def test_a_line_that_begins_an_odrive_command_moves_it(catalogue: Catalogue, line: str) -> None:
    assert worst(catalogue, text(line), 'motor_odrive') is Severity.MOTION


@pytest.mark.parametrize('line', ['$H\n', '$J=G91X1F100\n', '$X\n', 'G0X1\n', 'M3 S100\n', 'M8\n'])
def test_grbl_lines_that_move_or_switch_are_known(catalogue: Catalogue, line: str) -> None:
    assert worst(catalogue, text(line), 'stepper_grbl') is Severity.MOTION


@pytest.mark.parametrize('byte', [0x18, 0x21, 0x7E, 0x84, 0x85, *range(0x90, 0x98),
                                  *range(0x99, 0x9F), 0xA0, 0xA1])
def test_grbl_takes_real_time_bytes_from_anywhere(catalogue: Catalogue, byte: int) -> None:
    assert worst(catalogue, ask(f'41 {byte:02X} 42'), 'stepper_grbl') is Severity.MOTION


@pytest.mark.parametrize(('tx', 'victim'), [
    ('A5 20', 'lidar_rplidar'), ('A5 40', 'lidar_rplidar'), ('A5 60', 'lidar_ydlidar'),
    ('A5 80', 'lidar_ydlidar'), ('51 54 0A', 'lidar_hokuyo'), ('42 4D 0A', 'lidar_hokuyo'),
    ('02 73 4D 4E 20 6D 53 43 03', 'lidar_sick_tim'), ('5A 05 05 06 6A', 'range_tfmini_uart'),
    ('B5 62 06 00 00 00 06 18', 'gps_ublox_uart'), ('24 50 53 52 46 31 30 30', 'gps_sirf'),
    ('FA FF 30 00 D1', 'imu_xsens_mti'), ('FF FF FD 00 FE 03 00 08 2F 72', 'servo_dynamixel_p2'),
    ('FF FF FE 05 03 1E 00 02 D9', 'servo_feetech_sts'), ('55 55 01 07 01 F4 01 00 00 01',
                                                          'servo_lx16a'),
    ('80 00 40 12 34', 'motor_roboclaw'), ('01 01 00 00 00 00 01 F4 F7', 'stepper_tmcl_module'),
    ('05 00 A2 00 00 10 00 00', 'stepper_tmc2209'),
    ('02 05 05 00 00 10 00 12 34 03', 'motor_vesc'),
    ('AA 0C 04 00 70 2E FF', 'servo_maestro_mini'), ('84 00 70 2E', 'servo_maestro_micro'),
    ('AA 0E 03', 'stepper_tic_i2c'), ('75 65 01 02 02 7E 5D 43', 'imu_microstrain_mip'),
])
def test_what_must_not_be_sent_to_a_device_is_a_hazard(
    catalogue: Catalogue, tx: str, victim: str,
) -> None:
    severity = worst(catalogue, ask(tx), victim)
    assert severity is not None and severity >= Severity.STATE


def test_opening_a_port_is_told_apart_from_asking(catalogue: Catalogue) -> None:
    told = {hazard.id for hazard in catalogue.opening_hazards(
        ['stepper_grbl', 'board_arduino', 'lidar_rplidar', 'gps_nmea'])}
    assert told == {'opening_resets_controller', 'opening_resets_board', 'opening_turns_lidar'}
    assert catalogue.opening_hazards(['gps_nmea']) == []


# ---- I2C and SPI


def test_a_wide_index_writes_into_every_chip_with_narrow_registers(catalogue: Catalogue) -> None:
    for entry in catalogue.entries:
        if entry.i2c is not None and entry.i2c.register_index_bits == 8:
            severity = worst(catalogue, i2c(entry.i2c.addresses[0], 0x010F, 16), entry.id)
            assert severity is not None and severity >= Severity.STATE, entry.id


@pytest.mark.parametrize('victim', ['range_vl53l0x', 'imu_bno055'])
def test_asking_for_a_vl53l1x_writes_into_its_neighbours(
    catalogue: Catalogue, victim: str,
) -> None:
    assert worst(catalogue, i2c(0x29, 0x010F, 16), victim) is Severity.STATE
    assert catalogue.harms(i2c(0x29, 0x010F, 16), ['range_vl53l1x', 'range_vl6180x']) == []


@pytest.mark.parametrize('address', [*range(0x20, 0x28), *range(0x38, 0x40)])
def test_a_pointer_switches_the_outputs_of_a_pcf8574_and_a_bare_read_does_not(
    catalogue: Catalogue, address: int,
) -> None:
    assert worst(catalogue, i2c(address, 0x00), 'gpio_pcf8574') is Severity.MOTION
    assert catalogue.harms(bare(address), ['gpio_pcf8574']) == []


def test_the_id_pointer_of_ina_chips_resets_a_humidity_sensor_for_a_moment(
    catalogue: Catalogue,
) -> None:
    found = catalogue.harms(i2c(0x40, 0xFE), ['env_htu21d'])
    assert [(h.severity, h.recovery_ms) for h in found] == [(Severity.DISTURBS, 15)]
    assert worst(catalogue, i2c(0x40, 0xE6), 'env_htu21d') is Severity.STATE


def test_asking_a_barometer_opens_channels_of_a_multiplexer_and_can_be_undone(
    catalogue: Catalogue,
) -> None:
    found = catalogue.harms(i2c(0x76, 0xD0), ['mux_tca9548a'])
    assert [(h.severity, h.undo_pointer) for h in found] == [(Severity.DISTURBS, 0)]
    assert catalogue.harms(bare(0x76), ['mux_tca9548a']) == []


def test_the_general_call_is_refused_whoever_is_there(catalogue: Catalogue) -> None:
    assert worst(catalogue, bare(0x00)) is Severity.MOTION


@pytest.mark.parametrize(('operation', 'victim', 'least'), [
    (i2c(0x40, 0x0600, 16), 'servo_pca9685', Severity.MOTION),
    (i2c(0x36, 0xFF00, 16), 'encoder_as5600', Severity.DAMAGE),
    (i2c(0x50, 0x0000, 16), 'eeprom_24c', Severity.DAMAGE),
    (i2c(0x68, 0x0000, 16), 'rtc_ds1307', Severity.STATE),
    (i2c(0x0E, 0x83), 'stepper_tic_i2c', Severity.MOTION),
    (i2c(0x0E, 0xA2), 'stepper_tic_i2c', Severity.STATE),
    (i2c(0x62, 0x0004, 16), 'range_lidarlite', Severity.STATE),
    (i2c(0x0B, 0x00), 'pwr_smart_battery', Severity.STATE),
    (i2c(0x76, 0x1E), 'baro_ms5611', Severity.DISTURBS),
    (bare(0x4A), 'imu_bno08x', Severity.DISTURBS),
    (i2c(0x42, 0xFF), 'gps_ublox_ddc', Severity.DISTURBS),
    (i2c(0x28, 0x3F20, 16), 'imu_bno055', Severity.STATE),
])
def test_what_must_not_be_done_to_a_chip_is_a_hazard(
    catalogue: Catalogue, operation: Operation, victim: str, least: Severity,
) -> None:
    severity = worst(catalogue, operation, victim)
    assert severity is not None and severity >= least


@pytest.mark.parametrize('victim', ['stepper_tmc5160', 'stepper_tmc5130', 'stepper_tmc2130',
                                    'stepper_tmc2240', 'imu_adis1647x'])
def test_the_usual_spi_read_writes_to_trinamic_and_adis(
    catalogue: Catalogue, victim: str,
) -> None:
    severity = worst(catalogue, spi('F5 00'), victim)
    assert severity is not None and severity >= Severity.STATE
    assert catalogue.harms(spi('04 00 00 00 00'), [victim]) == []


def test_the_read_of_a_stepper_driver_writes_to_a_usual_chip(catalogue: Catalogue) -> None:
    assert worst(catalogue, spi('04 00 00 00 00'), 'imu_mpu6000') is Severity.STATE
    assert catalogue.harms(spi('F5 00'), ['imu_mpu6000', 'baro_bmp280']) == []


def test_with_both_kinds_possible_no_first_byte_is_harmless(catalogue: Catalogue) -> None:
    for first in range(256):
        severity = worst(catalogue, spi(f'{first:02X} 00'), 'imu_mpu6000', 'stepper_tmc5160')
        assert severity is not None and severity >= Severity.STATE


def test_the_worst_comes_first_and_the_order_is_stable(catalogue: Catalogue) -> None:
    operation = ask('FF FF 02')
    victims = ['servo_mini_ssc', 'fc_betaflight', 'motor_sabertooth']
    found = [hazard.id for hazard in catalogue.harms(operation, victims)]
    assert found == [h.id for h in catalogue.harms(operation, victims[::-1])]
    assert found[-1] == 'msp_opens_cli_at_02'


def test_ids_that_are_not_in_the_catalogue_are_no_victims(catalogue: Catalogue) -> None:
    assert catalogue.harms(ask('02'), ['nobody']) == []


# ---- what the schema of hazards refuses

GOOD = """\
schema: 1
hazards:
- id: mine
  when: {bus: i2c, pointers: ['0x10']}
  targets: {entries: [imu_bmi160]}
  effect: something
  severity: motion
  sources: [{page: mine}]
"""


@pytest.mark.parametrize(('old', 'new', 'line', 'words'), [
    ('severity: motion', 'severity: bad', 7, 'expected one of note'),
    ('  effect: something\n', '', 3, 'effect: is missing'),
    ('bus: i2c', 'bus: spi', 4, 'expected for spi only'),
    ("{bus: i2c, pointers: ['0x10']}", '{bus: i2c}', 4, 'expected a part'),
    ("'0x10'", "'0x20-0x10'", 4, 'first <= last'),
    ("'0x10'", '16', 4, "expected '0x20'"),
    ('pointers', 'pointer', 4, 'unknown key'),
    ('{entries: [imu_bmi160]}', '{}', 5, 'at least one of'),
    ("i2c, pointers: ['0x10']", "serial, pattern: 'a*'", 4, 'in place of * or +'),
    ('{page: mine}', '{path: x}', 8, 'repository and path'),
    ('schema: 1', 'schema: 9', 1, 'expected 1'),
])
def test_a_wrong_hazard_is_said_with_its_line(
    old: str, new: str, line: int, words: str,
) -> None:
    value, problems = parse(GOOD.replace(old, new).encode(), 'mine.yaml')
    assert value is not None
    assert read_hazards(value, problems) == []
    assert [one.line for one in problems.found if words in f'{one.key}: {one.text}'][:1] == [
        line], [str(one) for one in problems.found]


def test_wrong_bus_rules_are_said_and_not_used() -> None:
    value, problems = parse(b'schema: 1\nbus_rules: {i2c: {}, spi: {}, serial: {}}', 'mine.yaml')
    assert value is not None
    assert read_bus_rules(value, problems) is None
    assert any('allow_adapters: is missing' in str(one) for one in problems.found)
