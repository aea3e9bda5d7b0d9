# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""64 MB from robot to robot, beside scp, rsync and a plain TCP copy over loopback.

Three robots run. A file of random bytes is put into the store of r1, and r2 is asked for it; the
time is from the request until r2 says that it is there: every chunk and the whole verified, and
synced to its disk. Once over one TCP connection, which is what robots do with large files, and
once in chunks over DDS. This process, which is no robot, notes when the beacons of all three come,
while files flow and while nothing flows; the delay of a beacon is what its interval exceeds the
heartbeat by. In each round the peers copy the same file: scp and rsync from start to exit, with
an sshd of our own on loopback, the plain copy with sendfile in one process and no check.
Processor seconds are those of both ends together.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import resource
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swarm_msgs import srv

from bench._beacons import HEARTBEAT_MS, Beacons
from bench._swarm import Watched, watched
from bench.peers import Missing, available, free_ports
from bench.run import write_samples
from bench.table import AT_LEAST, Row, row, tail

FILE_MB, QUICK_MB = 64, 16
ROUNDS, QUICK_ROUNDS = 11, 3
IDLE_S, QUICK_IDLE_S = 20.0, 5.0
MB = 1_000_000
POLL_S = 0.005
TICKS_PER_S = os.sysconf('SC_CLK_TCK')


@dataclass
class Copies:
    """Seconds and processor seconds of each copy, by way."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)

    def note(self, way: str, seconds: float, cpu: float) -> None:
        self.seconds.setdefault(way, []).append(seconds)
        self.cpu.setdefault(way, []).append(cpu)


# ---- ours


def asked(made: Watched, robot: str, kind: Any, service: str, request: Any) -> Any:
    """The last answer of something that takes long."""
    while True:
        answer = made.client.call(kind, service, request, robot=robot)
        if answer.ended:
            if answer.code != answer.ACCEPTED:
                raise RuntimeError(f'{service} of {robot}: {answer.reason}')
            return answer
        made.client.spin_until(lambda: False, POLL_S)


def cpu_of(pids: list[int]) -> float:
    """Processor seconds of running processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS_PER_S


def staged(made: Watched, path: Path) -> tuple[float, float, float]:
    """(began, ended, processor seconds of both ends) of one copy from r1 to r2."""
    stored = asked(made, 'r1', srv.StoreFile, 'store_file', srv.StoreFile.Request(path=str(path)))
    pids = [made.swarm.processes[name].pid for name in ('r1', 'r2')]
    made.client.spin_until(lambda: False, 0.3)
    request = srv.FetchFile.Request(
        sha256=bytes(stored.file.sha256).hex(), size_bytes=stored.file.size_bytes, holder='r1'
    )
    cpu, began_s = cpu_of(pids), time.monotonic()
    asked(made, 'r2', srv.FetchFile, 'fetch_file', request)
    ended_s = time.monotonic()
    used = cpu_of(pids) - cpu
    for robot in ('r1', 'r2'):
        request = srv.CollectFiles.Request()
        made.client.call(srv.CollectFiles, 'collect_files', request, robot=robot)
    return began_s, ended_s, used


def ours(
    way: str, folder: Path, megabytes: int, rounds: int, idle_s: float, copies: Copies,
    beside: Callable[[Path], None],
) -> tuple[list[float], list[float]]:
    """Beacon delays (ms) while files flow, and while nothing does."""
    busy: list[float] = []
    with watched(3, parts=['coordinator'], files_direct=way == 'direct') as made:
        made.swarm.start_all()
        made.leader()
        beacons = Beacons(made)
        made.client.spin_until(lambda: False, 2.0)
        for _ in range(rounds):
            path = fresh(folder, megabytes)
            began_s, ended_s, cpu = staged(made, path)
            made.client.spin_until(lambda: False, 2 * HEARTBEAT_MS / 1000)
            copies.note(way, ended_s - began_s, cpu)
            busy += beacons.delays_ms(began_s, ended_s + HEARTBEAT_MS / 1000)
            beside(path)
        made.client.spin_until(lambda: False, 1.0)  # what came during the last copy is taken
        began_s = time.monotonic()
        made.client.spin_until(lambda: False, idle_s)
        idle = beacons.delays_ms(began_s, time.monotonic())
    return busy, idle


def fresh(folder: Path, megabytes: int) -> Path:
    """A file that nobody has seen: nothing is won by what is stored already."""
    path = folder / 'source'
    path.write_bytes(os.urandom(megabytes * MB))
    return path


# ---- peers


def find(program: str, package: str) -> str:
    found = shutil.which(program, path=os.environ.get('PATH', '') + ':/usr/sbin')
    if found is None:
        raise Missing(program, f'apt-get install {package}')
    return found


def find_sshd() -> str:
    find('scp', 'openssh-client')
    return find('sshd', 'openssh-server')


def find_rsync() -> str:
    return find('rsync', 'rsync')


