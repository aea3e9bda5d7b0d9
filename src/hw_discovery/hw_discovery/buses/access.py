# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Why a device node could not be used, in words and as one of ERRORS. Knows no bus."""

import errno
import grp
import os
import stat
from pathlib import Path

# Nobody acknowledged: which of them a driver of an I2C adapter returns differs. ENXIO is what
# Documentation/i2c/fault-codes.rst of Linux asks for; EREMOTEIO is bcm2835 and DesignWare,
# ENODEV is i2c-stub.
NOBODY_ANSWERED = (errno.ENXIO, errno.EREMOTEIO, errno.ENODEV)
_DENIED = (errno.EACCES, errno.EPERM)
_GONE = (errno.ENOENT, errno.ESHUTDOWN)
RULES_FILE = '60-swarm-hardware.rules'


def judge_os_error(error: OSError, device: Path, group: str) -> tuple[str, str]:
    """Return one of ERRORS and a sentence. group: the one that such nodes belong to."""
    text = error.strerror or str(error)
    if error.errno in _DENIED:
        return 'denied', denied_sentence(device, group)
    if error.errno in _GONE or (error.errno == errno.ENODEV and not device.exists()):
        return 'gone', f'{device} is no longer there'
    if error.errno in NOBODY_ANSWERED:
        return 'absent', f'nobody acknowledged ({text})'
    if error.errno == errno.EBUSY:
        return 'busy', f'{device} is in use ({text})'
    return 'failed', f'{device}: {text}'


def denied_sentence(device: Path, group: str) -> str:
    """Return which group, or which udev rule, would give access to a node."""
    try:
        found = os.stat(device)
    except OSError:
        return f'{device} may not be opened; its group is usually {group}'
    owner = _group_name(found.st_gid)
    has_group = bool(found.st_mode & stat.S_IRGRP) and bool(found.st_mode & stat.S_IWGRP)
    if owner == 'root' or not has_group:
        return (f'{device} may be opened by root only: install the udev rule {RULES_FILE}, '
                f'and add the user to the group {group}')
    return f'{device} may not be opened: add the user to the group {owner}'


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
