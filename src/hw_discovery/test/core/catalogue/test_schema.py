# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What the schema refuses, with the line and what was expected."""

import random

import pytest
from catalogue_stanza import GOOD, Read


def test_a_good_stanza_is_read(read: Read) -> None:
    entries, problems = read(GOOD)
    assert problems == []
    entry = entries[0].entry
    assert (entry.id, entry.kind, entries[0].line) == ('my_imu', 'imu', 4)
    assert entry.i2c is not None and entry.i2c.identity[0].expected == (0xD1,)
    assert entry.serial is not None and entry.serial.requests[0].tx == b'\xa5\x50'


# what is replaced, by what, the line of the problem, words of it
WRONG = [
    ('schema: 1', 'schema: 2', 2, 'expected 1'),
    ('  vendor: Bosch', '  vender: Bosch', 6, "unknown key 'vender'"),
    ('  model: BMI160\n', '', 4, 'model: is missing'),
    ('- id: my_imu', '- id: My-IMU', 4, 'a-z, 0-9'),
    ('  kind: imu\n', '', 4, 'kind: is missing'),
    ('buses: [i2c, usb, serial]', 'buses: [i2c, serial]', 8, 'expected usb among them'),
    ('buses: [i2c, usb, serial]', 'buses: [i2c, usb, serial, scsi]', 8, "'scsi'"),
    ("vendor: '10c4'", "vendor: '10C4'", 11, 'lower-case hex'),
    ('proof: bridge_shared', 'proof: certain', 12, 'expected one of unique'),
    ("bridge_shared\n    product: '^CP210'", 'string_required', 12, 'or product pattern'),
    ('proof: bridge_shared', 'proof: class', 10, 'the proof is the class'),
    ("product: '^CP210'", "product: '^CP(210'", 13, 'not a regular expression'),
    ("product: '^CP210'", "product: '(a+)+b'", 13, 'in place of * or +'),
    ("product: '^CP210'", "product: '(a{0,9}){0,9}b'", 13, 'no repetition inside'),
    ("product: '^CP210'", "product: '(?=a)b'", 13, 'no look-around'),
    ("product: '^CP210'", "product: 'a{0,99}b{0,99}c{0,99}'", 13, 'ways'),
    ('addresses: [0x68, 0x69]', 'addresses: [0x68, 0x80]', 15, '0x80'),
    ('addresses: [0x68, 0x69]', 'addresses: [0x68, 0x68]', 15, 'comes twice'),
    ('addresses: [0x68, 0x69]', 'addresses: []', 15, 'at least one'),
    ('register_index_bits: 8', 'register_index_bits: 12', 16, 'expected 0'),
    ('register_index_bits: 8', 'register_index_bits: 0', 18, 'no registers'),
    ('register: 0x00', 'register: 0x100', 18, 'does not fit'),
    ('width_bits: 8', 'width_bits: 9', 18, 'expected 8, 16, 24 or 32'),
    ('expected: [0xD1]', 'expected: [0x1D1]', 18, '0x1D1'),
    ('expected: [0xD1]', 'expected: [0xD1], mask: 0x0F', 18, 'can never be'),
    ('expected: [0xD1]', 'expected: [D1]', 18, 'expected a whole number'),
    ('expected: [0xD1]', 'expected: [0xD1], addresses: [0x10]', 18, 'only addresses'),
    ('max_khz: 400', 'max_khz: fast', 19, 'expected a whole number'),
    ('max_khz: 400', 'max_khz: 400\n    safe_read: false', 15, 'depend on'),
    ('bauds: [115200]', 'bauds: [1200]', 21, 'bootloader'),
    ('bauds: [115200]', 'bauds: []', 21, 'expected 1 to'),
    ('line_format: 8N1', 'line_format: 9X1', 22, "expected e.g. '8N1'"),
    ('blind_send: after_usb_hint', 'blind_send: always', 23, 'expected one of never'),
    ('moves_hardware: false', 'moves_hardware: no', 24, 'expected true or false'),
    ("regex: '^hello'", "regex: '^hello.*'", 25, 'in place of * or +'),
    ("regex: '^hello'", "pattern: 'AA 5'", 25, "bytes such as 'AA 55"),
    (", regex: '^hello'", '', 25, 'a frame, a pattern or a regex'),
    ("tx: 'A5 50'", "tx: 'A550'", 28, "bytes such as 'A5 50'"),
    ("tx: 'A5 50'", "tx: 'B5 62 0A 04 00 00 0E 34'", 27, 'checksum: is missing'),
    ("tx: 'A5 50'", "tx: 'B5 62 0A 04 00 00 0E 35'\n      checksum: ubx", 28, 'does not fit'),
    ("tx: 'A5 50'", "tx_text: 'a'\n      tx: 'A5'", 29, 'either tx'),
    ("reply_prefix: 'A5 5A'\n", '\n', 27, 'expected a reply_prefix'),
    ("reply_prefix: 'A5 5A'", "reply_prefix: 'A5 5A'\n      only_after: hello", 27, 'before it'),
    ('name: linear_acceleration', 'name: Linear', 32, 'lower-case'),
    ('minimum: -156.9, maximum: 156.9', 'minimum: 9, maximum: 1', 32, 'at most the maximum'),
    ('unit: m/s^2, ', '', 32, 'range without a unit'),
    ('rate_hz: 1600', 'rate_hz: .inf', 32, 'expected a number'),
    ('sensor_msgs/msg/Imu', 'sensor_msgs/Imu', 33, "e.g. 'sensor_msgs/msg/Imu'"),
    ('{repository: a/b, path: c.h}', '{repository: a/b}', 35, 'repository and path, or page'),
    ('sources:\n  - {repository: a/b, path: c.h}', 'sources: []', 34, 'were the facts read'),
    ('own_driver: imu', 'own_driver: mine', 36, 'expected one of gps'),
    ('confidence: verified', 'confidence: sure', 37, 'expected one of verified'),
    ('confidence: verified', 'never_probe: true', 37, 'nothing may be asked'),
]


