# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Makes the virtual machine's files in build/hw_vm; what has not changed is kept.

Three disks: root (Debian packages, kernel modules), environment (this Python, ROS), code (the
checkout's hw_discovery, made anew for every run).
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import environment
import kernel
import packages

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
WORK = ROOT / 'build' / 'hw_vm'
PACKAGE = ROOT / 'src' / 'hw_discovery'
MEBI = 1 << 20
# Written in the checkout, copied to the guest's /code.
CODE = ('hw_discovery', 'test', 'udev')
INIT = """#!/bin/busybox sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
chmod 755 /root                  # a user's Python may be installed there
mkdir -p /dev/pts /dev/shm /run /tmp /env /code
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
hostname hw-vm
mount -t ext4 -o ro /dev/vdb /env
mount -t ext4 -o ro /dev/vdc /code
while read path; do
  [ -e "$path" ] && continue
  if [ -d "/env$path" ]; then mkdir -p "$path"; mount --bind "/env$path" "$path"
  else mkdir -p "$(dirname "$path")"; ln -s "/env$path" "$path"; fi
done < /env/paths
ldconfig                         # pyudev asks it where libudev is
. /code/run.sh
sync
poweroff -f
"""
RUN = """modprobe virtio_console
/lib/systemd/systemd-udevd --daemon
udevadm trigger --type=subsystems --action=add
udevadm trigger --type=devices --action=add
udevadm settle --timeout=60
{exports}
cd /tmp
{python} -u /code/test/vm/guest.py {arguments}
"""


@dataclass(frozen=True)
class Machine:
    """What QEMU is started with."""

    kernel: Path
    initrd: Path
    disks: tuple[Path, ...]


def build(arguments: list[str]) -> Machine:
    """Make what is missing or old; `arguments` go to the guest's program."""
    packages.check_tools()
    WORK.mkdir(parents=True, exist_ok=True)
    root, unpacked = WORK / 'root', WORK / 'kernel'
    if _is_old('root', _digest(HERE / 'packages.py', HERE / 'kernel.py', HERE / 'build.py')):
        _make_root(root, unpacked)
        _fresh('root', _digest(HERE / 'packages.py', HERE / 'kernel.py', HERE / 'build.py'))
    wanted = _environment_digest()
    if _is_old('environment', wanted):
        say('this Python and ROS for the guest ...')
        staged = _emptied(WORK / 'environment')
        environment.stage(staged)
        _make_disk(staged, WORK / 'environment.ext4')
        shutil.rmtree(staged)
        _fresh('environment', wanted)
    _make_code(arguments)
    return Machine(kernel.find_image(unpacked), WORK / 'initrd.cpio', tuple(
        WORK / f'{name}.ext4' for name in ('root', 'environment', 'code')))


def say(text: str) -> None:
    """Tell a person what takes time."""
    print(f'hw_vm: {text}', flush=True)


def _make_root(root: Path, unpacked: Path) -> None:
    say('packages and kernel for the guest ...')
    name = packages.kernel_package()
    image = packages.download_alone(name, WORK / 'kernel_package')
    files = packages.download(packages.GUEST, WORK / 'apt')
    packages.unpack([image], _emptied(unpacked))
    packages.run([packages.tool('depmod'), '-b', str(unpacked), kernel.version_of(unpacked)])
    packages.unpack(files, _emptied(root))
    kernel.install_modules(unpacked, root, _own_modules(name, unpacked))
    busybox = root / 'bin/busybox'
    for folder in ('proc', 'sys', 'dev', 'run', 'tmp', 'env', 'code'):
        (root / folder).mkdir(exist_ok=True)
    applets = packages.run([str(busybox), '--list']).split()
    for applet in applets:
        if not any((root / folder / applet).exists() for folder in ('usr/bin', 'usr/sbin')):
            (root / 'usr/bin' / applet).symlink_to('busybox')
    # What the packages' scripts would have done.
    for file in ('passwd', 'group'):
        shutil.copy2(root / f'usr/share/base-passwd/{file}.master', root / 'etc' / file)
    init = root / 'hw_init'
    init.write_text(INIT)
    init.chmod(0o755)
    kernel.make_initrd(unpacked, busybox, WORK / 'initrd', WORK / 'initrd.cpio')
    _make_disk(root, WORK / 'root.ext4')


def _own_modules(image: str, unpacked: Path) -> tuple[Path, ...]:
    """Return the SPI controller; nothing, and why, where it cannot be built."""
    headers = image.replace('linux-image', 'linux-headers')
    # linux-headers-6.1.0-56-amd64 -> linux-headers-6.1.0-56-common, linux-kbuild-6.1
    common = f'{headers.rpartition("-")[0]}-common'
    kbuild = 'linux-kbuild-' + '.'.join(headers.split('-')[2].split('.')[:2])
    try:
        archives = [packages.download_alone(name, WORK / 'kernel_package')
                    for name in (headers, common, kbuild)]
        return (kernel.build_module(HERE / 'hw_vm_spi.c', archives, unpacked,
                                    _emptied(WORK / 'headers')),)
    except (packages.BuildFailed, OSError) as error:
        say(f'without SPI, since its module could not be built: {error}')
        return ()


def _make_code(arguments: list[str]) -> None:
    staged = _emptied(WORK / 'code')
    for name in CODE:
        shutil.copytree(PACKAGE / name, staged / name, ignore=shutil.ignore_patterns(
            '.hypothesis', '.pytest_cache', '*.jsonl'))
    exports = environment.variables()
    libraries = exports.get('LD_LIBRARY_PATH', '')
    exports['LD_LIBRARY_PATH'] = f'{libraries}:/env/{environment.LIBRARIES}'.lstrip(':')
    exports['PATH'] = '/usr/sbin:/usr/bin:/sbin:/bin'
    installed = [part for part in os.environ.get('PYTHONPATH', '').split(':')
                 if part and any(Path(part).is_relative_to(f) for f in environment.folders())]
    exports['PYTHONPATH'] = ':'.join(
        ('/code', '/code/test', *installed, f'/env/{environment.LENT}'))
    exports.update(HOME='/tmp', ROS_LOG_DIR='/tmp/log', PYTHONDONTWRITEBYTECODE='1',
                   ROS_AUTOMATIC_DISCOVERY_RANGE='LOCALHOST', ROS_DOMAIN_ID='1')
    (staged / 'run.sh').write_text(RUN.format(
        exports='\n'.join(f'export {key}={shlex.quote(value)}' for key, value in exports.items()),
        python=shlex.quote(sys.executable), arguments=shlex.join(arguments)))
    packages.run([sys.executable, '-m', 'compileall', '-q', '-s', str(staged), '-p', '/code',
                  str(staged)])
    _make_disk(staged, WORK / 'code.ext4')


def _make_disk(source: Path, to: Path) -> None:
    used = sum(4096 + file.lstat().st_size for file in source.rglob('*'))
    size_mb = max(32, used * 5 // 4 // MEBI + 32)
    part = to.with_suffix('.part')
    part.unlink(missing_ok=True)
    packages.run([packages.tool('mke2fs'), '-q', '-t', 'ext4', '-O', '^has_journal', '-N',
                  str(sum(1 for _ in source.rglob('*')) + 4096), '-E', 'root_owner=0:0',
                  '-d', str(source), str(part), f'{size_mb}M'])
    part.replace(to)


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _environment_digest() -> str:
    parts = [sys.version, sys.prefix, *map(str, environment.folders()),
             *map(str, environment.lent_modules(environment.folders())), _digest(
                 HERE / 'environment.py')]
    for folder in environment.folders():
        stamps = [folder, folder / 'setup.stamp', *sorted(folder.glob('*/lib'))]
        parts += [str(stamp.stat().st_mtime_ns) for stamp in stamps if stamp.exists()]
    return hashlib.sha256('\n'.join(parts).encode()).hexdigest()


def _digest(*files: Path) -> str:
    return hashlib.sha256(b'\n'.join(file.read_bytes() for file in files)).hexdigest()


def _is_old(name: str, wanted: str) -> bool:
    stamp = WORK / f'{name}.stamp'
    return not (WORK / f'{name}.ext4').exists() or not stamp.exists() \
        or stamp.read_text() != wanted


def _fresh(name: str, wanted: str) -> None:
    (WORK / f'{name}.stamp').write_text(wanted)


if __name__ == '__main__':
    try:
        print(build(sys.argv[1:]))
    except packages.BuildFailed as error:
        sys.exit(f'hw_vm: {error}')
