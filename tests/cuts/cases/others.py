# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the tower and hardware discovery keep: tokens, recordings, what was found where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from recorded import BEGIN, NS, TEXT, cdr, schema_of

from cuts.engine import Broken, Case, Story, Told
from hw_discovery import memory_file
from hw_discovery.core.memory import Remembered
from swarm_tower.recorder.keeping import Asked, Keeper, kept_files
from swarm_tower.recorder.mcap_reading import McapFile, NotReadable
from swarm_tower.recorder.ring import Line, Ring, ring_files
from swarm_tower.web.gate import open_gate

FILE_BYTES, ROOM_BYTES = 6_000, 400_000


class Tokens(Case):
    """The tokens of the tower: whoever noted one can use it for ever."""

    name = 'tokens of the tower'
    operations = 'made at the first start'
    names = r'tower/tokens\.json'

    def work(self, folder: Path, story: Story) -> None:
        with story.step('made'):
            open_gate(str(self._path(folder)), lambda: 0.0)
        story.states[-1] = self._path(folder).read_text()

    def _path(self, folder: Path) -> Path:
        return folder / 'tower' / 'tokens.json'

    def start(self, folder: Path) -> Any:
        open_gate(str(self._path(folder)), lambda: 0.0)
        return self._path(folder).read_text()

    def check(self, found: Any, told: Told) -> None:
        if told.allowed == [told.states[-1]] and found != told.states[-1]:
            raise Broken('the tokens that were made are not those that count')


class Found(Case):
    """What was identified where."""

    name = 'memory of hardware discovery'
    operations = 'written three times'
    names = r'hardware/memory\.json'
    empty: Any = {}

    def work(self, folder: Path, story: Story) -> None:
        memory: dict[str, Remembered] = {}
        for number in range(3):
            memory[f'place {number}'] = Remembered('bme280', number)
            with story.step(dict(memory), durable=False):
                memory_file.write(str(folder / 'hardware' / 'memory.json'), memory)

    def start(self, folder: Path) -> Any:
        found, why = memory_file.read(str(folder / 'hardware' / 'memory.json'), ['bme280'])
        if why:
            raise Broken(why)
        return found

    def go_on(self, folder: Path) -> None:
        path = str(folder / 'hardware' / 'memory.json')
        if memory_file.write(path, {'next': Remembered('bme280')}):
            raise Broken('cannot be written')


def _texts(file: McapFile) -> set[int]:
    return {int(one.data[8:-1].split()[0]) for one in file.messages(0)}


class Alarms(Case):
    """Recordings that the recorder keeps by itself: the oldest goes for the newest."""

    name = 'flight recorder: alarms'
    operations = 'kept at an alarm, the oldest one removed'
    names = r'ring/(ring_\d{6}\.mcap|metadata\.yaml|\.lock|kept/(\w+)/(\2\.mcap|metadata\.yaml))'
    empty: Any = ()

    def work(self, folder: Path, story: Story) -> None:
        ring = Ring(folder / 'ring', 50_000, ROOM_BYTES, schema_of, {'swarm_id': 's'})
        for number in range(3):
            ring.write(Line(TEXT, TEXT.name, BEGIN + number * NS, cdr(f'{number} ' + 'x' * 900)))
        ring.flush()
        story.watch(())
        kept: tuple[str, ...] = ()
        for number in range(4):
            kept = (*kept[-1:], str(number))
            with story.step(kept):
                self._keep(folder, number)
        ring.close()

    def _keep(self, folder: Path, number: int) -> None:
        keeper = Keeper(folder / 'ring', 1000.0, 2_400, schema_of, 's')  # two of them fit
        keeper.keep(Asked(f'fire {number}', '', automatic=True), BEGIN + (10 + number) * NS)

    def start(self, folder: Path) -> Any:
        Ring(folder / 'ring', 50_000, ROOM_BYTES, schema_of, {'swarm_id': 's'}).close()
        kept = kept_files(folder / 'ring')
        for path in kept:
            if _texts(McapFile(path).scan()) != {0, 1, 2}:
                raise Broken(f'{path.name} is kept, and not whole')
        return tuple(path.stem[-1] for path in kept)

    def check(self, found: Any, told: Told) -> None:
        """While one goes for another, only the one that both lists have must be there."""
        must = set.intersection(*(set(one) for one in told.allowed))
        if not must <= set(found) <= set().union(*told.allowed):
            raise Broken(f'found {found}, told {told.allowed}')

    def go_on(self, folder: Path) -> None:
        self._keep(folder, 5)
        for path in (folder / 'ring' / 'kept').iterdir():
            if not (path / f'{path.name}.mcap').is_file():
                raise Broken(f'left: {path.name}, without its recording')


