# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encoding with the real ffmpeg: what it can do here, and how a job of it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from job_programs import ENCODE, SIGTERM, document, run, start

from swarm_coordinator.core.jobs.kinds.encode_kind import AUDIO_SUFFIXES, SUFFIXES
from swarm_coordinator.runner.jobs import encoders
from swarm_coordinator.runner.jobs.encode import MUXERS
from swarm_coordinator.runner.jobs.encoders import (
    CACHE_NAME,
    ENCODERS,
    Probe,
    candidates,
    kind_of_unit,
    probe_encoders,
    works,
)

FFMPEG = shutil.which('ffmpeg')
needs_ffmpeg = pytest.mark.skipif(
    FFMPEG is None, reason='missing: ffmpeg (apt-get install ffmpeg)'
)


@pytest.fixture(scope='module')
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds with sound."""
    path = tmp_path_factory.mktemp('clip') / 'in.mkv'
    subprocess.run(
        [str(FFMPEG), '-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25',
         '-f', 'lavfi', '-i', 'sine', '-t', '3', '-c:v', 'ffv1', '-c:a', 'flac', str(path)],
        check=True, timeout=60,
    )
    return path


def streams(path: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        ['ffprobe', '-v', 'error', '-show_streams', '-of', 'json', str(path)],
        capture_output=True, check=True, timeout=60,
    )
    found = json.loads(done.stdout)['streams']
    assert isinstance(found, list)
    return found


def wish(codec: str, output: str, source: str = 'in.mkv', **work: int) -> bytes:
    return document({'codec': codec, **work}, inputs=[source], outputs=[output])


@pytest.fixture(scope='module')
def probe() -> Probe:
    return probe_encoders()


@needs_ffmpeg
@pytest.mark.parametrize('codec', SUFFIXES)
def test_each_codec_that_is_offered_makes_a_file_of_it(
    codec: str, clip: Path, probe: Probe, tmp_path: Path
) -> None:
    if codec not in probe.encoders:
        pytest.skip(f'not here: this ffmpeg has no encoder of {codec}')
    shutil.copy(clip, tmp_path)
    output = f'out/a{SUFFIXES[codec][0]}'
    ended = run(ENCODE, tmp_path, wish(codec, output))
    assert ended.code == 0, ended.said
    made = streams(tmp_path / output)
    name = {'h265': 'hevc'}.get(codec, codec)
    kind = 'audio' if codec in AUDIO_SUFFIXES else 'video'
    assert [one['codec_name'] for one in made if one['codec_type'] == kind] == [name]
    assert any(one['codec_type'] == 'audio' for one in made)
    assert ended.result['bytes'] == os.path.getsize(tmp_path / output)
    assert ended.result['encoder'] in probe.encoders[codec].values()
    assert os.listdir(tmp_path / 'out') == [os.path.basename(output)]


@needs_ffmpeg
def test_size_and_bit_rate_are_those_that_were_asked(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path)
    sizes = []
    for kbps in (100, 1000):
        ended = run(ENCODE, tmp_path, wish('h264', 'a.mp4', width=160, bitrate_kbps=kbps))
        assert ended.code == 0, ended.said
        (video,) = [one for one in streams(tmp_path / 'a.mp4') if one['codec_type'] == 'video']
        assert (video['width'], video['height']) == (160, 120)
        sizes.append(ended.result['bytes'])
    assert sizes[0] * 2 < sizes[1]


@needs_ffmpeg
def test_job_that_is_ended_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    subprocess.run(
        [str(FFMPEG), '-loglevel', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=320x240:rate=25',
         '-t', '120', '-c:v', 'mjpeg', str(tmp_path / 'in.mkv')], check=True, timeout=60,
    )
    program = start(ENCODE, tmp_path, wish('vp9', 'a.webm'))
    program.saw('progress')
    ended = program.end(SIGTERM)
    assert ended.code == 143 and ended.result is None
    assert os.listdir(tmp_path) == ['in.mkv']
    assert str(tmp_path) not in set(_folders_of_processes())


def _folders_of_processes() -> Iterator[str]:
    for one in os.listdir('/proc'):
        with contextlib.suppress(OSError):
            yield os.readlink(f'/proc/{one}/cwd')


@needs_ffmpeg
def test_progress_goes_up_to_the_end(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path)
    ended = run(ENCODE, tmp_path, wish('h265', 'a.mkv'))
    assert ended.progress[0].startswith('note libx265 on cpu')
    assert ended.fractions == sorted(ended.fractions) and ended.fractions


@needs_ffmpeg
def test_output_above_the_limit_of_a_file_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    shutil.copy(clip, tmp_path)
    ended = start(ENCODE, tmp_path, wish('ffv1', 'a.mkv'), file_bytes=100_000).end()
    assert ended.code == 1 and ended.sentence
    assert os.listdir(tmp_path) == ['in.mkv']


@needs_ffmpeg
@pytest.mark.parametrize(('name', 'content'), [
    ('in.mkv', b'no media'), ('in.mp4', b''), ('-i.mkv', b'no media'),
    ('in.m3u8', b'#EXTM3U\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n'),
    ('in.txt', b"ffconcat version 1.0\nfile 'secret.mkv'\n"),
    ('http:a.mkv', b'x'),
])
def test_input_that_is_no_media_file_fails_with_what_ffmpeg_said(
    name: str, content: bytes, clip: Path, tmp_path: Path
) -> None:
    shutil.copy(clip, tmp_path / 'secret.mkv')  # a list of files must not be followed to it
    (tmp_path / name).write_bytes(content)
    ended = run(ENCODE, tmp_path, wish('h264', 'a.mp4', name))
    assert ended.code == 1 and 'ffmpeg failed' in ended.sentence
    assert not (tmp_path / 'a.mp4').exists()


def test_input_that_is_a_link_or_missing_is_refused(tmp_path: Path) -> None:
    assert 'is not here' in run(ENCODE, tmp_path, wish('h264', 'a.mp4')).sentence
    (tmp_path / 'in.mkv').symlink_to('/etc/passwd')
    assert 'no regular file' in run(ENCODE, tmp_path, wish('h264', 'a.mp4')).sentence


@needs_ffmpeg
def test_unit_without_an_encoder_fails_and_says_what_was_tried(
    clip: Path, tmp_path: Path
) -> None:
    shutil.copy(clip, tmp_path)
    ended = run(ENCODE, tmp_path, wish('ffv1', 'a.mkv'), SWARM_COMPUTE_UNIT='gpu:card0')
    assert ended.code == 1 and 'no encoder of ffv1 works on gpu' in ended.sentence


def test_robot_without_ffmpeg_offers_nothing_and_says_what_to_install(tmp_path: Path) -> None:
    assert probe_encoders(ffmpeg='') == Probe()
    assert probe_encoders(ffmpeg='/no/ffmpeg') == Probe()
    (tmp_path / 'in.mkv').write_bytes(b'x')
    ended = run(ENCODE, tmp_path, wish('h264', 'a.mp4'), PATH=str(tmp_path))
    assert ended.code == 1 and 'apt-get install ffmpeg' in ended.sentence


@needs_ffmpeg
def test_encoder_that_ffmpeg_lists_for_hardware_that_is_not_here_is_not_offered(
    probe: Probe
) -> None:
    if os.path.exists('/dev/dri') or os.path.exists('/dev/nvidia0'):
        pytest.skip('not here: this machine has such hardware')
    assert probe.encoders and all(set(units) == {'cpu'} for units in probe.encoders.values())


def fake_ffmpeg(folder: Path, script: str) -> str:
    path = folder / 'ffmpeg'
    path.write_text(f'#!{sys.executable}\nimport sys, time\n{script}\n')
    path.chmod(0o755)
    return str(path)


LISTS = """
if '-encoders' in sys.argv:
    print(' V....D h264_nvenc  x\\n V....D libx264  x\\n A....D libopus x')
