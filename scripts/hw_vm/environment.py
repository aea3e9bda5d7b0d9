# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""This Python with everything the product imports, as a file system at the same paths.

One interpreter for host and guest: what was tested here is what runs there. Shared libraries
that the guest's packages lack are brought along by what ldd says.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from packages import BuildFailed, tool

# What the product imports beyond the standard library, and the tests' helpers.
MODULES = ('pyudev', 'yaml', '_yaml', 'serial', 'smbus2', 'spidev', 'pynmeagps', 'pyubx2',
           'pyrtcm', 'ifaddr', 'zeroconf', 'numpy')
# Large, and of no use in the guest.
LEFT_OUT = ('*.a', '*/include', '*/test', '*/tests', '*/idlelib', '*/ensurepip', '*/lib2to3',
            '*/tkinter', '*/mypy', '*/mypyc', '*/pip', '*/hypothesis', '*/lxml', '*/ruff*',
            '*/share/doc', '*/share/man', '*/cmake', '*/rosidl_generator_c*', '*/docutils',
            '*/lib/pkgconfig', '*/config-3*', '*/ninja', '*/_pytest', '*/pygments')
VARIABLES = ('AMENT_PREFIX_PATH', 'LD_LIBRARY_PATH', 'ROS_DISTRO', 'RMW_IMPLEMENTATION',
             '_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'PATH')
LIBRARIES = Path('host_libraries')       # in the image
LENT = Path('lent_modules')
_CORE_LIBRARIES = re.compile(r'/(ld-linux.*|libc|libm|libdl|libpthread|librt|libresolv)\.so')


def folders() -> list[Path]:
    """Return the folders that go into the image at their own paths."""
    base = Path(sys.base_prefix)
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    found = [base / 'bin' / version, base / 'bin/python3', base / 'bin/python',
             base / 'lib' / version]
    if base == Path('/usr'):
        found.append(Path('/usr/lib/python3/dist-packages'))
    else:
        found += sorted((base / 'lib').glob('libpython3*.so*'))
    if sys.prefix != sys.base_prefix:
        found.append(Path(sys.prefix))
    found += [Path(part) for part in os.environ.get('AMENT_PREFIX_PATH', '').split(':') if part]
    unique: list[Path] = []
    for folder in found:
        if folder.exists() and not any(folder.is_relative_to(other) for other in unique):
            unique.append(folder)
    return unique


def lent_modules(brought: Iterable[Path]) -> list[Path]:
    """Return modules that lie elsewhere, e.g. in a folder of PYTHONPATH."""
    found = []
    for name in MODULES:
        try:
            spec = importlib.util.find_spec(name)
        except ImportError:
            continue
        if spec is None or spec.origin is None or spec.origin in ('built-in', 'frozen'):
            continue
        origin = Path(spec.origin)
        source = origin.parent if origin.name == '__init__.py' else origin
        base_packages = Path(sys.base_prefix) / 'lib'
        if not any(source.is_relative_to(folder) for folder in brought) \
                or source.is_relative_to(base_packages / 'site-packages'):
            found.append(source)
    return found


def stage(to: Path) -> None:
    """Copy everything below `to`."""
    brought = folders()
    # A virtual environment does not see what else is installed for its interpreter.
    unseen = [] if sys.prefix == sys.base_prefix else [
        f'{folder}/site-packages'.lstrip('/') for folder in brought
        if folder.is_relative_to(sys.base_prefix)]
    # colcon links what it installs to where it was built.
    linked = [folder for folder in brought if (folder / 'share/ament_index').exists()
              and folder != Path(sys.prefix)]
    plain = [folder for folder in brought if folder not in linked]
    for group, options in ((plain, ()), (linked, ('-h',))):
        if group:
            _copy([str(folder).lstrip('/') for folder in group], Path('/'), to, unseen, options)
    for source in lent_modules(brought):
        _copy([source.name], source.parent, to / LENT)
    (to / 'paths').write_text(''.join(f'{folder}\n' for folder in brought))
    version = f'python{sys.version_info[0]}.{sys.version_info[1]}'
    # Without this the imports take twenty times as long in the emulated machine.
    subprocess.run([sys.executable, '-m', 'compileall', '-q', '-j', '2', '-s', str(to), '-p', '/',
                    str(to)], check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if not (to / str(sys.base_prefix).lstrip('/') / 'bin' / version).exists():
        raise BuildFailed(f'{sys.base_prefix}/bin/{version} is missing')
    copy_libraries(to)


def copy_libraries(to: Path) -> None:
    """Copy the shared libraries of the system that the staged files load."""
    objects = [str(path) for path in to.rglob('*') if path.is_file() and not path.is_symlink()
               and re.search(r'\.so(\.\d+)*$|/bin/python3\.\d+$', str(path))]
    (to / LIBRARIES).mkdir(exist_ok=True)
    seen: set[str] = set()
    for start in range(0, len(objects), 200):
        said = subprocess.run([tool('ldd'), *objects[start:start + 200]], capture_output=True,
                              text=True, check=False).stdout
        seen |= set(re.findall(r'=> (/\S+\.so\S*) \(', said))
    for path in sorted(seen):
        is_staged = (to / path.lstrip('/')).exists() or path.startswith(str(to))
        if is_staged or _CORE_LIBRARIES.search(path):
            continue
        target = to / LIBRARIES / Path(path).name
        target.write_bytes(Path(path).read_bytes())
        target.chmod(0o755)


def _copy(names: list[str], base: Path, to: Path, without: Iterable[str] = (),
          options: Iterable[str] = ()) -> None:
    to.mkdir(parents=True, exist_ok=True)
    excluded = [f'--exclude={pattern}' for pattern in (*LEFT_OUT, *without)]
    with subprocess.Popen([tool('tar'), '-c', *options, *excluded, '-C', str(base), *names],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as packed:
        done = subprocess.run([tool('tar'), '-x', '--no-same-owner', '-C', str(to)],
                              stdin=packed.stdout, check=False)
    if done.returncode:
        raise BuildFailed(f'{base}: could not be copied')


def variables() -> dict[str, str]:
    """Return the variables of this shell that the guest needs as well."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}
