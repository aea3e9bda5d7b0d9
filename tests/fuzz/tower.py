# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What a tower hears and is asked: messages, recordings, its tokens, bytes on its port."""

from __future__ import annotations

import asyncio
import functools
import json
import random
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swarm_msgs import msg

from swarm_tower.config import TowerConfig
from swarm_tower.core.view import SwarmView
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable, readable
from swarm_tower.recorder.travel import NotFound, replay_of
from swarm_tower.ros import live_conversions
from swarm_tower.ros.recorder_decoding import FactDecoder
from swarm_tower.web import server
from swarm_tower.web.commands import COMMANDS, Malformed, checked
from swarm_tower.web.gate import ANYBODY, Gate, Turned, open_gate
from swarm_tower.web.guard import allowed_hosts
from swarm_tower.web.hub import Hub
from swarm_tower.web.site import NoRobots, Site

from . import mutation, samples, wire
from .swarm_messages import envelope
from .target import Broken, Target

S = 1_000_000_000
TOKEN = 'right' * 6


# ---- recordings


def _place(name: str, data: bytes) -> Path:
    path = samples.scratch() / name
    path.write_bytes(data)
    return path


def _mcap(data: bytes) -> None:
    """A file that changes under the reader, too: what it holds now is read as it was scanned."""
    path = _place('one.mcap', data)
    found = McapFile(path).scan()
    whole = list(found.messages(0))
    if len(whole) > sum(found.counts.values()):
        raise Broken('more messages than were counted')
    readable(path)
    path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 1:])
    list(found.messages(0))


def _replay(data: bytes) -> None:
    """A recording is shown, at its beginning, middle and end."""
    path = _place('replay.mcap', data)
    config = TowerConfig()
    made = replay_of(path, lambda at_ns: SwarmView('swarm', 7, 1500, 5000, at_ns),
                     lambda: FactDecoder(config))
    made.listing()
    for at_ns in (0, 1_800_000_003 * S, 2**63 - 1):
        json.dumps(made.picture('', at_ns), allow_nan=False)


