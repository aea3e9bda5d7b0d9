# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The thread in which Tornado runs, with an asyncio loop of its own. Owns start and end.

The tower may be one part of a robot process whose main thread belongs to others, so no loop of
that process is touched.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time

from swarm_tower.config import TowerConfig
from swarm_tower.web.gate import Gate, open_gate
from swarm_tower.web.guard import allowed_hosts
from swarm_tower.web.hub import Hub
from swarm_tower.web.server import bind, make_http_server
from swarm_tower.web.site import NoRobots, Recordings, Robots, Site

LOG = logging.getLogger('swarm_tower.web')
JOIN_S = 5.0


class WebThread:
    """Listens from construction on; a port in use raises ValueError there."""

    def __init__(
        self,
        config: TowerConfig,
        hub: Hub,
        robots: Robots | None = None,
        sockets: list[socket.socket] | None = None,
        gate: Gate | None = None,
        recordings: Recordings | None = None,
    ) -> None:
        self._hub = hub
        self._site = Site(
            config,
            hub,
            robots or NoRobots(),
            allowed_hosts(config),
            gate or open_gate(config.tower_tokens, time.monotonic),
            recordings,
        )
        self._sockets = bind(config) if sockets is None else sockets
        self.port: int = self._sockets[0].getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name='tower_web', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the loop and join the thread; never raises, may be called twice."""
        if self._thread.is_alive() and not self._loop.is_closed():
            try:
                self._loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:
                LOG.debug('the loop ended by itself')
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            LOG.error('the web thread did not end within %s s', JOIN_S)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._serve())
            self._loop.run_until_complete(self._cancel_rest())
        except Exception:
            LOG.exception('the web thread failed')
        finally:
            self._hub.attach_loop(None)
            for listening in self._sockets:
                listening.close()
            self._loop.close()

    async def _serve(self) -> None:
        server = make_http_server(self._site)
        server.add_sockets(self._sockets)
        self._hub.attach_loop(asyncio.get_running_loop())
        try:
            await self._stop.wait()
        finally:
            self._hub.attach_loop(None)
            server.stop()
            await server.close_all_connections()

    async def _cancel_rest(self) -> None:
        current = asyncio.current_task()
        rest = [task for task in asyncio.all_tasks() if task is not current]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
