# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the learner keeps: statistics, its mind, checkpoints that travel, policies, its memory."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from cuts.engine import Broken, Case, Story, Told
from swarm_learning.storage.checkpoint_file import CheckpointFile, Loaded, Rejected
from swarm_learning.storage.checkpoint_folder import FILES_MAX, CheckpointFolder
from swarm_learning.storage.memory_store import MemoryStore
from swarm_learning.storage.mind_files import MindFolder
from swarm_learning.storage.policy_files import PolicyFiles

CHECKPOINT_BYTES_MAX = 100_000


class Statistics(Case):
    """One JSON document, replaced as a whole."""

    name = 'learned statistics'
    operations = 'first document, two more'
    names = r'learner/learning\.json'

    def work(self, folder: Path, story: Story) -> None:
        file = CheckpointFile(folder / 'learner')
        for number in (1, 2, 3):
            with story.step(number):
                file.save({'number': number, 'filling': 'x' * 200 * number})

    def start(self, folder: Path) -> Any:
        found = CheckpointFile(folder / 'learner').load()
        if isinstance(found, Rejected):
            raise Broken(f'rejected: {found.reason}')
        return found.content['number'] if isinstance(found, Loaded) else None

    def go_on(self, folder: Path) -> None:
        CheckpointFile(folder / 'learner').save({'number': 9})


class Mind(Case):
    """Learned arrays and the manifest that seals them."""

    name = 'mind of the learner'
    operations = 'first archive, other arrays, only another manifest'
    names = r'learner/mind/(manifest\.json|arrays-[0-9a-f]{64}\.npz)'

    def work(self, folder: Path, story: Story) -> None:
        mind = MindFolder(folder / 'learner')
        for number, filling in ((1, 1), (2, 2), (3, 2)):
            with story.step((number, filling)):
                mind.save({'number': number}, {'table': np.full(40, filling)})

    def start(self, folder: Path) -> Any:
        found = MindFolder(folder / 'learner').load()
        if found.problem:
            raise Broken(f'cannot be used: {found.problem}')
        if found.archive is None:
            return None
        return found.archive.manifest['number'], int(found.archive.arrays['table'][0])

    def go_on(self, folder: Path) -> None:
        MindFolder(folder / 'learner').save({'number': 9}, {'table': np.full(40, 9)})
        files = [*(folder / 'learner' / 'mind').iterdir()]
        if len(files) != 2:
            raise Broken(f'expected two files, found {sorted(one.name for one in files)}')


class Checkpoints(Case):
    """Checkpoints that travel: whole or not there; they can be had again."""

    name = 'checkpoints of the learner'
    operations = 'written, written again, oldest removed, damaged one removed'
    names = r'checkpoints/[0-9a-f]{64}\.checkpoint'
    empty = frozenset()

    def work(self, folder: Path, story: Story) -> None:
        files = CheckpointFolder(folder / 'checkpoints', CHECKPOINT_BYTES_MAX)
        for number in (1, 2, 2, 3, 4, 5, 6):
            with story.step(number, durable=False):
                files.write(self._content(number))

    def _content(self, number: int) -> bytes:
        return b'%d' % number * 900

    def start(self, folder: Path) -> Any:
        files = CheckpointFolder(folder / 'checkpoints', CHECKPOINT_BYTES_MAX)
        found = []
        for number in range(1, 7):
            try:
                files.read(hashlib.sha256(self._content(number)).hexdigest())
            except FileNotFoundError:
                continue
            found.append(number)
        return tuple(found)

    def check(self, found: Any, told: Told) -> None:
        newest = told.states[told.said]
        if told.killed and isinstance(newest, int) and newest not in found:
            raise Broken(f'found {found}, {newest} was written')

    def go_on(self, folder: Path) -> None:
        CheckpointFolder(folder / 'checkpoints', CHECKPOINT_BYTES_MAX).write(b'next')
        if len([*(folder / 'checkpoints').iterdir()]) > FILES_MAX:
            raise Broken('more files than expected')


