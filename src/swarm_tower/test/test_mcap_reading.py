# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files that are good, growing, cut off, damaged, and not ours."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

pytest.importorskip('mcap', reason='pip install mcap')
from recorded import BEGIN, NS, cdr, schema_of, write  # noqa: E402

from swarm_tower.recorder.mcap_reading import MAGIC, McapFile, NotReadable, readable  # noqa: E402
from swarm_tower.recorder.ring import McapOut  # noqa: E402


def texts(file: McapFile, after: int = 0, upto: int = 2**63) -> list[bytes]:
    return [one.data for one in file.messages(after, upto)]


def test_what_was_written_is_read_in_order_with_its_definition(tmp_path: Path) -> None:
    file = readable(write(tmp_path / 'a.mcap', 12))
    assert texts(file) == [cdr(f'text {n}') for n in range(12)]
    assert file.complete and not file.notes
    assert (file.start_ns, file.end_ns) == (BEGIN, BEGIN + 11 * NS)
    channel = next(iter(file.channels.values()))
    assert channel.schema is not None and channel.schema.text == b'string data'
    assert file.metadata['swarm_tower'] == {'swarm_id': 'swarm'}


def test_a_span_of_time_is_after_its_first_and_up_to_its_last(tmp_path: Path) -> None:
    file = readable(write(tmp_path / 'a.mcap', 12))
    found = texts(file, BEGIN + 3 * NS, BEGIN + 6 * NS)
    assert found == [cdr(f'text {n}') for n in (4, 5, 6)]


def test_a_growing_file_is_read_on_from_where_it_was(tmp_path: Path) -> None:
    out = McapOut(tmp_path / 'a.mcap', schema_of, {})
    out.write('/text', 'std_msgs/msg/String', None, BEGIN, cdr('one'))
    out.flush()
    file = McapFile(out.path).scan()
    assert texts(file) == [cdr('one')] and not file.complete
    out.write('/text', 'std_msgs/msg/String', None, BEGIN + NS, cdr('two'))
    out.finish()
    assert texts(file.scan(), BEGIN) == [cdr('two')] and file.complete and not file.notes


@pytest.mark.parametrize('start', [b'', b'\x89MCAP', b'#ROSBAG V2.0\n', b'SQLite format 3\x00'])
def test_other_files_are_refused_with_what_was_expected(tmp_path: Path, start: bytes) -> None:
    path = tmp_path / 'x.mcap'
    path.write_bytes(start)
    with pytest.raises(NotReadable, match=r'x\.mcap: expected an MCAP file'):
        readable(path)


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match='No such file'):
        readable(tmp_path / 'none.mcap')
    with pytest.raises(NotReadable, match='directory'):
        readable(tmp_path)


def test_a_file_without_messages_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotReadable, match='no message'):
        readable(write(tmp_path / 'a.mcap', 0))


def test_cut_off_at_every_byte_it_keeps_a_prefix_or_says_why_not(tmp_path: Path) -> None:
    whole = write(tmp_path / 'whole.mcap', 12).read_bytes()
    all_texts = [cdr(f'text {n}') for n in range(12)]
    path, most = tmp_path / 'cut.mcap', 0
    for length in range(0, len(whole), 1):
        path.write_bytes(whole[:length])
        try:
            file = readable(path)
        except NotReadable as error:
            assert str(error).startswith('cut.mcap: ')
            continue
        found = texts(file)
        assert found == all_texts[: len(found)] and len(found) >= most
        assert file.complete or file.notes or length in _ends(whole)
        most = len(found)
    assert most == 12


def _ends(whole: bytes) -> set[int]:
    found, at = {len(MAGIC)}, len(MAGIC)
    while at + 9 <= len(whole):
        at += 9 + struct.unpack_from('<Q', whole, at + 1)[0]
        found.add(at)
    return found


def test_flipped_bytes_give_true_messages_or_a_clear_error(tmp_path: Path) -> None:
    whole = write(tmp_path / 'whole.mcap', 12).read_bytes()
    true = {cdr(f'text {n}') for n in range(12)}
    path, chance = tmp_path / 'flip.mcap', random.Random(7)
    cases = [(at, 1 << chance.randrange(8)) for at in range(len(whole))]
    cases += [(chance.randrange(len(whole)), chance.randrange(1, 256)) for _ in range(500)]
    for at, flip in cases:
        broken = bytearray(whole)
        broken[at] ^= flip
        path.write_bytes(broken)
        try:
            found = texts(readable(path))
        except NotReadable as error:
            assert str(error).startswith('flip.mcap: ')
            continue
        assert set(found) <= true, (at, flip)


def test_random_bytes_after_the_magic_are_no_crash(tmp_path: Path) -> None:
    path, chance = tmp_path / 'noise.mcap', random.Random(8)
    for _ in range(300):
        path.write_bytes(MAGIC + chance.randbytes(chance.randrange(400)))
        try:
            texts(readable(path))
        except NotReadable as error:
            assert 'noise.mcap' in str(error)


def test_a_chunk_that_claims_to_be_huge_is_not_decompressed(tmp_path: Path) -> None:
    body = struct.pack('<QQQI', BEGIN, BEGIN, 2**50, 0) + struct.pack('<I', 4) + b'zstd'
    body += struct.pack('<Q', 4) + b'\x28\xb5\x2f\xfd'
    path = tmp_path / 'bomb.mcap'
    path.write_bytes(MAGIC + b'\x06' + struct.pack('<Q', len(body)) + body)
    with pytest.raises(NotReadable, match=r'a chunk of 1125899906842624 bytes'):
        readable(path)


def test_messages_outside_chunks_are_read(tmp_path: Path) -> None:
    from mcap.writer import Writer

    with (tmp_path / 'loose.mcap').open('wb') as out:
        writer = Writer(out, use_chunking=False)
        writer.start('ros2', 'somebody')
        schema = writer.register_schema('std_msgs/msg/String', 'ros2msg', b'string data')
        channel = writer.register_channel('/text', 'cdr', schema)
        for n in range(5):
            writer.add_message(channel, BEGIN + n, cdr(str(n)), BEGIN + n)
        writer.finish()
    file = readable(tmp_path / 'loose.mcap')
    assert texts(file) == [cdr(str(n)) for n in range(5)] and file.complete