class Sshd:
    """An sshd of our own on loopback, with keys that live as long as it does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_ports(1)[0]
        for name in ('host', 'user'):
            subprocess.run(
                ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', str(folder / name)],
                check=True,
            )
        (folder / 'config').write_text(
            f'Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\n'
            f'AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\nPidFile none\n'
            'PasswordAuthentication no\nSubsystem sftp internal-sftp\n'
        )
        Path('/run/sshd').mkdir(exist_ok=True)  # sshd will not start without it
        self.process = subprocess.Popen(
            [find_sshd(), '-D', '-f', str(folder / 'config'), '-E', str(folder / 'log')]
        )
        self._await()

    def _await(self) -> None:
        end_s = time.monotonic() + 10.0
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', self.port), 1.0).close()
                return
            time.sleep(0.05)
        raise Missing('a running sshd', f'see {self.folder}/log')

    @property
    def options(self) -> list[str]:
        return [
            '-F', 'none', '-q', '-i', str(self.folder / 'user'),
            '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
        ]

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextlib.contextmanager
def maybe_sshd(folder: Path) -> Iterator[Sshd | None]:
    if not available(find_sshd)[0]:
        yield None
        return
    server = Sshd(folder)
    try:
        yield server
    finally:
        server.close()


def plain_copy(source: Path, target: Path) -> None:
    """sendfile on one end, recv and write on the other: what the kernel can do."""
    with socket.create_server(('127.0.0.1', 0)) as listener:

        def send() -> None:
            link, _ = listener.accept()
            with link, open(source, 'rb') as file:
                link.sendfile(file)

        sender = threading.Thread(target=send)
        sender.start()
        with (
            socket.create_connection(listener.getsockname()) as link,
            open(target, 'wb') as file,
        ):
            while block := link.recv(1 << 20):
                file.write(block)
        sender.join()


def timed(way: str, copies: Copies, source: Path, target: Path, copy: Callable[[], None]) -> None:
    """One copy by a peer; a wrong one is an error."""
    target.unlink(missing_ok=True)
    before, began_s = _cpu_here(), time.monotonic()
    copy()
    seconds = time.monotonic() - began_s
    copies.note(way, seconds, _cpu_here() - before)
    if _digest(source) != _digest(target):
        raise RuntimeError(f'{way}: the copy differs')


def _cpu_here() -> float:
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def peers(copies: Copies, folder: Path, server: Sshd | None, rsync: bool, source: Path) -> None:
    """Each peer once, with the same file."""
    target = folder / 'copy'
    timed('tcp', copies, source, target, lambda: plain_copy(source, target))
    if server is None:
        return
    scp = ['scp', '-P', str(server.port), *server.options, str(source), f'127.0.0.1:{target}']
    timed('scp', copies, source, target, lambda: _run(scp))
    if rsync:
        shell = ' '.join(['ssh', '-p', str(server.port), *server.options])
        words = ['rsync', '-q', '-W', '-e', shell, str(source), f'127.0.0.1:{target}']
        timed('rsync', copies, source, target, lambda: _run(words))


def _run(words: list[str]) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


# ---- the table


def measure(quick: bool, runs: int = 0) -> list[Row]:
    megabytes = QUICK_MB if quick else FILE_MB
    rounds = runs or (QUICK_ROUNDS if quick else ROUNDS)
    idle_s = QUICK_IDLE_S if quick else IDLE_S
    copies, delays = Copies(), {}
    Path('build').mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=Path('build').resolve()) as name, maybe_sshd(
        Path(name)
    ) as server:
        folder = Path(name)
        rsync = available(find_rsync)[0]
        for way in ('direct', 'dds'):
            delays[way] = ours(
                way, folder, megabytes, rounds, idle_s, copies,
                lambda path: peers(copies, folder, server, rsync, path),
            )
    write_samples(
        'files', {'seconds': copies.seconds, 'cpu_s': copies.cpu, 'beacon_delay_ms': delays}
    )
    return [*_rates(copies, megabytes), *_cpu(copies, megabytes), *_beacons(delays)]


def _rates(copies: Copies, megabytes: int) -> Iterator[Row]:
    rates = {way: [megabytes / one for one in all_] for way, all_ in copies.seconds.items()}
    for way in ('direct', 'dds'):
        for peer in ('scp', 'rsync', 'tcp'):
            if peer in rates:
                yield row(
                    f'{megabytes} MB, {NAMES[way]}', 'MB/s', rates[way], peer=rates[peer],
                    peer_name=NAMES[peer], better=AT_LEAST,
                )


def _cpu(copies: Copies, megabytes: int) -> Iterator[Row]:
    for way in ('direct', 'dds'):
        per_gb = {
            name: [one / megabytes * 1000 for one in copies.cpu[name]]
            for name in (way, 'tcp')
        }
        yield row(
            f'processor, {NAMES[way]}', 's/GB', per_gb[way], peer=per_gb['tcp'],
            peer_name=NAMES['tcp'],
        )


def _beacons(delays: dict[str, tuple[list[float], list[float]]]) -> Iterator[Row]:
    for way, (busy, idle) in delays.items():
        yield tail(
            f'beacon delay p99 while it runs, {NAMES[way]}', 'ms', busy, 99, peer=idle,
            peer_name='nothing flows', target=float(HEARTBEAT_MS),
        )


NAMES = {
    'direct': 'one connection', 'dds': 'chunks over DDS', 'scp': 'scp', 'rsync': 'rsync over ssh',
    'tcp': 'plain TCP copy',
}
