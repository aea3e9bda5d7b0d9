# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Debian packages for the guest, without installing them: what apt would choose, unpacked.

apt resolves against an empty status file, so the guest gets every dependency and nothing of the
host changes; no root is needed. Maintainer scripts do not run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

# What unpacking and booting call, and the package of each.
TOOLS = {
    'apt-get': 'apt', 'dpkg-deb': 'dpkg', 'tar': 'tar', 'cpio': 'cpio', 'modprobe': 'kmod',
    'depmod': 'kmod', 'mke2fs': 'e2fsprogs', 'ldd': 'libc-bin',
    'qemu-system-x86_64': 'qemu-system-x86'}
SBIN = ('/usr/sbin', '/sbin')
KERNEL = 'linux-image-amd64'
# libstdc++6: the ROS wheels. i2c-tools, v4l-utils: second opinions.
GUEST = ('busybox-static', 'udev', 'kmod', 'libudev1', 'i2c-tools', 'base-files', 'base-passwd',
         'libstdc++6', 'libgcc-s1', 'libc-bin', 'v4l-utils')
_PLANNED = re.compile(r'^Inst (\S+) \((\S+) .*\[(\w+)\]\)', re.MULTILINE)
MERGED = ('bin', 'sbin', 'lib', 'lib64')     # links into usr since Debian 12 and Ubuntu 20.04


class BuildFailed(Exception):
    """The machine cannot be made; the message tells the person what to do."""


def tool(name: str) -> str:
    """Return the path of a tool; system administration's are not on everybody's PATH."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(SBIN))
    if found is None:
        raise BuildFailed(f'{name} is missing\nInstall with: sudo apt-get install {TOOLS[name]}')
    return found


def check_tools() -> None:
    """Name all missing packages at once."""
    path = os.pathsep.join((os.environ.get('PATH', os.defpath), *SBIN))
    missing = [name for name in TOOLS if shutil.which(name, path=path) is None]
    if missing:
        wanted = ' '.join(sorted({TOOLS[name] for name in missing}))
        raise BuildFailed(f'missing: {", ".join(missing)}\n'
                          f'Install with: sudo apt-get install {wanted}')


def run(command: list[str], **options: object) -> str:
    """Run a command; on failure raise BuildFailed with the end of what it said."""
    done = subprocess.run(command, capture_output=True, text=True, errors='replace',
                          stdin=subprocess.DEVNULL, check=False, **options)  # type: ignore[call-overload]
    if done.returncode:
        tail = '\n'.join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildFailed(f'{" ".join(command[:4])} ... failed ({done.returncode}):\n{tail}')
    return str(done.stdout)


def download(packages: tuple[str, ...], to: Path) -> list[Path]:
    """Download packages and all they depend on; return the .deb files."""
    folder = to / 'archives'
    (folder / 'partial').mkdir(parents=True, exist_ok=True)
    status = to / 'status'
    status.write_text('')
    options = [f'-oDir::State::status={status}', f'-oDir::Cache::archives={folder.resolve()}',
               '-oDebug::NoLocking=1', '-oAPT::Install-Recommends=0', '-oDpkg::Use-Pty=0']
    # What is downloaded already is not printed by --print-uris, but it is planned.
    planned = run([tool('apt-get'), *options, '-q', '-s', 'install', *packages])
    run([tool('apt-get'), *options, '-q', '-y', '--download-only', 'install', *packages])
    files = [folder / f'{name}_{version.replace(":", "%3a")}_{machine}.deb'
             for name, version, machine in _PLANNED.findall(planned)]
    if not files or not all(file.exists() for file in files):
        raise BuildFailed('apt-get downloaded nothing; try: sudo apt-get update')
    return files


def kernel_package() -> str:
    """Return the package that holds the kernel itself, e.g. linux-image-6.1.0-56-amd64."""
    text = run(['apt-cache', 'depends', KERNEL])
    found = re.search(r'Depends: (linux-image-\d\S+)', text)
    if found is None:
        raise BuildFailed(f'apt knows no {KERNEL}; try: sudo apt-get update')
    return found[1]


def download_alone(package: str, to: Path) -> Path:
    """Download one package without what it depends on."""
    to.mkdir(parents=True, exist_ok=True)
    run([tool('apt-get'), '-q', 'download', package], cwd=to)
    return max(to.glob(f'{package}_*.deb'), key=lambda file: file.stat().st_mtime)


def unpack(files: list[Path], to: Path) -> None:
    """Unpack packages over one another into a root with a merged /usr."""
    for name in MERGED:
        (to / 'usr' / name).mkdir(parents=True, exist_ok=True)
        if not (to / name).is_symlink():
            (to / name).symlink_to(f'usr/{name}')
    for file in files:
        with subprocess.Popen([tool('dpkg-deb'), '--fsys-tarfile', str(file)],
                              stdout=subprocess.PIPE) as archive:
            done = subprocess.run(
                [tool('tar'), '-x', '--no-same-owner', '--keep-directory-symlink', '-C', str(to),
                 '--exclude=./usr/share/doc/*', '--exclude=./usr/share/man/*',
                 '--exclude=./usr/share/locale/*', '--exclude=./dev/*'],
                stdin=archive.stdout, check=False)
        if done.returncode or archive.returncode:
            raise BuildFailed(f'{file.name} could not be unpacked')
