# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The recorder's thread, its files, and disks that do not do what they should."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('mcap', reason='pip install mcap')
from recorded import BEGIN, LATCHED, NS, TEXT, cdr, schema_of  # noqa: E402

from swarm_tower.core.recording import Topic  # noqa: E402
from swarm_tower.recorder import ring as ring_module  # noqa: E402
from swarm_tower.recorder.keeping import Asked, NotKept, kept_files  # noqa: E402
from swarm_tower.recorder.mcap_reading import McapFile, readable  # noqa: E402
from swarm_tower.recorder.recorder import MESSAGE_BYTES_MAX, Recorder, Settings  # noqa: E402
from swarm_tower.recorder.ring import Line, Ring, ring_files  # noqa: E402

WAIT_S = 20
BY_HAND = Asked('looked odd', 'ada', automatic=False)


class Clock:
    def __init__(self) -> None:
        self.now_ns = BEGIN

    def __call__(self) -> int:
        return self.now_ns


class Made:
    """A recorder with a clock of its own."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.clock = Clock()
        self.folder = folder
        given = Settings(folder, flush_s=0.02, again_s=0.05)
        self.recorder = Recorder(replace(given, **settings), schema_of, self.clock)

    def say(self, text: str, topic: Topic = TEXT, after_s: float = 1.0) -> None:
        self.clock.now_ns += round(after_s * NS)
        self.recorder.take(topic, topic.name, cdr(text))

    def until(self, true: Callable[[], Any], what: str) -> None:
        waiting = threading.Event()
        for _ in range(WAIT_S * 100):
            if true():
                return
            waiting.wait(0.01)
        raise AssertionError(f'did not come true: {what}; {self.recorder.condition}')

    def saved(self, asked: Asked = BY_HAND) -> Path:
        return self.recorder.save(asked).result(WAIT_S)


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Made]:
    one = Made(tmp_path / 'rec')
    yield one
    one.recorder.close()


def texts(path: Path) -> list[str]:
    return [one.data[8:-1].decode() for one in readable(path).messages(0)]


def test_what_is_taken_is_in_a_finished_file_after_the_end(made: Made) -> None:
    for n in range(30):
        made.say(f'{n}')
    made.recorder.close()
    (path,) = ring_files(made.folder)
    assert texts(path) == [f'{n}' for n in range(30)] and McapFile(path).scan().complete
    assert made.recorder.condition.state == 'closed'


def test_the_last_seconds_are_kept_with_their_reason(made: Made) -> None:
    for n in range(100):
        made.say(f'{n}')
    path = made.saved()
    assert path.parent.parent == made.folder / 'kept' and 'looked_odd' in path.name
    assert texts(path) == [f'{n}' for n in range(40, 100)]
    about = readable(path).metadata['swarm_tower']
    assert (about['reason'], about['by'], about['automatic']) == ('looked odd', 'ada', 'no')


def test_an_alarm_saves_once_until_its_tail_has_gone_by(made: Made) -> None:
    made.say('before')
    first = made.recorder.alarm('regime')
    assert first is not None and 'alarm_regime' in first.result(WAIT_S).name
    made.say('soon')
    assert made.recorder.alarm('regime') is None
    made.say('later', after_s=60)
    later = made.recorder.alarm('job_failed')
    assert later is not None and later.result(WAIT_S)
    assert len(kept_files(made.folder)) == 2 == made.recorder.condition.saved


def test_old_alarms_make_room_and_what_was_saved_by_hand_stays(tmp_path: Path) -> None:
    made = Made(tmp_path / 'rec', kept_bytes=6_000, alarm_gap_s=0.5)
    by_hand = None
    for n in range(12):
        made.say(f'{n}')
        if by_hand is None:
            by_hand = made.saved()
        alarm = made.recorder.alarm(f'alarm {n}')
        assert alarm is not None
        last = alarm.result(WAIT_S)
    kept = kept_files(made.folder)
    assert by_hand in kept and last in kept and len(kept) < 8
    assert sum(path.stat().st_size for path in kept) <= 6_000
    made.recorder.close()


def test_a_full_room_of_what_was_saved_by_hand_refuses_and_says_what_to_do(
    tmp_path: Path
) -> None:
    made = Made(tmp_path / 'rec', kept_bytes=100)
    made.say('x')
    with pytest.raises(NotKept, match='recorder_kept_mb'):
        made.saved()
    assert 'recorder_kept_mb' in made.recorder.condition.not_saved
    assert kept_files(made.folder) == []
    made.recorder.close()


def test_saving_with_nothing_recorded_is_told(made: Made) -> None:
    with pytest.raises(NotKept, match='nothing has been recorded'):
        made.saved()


def test_files_rotate_within_their_room_and_each_begins_with_what_was_latched(
    tmp_path: Path
) -> None:
    size, room = 4_000, 4 * 4_000 + 2 * ring_module.CHUNK_BYTES
    ring = Ring(tmp_path, size, room, schema_of, {})
    for n in range(2000):
        topic = LATCHED if n % 500 == 0 else TEXT
        ring.write(Line(topic, topic.name, BEGIN + n * NS, cdr(f'{n} {os.urandom(40).hex()}')))
        ring.flush()
    ring.close()
    files = ring_files(tmp_path)
    assert files[0].name != 'ring_000001.mcap' and len(files) > 3
    assert sum(path.stat().st_size for path in files) <= room
    for path in files:
        found = list(readable(path).messages(0))
        assert found[0].channel.topic == '/latched', path
        assert found[0].at_ns >= found[0].published_ns


def test_a_clock_that_is_set_back_begins_a_new_file(tmp_path: Path) -> None:
    ring = Ring(tmp_path, 10**6, 10**9, schema_of, {})
    for at in (100, 101, 50, 51):
        ring.write(Line(TEXT, TEXT.name, BEGIN + at * NS, cdr(str(at))))
    ring.close()
    assert [texts(path) for path in ring_files(tmp_path)] == [['100', '101'], ['50', '51']]


KILLED = """
import sys, time, itertools
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from recorded import TEXT, cdr, schema_of
from swarm_tower.recorder.recorder import Recorder, Settings
recorder = Recorder(Settings(Path(sys.argv[1]), flush_s=0.05), schema_of)
for n in itertools.count():
    recorder.take(TEXT, TEXT.name, cdr(f'{n}'))
    print(recorder.condition.written, flush=True)
    time.sleep(0.002)
