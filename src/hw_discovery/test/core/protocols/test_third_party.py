# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Other people's libraries judge the decoders: what they make is found, what they check agrees."""

import random
import struct

import pytest

from hw_discovery.core.protocols import match


def test_every_message_of_pynmeagps_is_found() -> None:
    nmea = pytest.importorskip('pynmeagps')
    kinds = ('GGA', 'RMC', 'GSA', 'GSV', 'GLL', 'VTG', 'ZDA')
    made = [nmea.NMEAMessage(talker, kind, nmea.GET, lat=1.5, lon=-2.5)
            for talker in ('GP', 'GN', 'GL') for kind in kinds]
    stream = b''.join(message.serialize() for message in made)
    found = match('nmea', stream)
    assert [frame.kind for frame in found.frames] == [message.msgID for message in made]
    assert found.coverage == 1.0


def test_messages_of_pyubx2_are_found_with_its_checksum() -> None:
    ubx = pytest.importorskip('pyubx2')
    rng = random.Random(3)
    raw = [ubx.UBXMessage('NAV', 'NAV-PVT', ubx.GET, payload=rng.randbytes(92)).serialize()
           for _ in range(50)]
    raw += [ubx.UBXMessage('MON', 'MON-VER', ubx.POLL).serialize()]
    assert [frame.data for frame in match('ubx', b''.join(raw)).frames] == raw


def test_messages_of_pymavlink_are_found_in_both_versions() -> None:
    dialect = pytest.importorskip('pymavlink.dialects.v20.common')
    link = dialect.MAVLink(None, srcSystem=7, srcComponent=1)
    messages = [
        dialect.MAVLink_heartbeat_message(2, 12, 81, 0, 3, 3),
        dialect.MAVLink_attitude_message(1, .1, .2, .3, 0, 0, 0),
        dialect.MAVLink_vfr_hud_message(1, 2, 3, 4, 5, 6),
        dialect.MAVLink_sys_status_message(1, 1, 1, 500, 11000, -1, -1, 0, 0, 0, 0, 0, 0)]
    raw = [bytes(message.pack(link, force_mavlink1=first))
           for message in messages for first in (True, False)]
    frames = match('mavlink', b''.join(raw)).frames
    assert [frame.data for frame in frames] == raw
    assert {frame.field('system') for frame in frames} == {'7'}


def test_crc_extras_are_those_of_pymavlink() -> None:
    dialect = pytest.importorskip('pymavlink.dialects.v20.ardupilotmega')
    from hw_discovery.core.protocols.mavlink import _MESSAGES
    assert {number: (dialect.mavlink_map[number].crc_extra,
                     dialect.mavlink_map[number].unpacker.size)
            for number in _MESSAGES} == _MESSAGES


def test_messages_of_pyrtcm_are_found() -> None:
    rtcm = pytest.importorskip('pyrtcm')
    rng = random.Random(4)
    for size in (19, 60, 400):
        payload = struct.pack('>H', 1005 << 4) + rng.randbytes(size - 2)
        raw = b'\xd3' + struct.pack('>H', size) + payload
        raw += rtcm.calc_crc24q(raw).to_bytes(3, 'big')
        assert [frame.data for frame in match('rtcm3', raw).frames] == [raw]


def test_crc_of_dynamixel_sdk_agrees() -> None:
    sdk = pytest.importorskip('dynamixel_sdk')
    packets, rng = sdk.PacketHandler(2.0), random.Random(5)
    for _ in range(50):
        parameters = rng.randbytes(rng.randrange(1, 30))
        body = (b'\xff\xff\xfd\x00\x01' + struct.pack('<HB', len(parameters) + 3, 0x03)
                + parameters)
        crc = packets.updateCRC(0, list(body), len(body))
        frames = match('dynamixel2', body + struct.pack('<H', crc)).frames
        assert len(frames) == 1