@pytest.mark.parametrize(('old', 'new', 'line', 'words'), WRONG)
def test_a_wrong_value_is_said_with_its_line(
    read: Read, old: str, new: str, line: int, words: str,
) -> None:
    assert GOOD.count(old) >= 1
    entries, problems = read(GOOD.replace(old, new, 1))
    assert entries == []
    said = [f'{problem.line}: {problem.key}: {problem.text}' for problem in problems]
    assert any(words in one for one in said), said
    assert [problem.line for problem in problems if words in f'{problem.key}: {problem.text}'][
        0] == line, said


def test_a_duplicate_id_names_the_other_line(read: Read) -> None:
    body = GOOD.partition('devices:\n')[2]
    entries, problems = read(GOOD + body)
    assert [entry.line for entry in entries] == [4]
    assert 'also at line 4' in problems[0].text


def test_a_wrong_entry_leaves_the_others(read: Read) -> None:
    body = GOOD.partition('devices:\n')[2]
    entries, problems = read(GOOD.replace('my_imu', 'my_first').replace('vendor: Bosch', 'x: 1')
                             + body)
    assert [entry.entry.id for entry in entries] == ['my_imu']
    assert problems


def test_a_key_that_comes_twice_is_refused(read: Read) -> None:
    _, problems = read(GOOD.replace('  vendor: Bosch', '  vendor: Bosch\n  vendor: ST'))
    assert 'comes twice' in problems[0].text and problems[0].line == 7


@pytest.mark.parametrize('text', ['', '[]', 'devices', '- a\n- b', 'devices: 7\nschema: 1',
                                  'schema: 1\ndevices: [7, null, [], {}]'])
def test_what_is_no_catalogue_at_all_is_said(read: Read, text: str) -> None:
    entries, problems = read(text)
    assert entries == [] and problems


def test_a_spoilt_file_is_said_and_never_raises(read: Read) -> None:
    rng = random.Random(5)
    spare = [*'{}[]:,-#\'"!&*|>\n \t0xA', 'null', '0x', '1e9', '\x00', 'é', '[]', '{}', '.inf']
    accepted = 0
    for _ in range(600):
        text = GOOD
        for _ in range(rng.randrange(1, 4)):
            place = rng.randrange(len(text))
            text = text[:place] + rng.choice(spare) + text[place + rng.randrange(3):]
        entries, problems = read(text)
        assert problems or entries
        accepted += not problems
    assert 0 < accepted < 600


def test_files_without_any_order_are_said_and_never_raise(read: Read) -> None:
    rng = random.Random(6)
    for _ in range(600):
        text = ''.join(rng.choices('abc:-[]{}, \n\'"0x#!&*|>%@`\t', k=rng.randrange(80)))
        entries, problems = read(text)
        assert entries == [] and problems
