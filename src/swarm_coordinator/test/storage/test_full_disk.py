# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full: a small tmpfs in a mount namespace of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from storage_samples import entries, saved

from swarm_coordinator.storage.log_store import LogStore, StorageFull

DISK_KB = 3072
OWN_NAMESPACE = ('unshare', '--user', '--map-root-user', '--mount')

# Runs where `sys.argv[1]` is a small file system that nobody else sees.
SCENARIO = """
import os, sys
from pathlib import Path
from storage_samples import entries, snapshot_of
from swarm_coordinator.core.raft import HardState
from swarm_coordinator.storage.log_store import LogStore, StorageFull

folder = Path(sys.argv[1])
path = folder / 'log.sqlite'
store = LogStore.open(path)
store.save(HardState(1), None, entries(1, 50, size=1000))

def fill():
    with open(folder / 'ballast', 'ab', buffering=0) as ballast:
        for size in (65536, 4096, 1):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                pass

def refused(write, *arguments):
    before = store.load()
    try:
        write(*arguments)
    except StorageFull as full:
        assert full.free_bytes < 65536, full
        assert store.load() == before
        return
    raise AssertionError('not full')

fill()
for _ in range(3):
    refused(store.save, HardState(2), None, entries(51, 150, size=4000))
refused(store.save_snapshot, snapshot_of(40, data=bytes(300_000)), 41)
assert not list(folder.glob('*snapshot*')), 'half a snapshot takes room'
os.unlink(folder / 'ballast')
store.save(HardState(2), None, entries(51, 150, size=4000))
store.save_snapshot(snapshot_of(40, data=bytes(300_000)), 41)
expected = store.load()
store.close()
assert LogStore.open(path).load() == expected
print('went on')
"""


def namespaces_missing(folder: Path) -> str:
    """Why there is none here, or ''."""
    if shutil.which('unshare') is None:
        return 'no unshare'
    tried = subprocess.run(
        [*OWN_NAMESPACE, 'mount', '-t', 'tmpfs', 'none', folder],
        capture_output=True, text=True, check=False,
    )
    return tried.stderr.strip()


def test_full_file_system_keeps_nothing_and_the_store_goes_on(tmp_path: Path) -> None:
    if missing := namespaces_missing(tmp_path):
        pytest.skip(f'not here: a mount namespace with a tmpfs ({missing})')
    command = f'mount -t tmpfs -o size={DISK_KB}k none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*OWN_NAMESPACE, 'sh', '-c', command, 'sh', tmp_path, sys.executable, SCENARIO],
        capture_output=True, text=True, check=False, env=_environment(),
    )
    assert done.stdout == 'went on\n', done.stderr


def _environment() -> dict[str, str]:
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}


def test_fact_that_finds_no_room_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / 'log.sqlite'
    saved(path, entries(1, 50))
    store = LogStore.open(path)
    pages = store._database.execute('PRAGMA page_count').fetchone()[0]
    store._database.execute(f'PRAGMA max_page_count = {pages}')
    with pytest.raises(StorageFull):
        store.meta_set('big', 'x' * 60_000)
    assert store.meta_get('big') is None
    store._database.execute('PRAGMA max_page_count = 100000')
    store.meta_set('big', 'x' * 60_000)
    assert store.meta_get('big') == 'x' * 60_000