class Policies(Case):
    """Versions that never change, and the records that name them."""

    name = 'policies'
    operations = 'version added, named, another, the first no longer named and removed'
    names = r'policies/(state/learning\.json|versions/mode/\d+/(manifest\.json|arrays-\S+\.npz))'
    empty: Any = ()

    def work(self, folder: Path, story: Story) -> None:
        files = PolicyFiles(folder / 'policies')
        sha256 = {}
        for number in (1, 2, 3):
            sha256[number] = files.add(
                'mode', number, {'number': number}, {'table': np.full(20, number)})
            with story.step(tuple(sha256)):
                files.save_state({'versions': {str(key): each for key, each in sha256.items()}})
        del sha256[1]
        with story.step(tuple(sha256)):
            files.save_state({'versions': {str(key): each for key, each in sha256.items()}})
        files.remove('mode', 1)

    def start(self, folder: Path) -> Any:
        files = PolicyFiles(folder / 'policies')
        found = files.load_state()
        if isinstance(found, Rejected):
            raise Broken(f'rejected: {found.reason}')
        versions = found.content['versions'] if isinstance(found, Loaded) else {}
        assert isinstance(versions, dict)
        for number, sha256 in versions.items():
            kept = files.read('mode', int(number), sha256)
            if kept.manifest['number'] != int(number):
                raise Broken(f'{number} holds {kept.manifest}')
        files.sweep({('mode', int(number)) for number in versions})
        if files.kept() != tuple(('mode', int(number)) for number in sorted(versions)):
            raise Broken(f'kept {files.kept()}, named {sorted(versions)}')
        return tuple(map(int, sorted(versions)))

    def go_on(self, folder: Path) -> None:
        files = PolicyFiles(folder / 'policies')
        sha256 = files.add('mode', 9, {'number': 9}, {'table': np.full(20, 9)})
        files.save_state({'versions': {'9': sha256}})
        files.sweep({('mode', 9)})


class Memory(Case):
    """Named records, appended batch by batch; written anew when most is out of date."""

    name = 'memory of the learner'
    operations = 'first open, batches of puts and deletes, rewriting, opening again'
    names = r'learner/memory\.log(\.bad-\d)?'
    empty: Any = ({}, False)

    def work(self, folder: Path, story: Story) -> None:
        store = MemoryStore(folder / 'learner', quota_bytes=12_000)
        store.open()
        told: dict[str, int] = {}
        for number in range(12):
            name = f'record {number % 3}'
            told = {**told, name: number}
            deletes = ('record 1',) if number == 7 else ()
            told = {key: each for key, each in told.items() if key not in deletes}
            with story.step((told, False)):
                store.write({name: b'%d ' % number * 700}, deletes)
            if number == 5:
                store.close()
                store = MemoryStore(folder / 'learner', quota_bytes=12_000)
                store.open()
        store.close()

    def start(self, folder: Path) -> Any:
        store = MemoryStore(folder / 'learner', quota_bytes=12_000)
        found = store.open()
        store.close()
        for content in found.records.values():
            if content != content.split()[0] + b' ' and len({*content.split()}) != 1:
                raise Broken('a record is not whole')
        records = {name: int(content.split()[0]) for name, content in found.records.items()}
        return records, bool(found.problem)

    def check(self, found: Any, told: Told) -> None:
        """A hole in the middle of a batch that was never confirmed may be told as damage."""
        super().check(found if told.killed else (found[0], False), told)

    def check_again(self, found: Any, again: Any) -> None:
        super().check_again((found[0], False), again)

    def go_on(self, folder: Path) -> None:
        store = MemoryStore(folder / 'learner', quota_bytes=12_000)
        store.open()
        for number in range(8):
            store.write({'record 0': b'%d ' % number * 700})
        store.close()


class DamagedMemory(Case):
    """A damaged memory is kept as it was; what can be used of it counts."""

    name = 'memory of the learner: damaged'
    operations = 'copy of the damaged file, written anew'
    names = Memory.names

    def __init__(self) -> None:
        self._damaged = b''

    def work(self, folder: Path, story: Story) -> None:
        store = MemoryStore(folder / 'learner')
        store.open()
        for number in range(3):
            store.write({f'record {number}': b'%d ' % number * 700})
        store.close()
        raw = bytearray(store.path.read_bytes())
        raw[2000] ^= 1
        self._damaged = bytes(raw)
        store.path.write_bytes(raw)
        story.watch('damaged')
        with story.step('mended'):
            store.open()
        store.close()

    def start(self, folder: Path) -> Any:
        store = MemoryStore(folder / 'learner')
        found = store.open()
        store.close()
        if [*found.records] != ['record 0', 'record 2']:
            raise Broken(f'found {[*found.records]}')
        kept = [one.read_bytes() for one in (folder / 'learner').glob('*.bad-*')]
        if self._damaged not in kept:
            raise Broken('the damaged file is not kept')
        return 'mended'

    def check(self, found: Any, told: Told) -> None:
        """Always the same, whoever has mended it."""
