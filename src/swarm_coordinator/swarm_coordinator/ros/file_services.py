# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Services of a robot about its stored files: checks requests and answers how far things are."""

import re
import shutil
import time
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from swarm_msgs import msg, srv

from swarm_coordinator.core.coordinator import Coordinator
from swarm_coordinator.core.files.manifest import FILE_BYTES_MAX
from swarm_coordinator.core.files.names import checked_file_name
from swarm_coordinator.core.files.shelf import ShelfEntry
from swarm_coordinator.ros import conversions, job_conversions
from swarm_coordinator.ros.clients import Clients
from swarm_coordinator.ros.deferred import serve
from swarm_coordinator.runner.file_tasks import Damage, FileTask, FileTasks
from swarm_coordinator.runner.stager import FetchProgress, Stager

LIST_DEFAULT = 200
LIST_MAX = 1000
HASHES_MAX = 10_000
SHA256 = re.compile(r'[0-9a-f]{64}')
PREFIX = re.compile(r'[0-9a-f]{0,64}')


class Refusal(Exception):
    """The request is wrong; the text says what was expected."""


class FileServices:
    """Made once per coordinator node. Callbacks are coroutines in the node's executor."""

    def __init__(
        self, node: Node, clients: Clients, stager: Stager, group: CallbackGroup
    ) -> None:
        self._clients = clients
        self._stager = stager
        self._store = stager.store
        self._tasks = FileTasks(stager)
        for kind, name, callback in (
            (srv.ListFiles, 'list_files', self._list),
            (srv.StoreFile, 'store_file', self._put),
            (srv.FetchFile, 'fetch_file', self._fetch),
            (srv.VerifyFiles, 'verify_files', self._verify),
            (srv.CollectFiles, 'collect_files', self._collect),
        ):
            serve(node, kind, name, callback, group)

    def close(self) -> None:
        self._tasks.close()

    async def _list(self, request: Any, response: Any) -> Any:
        if not PREFIX.fullmatch(request.sha256):
            response.code = response.REFUSED
            response.reason = f'sha256={request.sha256[:80]!r}: expected hexadecimal digits'
            return response
        entries = [
            *(entry_msg(key, one) for key, one in self._store.entries().items()),
            *(fetching_msg(key, one) for key, one in self._stager.progress.items()),
        ]
        uses = set(request.uses)
        matched = sorted(
            (
                one for one in entries
                if one.sha256.startswith(request.sha256) and (not uses or one.use in uses)
            ),
            key=lambda one: (-one.unused_ms, one.sha256),
        )
        keys = [one.sha256 for one in matched]
        start = keys.index(request.after) + 1 if request.after in keys else 0
        page = matched[start : start + min(request.limit or LIST_DEFAULT, LIST_MAX)]
        await self._name(page)
        response.files, response.matched = page, len(matched)
        self._sums(response)
        return response

    def _sums(self, response: Any) -> None:
        shelf, traffic = self._store.shelf, self._stager.traffic
        response.used_bytes = shelf.used_bytes + shelf.promised_bytes
        response.cached_bytes = shelf.cached_bytes
        response.quota_bytes = shelf.quota_bytes
        response.free_bytes = shutil.disk_usage(self._store.folder).free
        response.damaged = self._store.damaged_count
        response.sent_bytes = traffic.sent_bytes
        response.received_bytes = traffic.received_bytes

    async def _name(self, entries: list[Any]) -> None:
        """Names are in the log, not in the store: of a former life only jobs know them."""
        nameless = {one.sha256: one for one in entries if not one.name}
        if not nameless:
            return

        def names(core: Coordinator) -> dict[str, str]:
            return {
                ref.sha256: ref.name
                for job in core.state.jobs.values()
                for ref in (*job.spec.inputs, *job.outputs)
                if ref.sha256 in nameless
            }

        for sha256, name in (await self._clients.look(names)).items():
            nameless[sha256].name = name

    async def _put(self, request: Any, response: Any) -> Any:
        try:
            _absolute(request.path)
            if request.name:
                checked_file_name(request.name)
        except (Refusal, ValueError) as error:
            return _refused(response, str(error))
        task = self._tasks.store(request.path, request.name, request.keep)
        _progress(task, response)
        if task.ref is not None:
            response.file = job_conversions.ref_to_msg(task.ref)
        return response

    async def _fetch(self, request: Any, response: Any) -> Any:
        try:
            _sha256(request.sha256)
            if request.path:
                _absolute(request.path)
            if request.size_bytes > FILE_BYTES_MAX:
                raise Refusal(f'size_bytes={request.size_bytes}: at most {FILE_BYTES_MAX}')
            holder = conversions.checked_robot(request.holder) if request.holder else None
        except (Refusal, ValueError) as error:
            return _refused(response, str(error))
        if request.forget:
            task = self._tasks.forget_fetch(request.sha256, request.path)
        else:
            task = self._tasks.fetch(request.sha256, request.size_bytes, holder, request.path)
        _progress(task, response)
        response.holder = task.holder or ''
        return response

    async def _verify(self, request: Any, response: Any) -> Any:
        try:
            _hashes(request.sha256)
        except Refusal as error:
            return _refused(response, str(error))
        task = self._tasks.verify(tuple(sorted(set(request.sha256))))
        _progress(task, response)
        response.files = task.files
        response.damaged = [damaged_msg(one) for one in task.damaged]
        response.fetching = sum(1 for one in task.damaged if one.needed)
        return response

    async def _collect(self, request: Any, response: Any) -> Any:
        try:
            _hashes(request.sha256)
        except Refusal as error:
            return _refused(response, str(error))
        if not request.sha256:
            response.files, response.freed_bytes = self._store.collect(request.keep_bytes)
            return response
        for sha256 in sorted(set(request.sha256)):
            freed = self._store.remove(sha256)
            if freed is None:
                response.code = response.REFUSED
                response.reason = f'{sha256[:16]}... is needed by a job'
            elif freed:
                response.files += 1
                response.freed_bytes += freed
        return response


