# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Every serial device of the catalogue is found by its own words, and nobody is harmed for it."""

import pytest
from fakes.known_bytes import KNOWN
from simulated_probing import CATALOGUE, harm_to, named, probe, serial_place
from simulated_serial import SimulatedSerial

from hw_discovery.core.catalogue.entry import BlindSend, DeviceEntry
from hw_discovery.core.device import Verdict
from hw_discovery.core.probing.consent import Hints
from hw_discovery.core.probing.operation import (
    Operation,
    Outcome,
    SerialAsk,
    SerialListen,
    SerialPlace,
)

# Devices that say nothing that can be asked for without harm, and why.
CANNOT_BE_TOLD = {
    'board_arduino': 'the USB id names the board, not what runs on it',
    'motor_sabertooth': 'it has no way to speak',
    'servo_mini_ssc': 'it has no way to speak',
    'motor_scmd': 'no request of its serial port is known to be harmless',
    'stepper_tic_i2c': 'one byte of six accepted ones',
}
SERIAL = CATALOGUE.of_serial()
BRIDGES = (('10c4', 'ea60'), ('1a86', '7523'), ('0403', '6001'), ('0483', '5740'))
# A controller with USB of its own: nothing hangs on a UART behind it.
STM_OWN_USB = ('0483', '5740')
USUAL = Hints(no_loose_actuators=True)


@pytest.mark.parametrize('entry', SERIAL, ids=lambda entry: entry.id)
def test_each_device_is_identified_or_honestly_ambiguous(entry: DeviceEntry) -> None:
    device = SimulatedSerial(entry)
    verdict, operations = probe(serial_place(entry), device, USUAL, rounds=3)
    if verdict.verdict is Verdict.IDENTIFIED and verdict.entry_id == entry.id:
        assert not harm_to([entry], operations)
        return
    assert verdict.verdict is not Verdict.IDENTIFIED
    assert entry.id in CANNOT_BE_TOLD or (
        entry.kind in ('servo', 'stepper', 'motor_controller') and entry.usb is None)
    device = SimulatedSerial(entry)
    verdict, operations = probe(serial_place(entry), device, Hints(declared=(entry.id,)), 3)
    assert not harm_to([entry], operations)
    if entry.id not in CANNOT_BE_TOLD:
        assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, entry.id)
    else:
        assert verdict.verdict is not Verdict.IDENTIFIED
        assert entry.id in named(verdict)


@pytest.mark.parametrize('usb', BRIDGES, ids=':'.join)
def test_behind_a_shared_id_nobody_is_taken_for_another(usb: tuple[str, str]) -> None:
    place = SerialPlace('/dev/ttyUSB0', '/sys/x', *usb)
    for entry in CATALOGUE.of_serial_hint(*usb):
        if entry.kind == 'usb_uart_bridge' or (entry.usb is None and usb == STM_OWN_USB):
            continue
        for is_talking in (True, False):
            device = SimulatedSerial(entry, is_talking=is_talking)
            verdict, operations = probe(place, device, Hints(), rounds=3)
            assert verdict.verdict is not Verdict.IDENTIFIED or verdict.entry_id == entry.id
            assert not harm_to([entry], operations), entry.id


def test_a_silent_bridge_is_only_listened_to_until_the_operator_speaks() -> None:
    entry = CATALOGUE.by_id('lidar_rplidar')
    assert entry is not None
    place = SerialPlace('/dev/ttyUSB0', '/sys/x', '10c4', 'ea60')
    verdict, operations = probe(place, SimulatedSerial(entry, is_talking=False), Hints(), 3)
    assert not any(isinstance(operation, SerialAsk) for operation in operations)
    assert 'lidar_rplidar' in named(verdict)
    assert any('motor_sabertooth is not ruled out' in item.reason for item in verdict.not_tried)
    verdict, _ = probe(place, SimulatedSerial(entry, is_talking=False), USUAL, 3)
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'lidar_rplidar')


def test_a_bare_uart_is_only_listened_to() -> None:
    entry = CATALOGUE.by_id('motor_sabertooth')
    assert entry is not None
    _, operations = probe(SerialPlace('/dev/ttyAMA0'), SimulatedSerial(entry), Hints(), 3)
    assert operations
    assert all(isinstance(operation, SerialListen) for operation in operations)


def test_a_shared_usb_id_alone_stays_below_half() -> None:
    for usb in BRIDGES:
        place = SerialPlace('/dev/ttyUSB0', '/sys/x', *usb)
        verdict, _ = probe(place, Nobody(), USUAL, 3)
        assert verdict.verdict is not Verdict.IDENTIFIED
        assert verdict.confidence <= 0.5


class Nobody:
    """Nothing is connected."""

    def perform(self, operation: Operation) -> Outcome:
        return Outcome(operation)