def _mcap_seeds() -> list[bytes]:
    from recorded import write
    folder = samples.scratch()
    found = [write(folder / f'{n}.mcap', n).read_bytes() for n in (1, 7)]
    return [*found, found[1][: len(found[1]) * 2 // 3], _plain_mcap()]


def _plain_mcap() -> bytes:
    """Chunks and messages without compression: mutations of packed ones are mostly refused."""
    def record(kind: int, body: bytes) -> bytes:
        return bytes((kind,)) + struct.pack('<Q', len(body)) + body

    def text(value: str) -> bytes:
        return struct.pack('<I', len(value)) + value.encode()
    schema = record(3, struct.pack('<H', 1) + text('std_msgs/msg/String') + text('ros2msg')
                    + text('string data'))
    channel = record(4, struct.pack('<HH', 1, 1) + text('/text') + text('cdr')
                     + struct.pack('<I', 0))
    message = record(5, struct.pack('<HIQQ', 1, 0, 9 * S, 9 * S) + b'\0\1\0\0\2\0\0\0a\0')
    inside = schema + channel + message
    chunk = record(6, struct.pack('<QQQI', 9 * S, 9 * S, len(inside), 0) + text('')
                   + struct.pack('<Q', len(inside)) + inside)
    magic = b'\x89MCAP0\r\n'
    meta = record(12, text('swarm') + struct.pack('<I', 10) + text('a') + text('b'))
    return magic + record(1, text('') + text('x')) + meta + chunk + record(2, bytes(20)) + magic


def _swarm_mcap_seeds() -> list[bytes]:
    """Recordings of a swarm, written by the recorder's own writer."""
    from rclpy.serialization import serialize_message

    from swarm_tower.core.recording import Topic
    from swarm_tower.recorder.ring import McapOut
    from swarm_tower.ros.recorder_schemas import schema_of
    assert Topic
    path = samples.scratch() / 'swarm.mcap'
    out = McapOut(path, schema_of, {'swarm_id': 'swarm'})
    topics = {'Heartbeat': '/swarm/heartbeat', 'SwarmState': '/swarm/state',
              'SwarmEvent': '/swarm/events', 'JobUpdates': '/swarm/jobs'}
    at_ns = 1_800_000_000 * S
    for script in _fact_seeds():
        for one in script:
            kind = type(one).__name__
            if kind in topics:
                at_ns += S
                out.write(topics[kind], f'swarm_msgs/msg/{kind}', None, at_ns,
                          serialize_message(one))
    out.flush()
    out.finish()
    return [path.read_bytes()]


# ---- messages


@functools.cache
def _decoder() -> FactDecoder:
    made = FactDecoder(TowerConfig())
    made._follow('/r1/local_state')
    return made


@functools.cache
def _listeners() -> dict[str, list[Any]]:
    """(check, conversion) of each kind that any feed of the tower hears."""
    found: dict[str, list[Any]] = {}
    for rows in _decoder()._heard.values():
        for kind, check, convert in rows:
            found.setdefault(kind.__name__, []).append((kind, check, convert))
    return found


def _fact_kinds() -> dict[str, Any]:
    return {name: rows[0][0] for name, rows in _listeners().items()}


def _facts(messages: Iterator[Any]) -> None:
    """What is heard becomes a picture that a browser can be sent, whatever was said."""
    view = SwarmView('swarm', 7, 1500, 5000)
    now_ns = S
    for one in messages:
        for _, check, convert in _listeners()[type(one).__name__]:
            now_ns += 200_000_000
            ignored = check(one)
            view.fold(convert(one) if ignored is None else ignored, now_ns)
        view.age(now_ns)
        json.dumps(view.delta(now_ns), allow_nan=False).encode()
        json.dumps([live_conversions.fields_of(one)]).encode()
    json.dumps(view.snapshot(), allow_nan=False).encode()
    json.dumps(view.picture(now_ns), allow_nan=False).encode()


def _fact_seeds() -> list[list[Any]]:
    state = envelope(msg.SwarmState(
        leader='r1', term=2, log_index=9, voters=2, quorum=2,
        robots=[msg.RobotStatus(robot_id='r1'), msg.RobotStatus(robot_id='r2')]))
    job = msg.JobStatus(job_id='j1', origin='r1', phase=2, spec=msg.JobSpec(
        kind='exec', exec=[msg.ExecWork(argv=['xz'])]))
    known: dict[str, Any] = {
        'Heartbeat': envelope(msg.Heartbeat(leader='r2', role=3, term=2)),
        'SwarmState': state,
        'SwarmEvent': envelope(msg.SwarmEvent(kind='job_done', subject='j1', text='x')),
        'JobUpdates': envelope(msg.JobUpdates(log_index=9, jobs=[job])),
        'JobOutcomes': envelope(msg.JobOutcomes(outcomes=[msg.JobOutcome(job_id='j1')])),
        'VoteRequest': envelope(msg.VoteRequest(term=3)), 'Vote': envelope(msg.Vote(term=3)),
        'Emergency': envelope(msg.Emergency(epoch=1, active=True, raised_by='r2')),
    }
    seeds = []
    for name, kind in sorted(_fact_kinds().items()):
        made = known.get(name) or kind()
        if name not in known and hasattr(made, 'envelope'):
            envelope(made)
        if hasattr(made, 'robot_id'):
            made.robot_id = 'r1'
        seeds.append([made])
    return [*seeds, [one for script in seeds for one in script][:8]]


# ---- the web


def _tokens(data: bytes) -> None:
    path = _place('tokens.json', data)
    path.chmod(0o600)
    gate = open_gate(str(path), time.monotonic)
    try:
        gate.visitor(f'Bearer {TOKEN}', '127.0.0.1')
    except Turned:
        return


def _gate_seeds() -> list[bytes]:
    return [json.dumps({'tokens': [
        {'name': 'ada', 'role': 'operator', 'token': TOKEN},
        {'name': 'eve', 'role': 'observer', 'token': 'left' * 8}]}).encode()]


def _commands(data: bytes) -> None:
    """A body as the page sends it: what is passed on fits the service's request, or it is
    refused."""
    try:
        told = json.loads(data)
    except RecursionError as error:
        raise Malformed(str(error)) from None
    if not isinstance(told, dict):
        raise Malformed('expected an object')
    for name, body in list(told.items())[:20]:
        if name in COMMANDS:
            try:
                checked(COMMANDS[name], body, 'ada')
            except Malformed:
                continue


def _command_seeds() -> list[bytes]:
    values = {
        'mode': 'normal', 'reason': 'because', 'duration_s': 60, 'robot': 'r1', 'frozen': True,
        'job_id': 'j1', 'robot_id': 'r2', 'to': 'r2', 'change': 'promote', 'epoch': 3,
        'idempotency_key': 'k', 'kind': 'exec', 'argv': ['xz'], 'spec': {'kind': 'exec'},
    }
    return [json.dumps({name: {key: values.get(key, 'x') for key in sorted(one.keys)}}).encode()
            for name, one in sorted(COMMANDS.items())]


class _Loop:
    """A tower that serves in this thread, between one input and the next."""

    def __init__(self) -> None:
        import logging
        for name in ('tornado', 'swarm_tower'):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        self.loop = asyncio.new_event_loop()
        config = TowerConfig(tower_port=0)
        hub = Hub(SwarmView('swarm', 7, 1500, 5000), 10, time.monotonic_ns, time.time_ns)
        gate = Gate({TOKEN: ANYBODY}, time.monotonic, '')
        site = Site(config, hub, NoRobots(), allowed_hosts(config), gate)
        self.errors: list[str] = []
        self.loop.set_exception_handler(lambda loop, told: self.errors.append(repr(told)))
        self.port = self.loop.run_until_complete(self._serve(site))

    async def _serve(self, site: Site) -> int:
        sockets = server.bind(TowerConfig(tower_port=0))
        self.server = server.make_http_server(site, idle_s=0.5)
        self.server.add_sockets(sockets)
        return int(sockets[0].getsockname()[1])

    def say(self, data: bytes) -> bytes:
        return self.loop.run_until_complete(self._say(data))

    async def _say(self, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
        heard = b''
        try:
            writer.write(data)
            await writer.drain()
            writer.get_extra_info('socket').shutdown(socket.SHUT_WR)
            while piece := await asyncio.wait_for(reader.read(65536), 5):
                heard += piece
                if len(heard) > 4_000_000:
                    raise Broken('an answer without an end')
        except (ConnectionError, OSError):
            pass
        finally:
            writer.close()
        return heard


@functools.cache
def _loop() -> _Loop:
    return _Loop()


def _http(data: bytes) -> None:
    """Any bytes on the port: an answer that says what was wrong, or none, and never a fault of
    the tower's own (5xx)."""
    made = _loop()
    host = f'127.0.0.1:{made.port}'.encode()
    heard = made.say(data.replace(b'HOST', host))
    first = heard.split(b'\r\n', 1)[0]
    if first.startswith(b'HTTP/1.1 5') and first[9:12] not in (b'501', b'503'):
        raise Broken(first.decode('latin-1'))
    if made.errors:
        said, made.errors = made.errors, []
        raise Broken(said[0])


def _frame(payload: bytes, opcode: int = 1) -> bytes:
    return bytes((0x80 | opcode, 0x80 | len(payload))) + bytes(4) + payload


def _http_seeds() -> list[bytes]:
    def ask(path: str, method: str = 'GET', body: bytes = b'', *headers: str) -> bytes:
        lines = [f'{method} {path} HTTP/1.1', 'Host: HOST', *headers]
        if body:
            lines += ['Content-Type: application/json', f'Content-Length: {len(body)}']
        return '\r\n'.join([*lines, '', '']).encode() + body
    upgrade = ('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13',
               'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==')
    token = f'Authorization: Bearer {TOKEN}'
    return [
        ask('/healthz'), ask('/api/v1/state'), ask('/api/v1/events?since=0&limit=5'),
        ask('/metrics'), ask('/api/v1/jobs/j1/explain'), ask('/', 'GET', b'', 'Range: bytes=0-9'),
        ask('/api/v1/commands/rescan', 'POST', b'{"robot":"r1","reason":"x"}', token,
            'Origin: http://HOST'),
        ask('/ws', 'GET', b'', *upgrade) + _frame(b'hello') + _frame(b'', 9) + _frame(b'', 8),
        ask('/ws', 'GET', b'', *upgrade, 'Sec-WebSocket-Extensions: permessage-deflate')
        + _frame(b'x', 2),
        ask('/api/v1/recordings'), ask('/openapi.json'), ask('/js/main.js'),
        ask('/api/v1/state', 'POST', b'5\r\nhello\r\n0\r\n\r\n', 'Transfer-Encoding: chunked'),
    ]


def _of_http(data: bytes, rng: random.Random) -> bytes:
    head, end, body = data.partition(b'\r\n\r\n')
    what = rng.randrange(6)
    if what < 2:
        return mutation.of_bytes(data, rng)
    if what == 2:
        return head + end + (mutation.of_json(body, rng) if body[:1] == b'{' else
                             mutation.of_bytes(body, rng))
    lines = head.split(b'\r\n')
    at = rng.randrange(len(lines))
    if what == 3:
        lines.insert(at, rng.choice(lines))
    elif what == 4:
        lines[at] += rng.choice((
            b'%00', b'%2e%2e%2f', b'?a=%ff', b'&limit=-1', b'[', b'/../', b'\t', b'\0', b';',
            b'9' * 400, b'\xff', b',x', b'&since=1e99'))
    else:
        lines[at] = mutation.of_bytes(lines[at], rng)
    return b'\r\n'.join(lines) + end + body


_WEB = ('swarm_tower.web',)
TARGETS = (
    Target('mcap', _mcap, (NotReadable,), _mcap_seeds, mutation.of_bytes,
           ('swarm_tower.recorder',)),
    Target('replay', _replay, (NotReadable, NotFound, ValueError), _swarm_mcap_seeds,
           mutation.of_bytes, ('swarm_tower.recorder', 'swarm_tower.ros'), bytes_max=60_000),
    wire.script_target('tower_messages', _fact_kinds(), _facts, _fact_seeds, (
        'swarm_tower.core', 'swarm_tower.ros')),
    Target('tokens', _tokens, (ValueError,), _gate_seeds, mutation.of_json, _WEB),
    Target('tower_commands', _commands, (ValueError,), _command_seeds, mutation.of_json, _WEB),
    Target('http', _http, (), _http_seeds, _of_http, _WEB, bytes_max=8192, seconds_max=20),
)