class Recording(Case):
    """The flight recorder: a kill takes what was not flushed, a power cut the file that was not
    finished; what is there can be read."""

    name = 'flight recorder'
    operations = 'files begun, flushed, finished and begun anew, index, kept by hand'
    names = r'ring/(ring_\d{6}\.mcap|metadata\.yaml|\.lock|kept/(\w+)/(\2\.mcap|metadata\.yaml))'
    empty = (0, False)

    def work(self, folder: Path, story: Story) -> None:
        ring = self._ring(folder)
        story.watch((0, False))
        for number in range(9):
            with story.step((number + 1, False), durable=False):
                ring.write(self._line(number))
                ring.flush()
            if number in (3, 6):
                with story.step((number + 1, False)):
                    ring.rotate()
        with story.step((9, True)):
            self._keeper(folder).keep(Asked('looked odd', 'ada', automatic=False), BEGIN + 99 * NS)
        ring.write(self._line(9))
        with story.step((10, True)):
            ring.close()

    def _ring(self, folder: Path) -> Ring:
        return Ring(folder / 'ring', 50_000, ROOM_BYTES, schema_of, {'swarm_id': 's'})

    def _keeper(self, folder: Path) -> Keeper:
        return Keeper(folder / 'ring', 1000.0, 10**7, schema_of, 's')

    def _line(self, number: int) -> Line:
        text = f'{number} ' + 'filling ' * 100
        return Line(TEXT, TEXT.name, BEGIN + number * NS, cdr(text))

    def start(self, folder: Path) -> Any:
        self._ring(folder).close()
        found: set[int] = set()
        for path in ring_files(folder / 'ring'):
            try:
                found |= _texts(McapFile(path).scan())
            except NotReadable:
                continue
        kept = kept_files(folder / 'ring')
        for path in kept:
            whole = _texts(McapFile(path).scan())
            if whole != set(range(9)):
                raise Broken(f'{path.name} is kept, and not whole')
            found |= whole
            _check_metadata(path.parent, [path.name])
        _check_metadata(folder / 'ring', [])
        return found, len(kept)

    def check(self, found: Any, told: Told) -> None:
        numbers, kept = found
        allowed = told.allowed
        must, may = range(allowed[0][0]), range(10)
        if not {*must} <= numbers <= {*may}:
            raise Broken(f'messages {sorted(numbers)}, expected at least {len(must)}')
        if kept < allowed[0][1] or kept > allowed[-1][1]:
            raise Broken(f'{kept} kept, expected {allowed[0][1]} to {allowed[-1][1]}')

    def go_on(self, folder: Path) -> None:
        ring = self._ring(folder)
        ring.write(self._line(9))
        ring.flush()
        self._keeper(folder).keep(Asked('again', 'ada', automatic=False), BEGIN + 200 * NS)
        ring.close()


def _check_metadata(folder: Path, names: list[str]) -> None:
    text = (folder / 'metadata.yaml').read_text()
    if not text.startswith('rosbag2_bagfile_information:') or not text.rstrip().endswith(
        (']', '}', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9')
    ) or any(name not in text for name in names):
        raise Broken(f'{folder.name}/metadata.yaml is not whole')
