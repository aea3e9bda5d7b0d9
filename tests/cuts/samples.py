# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Stores with and without faults, so that it is known which faults are found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from cuts.engine import Broken, Case, Story


class Sound(Case):
    """A draft that is synced and gets the name, which is synced."""

    name = 'sound'
    operations = 'replaced three times'
    names = r'value'

    def work(self, folder: Path, story: Story) -> None:
        for number in range(3):
            with story.step(number):
                self.put(folder, f'{number}' * 700)

    def put(self, folder: Path, text: str) -> None:
        self._draft(folder, text, sync=True)
        os.replace(folder / 'draft', folder / 'value')
        self._sync(folder)

    def _draft(self, folder: Path, text: str, sync: bool) -> None:
        with (folder / 'draft').open('w') as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(file.fileno())

    def _sync(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)

    def start(self, folder: Path) -> Any:
        (folder / 'draft').unlink(missing_ok=True)
        path = folder / 'value'
        if not path.exists():
            return None
        text = path.read_text()
        if len(text) != 700 or len({*text}) != 1:
            raise Broken(f'not whole: {text[:20]!r} and so on')
        return int(text[0])


class InPlace(Sound):
    """The old content goes before the new one is there."""

    name = 'written in place'

    def put(self, folder: Path, text: str) -> None:
        (folder / 'value').write_text(text)
        self._sync(folder / 'value')
        self._sync(folder)


class DraftNotSynced(Sound):
    """The name may be there before the content."""

    name = 'draft not synced'

    def put(self, folder: Path, text: str) -> None:
        self._draft(folder, text, sync=False)
        os.replace(folder / 'draft', folder / 'value')
        self._sync(folder)


class FolderNotSynced(Sound):
    """Confirmed, and gone after a power cut."""

    name = 'folder not synced'

    def put(self, folder: Path, text: str) -> None:
        self._draft(folder, text, sync=True)
        os.replace(folder / 'draft', folder / 'value')


class DraftLeft(Sound):
    """A draft of another name each time."""

    name = 'draft left'

    def put(self, folder: Path, text: str) -> None:
        draft = folder / f'draft-{text[0]}'
        draft.write_text(text)
        self._sync(draft)
        os.replace(draft, folder / 'value')
        self._sync(folder)


class RemovedFirst(Sound):
    """Neither the old nor the new one is there for a moment."""

    name = 'removed first'

    def put(self, folder: Path, text: str) -> None:
        self._draft(folder, text, sync=True)
        (folder / 'value').unlink(missing_ok=True)
        os.rename(folder / 'draft', folder / 'value')
        self._sync(folder)


class StartNotSafe(Sound):
    """What the start itself does to the file is lost when the power goes again."""

    name = 'start not safe'

    def start(self, folder: Path) -> Any:
        found = super().start(folder)
        path = folder / 'value'
        if path.exists():
            text = path.read_text()
            path.unlink()
            path.write_text(text)
        return found


SAMPLES: dict[str, Case] = {
    one.name: one
    for one in (
        Sound(), InPlace(), DraftNotSynced(), FolderNotSynced(), DraftLeft(), RemovedFirst(),
        StartNotSafe(),
    )
}
