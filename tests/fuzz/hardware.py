# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What devices, buses and the kernel say, and the files of hw_discovery: nothing of it is trusted.

Streams are fed in pieces that the input chooses: the frames must not depend on them, and what a
stream holds back is bounded.
"""

from __future__ import annotations

import errno
import functools
import io
import json
import struct
from collections.abc import Callable, Iterator
from typing import Any

import swarm_msgs.msg as msg
import yaml

from hw_discovery.buses import v4l2, v4l2_ioctl
from hw_discovery.buses.can import NetlinkUnreadable, parse_link
from hw_discovery.buses.transcript import TranscriptWriter, parse_transcript
from hw_discovery.buses.transcript_json import TranscriptError
from hw_discovery.catalogue_files import bundled, parse
from hw_discovery.config import Config
from hw_discovery.core import protocols
from hw_discovery.core.catalogue.catalogue import Catalogue, build
from hw_discovery.core.kernel_node import KernelNode
from hw_discovery.core.memory import Remembered, from_text, to_text
from hw_discovery.core.probing.operation import Outcome, SerialListen, SerialPlace
from hw_discovery.core.scan import Scan
from hw_discovery.drivers.camera import calibration
from hw_discovery.drivers.camera import v4l2 as camera
from hw_discovery.drivers.gps.fix import GpsState
from hw_discovery.drivers.gps.stream import GpsStream
from hw_discovery.drivers.imu import chip
from hw_discovery.drivers.imu.magnetometer import MAGNETOMETERS, adjustment
from hw_discovery.drivers.lidar import rplidar
from hw_discovery.drivers.lidar.ld import LdStream
from hw_discovery.drivers.lidar.revolution import Geometry, Revolutions, scan_of
from hw_discovery.drivers.parameters import ParameterFault
from hw_discovery.drivers.stepper.grbl import GrblStream
from hw_discovery.replay import Replay
from hw_discovery.ros import conversions

from . import mutation, samples, wire
from .target import Broken, Target

HELD_BYTES_MAX = 70_000  # what a UBX frame of the largest length needs


# ---- serial protocols


def _protocols(data: bytes) -> None:
    """Every protocol finds the same frames however the bytes are cut; `data` begins with how."""
    step, stream = 1 + (data[0] if data else 0), data[1:]
    for name, kind in protocols.PROTOCOLS.items():
        whole, cut = kind(), kind()
        once = whole.feed(stream) + whole.flush()
        parts = [frame for at in range(0, len(stream), step)
                 for frame in cut.feed(stream[at: at + step])]
        if len(cut._held) > kind.frame_bytes_max:
            raise Broken(f'{name} holds {len(cut._held)} bytes, more than {kind.frame_bytes_max}')
        if parts + cut.flush() != once:
            raise Broken(f'{name}: other frames in pieces of {step} bytes than at once')
        if sum(len(frame.data) for frame in once) + whole.rejected_bytes != len(stream):
            raise Broken(f'{name}: bytes that are neither frames nor rejected')


def _known() -> list[bytes]:
    from fakes.known_bytes import KNOWN
    return [frame for rows in KNOWN.values() for frame, _, _ in rows]


def _protocol_seeds() -> list[bytes]:
    return [bytes((n % 40,)) + frame for n, frame in enumerate(_known())] + [
        b'\x07' + b''.join(frame for frame in _known()[:12])]


def _match(data: bytes) -> None:
    protocols.match_all(data)
    protocols.without_echo(data[:8], data)


def _pieces(data: bytes) -> Iterator[bytes]:
    step, stream = 1 + (data[0] if data else 0), data[1:]
    return (stream[at: at + step] for at in range(0, len(stream), step))


def _gps(data: bytes) -> None:
    stream, state = GpsStream(), GpsState()
    for piece in _pieces(data):
        for frame in stream.feed(piece):
            state.feed(frame)
        if len(stream._buffer) > HELD_BYTES_MAX:
            raise Broken(f'{len(stream._buffer)} bytes are held back')


def _gps_seeds() -> list[bytes]:
    lines = (b'GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,',
             b'GNRMC,083559.00,A,4717.11437,N,00833.91522,E,0.004,77.52,091202,,,A,V',
             b'GPGST,172814.0,0.006,0.023,0.020,273.6,0.023,0.020,0.031',
              b'GNZDA,082710.00,16,09,2002,00,00',
             b'GNGSA,A,3,80,71,73,79,69,,,,,,,,1.83,1.09,1.47,1')
    whole = b''
    for line in lines:
        check = functools.reduce(lambda a, b: a ^ b, line)
        whole += b'$' + line + b'*%02X\r\n' % check
    frames = [one for one in _known() if one[:2] == b'\xb5\x62' or one[:1] == b'$']
    return [b'\x10' + whole, b'\x00' + whole[:90], *(b'\x05' + one for one in frames)]


def _lidar(data: bytes) -> None:
    for stream in (LdStream(), rplidar.NodeStream()):
        turns = Revolutions()
        for piece in _pieces(data):
            found = stream.feed(piece)  # type: ignore[attr-defined]
            points = [point for one in found for point in getattr(one, 'points', (one,))]
            for turn in turns.feed(points):
                scan_of(turn, Geometry(360, 0.1, 12.0))
        if len(stream._buffer) > 4096:  # type: ignore[attr-defined]
            raise Broken(f'{type(stream).__name__} holds back more than a packet')
    if len(data) >= 20:
        rplidar.info_of(data[:20])
        rplidar.health_of(data[:3])


def _lidar_seeds() -> list[bytes]:
    from fakes.known_bytes import KNOWN, rplidar_nodes
    return [b'\x04' + rplidar_nodes(400), *(b'\x2e' + one[0] * 3 for one in KNOWN['ld06'])]


def _grbl(data: bytes) -> None:
    stream = GrblStream()
    for piece in _pieces(data):
        stream.feed(piece)
        if len(stream._buffer) > 4096:
            raise Broken('a line without an end is held')


def _grbl_seeds() -> list[bytes]:
    return [b"\x08Grbl 1.1f ['$' for help]\r\nok\r\n<Idle|MPos:0.000,1.500,0.000|FS:0,0|WCO:1,2,3>"
            b'\r\nerror:9\r\nALARM:1\r\n', b'\x01<Run|WPos:1,2,3|Bf:15,128>\r\n']


# ---- chips, cameras, the kernel


def _imu(data: bytes) -> None:
    """Registers as a chip answers them; any bytes are a reading or none."""
    for address in (0x68, 0x69, 0x6A, 0x6B):
        for one in chip.candidates(address):
            burst = (data + bytes(64))[: 64]
            setting = chip.setting_of(one, one.accel_scales[0].full, one.gyro_scales[0].full)
            sample = setting.decode(burst)
            chip.judge([burst, burst[::-1]])
            chip.weighs_half(one, [sample])
    for each in MAGNETOMETERS.values():
        each.decode((data + bytes(each.size))[: each.size], adjustment((data + bytes(3))[:3])
                    if each.adjust else (1.0, 1.0, 1.0))


def _netlink_seeds() -> list[bytes]:
    def attribute(kind: int, content: bytes) -> bytes:
        return struct.pack('=HH', 4 + len(content), kind) + content + bytes(-len(content) % 4)
    timing = attribute(1, struct.pack('=8I', 500_000, 875, 125, 6, 7, 2, 1, 8))
    data = timing + attribute(4, struct.pack('=I', 0)) + attribute(5, struct.pack('=II', 0, 0))
    info = attribute(1, b'can\0') + attribute(2, data)
    body = struct.pack('=BBHiII', 0, 0, 280, 3, 0x10C1, 0)
    body += attribute(3, b'can0\0') + attribute(4, struct.pack('=I', 16)) + attribute(18, info)
    return [struct.pack('=IHHII', 16 + len(body), 16, 0, 1, 0) + body,
            struct.pack('=IHHIIi', 36, 2, 0, 1, 0, -19) + bytes(16)]


def _v4l2(data: bytes) -> None:
    """A driver that answers each call with what comes next in the input."""
    answers = io.BytesIO(data)
    clock = iter(range(0, 10**12, 1_000_000))

    def ioctl(descriptor: int, number: int, argument: bytearray) -> None:
        head = answers.read(1)
        if not head or head[0] < 40:
            raise OSError((errno.EINVAL, errno.ENODEV, errno.EIO, errno.ENOTTY)[
                head[0] % 4 if head else 0], 'played')
        told = answers.read(len(argument))
        argument[: len(told)] = told

    place = samples.scratch() / 'video0'
    place.touch()
    try:
        v4l2.offers(v4l2.query_node(place, ioctl, lambda: next(clock)))
    finally:
        answers.seek(0)
        v4l2.query_entities(place, ioctl)


def _v4l2_seeds() -> list[bytes]:
    call, go = v4l2_ioctl, b'\xff'
    end = b'\0'
    seed = go + call.CAPABILITY.pack(b'uvcvideo', b'HD Camera', b'usb-1', 0x60100,
                                     call.CAP_VIDEO_CAPTURE, 0)
    seed += go + call.FORMAT.pack(0, 1, 1, b'Motion-JPEG', 0x47504A4D, 0)
    seed += go + call.FRAME_SIZE.pack(0, 0x47504A4D, 1, 1280, 720, 0, 0, 0, 0)
    seed += go + call.FRAME_INTERVAL.pack(0, 0x47504A4D, 1280, 720, 1, 1, 30, 0, 0, 0, 0) + end * 3
    entity = go + call.MEDIA_ENTITY.pack(1, b'imx219 10-0010', call.ENTITY_CAMERA_SENSOR,
                                         *[0] * 7)
    return [seed, entity + end]


def _camera(data: bytes) -> None:
    """Answers of a camera's driver, of the size that the kernel gives them."""
    def sized(layout: struct.Struct) -> bytes:
        return (data + bytes(layout.size))[: layout.size]
    camera.capability_of(sized(camera.CAPABILITY)).refusal()
    form = camera.format_of(sized(camera.FORMAT))
    camera.format_refusal(form)
    camera.buffer_of(sized(camera.BUFFER))
    camera.is_whole(data, form)


