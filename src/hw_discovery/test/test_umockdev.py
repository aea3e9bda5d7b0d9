# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Starts the umockdev tests in a process of their own, with a Python that can import gi."""

import ctypes.util
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

APT = ('apt-get install umockdev gir1.2-umockdev-1.0 python3-gi libudev1 udev')
HERE = Path(__file__).resolve().parent
PRELOAD = 'libumockdev-preload.so.0'
# Pure Python, so that another interpreter of about the same version can use them.
BORROWED = ('pyudev', 'pytest', '_pytest', 'py', 'pluggy', 'iniconfig', 'packaging', 'pygments',
            'exceptiongroup', 'tomli', 'typing_extensions', 'smbus2', 'serial',
            # Compiled, so it serves only an interpreter of the same version; else it is skipped.
            'spidev')
FILES = ('enumeration_and_hotplug.py', 'i2c_and_spi.py', 'cameras.py',
         'serial_ports.py')
PROBE = "import gi; gi.require_version('UMockdev', '1.0'); from gi.repository import UMockdev"


def interpreter_with_gi() -> str:
    """Return a Python that has gi and umockdev's bindings; '' if none has."""
    for candidate in (sys.executable, '/usr/bin/python3'):
        if not os.path.exists(candidate):
            continue
        tried = subprocess.run(
            [candidate, '-c', PROBE], env=plain_environment(), capture_output=True, timeout=30)
        if tried.returncode == 0:
            return candidate
    return ''


def plain_environment() -> dict[str, str]:
    """Return an environment without what another interpreter must not inherit."""
    kept = ('PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL')
    return {key: os.environ[key] for key in kept if key in os.environ}


def lend_modules(to: Path) -> None:
    """Link the modules of this Python that the other may lack."""
    for name in BORROWED:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        source = origin.parent if origin.name == '__init__.py' else origin
        (to / source.name).symlink_to(source)


@pytest.mark.parametrize('file', FILES)
def test_pretended_hardware_under_umockdev(tmp_path: Path, file: str) -> None:
    if ctypes.util.find_library('udev') is None:
        pytest.skip(f'libudev is missing: {APT}')
    python = interpreter_with_gi()
    if not python:
        pytest.skip(f'no Python here can import umockdev through gi: {APT}')
    lent = tmp_path / 'lent'
    lent.mkdir()
    lend_modules(lent)
    environment = {
        **plain_environment(), 'LD_PRELOAD': PRELOAD, 'PYTHONDONTWRITEBYTECODE': '1',
        'PYTHONPATH': f'{HERE.parent}:{lent}', 'PYTEST_DISABLE_PLUGIN_AUTOLOAD': '1'}
    ran = subprocess.run(
        # Without a configuration file: one above this package is written for our own Python.
        [python, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-c', os.devnull,
         '--rootdir', str(HERE), '--confcutdir', str(HERE / 'umockdev'),
         str(HERE / 'umockdev' / file)],
        env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ran.returncode == 0, f'{ran.stdout[-6000:]}\n{ran.stderr[-3000:]}'
    assert ' passed' in ran.stdout