def _refused(response: Any, reason: str) -> Any:
    response.code, response.reason = response.REFUSED, reason
    if hasattr(response, 'ended'):
        response.ended = True
    return response


def _progress(task: FileTask, response: Any) -> None:
    response.ended = task.ended
    response.done_bytes, response.total_bytes = task.done_bytes, task.total_bytes
    if task.ended and task.problem:
        response.code, response.reason = response.REFUSED, task.problem


def _absolute(path: str) -> None:
    if not path.startswith('/') or '\0' in path or path.endswith('/'):
        raise Refusal(f'path={path[:80]!r}: expected an absolute path of a file')


def _sha256(text: str) -> None:
    if not SHA256.fullmatch(text):
        raise Refusal(f'sha256={text[:80]!r}: expected 64 hexadecimal digits')


def _hashes(hashes: list[str]) -> None:
    if len(hashes) > HASHES_MAX:
        raise Refusal(f'sha256: {len(hashes)} given, at most {HASHES_MAX}')
    for text in hashes:
        _sha256(text)


def entry_msg(sha256: str, entry: ShelfEntry) -> msg.FileEntry:
    use = msg.FileEntry.USE_CACHED
    if entry.needed or entry.pins:
        use = msg.FileEntry.USE_NEEDED
    elif entry.kept:
        use = msg.FileEntry.USE_KEPT
    return msg.FileEntry(
        name=entry.name,
        sha256=sha256,
        size_bytes=entry.size_bytes,
        here_bytes=entry.size_bytes,
        unused_ms=max(0, (time.time_ns() - entry.used_ns) // 1_000_000),
        use=use,
    )


def fetching_msg(sha256: str, progress: FetchProgress) -> msg.FileEntry:
    return msg.FileEntry(
        name=progress.name,
        sha256=sha256,
        size_bytes=progress.size_bytes,
        here_bytes=progress.done_bytes,
        use=msg.FileEntry.USE_FETCHING,
        holder=progress.holder or '',
    )


def damaged_msg(damage: Damage) -> msg.FileEntry:
    return msg.FileEntry(
        name=damage.ref.name,
        sha256=damage.ref.sha256,
        size_bytes=damage.ref.size_bytes,
        use=msg.FileEntry.USE_NEEDED if damage.needed else msg.FileEntry.USE_CACHED,
    )
