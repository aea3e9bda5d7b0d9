# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""udev/60-swarm-hardware.rules, loaded by the real udevd: who may open what."""

import grp
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vm import i2c, lidar, video
from vm.enumeration import port
from vm.machine import Machine, output, udev_properties, until

RULES = Path('/code/udev/60-swarm-hardware.rules')
INSTALLED = Path('/etc/udev/rules.d') / RULES.name
OTHERS = INSTALLED.with_name('60-i2c-tools.rules')
GROUPS = ('dialout', 'i2c', 'spi', 'video', 'plugdev')
NOBODY = 65534
FIRST_GID = 990
ASK = """
from hw_discovery.catalogue_files import bundled
from hw_discovery.core.probing.operation import I2cBareRead, I2cPlace
from vm.robot import i2c_probe
outcome = i2c_probe(bundled()).perform(I2cBareRead(I2cPlace({number}, 0x68)))
print(outcome.error, '|', outcome.detail)
"""


@contextmanager
def installed(machine: Machine) -> Iterator[None]:
    """Install the rules as their comment says, and take them away again."""
    known = {group.gr_name for group in grp.getgrall()}
    with Path('/etc/group').open('a') as file:               # what groupadd does
        for gid, group in enumerate(GROUPS, FIRST_GID):
            if group not in known:
                file.write(f'{group}:x:{gid}:\n')
    INSTALLED.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(RULES, INSTALLED)
    # i2c-tools has a rule that gives every adapter, the computer's own too, to the group i2c.
    OTHERS.symlink_to('/dev/null')
    subprocess.run(['udevadm', 'control', '--reload'], check=True)
    try:
        yield
    finally:
        INSTALLED.unlink()
        OTHERS.unlink()
        subprocess.run(['udevadm', 'control', '--reload'], check=True)
        machine.settle()


def access(node: str) -> tuple[str, int]:
    """Return group and mode of a node."""
    found = Path(node).stat()
    return grp.getgrgid(found.st_gid).gr_name, stat.S_IMODE(found.st_mode)


def asked_as_nobody(number: int, *groups: str) -> str:
    """Return what the product's I2C probe says to an ordinary user in these groups."""
    done = subprocess.run(
        [sys.executable, '-c', ASK.format(number=number)], user=NOBODY, group=NOBODY,
        extra_groups=[grp.getgrnam(name).gr_gid for name in groups], capture_output=True,
        text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_buses_ports_and_cameras_belong_to_their_groups_and_the_smbus_to_root(
    machine: Machine,
) -> None:
    machine.load('i2c_dev')
    machine.load('i2c_i801')
    machine.figures['i2c_tools_rule'] = str(access(f'/dev/i2c-{i2c.adapter("I801")}'))
    machine.unload('i2c_i801')
    with installed(machine):
        machine.load('i2c_i801')
        with i2c.chips(machine) as stub, video.camera(machine) as nodes:
            # The stub's name begins with SMBus too: the rules leave it to root, on purpose.
            own = i2c.adapter('I801')
            assert access(f'/dev/i2c-{own}') == ('root', 0o600)
            assert access(f'/dev/i2c-{stub}') == ('root', 0o600)
            for path, _ in nodes.values():
                assert access(str(path)) == ('video', 0o660)
        machine.unload('i2c_i801')
        with machine.bridge(serial='RULES'):
            link = until('the port', port)
            machine.settle()
            assert access(str(link.resolve())) == ('dialout', 0o660)
        with lidar.lidar(machine):
            assert access(str(lidar.LINK.resolve())) == ('dialout', 0o660)


def test_modem_manager_is_kept_from_bridges(machine: Machine) -> None:
    with installed(machine), lidar.lidar(machine):
        above = next(path.parent for path in Path('/sys/bus/usb/devices').glob('*/idVendor')
                     if path.read_text().strip() == '10c4')
        number = [int((above / name).read_text()) for name in ('busnum', 'devnum')]
        node = f'/dev/bus/usb/{number[0]:03d}/{number[1]:03d}'
        assert udev_properties(node).get('ID_MM_DEVICE_IGNORE') == '1'


def test_udev_has_no_complaint_about_the_rules(machine: Machine) -> None:
    with installed(machine), machine.bridge(serial='QUIET'):
        until('the port', port)
        machine.settle()
        said = [line for line in output('dmesg').splitlines() if RULES.name in line]
    assert said == []


def test_an_ordinary_user_is_told_which_group_he_lacks_and_as_a_member_is_answered(
    machine: Machine,
) -> None:
    with installed(machine), i2c.chips(machine) as stub:
        # As the rule for an adapter on a header does; the stub's own name is left to root.
        shutil.chown(f'/dev/i2c-{stub}', group='i2c')
        Path(f'/dev/i2c-{stub}').chmod(0o660)
        refused = asked_as_nobody(stub)
        assert refused.startswith('denied |') and 'i2c' in refused, refused
        assert asked_as_nobody(stub, 'i2c').startswith('|'), 'a member gets an answer'
