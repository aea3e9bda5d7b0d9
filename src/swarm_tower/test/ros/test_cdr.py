# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Bytes that are no message: the middleware must not be asked to read beyond them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rclpy.serialization import serialize_message
from swarm_msgs.msg import Heartbeat, ReadReply

from swarm_tower.ros.cdr import message_of

# In a process of its own: what this is about ends the process.
SHORT = """
import random
from swarm_msgs.msg import AppendReply, FileRequest, Heartbeat, ReadReply
from swarm_tower.ros.cdr import message_of
rng, refused = random.Random(1), 0
for _ in range(20_000):
    kind = rng.choice((AppendReply, FileRequest, Heartbeat, ReadReply))
    try:
        message_of(b'\\0\\1' + rng.randbytes(rng.randrange(26)), kind)
    except ValueError:
        refused += 1
print(refused > 10_000)
"""


def test_messages_come_back_whatever_their_length() -> None:
    for length in range(20):
        sent = ReadReply(term=length, index=7)
        sent.envelope.sender = 'r' * length
        assert message_of(serialize_message(sent), ReadReply) == sent


@pytest.mark.parametrize('data', [b'', b'\0', b'\0\1\0\0'])
def test_bytes_without_a_body_are_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match='CDR'):
        message_of(data, Heartbeat)


def test_header_that_says_more_padding_than_there_is_ends_no_process() -> None:
    said = subprocess.run(
        [sys.executable, '-c', SHORT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        timeout=120, text=True)
    assert (said.returncode, said.stdout.strip()) == (0, 'True')
