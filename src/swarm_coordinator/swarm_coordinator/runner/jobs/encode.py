# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Encodes one media file with ffmpeg: the program of `encode` jobs.

    python -m swarm_coordinator.runner.jobs.encode < job.json

Owns which encoder of the granted compute unit does it, and what ffmpeg may read: the job's input
and nothing that it points to. No shell.
"""

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import IO

from swarm_coordinator.core.jobs.kinds.encode_kind import AUDIO_SUFFIXES, EncodeWork
from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.runner.jobs.assignment import (
    DISK_FULL,
    Assignment,
    JobFailed,
    Report,
    Stop,
    number_of,
    serve,
    text_of,
    whole_file,
)
from swarm_coordinator.runner.jobs.encoders import (
    Encoder,
    arguments_before,
    candidates,
    ffmpeg_path,
    kind_of_unit,
    listed,
    works,
)

TERM_GRACE_S = 1.0  # for ffmpeg to end: a job has 2 s before it is killed
POLL_S = 0.1  # bounds how late a signal is seen
PROBE_S = 10.0
SAID_BYTES = 2000  # of what ffmpeg said last
MUXERS = {
    '.mp4': 'mp4', '.mkv': 'matroska', '.mov': 'mov', '.ts': 'mpegts', '.webm': 'webm',
    '.avi': 'avi', '.opus': 'opus', '.ogg': 'ogg', '.flac': 'flac', '.m4a': 'ipod', '.mp3': 'mp3',
}
# What these containers hold besides; the others take the sound as it is.
SOUND = {'.mp4': 'aac', '.mov': 'aac', '.ts': 'aac', '.webm': 'libopus'}
# ffmpeg 5 ends with 0 where the last bytes could not be written.
NOT_WRITTEN = re.compile(
    'Error (writing|closing|muxing|submitting)|av_interleaved_write_frame|No space left'
)
# No playlists and no lists of files: those name other files, which ffmpeg would read.
DEMUXERS = (
    'aac,aiff,av1,avi,caf,flac,flv,h264,hevc,ivf,m4v,matroska,webm,mjpeg,mov,mp4,m4a,3gp,3g2,mj2,'
    'mp3,mpeg,mpegts,mpegvideo,obu,ogg,w64,wav,yuv4mpegpipe'
)
SAFE_INPUT = ('-protocol_whitelist', 'file', '-format_whitelist', DEMUXERS)


def encode(assignment: Assignment, report: Report, stop: Stop) -> str:
    """What was done, as JSON. Raises as serve() expects."""
    work = EncodeWork(
        text_of(assignment.work, 'codec'),
        number_of(assignment.work, 'bitrate_kbps'),
        number_of(assignment.work, 'width'),
        number_of(assignment.work, 'height'),
    )
    inputs = tuple(FileRef(name, 0, '0' * 64) for name in assignment.inputs)
    work.check(inputs, assignment.outputs)
    source, target = assignment.inputs[0], assignment.outputs[0]
    if os.path.islink(source) or not os.path.isfile(source):
        raise JobFailed(f'the input {source} is not here, or is no regular file')
    ffmpeg = ffmpeg_path()
    if not ffmpeg:
        raise JobFailed('ffmpeg is not installed on this robot: apt-get install ffmpeg')
    encoder = chosen(ffmpeg, work.codec, assignment.unit)
    stop.check()
    duration_s = _duration_s(ffmpeg, source)
    report.note(f'{encoder.name} on {encoder.unit}', always=True)
    began_s = time.monotonic()
    with whole_file(target) as path:
        command = command_for(ffmpeg, encoder, work, source, path, target, assignment.unit)
        frames = _run(command, duration_s, report, stop)
        size_bytes = os.path.getsize(path) if os.path.exists(path) else 0
        if size_bytes == 0:
            raise JobFailed(f'ffmpeg made an empty file of {source}')
    return json.dumps({
        'encoder': encoder.name, 'unit': assignment.unit or encoder.unit, 'frames': frames,
        'bytes': size_bytes, 'run_ms': int((time.monotonic() - began_s) * 1000),
    })


def chosen(ffmpeg: str, codec: str, unit: str) -> Encoder:
    """The first that works for the unit. Raises JobFailed."""
    names = listed(ffmpeg)
    there = [one for one in candidates(codec, unit) if one.name in names]
    for encoder in there:
        if len(there) == 1 or works(ffmpeg, encoder, unit):
            return encoder
    tried = ', '.join(one.name for one in there) or 'none is built into ffmpeg'
    raise JobFailed(
        f'no encoder of {codec} works on {kind_of_unit(unit) or "any unit"} of this robot '
        f'(tried: {tried})'
    )


def command_for(
    ffmpeg: str, encoder: Encoder, work: EncodeWork, source: str, path: str, target: str, unit: str
) -> list[str]:
    suffix = os.path.splitext(target)[1]
    command = [
        ffmpeg, '-hide_banner', '-nostdin', '-y', '-loglevel', 'error', '-nostats',
        '-progress', 'pipe:1', *arguments_before(encoder, unit), *SAFE_INPUT,
        '-i', f'file:{source}',
    ]
    quality = [f'-b:{"a" if work.codec in AUDIO_SUFFIXES else "v"}', f'{work.bitrate_kbps}k']
    options = [*encoder.after, *(quality if work.bitrate_kbps else encoder.default)]
    if work.codec in AUDIO_SUFFIXES:
        command += ['-map', '0:a:0', '-vn', '-c:a', encoder.name, *options]
    else:
        command += ['-map', '0:v:0', '-map', '0:a:0?']
        if filters := _filters(encoder, work):
            command += ['-vf', ','.join(filters)]
        command += ['-c:v', encoder.name, *options, '-c:a', SOUND.get(suffix, 'copy')]
        if work.codec == 'h265' and suffix in ('.mp4', '.mov'):
            command += ['-tag:v', 'hvc1']  # or Apple's players refuse it
    return [*command, '-sn', '-dn', '-f', MUXERS[suffix], f'file:{path}']


def _filters(encoder: Encoder, work: EncodeWork) -> list[str]:
    if not work.width and not work.height:
        return list(encoder.filters)
    return [f'scale={work.width or -2}:{work.height or -2}', *encoder.filters]


def _duration_s(ffmpeg: str, source: str) -> float:
    """Length of the input; 0 = unknown, as of a stream that was only cut."""
    beside = os.path.join(os.path.dirname(ffmpeg), 'ffprobe')
    ffprobe = beside if os.access(beside, os.X_OK) else shutil.which('ffprobe')
    if ffprobe is None:
        return 0.0
    try:
        done = subprocess.run(
            [ffprobe, '-v', 'error', *SAFE_INPUT, '-show_entries', 'format=duration',
             '-of', 'default=noprint_wrappers=1:nokey=1', f'file:{source}'],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_S, check=False,
        )
        duration_s = float(done.stdout[:40])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return 0.0
    return duration_s if 0 < duration_s < 1e7 else 0.0


def _run(command: list[str], duration_s: float, report: Report, stop: Stop) -> int:
    """Frames that were encoded. Raises JobFailed with what ffmpeg said, or Ended."""
    with tempfile.TemporaryFile(dir='.') as said, _process(command, said) as process:
        progress = _Progress(duration_s, report)
        output = process.stdout
        assert output is not None
        while True:
            stop.check()
            ready, _, _ = select.select([output], [], [], POLL_S)
            if not ready:
                continue
            data = os.read(output.fileno(), 65536)
            if not data:
                break
            progress.take(data)
        code = process.wait()
        stop.check()
        lines = _last_lines(said)
        if code != 0 or any(map(NOT_WRITTEN.search, lines)):
            raise JobFailed(_why(code, lines))
    return progress.frames


@contextlib.contextmanager
def _process(command: list[str], said: IO[bytes]) -> 'Iterator[subprocess.Popen[bytes]]':
    """It is gone when the block ends."""
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said, bufsize=0
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(TERM_GRACE_S)
                except subprocess.TimeoutExpired:
                    process.kill()


def _last_lines(said: IO[bytes]) -> list[str]:
    size_bytes = said.seek(0, os.SEEK_END)
    said.seek(max(0, size_bytes - SAID_BYTES))
    return [line for line in said.read().decode('utf-8', 'replace').splitlines() if line.strip()]


def _why(code: int, lines: list[str]) -> str:
    if code == -signal.SIGXFSZ:
        return 'the file became longer than the limit for one file of a job'
    if any('No space left' in line for line in lines):
        return DISK_FULL
    ended = f'ffmpeg was ended by signal {-code}' if code < 0 else f'ffmpeg failed ({code})'
    # It repeats itself; the first of the last lines is nearest to the cause.
    text = re.sub(r'\[[^\]]* @ 0x[0-9a-f]+\] ', '', '; '.join(dict.fromkeys(lines[-4:])))
    return f'{ended}: {text or "it said nothing"}'


class _Progress:
    """What -progress tells: lines key=value."""

    def __init__(self, duration_s: float, report: Report) -> None:
        self.frames = 0
        self._duration_s, self._report = duration_s, report
        self._rest = b''
        self._speed = ''

    def take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b'\n')
        self._rest = self._rest[-4096:]
        for line in lines:
            name, _, value = line.decode('ascii', 'replace').strip().partition('=')
            value = value.strip()
            if name == 'frame' and value.isdecimal():
                self.frames = int(value)
            elif name == 'speed':
                self._speed = value
            elif name == 'out_time_us' and value.isdecimal():
                self._tell(int(value) / 1e6)

    def _tell(self, done_s: float) -> None:
        text = f'{done_s:.1f} s encoded' + (f', speed {self._speed}' if self._speed else '')
        if self._duration_s:
            self._report.progress(done_s / self._duration_s, text)
        else:
            self._report.note(text)


if __name__ == '__main__':
    sys.exit(serve(encode))
