# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""One or more frames of every protocol: well-known examples, and frames made here.

Functions make theirs from the protocol's layout with bitwise checksums, which are not the
decoders' code. The others are examples of manuals and logs; none was recorded from a device
here.
"""

import struct


def _ubx_mon_ver() -> bytes:
    payload = (b'ROM CORE 3.01 (107888)'.ljust(30, b'\0') + b'00080000'.ljust(10, b'\0')
               + b'FWVER=SPG 3.01'.ljust(30, b'\0') + b'PROTVER=18.00'.ljust(30, b'\0')
               + b'MOD=NEO-M8N-0'.ljust(30, b'\0'))
    body = b'\x0a\x04' + struct.pack('<H', len(payload)) + payload
    a = b = 0
    for byte in body:
        a = a + byte & 255
        b = b + a & 255
    return b'\xb5\x62' + body + bytes((a, b))


def bitwise_crc(data: bytes, polynomial: int, width: int, start: int = 0) -> int:
    """Return a CRC that is not reflected, one bit at a time."""
    crc = start
    for byte in data:
        crc ^= byte << width - 8
        for _ in range(8):
            crc = crc << 1 ^ (polynomial if crc >> width - 1 & 1 else 0)
            crc &= (1 << width) - 1
    return crc


def _vesc_version() -> bytes:
    payload = b'\x00\x05\x02' + b'60_MK5\0' + bytes(range(1, 13)) + b'\0'
    return (bytes((2, len(payload))) + payload
            + bitwise_crc(payload, 0x1021, 16).to_bytes(2, 'big') + b'\x03')


def _ydlidar_points() -> bytes:
    samples = [1200, 1204, 1212]
    words = [0x55AA, 0 | len(samples) << 8, 0x1001, 0x1181, *samples]
    check = 0
    for word in words:
        check ^= word
    return struct.pack('<8H', *words[:4], check, *samples)


def _sick() -> bytes:
    return b'\x02sRA DeviceIdent 10 LMS10x_FieldEval 10 V1.36-21.10.2010\x03'


def _mip_information() -> bytes:
    texts = (b'3DM-GX5-25', b'6253-4220', b'6253.112233', b'I42Y', b'5g, 300d/s')
    field = struct.pack('>BBH', 84, 0x81, 1126) + b''.join(t.ljust(16) for t in texts)
    body = b'\x75\x65\x01' + bytes((len(field),)) + field
    a = b = 0
    for byte in body:
        a = a + byte & 255
        b = b + a & 255
    return body + bytes((a, b))


def _capsule() -> bytes:
    body = bytes((0x34, 0x12)) + bytes((7 * n + 3) & 255 for n in range(80))
    check = 0
    for byte in body:
        check ^= byte
    return bytes((0xA0 | check & 15, 0x50 | check >> 4)) + body


def rplidar_nodes(count: int = 32, degrees_between: float = 1.0) -> bytes:
    """Return legacy scan nodes that begin with a new turn."""
    made = b''
    for n in range(count):
        angle = int(n * degrees_between % 360 * 64)
        start = 1 if n * degrees_between % 360 < degrees_between else 2
        made += struct.pack('<BHH', 15 << 2 | start, angle << 1 | 1, 4000 + 13 * n)
    return made


def _roboclaw() -> bytes:
    text = b'USB Roboclaw 2x15a v4.1.34\n\0'
    return text + bitwise_crc(b'\x80\x15' + text, 0x1021, 16).to_bytes(2, 'big')


def _crc_block(body: bytes, order: str) -> bytes:
    crc = bitwise_crc(body, 0x1021, 16)
    return crc.to_bytes(2, 'little' if order == 'little' else 'big')


def _sbf() -> bytes:
    body = struct.pack('<HH', 4007 | 2 << 13, 16) + bytes(range(8))
    return b'$@' + _crc_block(body, 'little') + body


def _sbp() -> bytes:
    body = struct.pack('<HHB', 0xFFFF, 0x0042, 4) + b'\x00\x32\x00\x00'
    return b'\x55' + body + _crc_block(body, 'little')


def _rtcm() -> bytes:
    # Message 1005 as in the example of RTCM 10403.2.
    return bytes.fromhex('D300133ED7D30202980EDEEF34B4BD62AC0941986F33360B98')


def _scip() -> bytes:
    return (b'VV\n00P\nVEND:Hokuyo Automatic Co.,Ltd.;[\n'.replace(
        b';[', b';' + _scip_sum(b'VEND:Hokuyo Automatic Co.,Ltd.'))
        + b'SERI:H0805231;' + _scip_sum(b'SERI:H0805231') + b'\n\n')


def _scip_sum(text: bytes) -> bytes:
    return bytes(((sum(text) & 0x3F) + 0x30,))


def _ping_information() -> bytes:
    payload = bytes((1, 1, 3, 28, 0, 0))
    body = b'BR' + struct.pack('<HHBB', len(payload), 4, 1, 0) + payload
    return body + struct.pack('<H', sum(body) & 0xFFFF)


def _crsf_link() -> bytes:
    body = b'\x14' + bytes((30, 31, 99, 8, 0, 2, 1, 40, 95, 5))
    return b'\xc8' + bytes((len(body) + 1,)) + body + bytes((bitwise_crc(body, 0xD5, 8),))


def _msp2() -> bytes:
    body = b'\x00' + struct.pack('<HH', 100, 3) + b'abc'
    return b'$X>' + body + bytes((bitwise_crc(body, 0xD5, 8),))


H = bytes.fromhex
# Protocol: (frame, kind, some of its fields).
KNOWN: dict[str, list[tuple[bytes, str, dict[str, str]]]] = {
    'nmea': [
        (b'$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76\r\n',
         'GGA', {'talker': 'GP'}),
        (b'$PMTK705,AXN_1.30,0000,20090609,*20\r\n', 'PMTK705', {}),
        (b'!AIVDM,1,1,,A,14eG;o@034o8sd<L9i:a;WF>062D,0*7D\n', 'VDM', {'talker': 'AI'})],
    'ubx': [(_ubx_mon_ver(), 'MON-VER', {'module': 'NEO-M8N-0', 'hardware': '00080000'}),
            (H('B5620A0400000E34'), 'MON-VER', {})],
    'sirf': [(H('A0A2000284000084B0B3'), 'message', {'number': '132'})],
    'skytraq': [(H('A0A10002020103 0D0A'), 'message', {'number': '0x02'})],
    'rtcm3': [(_rtcm(), 'message', {'number': '1005'})],
    'sbf': [(_sbf(), 'block', {'number': '4007'})],
    'sbp': [(_sbp(), 'heartbeat', {'sender': '0x0042'})],
    'tsip': [(H('10 4B 01 00 10 10 10 03'), 'report_4B', {})],
    # Heartbeats of a copter with ArduPilot and PX4, made by pymavlink 2.4.50.
    'mavlink': [
        (H('FE 09 00 01 01 00 00 00 00 00 02 03 51 03 03 78 51'), 'HEARTBEAT',
         {'autopilot': '3', 'type': '2', 'armed': 'no'}),
        (H('FD 09 00 00 00 01 01 00 00 00 00 00 00 00 02 0C 51 03 03 1E F8'), 'HEARTBEAT',
         {'autopilot_name': 'PX4', 'version': '2'})],
    'rplidar': [
        (H('A55A1400000004') + bytes((24, 25, 1, 5)) + bytes(range(0xC0, 0xD0)), 'info',
         {'model': '24', 'firmware': '1.25', 'serial': 'C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF'}),
        (H('A55A0300000006 000000'), 'health', {'health': 'good'}),
        (H('A55A0500004081'), 'scan_start', {}), (_capsule(), 'capsule', {}),
        (rplidar_nodes(), 'nodes', {})],
    'ydlidar': [
        (_ydlidar_points(), 'points', {'samples': '3'}),
        (H('A55A1400000004') + bytes((6, 5, 1, 1)) + bytes((2, 0, 2, 1, 0, 8, 1, 5) * 2), 'info',
         {'model': '6', 'serial': '2021081520210815'})],
    # The example of the LD19 manual.
    'ld06': [(H('542C6808AB7EE000E4DC00E2D900E5D500E3D300E4D000E9CD00E4CA00E2C700E9C500E5C200E5'
                'C000E5BE823A1A50'), 'points', {'speed_deg_per_s': '2152'})],
    # 5.15 m; version 2.0.3.
    'tfmini': [(H('59 59 03 02 64 00 A0 08 C3'), 'distance', {'distance': '515'}),
               (H('5A 07 01 03 00 02 67'), 'version', {'firmware': '2.0.3'})],
    'tofsense': [(H('57 00 FF 00 9E 8F 00 00 AD 08 00 00 03 00 FF 3A'), 'distance', {})],
    # The examples of the ROBOTIS manuals: ping of id 1, answer of an XM430-W210, and 1.0.
    'dynamixel2': [
        (H('FFFFFD00 01 0300 01 194E'), 'ping', {'id': '1'}),
        (H('FFFFFD00 01 0700 55 00 0604 26 655D'), 'status',
         {'id': '1', 'model': '1030', 'firmware': '38', 'error': '0'})],
    'dynamixel1': [(H('FFFF 01 02 01 FB'), 'packet', {'id': '1'}),
                   (H('FFFF 01 04 00 0C 00 EE'), 'packet', {'parameters': '0c 00'})],
    'feetech': [(H('FFFF 01 04 00 09 03 EE'), 'packet', {'parameters': '09 03'})],
    'lx16a': [(H('5555 01 04 0E 01 EB'), 'packet', {'command': '14'})],
    'vesc': [(_vesc_version(), 'fw_version',
              {'major': '5', 'hardware': '60_MK5', 'uuid': '0102030405060708090A0B0C'}),
             (H('02 01 00 00 00 03'), 'packet', {'command': '0'})],
    'msp': [(b'$M>\x04\x02BTFL\x1a', 'FC_VARIANT', {'variant': 'BTFL'}),
            (H('24 4D 3C 00 02 02'), 'request', {'command': '2'}),
            (_msp2(), 'answer', {'command': '100'})],
    'mip': [(_mip_information(), 'device_info',
             {'model': '3DM-GX5-25', 'serial': '6253.112233', 'firmware': '1126'}),
            (H('75 65 01 02 02 01 E0 C6'), 'reply', {})],
    'xbus': [(H('FA FF 01 04 03 00 11 22 C6'), 'device_id', {'device_id': '03001122'})],
    'vectornav': [(b'$VNRRG,01,VN-100T-CR*32\r\n', 'VNRRG', {'model': 'VN-100T-CR'}),
                  # Common group, yaw, pitch and roll, of the VN-100 manual.
                  (H('FA0108009350 2E42833EF13F48B504BB9288'), 'binary', {})],
    'witmotion': [(H('55 51 00 00 00 00 00 08 00 00 AE'), 'acceleration', {})],
    'tmc_uart': [(H('05 FF 06 21 00 00 01 C8'), 'reply', {'version': '0x21'})],
    'tmcl': [(H('02 01 64 88 04 74 01 2A 92'), 'version', {'module': '1140'})],
    'klipper': [(H('05 10 9E 81 7E'), 'acknowledge', {})],
    'roboclaw': [(_roboclaw(), 'version', {'version': 'USB Roboclaw 2x15a v4.1.34'})],
    'cola_a': [(_sick(), 'sRA', {'name': 'DeviceIdent'})],
    'scip': [(_scip(), 'VV', {'serial': 'H0805231'}), (b'QT\n00P\n\n', 'QT', {'status': '00'})],
    'grbl': [
        (b"Grbl 1.1h ['$' for help]\r\n", 'banner', {'version': '1.1h', 'firmware': 'Grbl'}),
        (b"Grbl 3.7 [FluidNC v3.7.0 (wifi) '$' for help]\r\n", 'banner', {'version': '3.7'}),
        (b'<Idle|MPos:0.000,0.000,0.000|FS:0,0>\r\n', 'status', {'status': 'Idle'}),
        (b'[VER:1.1h.20190825:]\r\n', 'version', {'version': '1.1h.20190825'}),
        (b'[FIRMWARE:grblHAL]\r\n', 'firmware', {'firmware': 'grblHAL'})],
    'marlin': [
        (b'FIRMWARE_NAME:Marlin 2.0.9.3 (Dec 25 2021 12:00:00) SOURCE_CODE_URL:github.com/Mar'
         b'linFirmware/Marlin PROTOCOL_VERSION:1.0 MACHINE_TYPE:Ender-3 Pro EXTRUDER_COUNT:1 '
         b'UUID:cede2a2f-41a2-4748-9b12-c55c62f367ff\n', 'firmware',
         {'name': 'Marlin', 'machine': 'Ender-3 Pro'}),
        (b'FIRMWARE_NAME:Smoothieware, FIRMWARE_URL:http%3A//smoothieware.org, X-SOURCE:x\n',
         'firmware', {'name': 'Smoothieware'}),
        (b'FIRMWARE_NAME:Repetier_1.0.4 FIRMWARE_URL:https://github.com/ MACHINE_TYPE:Mendel E'
         b'XTRUDER_COUNT:1\r\n', 'firmware', {'name': 'Repetier', 'machine': 'Mendel'}),
        (b'Cap:EEPROM:1\n', 'capability', {'capability': 'EEPROM'})],
    'odrive': [(b'Hardware version: 3.6-56V\r\n', 'hardware', {'hardware': '3.6-56V'}),
               (b'Serial number: 206A39694D4D\r\n', 'serial', {'serial': '206A39694D4D'})],
    'ping': [(_ping_information(), 'device_information', {'device_type': '1'})],
    'crsf': [(_crsf_link(), 'link', {})],
    'sbus': [(b'\x0f' + bytes(range(1, 23)) + b'\x00\x00', 'channels', {})],
}


def stream_of(protocol: str) -> bytes:
    """Return all known frames of a protocol, one after the other."""
    frames = b''.join(frame for frame, _, _ in KNOWN[protocol])
    return frames * 2 if protocol == 'sbus' else frames
