# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""metadata.yaml beside recorded files, as rosbag2 writes it (version 5), so that a folder opens as
a bag. Owns the text only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from swarm_tower.durable import sync_folder
from swarm_tower.recorder.mcap_reading import McapFile

NAME = 'metadata.yaml'
HEAD = """rosbag2_bagfile_information:
  version: 5
  storage_identifier: mcap
  duration: {{nanoseconds: {duration}}}
  starting_time: {{nanoseconds_since_epoch: {start}}}
  message_count: {count}
  topics_with_message_count:{topics}
  compression_format: ""
  compression_mode: ""
  relative_file_paths:{paths}
  files:{files}
"""
TOPIC = """
    - topic_metadata:
        name: {name}
        type: {type}
        serialization_format: {encoding}
        offered_qos_profiles: ""
      message_count: {count}"""
FILE = """
    - path: {name}
      starting_time: {{nanoseconds_since_epoch: {start}}}
      duration: {{nanoseconds: {duration}}}
      message_count: {count}"""


def text_of(files: Iterable[McapFile]) -> str:
    """Return the document for files with messages, in their order."""
    told = [one for one in files if one.counts]
    topics: dict[tuple[str, str, str], int] = {}
    for file in told:
        for number, count in file.counts.items():
            channel = file.channels.get(number)
            if channel is not None:
                kind = '' if channel.schema is None else channel.schema.name
                key = (channel.topic, kind, channel.encoding)
                topics[key] = topics.get(key, 0) + count
    start = min((one.start_ns for one in told), default=0)
    end = max((one.end_ns for one in told), default=0)
    rows = ''.join(
        TOPIC.format(name=_q(name), type=_q(kind), encoding=_q(encoding), count=count)
        for (name, kind, encoding), count in sorted(topics.items())
    )
    paths = ''.join(f'\n    - {_q(one.path.name)}' for one in told)
    details = ''.join(
        FILE.format(
            name=_q(one.path.name), start=one.start_ns, duration=one.end_ns - one.start_ns,
            count=sum(one.counts.values()),
        )
        for one in told
    )
    return HEAD.format(
        duration=end - start, start=start, count=sum(topics.values()), topics=rows or ' []',
        paths=paths or ' []', files=details or ' []',
    )


def write(folder: Path, files: Iterable[McapFile]) -> None:
    """Write it, or leave what was there: a reader never sees half of it, also after a power cut.
    All names in the folder are durable on return. Raises OSError."""
    draft = folder / f'.{NAME}'
    with draft.open('w') as file:
        file.write(text_of(files))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, folder / NAME)
    sync_folder(folder)


def _q(text: str) -> str:
    return json.dumps(text)  # a string of JSON is one of YAML
