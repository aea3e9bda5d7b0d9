# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A tower that records real messages, travels back over them, and their replay."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS 2')
pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
pytest.importorskip('mcap', reason='pip install mcap')
sys.path.insert(0, str(Path(__file__).parent))

from rclpy.serialization import serialize_message  # noqa: E402
from robots_on_air import OnAir  # noqa: E402
from swarm_msgs.msg import Heartbeat, JobStatus  # noqa: E402

from swarm_tower.config import TowerConfig  # noqa: E402
from swarm_tower.core.recording import ROBOT_TOPICS, TOPICS, sender_of, swarm_of  # noqa: E402
from swarm_tower.recorder.keeping import kept_files  # noqa: E402
from swarm_tower.recorder.mcap_reading import NotReadable, readable  # noqa: E402
from swarm_tower.recorder.ring import McapOut, copy, ring_files  # noqa: E402
from swarm_tower.ros import replay  # noqa: E402
from swarm_tower.ros.recorder_decoding import FactDecoder  # noqa: E402
from swarm_tower.ros.recorder_schemas import message_type, schema_of  # noqa: E402


@pytest.fixture
def air(tmp_path: Path) -> Iterator[OnAir]:
    made = OnAir(recorder_dir=str(tmp_path / 'rec'))
    yield made
    made.close()


