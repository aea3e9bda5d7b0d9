# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Serial devices that speak and answer as their catalogue entry says, and nothing more.

What they say are known frames of the protocols (fakes/known_bytes.py) that fit the entry; where
none fits, a line written by hand from the entry's source. At another baud they are noise.
"""

import random
from dataclasses import dataclass, field

from fakes.known_bytes import KNOWN, bitwise_crc

from hw_discovery.core.catalogue.entry import DeviceEntry, SerialRequest
from hw_discovery.core.probing.operation import Operation, Outcome, SerialAsk, SerialListen

# Text that an entry's pattern wants and no known frame holds.
LINES = {
    'stepper_grblhal': (b"\r\nGrblHAL 1.1f ['$' for help]\r\n",
                        b'[VER:1.1f.20240801:]\r\n[FIRMWARE:grblHAL]\r\nok\r\n'),
    'stepper_fluidnc': (b"\r\nGrbl 3.7 [FluidNC v3.7.8 (wifi) '$' for help]\r\n",
                        b'[VER:3.7 FluidNC v3.7.8:]\r\nok\r\n'),
    'stepper_grbl': (b"\r\nGrbl 1.1h ['$' for help]\r\n",
                     b'[VER:1.1h.20190825:]\r\n[OPT:V,15,128]\r\nok\r\n'),
    'stepper_marlin': (b'start\r\necho:Marlin 2.1.2\r\n',
                       b'FIRMWARE_NAME:Marlin 2.1.2 (Github) MACHINE_TYPE:3D Printer\r\nok\r\n'),
    'stepper_smoothie': (b'', b'FIRMWARE_NAME:Smoothieware, FIRMWARE_VERSION:edge\r\nok\r\n'),
    'gps_nmea': (b'$GPGGA,092750.000,5321.6802,N,00630.3372,W,1,8,1.03,61.7,M,55.2,M,,*76\r\n'
                 b'$GPRMC,092750.000,A,5321.6802,N,00630.3372,W,0.02,31.66,280511,,,A*43\r\n',
                 b''),
    'imu_vectornav': (b'', b'$VNRRG,01,VN-100T*5D\r\n'),
    'servo_maestro_mini': (b'', b'\x00\x00'),
    'stepper_tic_i2c': (b'', b'\x0a'),
}


def _with_nmea_checksum(body: bytes) -> bytes:
    check = 0
    for byte in body:
        check ^= byte
    return b'$' + body + b'*%02X\r\n' % check


LINES['imu_vectornav'] = (
    _with_nmea_checksum(b'VNYMR,+010.071,+000.278,-002.026,-1.01,+00.00,+3.0,+1,+1,+1,+1,+1,+1'),
    _with_nmea_checksum(b'VNRRG,01,VN-100T'))
LINES['gps_mtk'] = (_with_nmea_checksum(b'PMTK011,MTKGPS'),
                    _with_nmea_checksum(b'PMTK705,AXN_2.31_3339_13101700,5632,PA6H,1.0'))
LINES['gps_ashtech'] = (_with_nmea_checksum(b'PASHR,POS,1,8,092750.0,5321.6802,N,00630.3372,W'),
                        _with_nmea_checksum(b'PASHR,RID,DG,30,DA03,01'))


def _tmc_reply(version: int) -> bytes:
    body = bytes((0x05, 0xFF, 0x06, version, 0, 0, 0))
    crc = 0
    for byte in body:  # TMC2209 datasheet 4.2: polynomial 0x07, least significant bit first
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if (crc >> 7 ^ byte) & 1 else 0)) & 0xFF
            byte >>= 1
    return body + bytes((crc,))


def _scip_line(text: bytes) -> bytes:
    return text + b';' + bytes(((sum(text) & 0x3F) + 0x30,)) + b'\n'


LINES['lidar_hokuyo'] = (b'', b'VV\n00P\n' + b''.join(map(_scip_line, (
    b'VEND:Hokuyo Automatic Co.,Ltd.', b'PROD:SOKUIKI Sensor URG-04LX', b'FIRM:3.3.00',
    b'PROT:SCIP 2.0', b'SERI:H0805231'))) + b'\n')
LINES['stepper_tmc2209'] = (b'', _tmc_reply(0x21))
LINES['stepper_tmc2208'] = (b'', _tmc_reply(0x20))
LINES['servo_dynamixel_p1'] = (b'', bytes.fromhex('FF FF 01 02 00 FC'))


def stream_of_frames(protocol: str, count: int) -> bytes:
    """Return frames that differ, as a device that measures sends them; b'' = not built here."""
    stream = b''
    for step in range(count):
        if protocol == 'ld06':
            body = bytes((0x54, 0x2C)) + bytes((0x68, 0x08, step, 0x01)) + bytes(
                (step, 0, 9)) * 12 + bytes((step + 40, 0x01, step, 0))
            stream += body + bytes((bitwise_crc(body, 0x4D, 8),))
        elif protocol == 'witmotion':
            body = bytes((0x55, 0x51 + step % 3, step, 0, 1, 0, 2, 0, 3, 0))
            stream += body + bytes((sum(body) & 0xFF,))
        elif protocol == 'tofsense':
            body = bytes((0x57, 0x00, 0xFF, 0x00, step, 0, 0, 0, step, 4, 0, 0, 1, 0, 0xFF))
            stream += body + bytes((sum(body) & 0xFF,))
        elif protocol == 'sbp':
            body = bytes((0x02, 0x01, 0x42, 0x00, 4, step, 0, 0, 0))
            stream += b'\x55' + body + bitwise_crc(body, 0x1021, 16).to_bytes(2, 'little')
    return stream


def fits_request(request: SerialRequest, data: bytes) -> bool:
    """Tell whether bytes are what the request wants."""
    return data.startswith(request.reply_prefix) and (
        request.reply_regex is None or request.reply_regex.search(data) is not None)


@dataclass
class SimulatedSerial:
    """`is_talking`: a device that can speak unasked does. `echoes`: a half-duplex line."""

    entry: DeviceEntry
    baud: int = 0
    is_talking: bool = True
    echoes: bool = False
    sent: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        assert self.entry.serial is not None
        self.baud = self.baud or self.entry.serial.bauds[0]

    @property
    def speech(self) -> bytes:
        """What it says unasked, b'' when it waits to be asked."""
        assert self.entry.serial is not None
        passive = self.entry.serial.passive
        if passive is None or not self.is_talking:
            return b''
        if self.entry.id in LINES:
            return LINES[self.entry.id][0]
        built = stream_of_frames(passive.frame, 8)
        if built:
            return built
        frames = [frame for frame, _, _ in KNOWN[passive.frame]]
        wanted = passive.pattern or passive.regex
        fitting = [frame for frame in frames if wanted is None or wanted.search(frame)]
        return b''.join(fitting or frames)

    def reply(self, tx: bytes) -> bytes:
        """What it answers to these bytes."""
        assert self.entry.serial is not None
        for request in self.entry.serial.requests:
            if request.tx != tx:
                continue
            if self.entry.id in LINES and fits_request(request, LINES[self.entry.id][1]):
                return LINES[self.entry.id][1]
            for frame, _, _ in KNOWN.get(request.reply_frame, ()):
                if fits_request(request, frame):
                    return frame
        return b''

    def perform(self, operation: Operation) -> Outcome:
        """Answer as the device would; noise at another baud where it speaks unasked."""
        assert isinstance(operation, SerialAsk | SerialListen)
        data = b''
        if operation.baud != self.baud:
            size = min(64, len(self.speech))
            data = random.Random(operation.baud).randbytes(size)
        elif isinstance(operation, SerialListen):
            data = self.speech * max(1, min(12, 1200 // max(1, len(self.speech))))
        else:
            self.sent.append(operation.tx)
            data = (operation.tx if self.echoes else b'') + self.reply(operation.tx)
        if isinstance(operation, SerialAsk) and operation.tx not in self.sent:
            self.sent.append(operation.tx)
        return Outcome(operation, data[:16384], at_ns=0, took_ns=0)
