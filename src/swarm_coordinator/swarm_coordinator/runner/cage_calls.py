# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""System calls that no job needs: owns the filter that refuses them inside a cage (seccomp(2)).

Refused with EPERM is what changes mounts, namespaces, clocks, keys and the kernel itself, or opens
large and little used parts of it: most ways out of a container began with one of these. A new
user namespace is refused as well, since in there a process has the privileges to try the others.
clone3(2) hides its flags behind a pointer, so it is "not there": C libraries then use clone(2).

Numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h of Linux.
"""

import errno
import platform
import struct
import sys
from dataclasses import dataclass
from functools import lru_cache

# Of both architectures: what came after 2019 has one number everywhere.
COMMON = {
    'io_uring_setup': 425, 'open_tree': 428, 'move_mount': 429, 'fsopen': 430, 'fsconfig': 431,
    'fsmount': 432, 'fspick': 433, 'mount_setattr': 442,
}
CLONE3 = 435
CLONE_NEWUSER = 0x1000_0000
TIOCSTI = 0x5412  # puts words into the mouth of whoever started the robot on a terminal


@dataclass(frozen=True)
class Machine:
    """`audit`: AUDIT_ARCH_* of linux/audit.h; `most`: numbers beyond are another convention."""

    audit: int
    clone: int
    ioctl: int
    refused: dict[str, int]
    most: int = 0


MACHINES = {
    'x86_64': Machine(0xC000_003E, 56, 16, {
        'pivot_root': 155, 'adjtimex': 159, 'acct': 163, 'settimeofday': 164, 'mount': 165,
        'umount2': 166, 'swapon': 167, 'swapoff': 168, 'reboot': 169, 'iopl': 172, 'ioperm': 173,
        'init_module': 175, 'delete_module': 176, 'quotactl': 179, 'syslog': 103,
        'clock_settime': 227, 'kexec_load': 246, 'add_key': 248, 'request_key': 249,
        'keyctl': 250, 'unshare': 272, 'perf_event_open': 298, 'open_by_handle_at': 304,
        'clock_adjtime': 305, 'setns': 308, 'finit_module': 313, 'kexec_file_load': 320,
        'bpf': 321, 'userfaultfd': 323,
    }, 0x3FFF_FFFF),
    'aarch64': Machine(0xC000_00B7, 220, 29, {
        'umount2': 39, 'mount': 40, 'pivot_root': 41, 'quotactl': 60, 'acct': 89, 'unshare': 97,
        'kexec_load': 104, 'init_module': 105, 'delete_module': 106, 'clock_settime': 112,
        'syslog': 116, 'reboot': 142, 'settimeofday': 170, 'adjtimex': 171, 'add_key': 217,
        'request_key': 218, 'keyctl': 219, 'swapon': 224, 'swapoff': 225, 'perf_event_open': 241,
        'open_by_handle_at': 265, 'clock_adjtime': 266, 'setns': 268, 'finit_module': 273,
        'bpf': 280, 'userfaultfd': 282, 'kexec_file_load': 294,
    }),
}

# linux/filter.h and linux/seccomp.h
LOAD, EQUAL, GREATER, BITS, RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
ALLOW, ERROR = 0x7FFF_0000, 0x0005_0000
NUMBER_AT, ARCH_AT, ARGUMENT_AT = 0, 4, 16  # in struct seccomp_data; 8 bytes for each argument
ALLOWED, REFUSED, ABSENT = ALLOW, ERROR | errno.EPERM, ERROR | errno.ENOSYS


@lru_cache(maxsize=1)
def filter_here() -> bytes:
    """For this machine; empty where its calls are not known."""
    machine = MACHINES.get(platform.machine())
    return b'' if machine is None or sys.maxsize < 2**32 else filter_for(machine)


def filter_for(machine: Machine) -> bytes:
    """A program for the kernel, as bubblewrap takes it."""
    steps = [(LOAD, 0, 0, ARCH_AT)]
    steps += _answer(EQUAL, machine.audit, otherwise=True, answer=ABSENT)
    steps += [(LOAD, 0, 0, NUMBER_AT)]
    if machine.most:
        steps += _answer(GREATER, machine.most, ABSENT)
    steps += _answer(EQUAL, CLONE3, ABSENT)
    for number in sorted({*machine.refused.values(), *COMMON.values()}):
        steps += _answer(EQUAL, number, REFUSED)
    for call, argument, operation, value in (
        (machine.clone, 0, BITS, CLONE_NEWUSER), (machine.ioctl, 1, EQUAL, TIOCSTI)
    ):
        look = [(LOAD, 0, 0, ARGUMENT_AT + 8 * argument), *_answer(operation, value, REFUSED)]
        steps += [(EQUAL, 0, len(look) + 1, call), *look, (RETURN, 0, 0, ALLOWED)]
    steps += [(RETURN, 0, 0, ALLOWED)]
    return b''.join(struct.pack('=HBBI', *step) for step in steps)


def _answer(
    operation: int, value: int, answer: int, otherwise: bool = False
) -> list[tuple[int, int, int, int]]:
    """`answer` if what is loaded compares so, or `otherwise` if it does not."""
    jumps = (1, 0) if otherwise else (0, 1)
    return [(operation, *jumps, value), (RETURN, 0, 0, answer)]
