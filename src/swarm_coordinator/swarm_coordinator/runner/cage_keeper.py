# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The first process inside a cage: starts the job, hands on what the robot says, tells its end.

    python3 -I -S cage_keeper.py LINK UID GID GROUPS PROCESSES FOLDER COMMAND...

Mostly it is process 1 of a process namespace, so the kernel ends everything in there when it ends,
whatever that has done to get away. LINK is a socket to the robot: a byte from there asks the job
to end; its end of file, the end of the robot, ends the cage; the wait status of the job goes back
(bubblewrap tells 137 for both `exit 137` and a kill). UID -1: the user stays as it is. GROUPS are
numbers with commas between. PROCESSES 0: no limit. FOLDER: where the job works.

Imports nothing of ours and little else: it is started for every job.
"""

import os
import resource
import select
import signal
import sys

CANNOT_START = 127  # as sh(1) says it


def main(arguments: list[str]) -> None:
    link, uid, gid = (int(one) for one in arguments[:3])
    groups = [int(one) for one in arguments[3].split(',') if one]
    os.set_inheritable(link, False)
    if uid >= 0:
        os.setgroups(groups)
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    os.chdir(arguments[5])  # nobody else may enter it
    if processes := int(arguments[4]):
        # Here and not before: in a user namespace of its own the job is counted by itself.
        resource.setrlimit(resource.RLIMIT_NPROC, (processes, processes))
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    job = os.fork()
    if job == 0:
        _become(arguments[6:])
    status = _keep(link, woken, job)
    os.write(link, status.to_bytes(4, 'little'))
    os._exit(0)  # nothing is left to be put in order, which would take 2 ms


def _become(command: list[str]) -> None:
    try:
        # Python ignores these, and what is ignored stays so over execve(2).
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f'{command[0]}: {error.strerror}\n'.encode('utf-8', 'surrogateescape'))
    finally:
        os._exit(CANNOT_START)


def _keep(link: int, woken: int, job: int) -> int:
    """Until the job has ended and, where it was asked to, all that came of it."""
    status: int | None = None
    asked = False
    poll = select.poll()
    poll.register(link, select.POLLIN)
    poll.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == woken:
                os.read(woken, 4096)
            elif os.read(link, 1):
                asked = True
                _send(job, signal.SIGTERM, signal.SIGCONT)  # a stopped one takes no other
            else:
                _send(job, signal.SIGKILL)
                os._exit(1)
        childless = False
        try:
            while True:
                pid, ended = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if pid == job:
                    status = ended
        except ChildProcessError:
            childless = True
        if status is not None and (childless or not asked):
            return status


def _send(job: int, *numbers: int) -> None:
    for number in numbers:
        try:
            os.killpg(job, number)
        except OSError:
            return


if __name__ == '__main__':
    main(sys.argv[1:])
