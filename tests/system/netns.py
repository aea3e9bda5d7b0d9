# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Hosts for tests: each a network namespace on a bridge that lies in a namespace of its own.

Owns namespaces, addresses, cuts and losses; knows nothing of robots. The machine's own network is
never touched: no namespace has a name, every interface is made inside one, and a namespace goes
with the process that holds it, which dies with the thread that started it. So nothing is left
behind, also after a crash.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

SUBNET = '10.77.0'
TOOLS = ('ip', 'nft', 'nsenter', 'setpriv', 'unshare')
SETUP_S = 20.0
SETTLE = 'hostname {name} && mount -t tmpfs tmpfs /dev/shm && echo up && exec sleep infinity'
# At the switch and for IP only: a cut direction must not take ARP, and so the other one, with it.
CHAIN = 'bridge faults cut'


def why_not() -> str:
    """Why there can be no namespaces here, or ''."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f'not here: needs {", ".join(missing)}'
    if os.geteuid() != 0:
        return 'not here: network namespaces need root'
    try:
        with Network(('probe',)) as network:
            network.cut({('probe', 'probe')})
    except (OSError, subprocess.SubprocessError) as error:
        detail = getattr(error, 'stderr', '') or str(error)
        return f'not here: no network namespaces with nftables: {detail.strip()}'
    return ''


def ends_with_us(command: Sequence[str]) -> list[str]:
    return ['setpriv', '--pdeathsig', 'KILL', *command]


def run(command: Sequence[str], text: str = '') -> None:
    subprocess.run(
        command, input=text, text=True, capture_output=True, check=True, timeout=SETUP_S
    )


class Namespace:
    """A process that holds a network, mount and host-name namespace, with shared memory of its
    own."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            ends_with_us(
                ['unshare', '--net', '--mount', '--uts', '--propagation', 'private',
                 'sh', '-c', SETTLE.format(name=name)]
            ),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        assert self._process.stdout is not None and self._process.stderr is not None
        if self._process.stdout.readline().strip() != 'up':
            raise OSError(self._process.stderr.read().strip() or 'unshare failed')
        self.run('ip', 'link', 'set', 'lo', 'up', 'multicast', 'on')

    @property
    def pid(self) -> int:
        return self._process.pid

    def command(self, command: Sequence[str]) -> list[str]:
        """`command`, in this namespace; exec'ed, so that its process is the one started."""
        of = f'/proc/{self.pid}/ns'
        return ends_with_us(
            ['nsenter', f'--net={of}/net', f'--mount={of}/mnt', f'--uts={of}/uts', '--', *command]
        )

    def run(self, *command: str, text: str = '') -> None:
        run(self.command(command), text)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()


class Host(Namespace):
    def disk(self, path: Path, size_kb: int) -> None:
        """A disk of this size at `path`, seen by this host only. Gone with the host."""
        path.mkdir(parents=True, exist_ok=True)
        self.run('mount', '-t', 'tmpfs', '-o', f'size={size_kb}k', 'tmpfs', str(path))

    def path(self, path: Path) -> Path:
        """Where this process finds what the host sees at `path`."""
        return Path(f'/proc/{self.pid}/root') / path.relative_to('/')


@dataclass
class Network:
    """Hosts by name on one switch. A context manager."""

    names: tuple[str, ...]
    hosts: dict[str, Host] = field(default_factory=dict)
    _ports: dict[str, str] = field(default_factory=dict)
    _cuts: set[tuple[str, str]] = field(default_factory=set)
    _loss_percent: int = 0

    def __enter__(self) -> Network:
        self._hub = Namespace('switch')
        try:
            self._hub.run('ip', 'link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0')
            self._hub.run('ip', 'link', 'set', 'br0', 'up')
            for name in self.names:
                self._plug(name)
            self._apply()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for host in self.hosts.values():
            host.close()
        self.hosts.clear()
        self._hub.close()

    def _plug(self, name: str) -> None:
        host = self.hosts[name] = Host(name)
        number = len(self.hosts)
        port = self._ports[name] = f'p{number}'
        self._hub.run(
            'ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns',
            str(host.pid),
        )
        self._hub.run('ip', 'link', 'set', port, 'master', 'br0', 'up')
        host.run('ip', 'addr', 'add', f'{SUBNET}.{number}/24', 'dev', 'eth0')
        host.run('ip', 'link', 'set', 'eth0', 'up')
        host.run('ip', 'route', 'add', '224.0.0.0/4', 'dev', 'eth0')

    # ---- faults

    def unplug(self, name: str) -> None:
        """Pull the cable: the host keeps its address and loses its carrier."""
        self._hub.run('ip', 'link', 'set', self._ports[name], 'down')

    def plug(self, name: str) -> None:
        self._hub.run('ip', 'link', 'set', self._ports[name], 'up')

    def cut(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Nothing passes from the first to the second of each pair, in addition to other cuts."""
        self._cuts |= set(pairs)
        self._apply()

    def deafen(self, name: str) -> None:
        self.cut((other, name) for other in self.names if other != name)

    def mute(self, name: str) -> None:
        self.cut((name, other) for other in self.names if other != name)

    def split(self, *groups: Iterable[str]) -> None:
        """Nothing passes between the groups, in either direction."""
        sides = [tuple(group) for group in groups]
        self.cut(
            pair
            for one, two in itertools.permutations(sides, 2)
            for pair in itertools.product(one, two)
        )

    def lose(self, percent: int) -> None:
        """Drop this share of the IP packets between hosts, by chance."""
        self._loss_percent = percent
        self._apply()

    def heal(self) -> None:
        self._cuts.clear()
        self._loss_percent = 0
        self._apply()
        for name in self.names:
            self.plug(name)

    def _apply(self) -> None:
        """The switch's rules as one transaction."""
        lines = [
            'table bridge faults', 'delete table bridge faults', 'table bridge faults {',
            'chain cut { type filter hook forward priority 0; policy accept;',
        ]
        lines += [
            f'iifname "{self._ports[one]}" oifname "{self._ports[two]}" meta protocol ip drop'
            for one, two in sorted(self._cuts)
        ]
        if self._loss_percent:
            lines.append(
                f'meta protocol ip numgen random mod 100 < {self._loss_percent} drop'
            )
        self._hub.run('nft', '-f', '-', text='\n'.join([*lines, '}', '}', '']))

    def delay(self, name: str, ms: int) -> str:
        """Delay what this host sends; returns why that cannot be done here, or ''."""
        try:
            self._hub.run(
                'tc', 'qdisc', 'replace', 'dev', self._ports[name], 'root', 'netem', 'delay',
                f'{ms}ms',
            )
        except (OSError, subprocess.CalledProcessError) as error:
            return f'not here: no netem: {getattr(error, "stderr", error)}'.strip()
        return ''

    def undelay(self, name: str) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._hub.run('tc', 'qdisc', 'del', 'dev', self._ports[name], 'root')
