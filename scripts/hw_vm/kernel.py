# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel: Debian's own, the drivers the tests need, and a first file system that
finds the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from packages import BuildFailed, run, tool, unpack

BOOT = ('virtio_pci', 'virtio_blk', 'ext4')
DRIVERS = (
    # the machine itself
    'virtio_console', 'xhci_pci', 'usbcore', 'virtio_rng',
    # I2C: a bus of chips whose registers are set from outside; the computer's own SMBus; a driver
    # that owns an address
    'i2c_dev', 'i2c_stub', 'i2c_i801', 'lm75', 'i2c_smbus', 'ee1004', 'at24',
    # cameras, serial bridges
    'vivid', 'ftdi_sio', 'cp210x', 'cdc_acm',
    # pretended USB devices
    'dummy_hcd', 'libcomposite', 'usb_f_acm', 'vhci_hcd', 'configfs',
    'spidev')
INIT = """#!/bin/busybox sh
export PATH=/bin
/bin/busybox mkdir -p /proc /sys /dev /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in {modules}; do /bin/busybox insmod /modules/$module || echo "no $module"; done
tries=0
while [ ! -b /dev/vda ] && [ $tries -lt 100 ]; do
  tries=$((tries + 1)); /bin/busybox usleep 50000
done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
/bin/busybox umount /sys /proc
exec /bin/busybox switch_root /root /hw_init
"""


def version_of(unpacked: Path) -> str:
    """Return the kernel's name of itself."""
    found = sorted((unpacked / 'lib/modules').iterdir())
    if not found:
        raise BuildFailed(f'no modules in {unpacked}')
    return found[-1].name


def files_of(unpacked: Path, modules: tuple[str, ...]) -> list[Path]:
    """Return the files of modules and of what they depend on, in the order of loading."""
    version = version_of(unpacked)
    files: dict[Path, None] = {}
    for module in modules:
        shown = run([tool('modprobe'), '-d', str(unpacked), '-S', version, '--show-depends',
                     module])
        for line in shown.splitlines():
            kind, _, rest = line.partition(' ')
            if kind == 'insmod':         # the others are built in
                files[Path(rest.split()[0])] = None
    return list(files)


def install_modules(unpacked: Path, root: Path, own: tuple[Path, ...] = ()) -> None:
    """Put the needed modules, and only these, into the guest: udev then loads no others."""
    version = version_of(unpacked)
    source, target = unpacked / 'lib/modules' / version, root / 'lib/modules' / version
    target.mkdir(parents=True, exist_ok=True)
    for name in ('modules.builtin', 'modules.order', 'modules.builtin.modinfo'):
        if (source / name).exists():
            shutil.copy2(source / name, target / name)
    for file in files_of(unpacked, BOOT + DRIVERS):
        to = target / file.relative_to(source)
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, to)
    for file in own:
        shutil.copy2(file, target / file.name)
    run([tool('depmod'), '-b', str(root), version])


def make_initrd(unpacked: Path, busybox: Path, work: Path, to: Path) -> None:
    """Write the first file system, not compressed: emulated decompression takes longer."""
    shutil.rmtree(work, ignore_errors=True)
    (work / 'bin').mkdir(parents=True)
    (work / 'modules').mkdir()
    shutil.copy2(busybox, work / 'bin/busybox')
    modules = files_of(unpacked, BOOT)
    for file in modules:
        shutil.copy2(file, work / 'modules' / file.name)
    init = work / 'init'
    init.write_text(INIT.format(modules=' '.join(file.name for file in modules)))
    init.chmod(0o755)
    names = '\n'.join(str(path.relative_to(work)) for path in sorted(work.rglob('*')))
    made = subprocess.run([tool('cpio'), '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=work,
                          input=names.encode(), capture_output=True, check=False)
    if made.returncode:
        raise BuildFailed(f'cpio failed: {made.stderr.decode(errors="replace")}')
    to.write_bytes(made.stdout)


def find_image(unpacked: Path) -> Path:
    """Return the kernel that QEMU loads."""
    return unpacked / 'boot' / f'vmlinuz-{version_of(unpacked)}'


def build_module(source: Path, archives: list[Path], unpacked: Path, work: Path) -> Path:
    """Build a module of our own with the kernel's headers, which are unpacked and not installed.

    archives: linux-headers-<version>, linux-headers-<...>-common, linux-kbuild-<...>.
    """
    unpack(archives, work)
    version = version_of(unpacked)
    headers = work / 'usr/src' / f'linux-headers-{version}'
    makefile = headers / 'Makefile'
    if not makefile.exists():
        raise BuildFailed(f'no headers for {version}')
    for file in (makefile, headers / '.kernelvariables'):
        if file.exists():
            file.write_text(file.read_text().replace('/usr/src/', f'{work}/usr/src/'))
    folder = work / 'module'
    folder.mkdir(exist_ok=True)
    shutil.copy2(source, folder / source.name)
    (folder / 'Makefile').write_text(f'obj-m := {source.stem}.o\n')
    run(['make', '-C', str(headers), f'M={folder}', 'modules'],
        env={'PATH': os.environ.get('PATH', os.defpath), 'HOME': str(work)})
    return folder / f'{source.stem}.ko'