"""


def test_after_kill_9_everything_up_to_the_last_chunk_is_there_and_the_file_is_mended(
    tmp_path: Path
) -> None:
    here = str(Path(__file__).parent)
    process = subprocess.Popen(
        [sys.executable, '-c', KILLED, str(tmp_path), here], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    flushed = 0
    for line in process.stdout:
        flushed = int(line)
        if flushed > 100:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (path,) = ring_files(tmp_path)
    assert not McapFile(path).scan().complete
    found = texts(path)
    assert len(found) >= flushed and found == [str(n) for n in range(len(found))]
    Ring(tmp_path, 10**6, 10**9, schema_of, {}).close()
    mended = McapFile(path).scan()
    assert mended.complete and texts(path) == found


class FullDisk:
    """Opens files that take so many bytes."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, out: Any) -> Any:
        disk, real = self, out._writer

        class Full:
            def __getattr__(self, name: str) -> Any:
                return getattr(real, name)

            def flush(self) -> None:
                if disk.room <= 0:
                    raise OSError(errno.ENOSPC, 'No space left on device')
                disk.room -= 1
                real.flush()

        out._writer = Full()
        return out


def test_a_full_disk_is_told_and_recording_goes_on_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = FullDisk(2)

    class Out(ring_module.McapOut):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            disk.write(self)

    monkeypatch.setattr(ring_module, 'McapOut', Out)
    made = Made(tmp_path / 'rec')
    made.until(lambda: made.recorder.condition.state == 'failing', 'the disk is full')
    assert 'No space left on device' in made.recorder.condition.trouble
    made.say('lost')
    made.until(lambda: made.recorder.condition.dropped, 'it is counted')
    with pytest.raises(NotKept, match='No space left'):
        made.saved()
    disk.room = 10**9
    made.until(lambda: made.recorder.condition.state == 'recording', 'there is room again')
    made.say('kept')
    made.recorder.close()
    assert 'kept' in texts(ring_files(made.folder)[-1])


def test_a_folder_that_cannot_be_made_is_told_and_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    made = Made(tmp_path / 'file' / 'rec')
    made.until(lambda: made.recorder.condition.state == 'failing', 'it is told')
    assert 'Not a directory' in made.recorder.condition.trouble
    made.recorder.close()


def test_two_towers_do_not_write_into_one_folder(made: Made) -> None:
    made.say('x')
    made.until(lambda: made.recorder.condition.state == 'recording', 'the first records')
    other = Made(made.folder)
    other.until(lambda: other.recorder.condition.state == 'failing', 'the second does not')
    assert 'another tower' in other.recorder.condition.trouble
    other.recorder.close()


def test_the_queue_is_bounded_and_what_does_not_fit_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, go = threading.Event(), threading.Event()

    class Slow(Ring):
        def flush(self) -> None:
            busy.set()
            go.wait(WAIT_S)
            super().flush()

    monkeypatch.setattr('swarm_tower.recorder.recorder.Ring', Slow)
    made = Made(tmp_path / 'rec')
    assert busy.wait(WAIT_S)
    for _ in range(40):
        made.recorder.take(TEXT, TEXT.name, bytes(2**20))
    made.recorder.take(TEXT, TEXT.name, bytes(MESSAGE_BYTES_MAX + 1))
    assert made.recorder._queued_bytes == 8 * 2**20 and made.recorder.condition.dropped == 33
    go.set()
    made.recorder.close()
    assert made.recorder.condition.written == 8


def test_a_type_that_is_not_known_here_is_counted(made: Made) -> None:
    made.recorder.take(Topic('/x', 'other_msgs/msg/X'), '/x', cdr('x'))
    made.say('fine')
    made.until(lambda: made.recorder.condition.written == 1, 'the other one is written')
    assert made.recorder.condition.unknown == 1


def test_after_the_end_nothing_is_taken_and_saving_is_refused(made: Made) -> None:
    made.recorder.close()
    made.say('late')
    answer: Future[Path] = made.recorder.save(BY_HAND)
    assert made.recorder.condition.dropped == 1
    with pytest.raises(NotKept):
        answer.result(0)
