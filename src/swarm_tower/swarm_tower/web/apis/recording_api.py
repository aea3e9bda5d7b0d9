# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Recordings: which there are, their files, and the picture at a time. Read-only.

Files are read beside the serving loop, by one thread, and few may wait for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import tornado.iostream
import tornado.web

from swarm_tower.web.guard import JsonHandler
from swarm_tower.web.hub import encode
from swarm_tower.web.site import Recordings

WAITING_MAX = 8
NS_PER_MS = 1_000_000
PART_BYTES = 256 * 1024
TIME_MS_MAX = 2**43
_POOL = ThreadPoolExecutor(1, 'tower_recordings')
T = TypeVar('T')
_waiting = 0


class _Recorded(JsonHandler):
    def _recordings(self) -> Recordings:
        found = self.site.recordings
        if found is None:
            raise tornado.web.HTTPError(
                404, reason='This tower records nothing; set the parameter recorder_dir'
            )
        return found

    async def _beside(self, work: Callable[[], T]) -> T:
        global _waiting
        if _waiting >= WAITING_MAX:
            raise tornado.web.HTTPError(503, reason='Too many ask for recordings; try again')
        _waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(_POOL, work)
        finally:
            _waiting -= 1


class Listing(_Recorded):
    """What there is; also answers where nothing is recorded, so that a page need not guess."""

    async def get(self) -> None:
        found = self.site.recordings
        if found is None:
            self.answer({'replay': None, 'recorder': None, 'span': None, 'recordings': []})
            return
        self.answer(await self._beside(found.listing))


class Download(_Recorded):
    """The file itself, in parts: a slow reader costs one part of memory."""

    async def get(self, name: str) -> None:
        recordings = self._recordings()
        try:
            path = await self._beside(lambda: recordings.path(name))
            with path.open('rb') as file:
                self.set_header('Content-Type', 'application/octet-stream')
                self.set_header('Content-Disposition', f'attachment; filename="{path.name}"')
                self.set_header('Cache-Control', 'no-store')
                while part := await self._beside(lambda: file.read(PART_BYTES)):
                    self.write(part)
                    await self.flush()
        except LookupError as error:
            self.answer({'error': str(error.args[0])}, 404)
        except OSError as error:
            self.answer({'error': f'not readable: {error.strerror}'}, 503)
        except tornado.iostream.StreamClosedError:
            return


class At(_Recorded):
    """The picture as it was."""

    async def get(self) -> None:
        if not self.get_query_argument('t', ''):
            raise tornado.web.HTTPError(400, reason='t: expected Unix milliseconds')
        recordings = self._recordings()
        at_ms = self.number('t', 0, TIME_MS_MAX)
        name = self.get_query_argument('recording', '')

        def work() -> str:
            return encode(recordings.picture(name, at_ms * NS_PER_MS))

        try:
            found = await self._beside(work)
        except LookupError as error:
            self.answer({'error': str(error.args[0])}, 404)
            return
        except ValueError as error:
            self.answer({'error': str(error)}, 422)
            return
        self.set_header('Content-Type', 'application/json; charset=utf-8')
        self.set_header('Cache-Control', 'no-store')
        self.finish(found)


ROUTES = (
    (r'/api/v1/recordings', Listing),
    (r'/api/v1/recordings/([A-Za-z0-9_.-]{1,200})', Download),
    (r'/api/v1/at', At),
)