elif '-version' in sys.argv:
    print('ffmpeg version 9.9 Copyright')
"""


def test_file_whose_last_bytes_were_not_written_is_not_delivered(tmp_path: Path) -> None:
    fake_ffmpeg(tmp_path, LISTS + """
else:
    open(sys.argv[-1].removeprefix('file:'), 'w').write('half')
    print('Error writing trailer of a.mp4: No space left on device', file=sys.stderr)
""")
    (tmp_path / 'in.mkv').write_bytes(b'x')
    environment = {'PATH': str(tmp_path), 'SWARM_COMPUTE_UNIT': 'cpu'}
    ended = run(ENCODE, tmp_path, wish('h264', 'a.mp4'), **environment)
    assert ended.code == 1 and 'the disk of this robot is full' in ended.sentence
    assert set(os.listdir(tmp_path)) == {'ffmpeg', 'in.mkv'}


def test_probe_keeps_what_worked_and_finds_it_again_without_trying(tmp_path: Path) -> None:
    tried = tmp_path / 'tried'
    path = fake_ffmpeg(tmp_path, LISTS + f"""
else:
    open({str(tried)!r}, 'a').write('x')
    sys.stdin.buffer.read()
    sys.exit('libopus' in sys.argv or sys.stdout.write('clip') != 4)
