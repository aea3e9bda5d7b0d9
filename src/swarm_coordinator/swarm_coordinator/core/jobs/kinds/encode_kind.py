# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The job kind `encode`: one media file into another by a codec. Owns what a valid one is.

Which encoder does it is the business of the robot that was chosen; it offers `encode:<codec>` for
what its encoders were seen to do.
"""

from dataclasses import dataclass
from typing import ClassVar

from swarm_coordinator.core.jobs.spec import FileRef
from swarm_coordinator.core.jobs.work import Work

BITRATE_KBPS_MAX = 1_000_000
PIXELS_MAX = 16_384  # of one side; the largest that AV1 level 6 and HEVC level 7 know
# Containers that hold the codec, by the end of the output's name.
VIDEO_SUFFIXES: dict[str, tuple[str, ...]] = {
    'h264': ('.mp4', '.mkv', '.mov', '.ts'),
    'h265': ('.mp4', '.mkv', '.mov', '.ts'),
    'vp8': ('.webm', '.mkv'),
    'vp9': ('.webm', '.mkv', '.mp4'),
    'av1': ('.webm', '.mkv', '.mp4'),
    'mjpeg': ('.mkv', '.avi', '.mov'),
    'ffv1': ('.mkv', '.avi'),
}
AUDIO_SUFFIXES: dict[str, tuple[str, ...]] = {
    'opus': ('.opus', '.ogg', '.webm', '.mkv'),
    'vorbis': ('.ogg', '.webm', '.mkv'),
    'flac': ('.flac', '.mkv'),
    'aac': ('.m4a', '.mp4', '.mkv'),
    'mp3': ('.mp3', '.mkv'),
}
SUFFIXES = {**VIDEO_SUFFIXES, **AUDIO_SUFFIXES}
LOSSLESS = ('ffv1', 'flac')


@dataclass(frozen=True, slots=True)
class EncodeWork(Work):
    """0 = the encoder's default bit rate; the size as it is, or by the other side's proportion."""

    kind: ClassVar[str] = 'encode'
    codec: str
    bitrate_kbps: int = 0
    width: int = 0
    height: int = 0

    def check(self, inputs: tuple[FileRef, ...], outputs: tuple[str, ...]) -> None:
        if self.codec not in SUFFIXES:
            raise ValueError(f'codec={self.codec[:40]!r}: expected one of {", ".join(SUFFIXES)}')
        self._check_numbers()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                f'{len(inputs)} inputs and {len(outputs)} outputs: expected one of each'
            )
        if not outputs[0].endswith(SUFFIXES[self.codec]):
            raise ValueError(
                f'output {outputs[0][:80]!r}: {self.codec} needs a name that ends in '
                f'{", ".join(SUFFIXES[self.codec])}'
            )
        if inputs[0].name == outputs[0]:
            raise ValueError('input and output have the same name')

    def _check_numbers(self) -> None:
        for name, most in (
            ('bitrate_kbps', BITRATE_KBPS_MAX), ('width', PIXELS_MAX), ('height', PIXELS_MAX)
        ):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f'{name}={getattr(self, name)}: expected 0 to {most}')
        if self.codec in LOSSLESS and self.bitrate_kbps:
            raise ValueError(f'{self.codec} keeps everything: expected bitrate_kbps=0')
        if (self.width or self.height) and self.codec in AUDIO_SUFFIXES:
            raise ValueError(f'{self.codec} is for sound: expected no width and no height')
        # Their colour planes have half the width and height.
        if (self.width % 2 or self.height % 2) and self.codec != 'ffv1':
            raise ValueError(f'{self.width}x{self.height}: expected even numbers')

    def required(self) -> tuple[str, ...]:
        return (f'encode:{self.codec}',)

    def task(self) -> str:
        return f'encode:{self.codec}'