def _camera_seeds() -> list[bytes]:
    return [bytes(camera.format_request(640, 480, 'YUYV')) + bytes(200),
            bytes(camera.format_request(640, 480, 'MJPG')) + b'\xff\xd8\xff\xd9']


# ---- files


def _catalogue(data: bytes) -> None:
    """A user's file over the bundled ones: what is wrong is said, what was there stays."""
    value, problems = parse(data, 'mine.yaml')
    if value is None:
        if not problems.found:
            raise Broken('nothing was read, and nothing said')
        return
    loaded = build([parse(_little(), 'bundled')], [(value, problems)])
    if not _little_ids() <= {entry.id for entry in loaded.catalogue.entries}:
        raise Broken('entries of the bundled catalogue are gone')


@functools.cache
def _little() -> bytes:
    """The first stanzas of the shipped catalogue: laying all of it takes half a second."""
    return next(one for one in _catalogue_seeds() if one.startswith(b'devices'))


@functools.cache
def _little_ids() -> set[str]:
    return {entry.id for entry in build([parse(_little(), 'bundled')]).catalogue.entries}


@functools.cache
def _bundled_files() -> list[bytes]:
    folder = samples.ROOT / 'src' / 'hw_discovery' / 'hw_discovery' / 'catalogue'
    return [path.read_bytes() for path in sorted(folder.glob('*.yaml'))]


