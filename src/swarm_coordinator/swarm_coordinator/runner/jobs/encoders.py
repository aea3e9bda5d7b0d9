# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The encoders that this machine really has: owns finding them by trying each one.

ffmpeg lists what it was built with, also the encoders of processors that are not here, so each is
given a few frames and has to return something. What was found is kept beside the log for as long
as ffmpeg and the devices are the same. https://ffmpeg.org/ffmpeg-codecs.html
"""

import glob
import hashlib
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from swarm_coordinator.core.jobs.kinds.encode_kind import AUDIO_SUFFIXES, SUFFIXES

LIST_S = 5.0
TRY_S = 5.0  # one encoder; libaom took 0.3 s on a 2 GHz core
PROBE_S_MAX = 40.0  # all of them; what was not reached is not offered
WIDTH, HEIGHT, FRAMES = 320, 240, 5  # hardware refuses smaller ones
SAMPLE_RATE_HZ, SAMPLES = 48_000, 9_600
CACHE_BYTES_MAX = 64 * 1024
CACHE_NAME = 'encoders.json'
REVISION = 1  # raise it when this file starts to find something else
CPU, GPU = 'cpu', 'gpu'

Encoders = dict[str, dict[str, str]]  # codec -> kind of compute unit -> encoder


@dataclass(frozen=True)
class Encoder:
    """One encoder of ffmpeg. `before`, `after`: arguments before the input and for the output;
    `default`: those for the quality where no bit rate is asked; `filters`: what feeds it."""

    name: str
    codec: str
    unit: str = CPU
    before: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    default: tuple[str, ...] = ()


def _hardware(codec: str, stem: str) -> tuple[Encoder, ...]:
    """In the order in which they are tried. v4l2m2m is what single-board computers have."""
    plain = ('format=yuv420p',)
    return (
        Encoder(f'{stem}_nvenc', codec, GPU, filters=plain),
        Encoder(f'{stem}_qsv', codec, GPU, filters=('format=nv12',)),
        Encoder(
            f'{stem}_vaapi', codec, GPU, ('-vaapi_device', '{device}'),
            ('format=nv12', 'hwupload'),
        ),
        Encoder(f'{stem}_amf', codec, GPU, filters=plain),
        Encoder(f'{stem}_rkmpp', codec, GPU, filters=('format=nv12',)),
        Encoder(f'{stem}_nvmpi', codec, GPU, filters=plain),
        Encoder(f'{stem}_v4l2m2m', codec, GPU, filters=plain),
    )


_PLAIN = ('format=yuv420p',)
ENCODERS: tuple[Encoder, ...] = (
    *_hardware('h264', 'h264'),
    Encoder('libx264', 'h264', filters=_PLAIN),
    Encoder('libopenh264', 'h264', filters=_PLAIN),
    *_hardware('h265', 'hevc'),
    Encoder('libx265', 'h265', filters=_PLAIN, after=('-x265-params', 'log-level=error')),
    *_hardware('vp8', 'vp8'),
    Encoder(
        'libvpx', 'vp8', filters=_PLAIN, after=('-cpu-used', '4'),
        default=('-crf', '10', '-b:v', '2M'),
    ),
    *_hardware('vp9', 'vp9'),
    Encoder(
        'libvpx-vp9', 'vp9', filters=_PLAIN, after=('-row-mt', '1', '-cpu-used', '4'),
        default=('-crf', '32', '-b:v', '0'),
    ),
    *_hardware('av1', 'av1'),
    Encoder('libsvtav1', 'av1', filters=_PLAIN, after=('-preset', '8')),
    Encoder(
        'libaom-av1', 'av1', filters=_PLAIN, after=('-row-mt', '1', '-cpu-used', '6'),
        default=('-crf', '32', '-b:v', '0'),
    ),
    *_hardware('mjpeg', 'mjpeg'),
    Encoder('mjpeg', 'mjpeg', filters=('format=yuvj420p',), default=('-q:v', '3')),
    Encoder('ffv1', 'ffv1'),
    Encoder('libopus', 'opus'),
    Encoder('libvorbis', 'vorbis'),
    Encoder('flac', 'flac'),
    Encoder('aac', 'aac'),
    Encoder('libmp3lame', 'mp3'),
)


@dataclass(frozen=True)
class Probe:
    """What was found. `version`: of ffmpeg, '' where there is none."""

    version: str = ''
    encoders: Encoders = field(default_factory=dict)


def ffmpeg_path(search: str | None = None) -> str:
    """The program, looked for in PATH or in `search`; '' where it is not installed."""
    return shutil.which('ffmpeg', path=search) or ''


def kind_of_unit(unit: str) -> str:
    """'cpu', 'gpu' or 'npu' of a unit such as 'cpu0' or 'gpu:pci:8086:46a6@0000:00:02.0'."""
    return unit.partition(':')[0].rstrip('0123456789')


def render_node(unit: str) -> str:
    """The DRM node through which `unit` encodes: its own where its id tells, or the first."""
    address = unit.rpartition('@')[2]
    if re.fullmatch(r'[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]', address):
        own = f'/dev/dri/by-path/pci-{address}-render'
        if os.path.exists(own):
            return own
    nodes = sorted(glob.glob('/dev/dri/renderD*'))
    return nodes[0] if nodes else '/dev/dri/renderD128'


def arguments_before(encoder: Encoder, unit: str = '') -> list[str]:
    return [one.replace('{device}', render_node(unit)) for one in encoder.before]


def listed(ffmpeg: str) -> frozenset[str]:
    """Names of the encoders that ffmpeg was built with."""
    text = _output([ffmpeg, '-hide_banner', '-encoders'])
    return frozenset(re.findall(r'^ [VA][A-Z.]{5} (\S+)', text, re.M))


def version_of(ffmpeg: str) -> str:
    found = re.match(r'ffmpeg version (\S+)', _output([ffmpeg, '-version']))
    return found[1][:40] if found else 'unknown'


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=LIST_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ''
    return done.stdout[: 1 << 20].decode('utf-8', 'replace')


def works(ffmpeg: str, encoder: Encoder, unit: str = '', timeout_s: float = TRY_S) -> bool:
    """Whether it turns a few frames, or a moment of sound, into anything."""
    if encoder.codec in AUDIO_SUFFIXES:
        what = ['-f', 's16le', '-ar', str(SAMPLE_RATE_HZ), '-ac', '1']
        clip, option = _sound(), ['-c:a', encoder.name]
    else:
        what = ['-f', 'rawvideo', '-pix_fmt', 'yuv420p', '-s', f'{WIDTH}x{HEIGHT}', '-r', '10']
        clip, option = _frames(), ['-c:v', encoder.name]
        if encoder.filters:
            option = ['-vf', ','.join(encoder.filters), *option]
    command = [
        ffmpeg, '-hide_banner', '-loglevel', 'quiet', *arguments_before(encoder, unit), *what,
        '-i', 'pipe:0', *option, *encoder.after, '-f', 'matroska', 'pipe:1',
    ]
    try:
        done = subprocess.run(
            command, input=clip, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            timeout=timeout_s, check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and len(done.stdout) > 0


def _frames() -> bytes:
    """A gradient that moves, so that no encoder can leave frames out."""
    pixels = WIDTH * HEIGHT * 3 // 2
    ramp = bytes(range(256)) * (pixels // 256 + 2)
    return b''.join(ramp[7 * i: 7 * i + pixels] for i in range(FRAMES))


def _sound() -> bytes:
    return b''.join((40 * (i % 200)).to_bytes(2, 'little') for i in range(SAMPLES))


def candidates(codec: str, unit: str) -> tuple[Encoder, ...]:
    """Encoders of `codec` for the granted unit; '' = any, hardware first."""
    kind = kind_of_unit(unit)
    return tuple(one for one in ENCODERS if one.codec == codec and kind in ('', one.unit))


def probe_encoders(
    cache_dir: str = '', ffmpeg: str | None = None, seconds_max: float = PROBE_S_MAX
) -> Probe:
    """Try every encoder, or read what was found before. Never raises for what is missing.

    `cache_dir`: made where it is missing; '' = no cache. Takes up to `seconds_max` s of one core:
    not for an executor's thread.
    """
    ffmpeg = ffmpeg_path() if ffmpeg is None else ffmpeg
    if not ffmpeg:
        return Probe()
    cache = Path(cache_dir, CACHE_NAME) if cache_dir else None
    try:
        key = _key(ffmpeg)
    except OSError:
        return Probe()
    known = _cached(cache, key)
    if known is not None:
        return known
    probe, whole = _probe(ffmpeg, seconds_max)
    if cache is not None and whole and probe.encoders:  # none: ffmpeg itself did not run
        _keep(cache, key, probe)
    return probe


def _probe(ffmpeg: str, seconds_max: float) -> tuple[Probe, bool]:
    """The second is False where the time was over before all were tried."""
    end_s = time.monotonic() + seconds_max
    found: Encoders = {}
    names = listed(ffmpeg)
    for encoder in ENCODERS:
        units = found.setdefault(encoder.codec, {})
        if encoder.name not in names or encoder.unit in units:
            continue
        left_s = end_s - time.monotonic()
        if left_s <= 0:
            return Probe(version_of(ffmpeg), _without_empty(found)), False
        if works(ffmpeg, encoder, timeout_s=min(TRY_S, left_s)):
            units[encoder.unit] = encoder.name
    return Probe(version_of(ffmpeg), _without_empty(found)), True


def _without_empty(found: Mapping[str, dict[str, str]]) -> Encoders:
    return {codec: units for codec, units in found.items() if units}


def _key(ffmpeg: str) -> str:
    """Of everything that decides what works: the program, the devices, this file's table."""
    path = os.path.realpath(ffmpeg)
    status = os.stat(path)
    devices = sorted(
        one for kind in ('dri/*', 'nvidia*', 'video*', 'mpp_service') for one in
        glob.glob(f'/dev/{kind}')
    )
    parts: Iterable[object] = (
        REVISION, path, status.st_mtime_ns, status.st_size, devices, ENCODERS
    )
    return hashlib.sha256(repr(tuple(parts)).encode()).hexdigest()


def _cached(cache: Path | None, key: str) -> Probe | None:
    if cache is None:
        return None
    try:
        with open(cache, 'rb') as file:
            kept = json.loads(file.read(CACHE_BYTES_MAX))
        if kept['key'] != key:
            return None
        known = {one.name: one for one in ENCODERS}
        encoders: Encoders = {}
        for codec, units in kept['encoders'].items():
            for unit, name in units.items():
                if codec not in SUFFIXES or known[name].unit != unit:
                    return None
                encoders.setdefault(codec, {})[unit] = name
        return Probe(str(kept['version'])[:40], encoders)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _keep(cache: Path, key: str, probe: Probe) -> None:
    text = json.dumps({'key': key, 'version': probe.version, 'encoders': probe.encoders})
    partial = cache.with_suffix(f'.{os.getpid()}.partial')  # robots of one user may share it
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text)
        os.replace(partial, cache)
        for left in cache.parent.glob(f'{glob.escape(cache.stem)}.*.partial'):
            left.unlink()  # of one that was stopped, or is there now and tries again later
    except OSError:
        pass  # found again next time
