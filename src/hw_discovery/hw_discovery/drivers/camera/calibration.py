# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Reads a camera's calibration as ROS writes it (camera_calibration_parsers, YAML). Pure but for
the one file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE_BYTES_MAX = 65536
NUMBER_MAX = 1e12          # far above any focal length in pixels; NaN is not below it
_COEFFICIENTS = {'plumb_bob': (5,), 'rational_polynomial': (8, 12, 14), 'equidistant': (4,)}


class CalibrationFault(ValueError):
    """The file cannot be used; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """As sensor_msgs/CameraInfo; matrices row-major."""

    width: int
    height: int
    model: str
    d: tuple[float, ...]
    k: tuple[float, ...]     # 3x3
    r: tuple[float, ...]     # 3x3
    p: tuple[float, ...]     # 3x4


def calibration_in(path: str) -> Calibration:
    """Return the calibration in a file; raise CalibrationFault."""
    try:
        with Path(path).open('rb') as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise CalibrationFault(f'{path}: {error.strerror}') from error
    if len(raw) > FILE_BYTES_MAX:
        raise CalibrationFault(f'{path}: expected at most {FILE_BYTES_MAX} bytes')
    try:
        return calibration_of(yaml.safe_load(raw))
    except CalibrationFault as error:
        raise CalibrationFault(f'{path}: {error}') from error
    # PyYAML raises what its constructors of dates, binaries and keys raise.
    except (yaml.YAMLError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CalibrationFault(f'{path}: no YAML: {str(error)[:200]}') from error


def calibration_of(said: Any) -> Calibration:
    """Return the calibration of a parsed file; raise CalibrationFault."""
    if not isinstance(said, dict):
        raise CalibrationFault('expected image_width, image_height, camera_matrix, ...')
    model = said.get('distortion_model', 'plumb_bob')
    if not isinstance(model, str) or model not in _COEFFICIENTS:
        raise CalibrationFault(f'distortion_model: expected one of {", ".join(_COEFFICIENTS)}; '
                               f'given: {model!r:.80}')
    return Calibration(
        _size(said, 'image_width'), _size(said, 'image_height'), model,
        _numbers(said, 'distortion_coefficients', _COEFFICIENTS[model]),
        _numbers(said, 'camera_matrix', (9,)), _numbers(said, 'rectification_matrix', (9,)),
        _numbers(said, 'projection_matrix', (12,)))


def _size(said: dict[Any, Any], name: str) -> int:
    given = said.get(name)
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given <= 65536:
        raise CalibrationFault(f'{name}: expected 1 to 65536; given: {given!r:.80}')
    return given


def _numbers(said: dict[Any, Any], name: str, counts: tuple[int, ...]) -> tuple[float, ...]:
    inner = said.get(name)
    given = inner.get('data') if isinstance(inner, dict) else None
    if not isinstance(given, list) or len(given) not in counts or not all(
            isinstance(n, int | float) and not isinstance(n, bool) and abs(n) <= NUMBER_MAX
            for n in given):
        raise CalibrationFault(
            f'{name}: expected data with {" or ".join(map(str, counts))} numbers')
    return tuple(float(n) for n in given)