""")
    found = probe_encoders(str(tmp_path / 'new'), path)
    assert found == Probe('9.9', {'h264': {'gpu': 'h264_nvenc', 'cpu': 'libx264'}})
    assert tried.read_text() == 'xxx'
    assert probe_encoders(str(tmp_path / 'new'), path) == found and tried.read_text() == 'xxx'
    os.utime(path, ns=(1, 1))  # another ffmpeg
    assert probe_encoders(str(tmp_path / 'new'), path) == found and tried.read_text() == 'xxx' * 2


def test_probe_does_not_wait_for_an_encoder_that_hangs(tmp_path: Path) -> None:
    path = fake_ffmpeg(tmp_path, LISTS + 'else:\n    time.sleep(60)\n')
    assert probe_encoders(str(tmp_path), path, seconds_max=0.5).encoders == {}
    assert not (tmp_path / CACHE_NAME).exists()  # not all were tried


@pytest.mark.parametrize('kept', [
    b'', b'{', b'[]', b'{"key": 1}', b'[' * 60_000, b'\xff',
    b'{"key": "KEY", "version": "1", "encoders": {"h264": {"cpu": "rm -rf"}}}',
    b'{"key": "KEY", "version": "1", "encoders": {"h264": {"cpu": "h264_nvenc"}}}',
    b'{"key": "KEY", "version": "1", "encoders": 5}',
])
def test_cache_that_is_damaged_is_made_anew(kept: bytes, tmp_path: Path) -> None:
    path = fake_ffmpeg(tmp_path, LISTS + 'else:\n    print(1)\n')
    key = encoders._key(path).encode()
    (tmp_path / CACHE_NAME).write_bytes(kept.replace(b'KEY', key))
    assert set(probe_encoders(str(tmp_path), path).encoders) == {'h264', 'opus'}


@pytest.mark.parametrize(('unit', 'kind'), [
    ('', ''), ('cpu', 'cpu'), ('cpu0', 'cpu'), ('gpu', 'gpu'), ('gpu:card0', 'gpu'),
    ('gpu:pci:8086:46a6@0000:00:02.0', 'gpu'), ('npu:platform:rknpu', 'npu'),
])
def test_kind_of_a_unit_is_read_from_its_id(unit: str, kind: str) -> None:
    assert kind_of_unit(unit) == kind
    assert all(one.unit == kind or not kind for one in candidates('h264', unit))


def test_table_of_encoders_names_each_once_and_covers_every_codec() -> None:
    assert len({one.name for one in ENCODERS}) == len(ENCODERS)
    assert {one.codec for one in ENCODERS if one.unit == 'cpu'} == set(SUFFIXES)
    assert {suffix for suffixes in SUFFIXES.values() for suffix in suffixes} == set(MUXERS)
    assert not works('/no/ffmpeg', ENCODERS[0])