def ask(url: str, path: str, body: Any = None, token: str = '') -> tuple[int, Any]:
    raw = None if body is None else json.dumps(body).encode()
    headers = {'Content-Type': 'application/json'}
    if token:
        headers['Authorization'] = f'Bearer {token}'
    request = urllib.request.Request(f'{url}/api/v1/{path}', raw, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def token_of(air: OnAir) -> str:
    rows = json.loads(Path(air.config().tower_tokens).read_text())['tokens']
    return str(rows[0]['token'])


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def busy(air: OnAir) -> int:
    """A job that waits; the time before it; then a job that runs, written down."""
    air.swarm.publish_state()
    air.swarm.publish_inventory('robot_b')
    air.swarm.put_job('job-1', JobStatus.PHASE_SUBMITTED)
    air.swarm.publish_jobs('job-1')
    air.until(lambda: 'robot_b' in air.state()['hardware'], 'the hardware')
    air.until(lambda: 'job-1' in air.state()['jobs'], 'the job')
    air.swarm.publish_inventory('robot_b')
    air.spin(0.5)
    before = now_ms()
    air.spin(0.5)
    air.swarm.put_job('job-1', JobStatus.PHASE_RUNNING, 'robot_b')
    air.swarm.publish_jobs('job-1')
    air.until(lambda: air.state()['jobs']['job-1']['phase'] == 'running', 'it runs')
    after = now_ms()
    air.until(lambda: (span(air) or {}).get('end_ms', 0) > after, 'it is written')
    return before


def span(air: OnAir) -> Any:
    return ask(air.url, 'recordings')[1]['span']


@pytest.mark.parametrize('topic', (*TOPICS, *ROBOT_TOPICS), ids=lambda topic: topic.name)
def test_every_recorded_type_exists_and_has_a_definition(topic: Any) -> None:
    assert message_type(topic.type)
    assert len(schema_of(topic.type)) > 20


def test_definitions_carry_what_they_use() -> None:
    text = schema_of('swarm_msgs/msg/SwarmEvent').decode()
    for used in ('swarm_msgs/Envelope', 'builtin_interfaces/Time', 'diagnostic_msgs/KeyValue'):
        assert f'{"=" * 80}\nMSG: {used}\n' in text


def test_types_that_are_no_messages_are_not_imported() -> None:
    for kind in ('os/msg/System', 'swarm_msgs/msg/Nothing', '../x_msgs/msg/X', 'x'):
        with pytest.raises(KeyError):
            message_type(kind)


def test_sender_is_read_from_the_bytes_of_a_beacon() -> None:
    for swarm_id in ('s', 'sw', 'swarm', 'a longer name'):
        msg = Heartbeat()
        msg.envelope.swarm_id, msg.envelope.sender = swarm_id, 'robot_b'
        raw = serialize_message(msg)
        assert (swarm_of(raw), sender_of(raw)) == (swarm_id, 'robot_b')


def test_the_page_goes_back_to_how_it_was(air: OnAir) -> None:
    before = busy(air)
    status, then = ask(air.url, f'at?t={before}')
    assert status == 200 and then['jobs']['job-1']['phase'] == 'submitted'
    assert then['hardware']['robot_b']['devices'] and len(then['robots']) == 3
    assert then['swarm']['leader']['leader'] == 'robot_a'
    assert abs(then['recorded']['at_ms'] - before) < 2 and then['recorded']['notes'] == []
    _, later = ask(air.url, f'at?t={now_ms()}')
    assert later['jobs']['job-1']['phase'] == 'running'
    assert ask(air.url, f'at?t={before}')[1]['jobs'] == then['jobs']


def test_saving_by_hand_needs_a_token_and_the_file_can_be_had_and_replayed(air: OnAir) -> None:
    before = busy(air)
    assert ask(air.url, 'commands/save_recording', {'reason': 'odd'})[0] == 401
    status, saved = ask(air.url, 'commands/save_recording', {'reason': 'odd'}, token_of(air))
    assert (status, saved['outcome']) == (200, 'committed')
    name = saved['answer']['name']
    rows = {row['name']: row for row in ask(air.url, 'recordings')[1]['recordings']}
    assert rows[name]['reason'] == 'odd' and rows[name]['by'] == 'operator@tower'
    assert rows[name]['kept'] and rows[name]['messages'] > 10
    with urllib.request.urlopen(f'{air.url}/api/v1/recordings/{name}', timeout=10) as answer:
        raw = answer.read()
        assert 'attachment' in answer.headers['Content-Disposition']
    (path,) = kept_files(Path(air.tower._recorder._recorder.settings.folder))
    assert raw == path.read_bytes()
    assert ask(air.url, f'at?t={before}&recording={name}')[0] == 200
    check_replay(path, before)


def check_replay(path: Path, before: int) -> None:
    config = TowerConfig(tower_port=0, swarm_id=replay.swarm_id_of(readable(path)))
    web = replay.serve(path, config)
    try:
        url = f'http://127.0.0.1:{web.port}'
        told = ask(url, 'recordings')[1]
        assert told['replay'] == path.name and told['span'] and told['recorder'] is None
        then = ask(url, f'at?t={before}')[1]
        assert then['jobs']['job-1']['phase'] == 'submitted' and len(then['robots']) == 3
        assert ask(url, 'at?t=0')[1]['recorded']['at_ms'] == told['span']['start_ms']
        assert ask(url, 'commands/save_recording', {'reason': 'x'})[0] == 401
        assert ask(url, 'commands')[1]['may'] == []
    finally:
        web.close()


def test_an_error_saves_by_itself(air: OnAir) -> None:
    busy(air)
    air.swarm.tell('robot_dead', 'robot_c is dead', 2, 'robot_c')
    folder = Path(air.tower._recorder._recorder.settings.folder)
    air.until(lambda: kept_files(folder), 'a recording is kept')
    (path,) = kept_files(folder)
    assert 'alarm_robot_dead' in path.name
    topics = {channel.topic for channel in readable(path).channels.values()}
    assert {'/swarm/heartbeat', '/swarm/events', '/swarm/state', '/swarm/jobs'} <= topics


def test_names_from_outside_are_looked_up_only(air: OnAir) -> None:
    busy(air)
    for name in ('..', 'metadata.yaml', '.lock', 'ring_000099.mcap', 'x' * 100):
        assert ask(air.url, f'recordings/{name}')[0] == 404, name
    assert ask(air.url, 'recordings/..%2f..%2fetc%2fpasswd')[0] == 404
    assert ask(air.url, 'at?t=5&recording=../x')[0] == 404
    assert ask(air.url, 'at?t=x')[0] == 400


def test_beacons_are_thinned_and_recorded_definitions_decode_elsewhere(air: OnAir) -> None:
    decoder = pytest.importorskip('mcap_ros2.decoder', reason='pip install mcap-ros2-support')
    from mcap.reader import make_reader

    busy(air)
    air.spin(2.0)
    air.tower.close()
    (path,) = ring_files(Path(air.tower._recorder._recorder.settings.folder))
    with path.open('rb') as file:
        rows = list(make_reader(file, False, [decoder.DecoderFactory()]).iter_decoded_messages())
    beats = [row for row in rows if row[1].topic == '/swarm/heartbeat']
    seconds = (rows[-1][2].log_time - rows[0][2].log_time) / 1e9
    assert {beat[3].envelope.sender for beat in beats} == {'robot_a', 'robot_b', 'robot_c'}
    assert len(beats) <= 3 * (2 * seconds + 1)
    inventory = next(row[3] for row in rows if row[1].topic.endswith('/hardware/inventory'))
    assert inventory.devices[0].evidence[0].says == 'made by FTDI'


def test_messages_of_another_definition_are_left_out_and_named(air: OnAir, tmp_path: Path) -> None:
    busy(air)
    air.tower.close()
    (path,) = ring_files(Path(air.tower._recorder._recorder.settings.folder))

    def other(kind: str) -> bytes:
        return schema_of(kind) + (b'\nint32 new_field' if kind.endswith('Heartbeat') else b'')

    out = McapOut(tmp_path / 'other.mcap', other, {})
    for one in readable(path).messages(0):
        assert one.channel.schema is not None
        name = one.channel.schema.name
        out.write(one.channel.topic, name, other(name), one.at_ns, one.data)
    copy([], out)
    decoder = FactDecoder(TowerConfig())
    kinds = {
        type(fact).__name__ for m in readable(out.path).messages(0) for fact in decoder.facts(m)
    }
    assert 'Beacon' not in kinds and 'JobUpdates' in kinds
    assert len(decoder.notes) == 1 and 'another version' in decoder.notes[0]


def test_every_feed_of_a_topic_hears_a_recording_of_it(air: OnAir) -> None:
    busy(air)
    (path,) = ring_files(Path(air.tower._recorder._recorder.settings.folder))
    decoder = FactDecoder(TowerConfig())
    kinds = {type(fact).__name__ for m in readable(path).messages(0) for fact in decoder.facts(m)}
    assert {'SwarmState', 'Heard', 'Diagnoses'} <= kinds


def test_damaged_messages_in_a_recording_are_named_and_end_nothing(tmp_path: Path) -> None:
    out = McapOut(tmp_path / 'bad.mcap', schema_of, {})
    for n in range(20):
        out.write('/swarm/heartbeat', 'swarm_msgs/msg/Heartbeat', None, 10**18 + n, b'\0\1' * n)
    copy([], out)
    decoder = FactDecoder(TowerConfig())
    assert not [f for m in readable(out.path).messages(0) for f in decoder.facts(m)]
    assert decoder.notes and len(decoder.notes) <= 6


FUZZ = """
import random
from rclpy.serialization import serialize_message
from swarm_msgs.msg import Envelope, RobotStatus, SwarmState
from swarm_tower.config import TowerConfig
from swarm_tower.recorder.mcap_reading import Channel, Recorded, Schema
from swarm_tower.ros.recorder_decoding import FactDecoder
from swarm_tower.ros.recorder_schemas import schema_of

kind = 'swarm_msgs/msg/SwarmState'
channel = Channel('/swarm/state', 'cdr', Schema(kind, 'ros2msg', schema_of(kind)), {})
robots = [RobotStatus(robot_id='r1'), RobotStatus(robot_id='r2')]
envelope = Envelope(swarm_id='swarm', sender='r1', protocol_version=1)
raw = serialize_message(SwarmState(envelope=envelope, robots=robots))
decoder, chance = FactDecoder(TowerConfig()), random.Random(3)
for n in range(4000):
    broken = bytearray(raw[:chance.randrange(len(raw) + 1)] if n % 2 else raw)
    for _ in range(chance.randrange(4)):
        if broken:
            broken[chance.randrange(len(broken))] = chance.randrange(256)
    decoder.facts(Recorded(1, 1, channel, bytes(broken)))
print('alive')
"""


def test_broken_bytes_do_not_end_the_process() -> None:
    run = subprocess.run(
        [sys.executable, '-c', FUZZ], capture_output=True, text=True, timeout=120
    )
    assert run.stdout == 'alive\n', f'{run.returncode}: {run.stderr[-500:]}'


def test_replay_of_something_else_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / 'x.mcap'
    path.write_text('hello')
    with pytest.raises(NotReadable):
        replay.serve(path, TowerConfig(tower_port=0))
    assert replay.main([str(path), '--port', '0']) == 2
    assert 'expected an MCAP file' in capsys.readouterr().err