@functools.cache
def _whole_catalogue() -> Catalogue:
    return bundled()


def _catalogue_seeds() -> list[bytes]:
    """Stanzas of the shipped files, a few each."""
    found = []
    for raw in _bundled_files():
        tree = yaml.load(raw, mutation.LOADER)
        for key, rows in tree.items():
            if isinstance(rows, list):
                for at in range(0, len(rows), max(1, len(rows) // 6)):
                    piece = {key: [_fresh(one) for one in rows[at: at + 2]]}
                    found.append(mutation.yaml_bytes(piece))
            elif isinstance(rows, dict):
                found.append(mutation.yaml_bytes({key: rows})[:8000])
    return found


def _fresh(row: Any) -> Any:
    return {**row, 'id': f'{row["id"]}_x'} if isinstance(row, dict) and 'id' in row else row


def _transcript(data: bytes) -> None:
    """What is understood is replayed through the whole of discovery."""
    text = data.decode('utf-8', 'replace')
    found = parse_transcript(io.StringIO(text, newline='\n'))
    Replay(found, _whole_catalogue()).run()


def _transcript_seeds() -> list[bytes]:
    stream = io.StringIO()
    writer = TranscriptWriter(stream)
    port = '/devices/platform/uart/tty/ttyGPS'
    usb = KernelNode(
        'usb', '/devices/usb1/1-1', properties={'DEVTYPE': 'usb_device'},
        attributes={'idVendor': '1546', 'idProduct': '01a8', 'serial': 'A1', 'product': 'u-blox'})
    writer.scan(Scan((
        usb, KernelNode('tty', '/devices/usb1/1-1/1-1:1.0/tty/ttyACM0', '/dev/ttyACM0'),
        KernelNode('tty', port, device_path='/dev/ttyGPS'),
        KernelNode('i2c-dev', '/devices/platform/i2c/i2c-1/i2c-dev/i2c-1', '/dev/i2c-1'),
        KernelNode('video4linux', '/devices/usb1/1-2/video4linux/video0', '/dev/video0'),
        KernelNode('net', '/devices/platform/can/net/can0', attributes={'type': '280'}))))
    place = SerialPlace('/dev/ttyGPS', port)
    heard = b'$GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,*47\r\n' * 3
    writer.outcome(Outcome(SerialListen(place, 9600, '8N1', 1000, 512), data=heard))
    header = stream.getvalue().encode()
    return [header, header.split(b'\n', 1)[0] + b'\n']


def _memory(data: bytes) -> None:
    found, _ = from_text(data.decode('utf-8', 'replace'), ('gps', 'imu'))
    if from_text(to_text(found), ('gps', 'imu'))[0] != found:
        raise Broken('what is remembered is not what was written')


def _calibration(data: bytes) -> None:
    place = samples.scratch() / 'camera.yaml'
    place.write_bytes(data)
    calibration.calibration_in(str(place))


def _calibration_seeds() -> list[bytes]:
    def matrix(rows: int, columns: int) -> dict[str, Any]:
        return {'rows': rows, 'cols': columns, 'data': [1.0] * (rows * columns)}
    return [yaml.safe_dump({
        'image_width': 640, 'image_height': 480, 'distortion_model': 'plumb_bob',
        'distortion_coefficients': matrix(1, 5), 'camera_matrix': matrix(3, 3),
        'rectification_matrix': matrix(3, 3), 'projection_matrix': matrix(3, 4)}).encode()]


def _parameters(data: bytes) -> None:
    """Parameters as texts: of places, and of drivers, as ROS gives them."""
    try:
        told = json.loads(data)
    except RecursionError as error:
        raise ValueError(str(error)) from None
    if not isinstance(told, list) or not all(isinstance(one, str) for one in told):
        raise ValueError('expected texts')
    texts = tuple(one[:300] for one in told[:20])
    Config(declared_devices=texts).declared_places()
    Config(driver_parameters=texts).parameters_of('imu-1', 'imu', 'mpu')


# ---- messages

KINDS = {name: getattr(msg, name) for name in (
    'HardwareInventory', 'HardwareEvent', 'Capability', 'ComputeUnit')}
_FROM: dict[str, Callable[[Any], Any]] = {
    'HardwareInventory': conversions.snapshot_from_msg,
    'HardwareEvent': conversions.change_from_msg,
    'Capability': conversions.requirement_from_msg,
    'ComputeUnit': conversions.compute_unit_from_msg,
}


def _messages(messages: Iterator[Any]) -> None:
    for one in messages:
        _FROM[type(one).__name__](one)


def _message_seeds() -> list[list[Any]]:
    device = msg.HardwareDevice(
        device_id='cam', name='Camera', evidence=[msg.Observation(source='usb')],
        capabilities=[msg.Capability(name='camera', amount=1.0, properties=[
            msg.CapabilityProperty(name='w', has_minimum=True, minimum=2.0)])])
    return [[msg.HardwareInventory(devices=[device], compute_units=[msg.ComputeUnit()])],
            [msg.HardwareEvent(device=device, cause='start')], [device.capabilities[0]],
            [msg.ComputeUnit(cores=4)]]


_DRIVERS = ('hw_discovery.drivers',)
_BUSES = ('hw_discovery.buses', 'hw_discovery.core')
TARGETS = (
    Target('serial_protocols', _protocols, (), _protocol_seeds, mutation.of_bytes,
           ('hw_discovery.core.protocols',), bytes_max=2048),
    Target('serial_match', _match, (), _protocol_seeds, mutation.of_bytes,
           ('hw_discovery.core.protocols',), bytes_max=4096),
    Target('gps', _gps, (), _gps_seeds, mutation.of_bytes, _DRIVERS),
    Target('lidar', _lidar, (), _lidar_seeds, mutation.of_bytes, _DRIVERS),
    Target('grbl', _grbl, (), _grbl_seeds, mutation.of_bytes, _DRIVERS),
    Target('imu', _imu, (), lambda: [bytes(range(60)), b'\x01\xff'], mutation.of_bytes, _DRIVERS,
           bytes_max=64),
    Target('netlink', parse_link, (NetlinkUnreadable,), _netlink_seeds,  # type: ignore[arg-type]
           mutation.of_bytes, _BUSES),
    Target('v4l2', _v4l2, (v4l2.VideoUnreadable,), _v4l2_seeds, mutation.of_bytes, _BUSES),
    Target('camera', _camera, (), _camera_seeds, mutation.of_bytes, _DRIVERS),
    Target('catalogue', _catalogue, (), _catalogue_seeds, mutation.of_yaml,
           ('hw_discovery.core.catalogue', 'hw_discovery.catalogue_files')),
    Target('transcript', _transcript, (TranscriptError,), _transcript_seeds, mutation.of_lines,
           ('hw_discovery',)),
    Target('device_memory', _memory, (), lambda: [to_text({
        'usb:1-1': Remembered('gps', 9600), 'i2c-1': Remembered('imu')}).encode()],
        mutation.of_json, _BUSES),
    Target('calibration', _calibration, (calibration.CalibrationFault,), _calibration_seeds,
           mutation.of_yaml, _DRIVERS),
    Target('hw_parameters', _parameters, (ValueError, ParameterFault), lambda: [
        b'["imu-1:rate_hz=1e3","imu:axes=x,y"]'], mutation.of_json,
        ('hw_discovery.config',)),
    wire.script_target('hw_messages', KINDS, _messages, _message_seeds,
                       ('hw_discovery.ros.conversions',), declared=(KeyError, ValueError)),
)
