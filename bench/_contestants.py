# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Clusters whose leader is killed: ours, etcd, PySyncObj, each as the same few verbs.

`ready` waits until nothing is left to do from the last kill, `fail` kills the leader and
measures, `mend` starts it again. All three are asked in the same way: from the kill on, a new
small write every PROBE_S, to each survivor in turn, without waiting for the writes before it. The
first that is answered as committed ends the failover.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bench._swarm import Watched, committed, watched
from bench.peers.etcd import Etcd
from bench.peers.pysyncobj import PySyncObj
from swarm_coordinator.core.raft import TimingProfile

PROBE_S = 0.02
POLL_S = 0.05
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Failover:
    """Milliseconds since the kill. `agreed_ms`: every survivor names the same new leader."""

    committed_ms: float
    agreed_ms: float | None = None


class Contestant(Protocol):
    name: str

    def ready(self) -> None: ...

    def wait(self, seconds: float) -> None: ...

    def fail(self) -> Failover: ...

    def mend(self) -> None: ...


class Ours:
    name = 'ours'

    def __init__(self, field: Watched) -> None:
        self._field = field
        self._killed = ''

    def ready(self) -> None:
        names = self._field.swarm.names
        self._field.wait(lambda: self._field.watcher.settled(names), 'all have caught up')
        self._field.leader()

    def wait(self, seconds: float) -> None:
        self._field.client.spin_until(lambda: False, seconds)

    def fail(self) -> Failover:
        field = self._field
        leader = self._killed = field.leader()
        term = field.watcher.heard[leader].beacon.term
        survivors = tuple(name for name in field.swarm.names if name != leader)
        turns, asked = itertools.cycle(survivors), list[Any]()
        committed_s = agreed_s = 0.0

        def heard() -> bool:
            return any(one.done() and committed(one.result()) for one in asked)

        killed_s = time.monotonic()
        field.swarm.kill(leader)
        while not (committed_s and agreed_s):
            if not committed_s:
                asked.append(field.small_command(next(turns)))
            field.client.spin_until(heard, PROBE_S)
            if not committed_s and heard():
                committed_s = time.monotonic()
                asked.clear()
            if not agreed_s and field.watcher.agreed_leader(survivors, above_term=term):
                agreed_s = time.monotonic()
            if time.monotonic() > killed_s + TIMEOUT_S:
                raise TimeoutError(f'no failover of {survivors}')
        return Failover((committed_s - killed_s) * 1000, (agreed_s - killed_s) * 1000)

    def mend(self) -> None:
        # Its last beacons before the kill are still fresh, and must not pass for its new ones.
        self._field.watcher.heard.pop(self._killed, None)
        self._field.swarm.start(self._killed)
        names = self._field.swarm.names
        self._field.wait(lambda: self._field.watcher.caught_up(names), 'the killed one is back')


@dataclass
class Peer:
    """A cluster of another system; `loop` runs what waits for its sockets."""

    name: str
    cluster: Etcd | PySyncObj
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    _killed: str = ''

    def ready(self) -> None:
        self.leader()

    def leader(self) -> str:
        """Waits until all agree on it."""
        return self.loop.run_until_complete(self._leader())

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    async def _leader(self) -> str:
        limit_s = time.monotonic() + TIMEOUT_S
        while time.monotonic() < limit_s:
            if leader := await self.cluster.leader():
                return leader
            await asyncio.sleep(POLL_S)
        raise TimeoutError(f'{self.name}: no leader that all agree on')

    def fail(self) -> Failover:
        leader = self._killed = self.leader()
        survivors = [name for name in self.cluster.names if name != leader]
        killed_s = time.monotonic()
        self.cluster.kill(leader)
        self.loop.run_until_complete(first_put(self.cluster.put, survivors))
        return Failover((time.monotonic() - killed_s) * 1000)

    def mend(self) -> None:
        self.cluster.start(self._killed)
        self.ready()

    def close(self) -> None:
        self.cluster.close()
        self.loop.close()


async def first_put(
    put: Callable[[str], Coroutine[Any, Any, bool]], survivors: Sequence[str]
) -> None:
    """Until one of the writes is committed. Raises TimeoutError."""
    turns, asked = itertools.cycle(survivors), set[asyncio.Task[bool]]()
    won = asyncio.Event()

    def told(task: asyncio.Task[bool]) -> None:
        if not task.cancelled() and task.result():
            won.set()

    limit_s = time.monotonic() + TIMEOUT_S
    try:
        while not won.is_set():
            if time.monotonic() > limit_s:
                raise TimeoutError(f'no failover of {survivors}')
            task = asyncio.create_task(put(next(turns)))
            task.add_done_callback(told)
            asked.add(task)
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(won.wait(), PROBE_S)
    finally:
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


@contextlib.contextmanager
def ours(count: int, profile: TimingProfile) -> Iterator[Ours]:
    with watched(count, parts=['coordinator'], timing_profile=profile.name) as field:
        field.swarm.start_all()
        yield Ours(field)


@contextlib.contextmanager
def peer(name: str, cluster: Etcd | PySyncObj) -> Iterator[Peer]:
    made = Peer(name, cluster)
    try:
        cluster.start_all()
        yield made
    finally:
        made.close()