class Loopback:
    """TX is wired to RX: everything sent comes back."""

    def perform(self, operation: Operation) -> Outcome:
        return Outcome(operation, operation.tx if isinstance(operation, SerialAsk) else b'')


@pytest.mark.parametrize('entry', SERIAL, ids=lambda entry: entry.id)
def test_an_echo_is_no_answer(entry: DeviceEntry) -> None:
    place = SerialPlace('/dev/ttyUSB0', '/sys/x', '10c4', 'ea60')
    verdict, _ = probe(place, Loopback(), Hints(declared=(entry.id,)), 1)
    assert verdict.verdict is not Verdict.IDENTIFIED


@pytest.mark.parametrize('entry', [entry for entry in SERIAL if entry.serial is not None
                                   and entry.serial.requests and entry.id not in CANNOT_BE_TOLD
                                   and entry.id != 'servo_maestro_mini'],
                         ids=lambda entry: entry.id)
def test_a_half_duplex_line_that_echoes_is_read_all_the_same(entry: DeviceEntry) -> None:
    device = SimulatedSerial(entry, is_talking=False, echoes=True)
    place = SerialPlace('/dev/ttyUSB0', '/sys/x', '10c4', 'ea60')
    verdict, _ = probe(place, device, Hints(declared=(entry.id,)), 3)
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, entry.id)


def test_every_baud_of_the_catalogue_is_hunted_for_who_speaks_unasked() -> None:
    for entry in SERIAL:
        assert entry.serial is not None
        if entry.serial.passive is None or entry.serial.passive.frame not in KNOWN:
            continue
        for baud in entry.serial.bauds:
            device = SimulatedSerial(entry, baud)
            verdict, _ = probe(SerialPlace('/dev/ttyS0'), device,
                               Hints(declared=(entry.id,)), 3)
            assert verdict.verdict is Verdict.IDENTIFIED, (entry.id, baud, verdict)


def test_a_hinted_baud_is_tried_first() -> None:
    entry = CATALOGUE.by_id('lidar_ldrobot')
    assert entry is not None
    place = SerialPlace('/dev/ttyUSB0', '/sys/x', '10c4', 'ea60')
    _, operations = probe(place, SimulatedSerial(entry), Hints(bauds=(230400,)), 1)
    assert isinstance(operations[0], SerialListen)
    assert operations[0].baud == 230400


def test_nobody_who_must_never_be_asked_is_asked() -> None:
    for entry in SERIAL:
        assert entry.serial is not None
        if entry.never_probe:
            _, operations = probe(SerialPlace('/dev/ttyS0'), Nobody(),
                                  Hints(declared=(entry.id,)), 3)
            assert not any(isinstance(operation, SerialAsk) for operation in operations)
        elif entry.serial.blind_send is BlindSend.NEVER:
            _, operations = probe(SerialPlace('/dev/ttyS0'), Nobody(), Hints(), 3)
            assert not any(isinstance(operation, SerialAsk) for operation in operations)


def test_1200_baud_is_never_used() -> None:
    for entry in SERIAL:
        _, operations = probe(serial_place(entry), Nobody(), USUAL, 3)
        assert 1200 not in {getattr(operation, 'baud', 0) for operation in operations}


def test_a_receiver_that_speaks_ubx_and_nmea_is_no_generic_receiver() -> None:
    ublox, nmea = CATALOGUE.by_id('gps_ublox_uart'), CATALOGUE.by_id('gps_nmea')
    assert ublox is not None
    assert nmea is not None
    speech = SimulatedSerial(ublox).speech + SimulatedSerial(nmea).speech

    class Both:
        def perform(self, operation: Operation) -> Outcome:
            is_heard = isinstance(operation, SerialListen) and operation.baud == 9600
            return Outcome(operation, speech * 3 if is_heard else b'')

    verdict, operations = probe(SerialPlace('/dev/ttyUSB0', '/sys/x', '1a86', '7523'), Both(),
                                Hints(), rounds=3)
    assert (verdict.verdict, verdict.entry_id) == (Verdict.IDENTIFIED, 'gps_ublox_uart')
    assert verdict.baud == 9600
    assert not any(isinstance(operation, SerialAsk) for operation in operations)


@pytest.mark.parametrize('entry_id', ['lidar_rplidar', 'motor_vesc'])
def test_the_number_of_the_unit_is_told_where_the_protocol_has_one(entry_id: str) -> None:
    entry = CATALOGUE.by_id(entry_id)
    assert entry is not None
    verdict, _ = probe(serial_place(entry), SimulatedSerial(entry, is_talking=False), USUAL, 3)
    assert verdict.unit_serial
    assert verdict.baud == 115200
