# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Moves checkpoints by the services of this robot's coordinator and a thread for the disk: owns
which call is made when; what is moved is decided by core/inheritance.py.

Every answer comes back through `post`, in the node's executor.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rclpy.node import Node
from swarm_msgs import msg, srv

from ..core import inheritance as core
from ..core.events import CheckpointHere, Event
from ..storage import archive
from ..storage.checkpoint_folder import CheckpointFolder, Written
from .calls import Calls
from .mind_conversions import MODEL

Post = Callable[[Event], None]


class Heritage:
    """One robot's way to store, note and bring checkpoints. `close` ends its thread."""

    def __init__(self, node: Node, robot_id: str, storage_dir: str, post: Post) -> None:
        self._node = node
        self._robot_id = robot_id
        self._post = post
        self._unkept: tempfile.TemporaryDirectory[str] | None = None
        if not storage_dir:
            self._unkept = tempfile.TemporaryDirectory(prefix='swarm_learning_')
        folder = Path(storage_dir or self._unkept.name) / 'checkpoints'  # type: ignore[union-attr]
        self._folder = CheckpointFolder(folder, core.SIZE_BYTES_MAX)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix='learning-checkpoints')
        make = node.create_client
        self._store = make(srv.StoreFile, 'store_file')
        self._note = make(srv.RecordModel, 'record_model')
        self._fetch = make(srv.FetchFile, 'fetch_file')
        self._calls = Calls(node)
        self._closed = threading.Event()

    def close(self) -> None:
        self._closed.set()
        self._calls.close()
        self._disk.shutdown(wait=True, cancel_futures=True)
        if self._unkept is not None:
            self._unkept.cleanup()

    # ---- storing

    def store(self, manifest: Mapping[str, Any], arrays: Mapping[str, archive.Array]) -> None:
        """Write the checkpoint and have the coordinator store it: Stored or Failed('store')."""
        self._on_disk('store', lambda: self._folder.write(archive.to_bytes(manifest, arrays)),
                      self._offer)

    def _offer(self, written: Written) -> None:
        request = srv.StoreFile.Request(path=written.path, name=f'{MODEL}.checkpoint')
        self._until_ended('store', self._store, request, lambda _: self._post(
            core.Stored(written.sha256, written.size_bytes)))

    # ---- recording

    def note(self, effect: core.Note, summary: str) -> None:
        """Record in the log: Noted or Failed('note')."""
        request = srv.RecordModel.Request(
            name=MODEL, sha256=effect.sha256, size_bytes=effect.size_bytes,
            holder=self._robot_id, summary=summary[:200],
            expected_version=effect.expected_version)

        def answered(response: Any) -> None:
            if response.code == response.UNAVAILABLE:
                self._post(core.Failed('note', response.reason))
                return
            accepted = response.code == response.ACCEPTED
            self._post(core.Noted(accepted, recorded_from_msg(response.model)))

        self._call('note', self._note, request, answered)

    # ---- bringing

    def bring(self, recorded: core.Recorded) -> None:
        """Fetch the file and read it: CheckpointHere or Failed('bring')."""
        self._on_disk('bring', lambda: self._read(recorded.sha256),
                      lambda found: self._here(recorded, found))

    def _here(self, recorded: core.Recorded, found: archive.Archive | None) -> None:
        if found is not None:
            self._keep(recorded.sha256, found)
            return
        request = srv.FetchFile.Request(
            sha256=recorded.sha256, size_bytes=recorded.size_bytes, holder=recorded.holder,
            path=self._folder.path_of(recorded.sha256))
        self._until_ended('bring', self._fetch, request, lambda _: self._on_disk(
            'bring', lambda: self._read(recorded.sha256),
            lambda got: self._keep(recorded.sha256, got)))

    def _read(self, sha256: str) -> archive.Archive | None:
        self._folder.prepare()
        try:
            return archive.from_bytes(self._folder.read(sha256))
        except FileNotFoundError:
            return None

    def _keep(self, sha256: str, found: archive.Archive | None) -> None:
        if found is None:
            self._post(core.Failed('bring', 'the file is not where it was fetched to'))
            return
        self._post(CheckpointHere(sha256, found.manifest, found.arrays))

    # ---- calling

    def _on_disk(self, step: str, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do the work in the thread and go on in the executor."""
        def ended(done: Any) -> None:
            error = done.exception()
            if error is None:
                then(done.result())
            else:
                self._post(core.Failed(step, f'{type(error).__name__}: {error}'))

        def hand_over(done: Any) -> None:
            if not self._closed.is_set():
                self._node.executor.create_task(ended, done)  # type: ignore[union-attr]

        self._disk.submit(work).add_done_callback(hand_over)

    def _call(self, step: str, client: Any, request: Any, then: Callable[[Any], None]) -> None:
        self._calls.call(client, request, then, self._failed(step))

    def _until_ended(
        self, step: str, client: Any, request: Any, then: Callable[[Any], None]
    ) -> None:
        self._calls.until_ended(client, request, then, self._failed(step))

    def _failed(self, step: str) -> Callable[[str], None]:
        return lambda why: self._post(core.Failed(step, why))


def recorded_from_msg(model: msg.ModelRef) -> core.Recorded | None:
    """None where the log knows none, or what cannot be."""
    digits = set(model.sha256) <= set('0123456789abcdef') and len(model.sha256) == 64
    if model.version == 0 or not digits or not model.holder:
        return None
    return core.Recorded(model.version, model.sha256, model.size_bytes, model.holder)


def recorded_in(state: msg.SwarmState) -> core.Recorded | None:
    """The checkpoint that this view of the log has."""
    found = next((one for one in state.models if one.name == MODEL), None)
    return None if found is None else recorded_from_msg(found)
