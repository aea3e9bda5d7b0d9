# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The shipped layout names topics that are recorded and fields that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')

from swarm_tower.core.recording import TOPICS  # noqa: E402
from swarm_tower.ros.recorder_schemas import message_type  # noqa: E402

LAYOUT = json.loads(
    (Path(__file__).parents[2] / 'config' / 'foxglove_layout.json').read_text()
)
KINDS = {topic.name: topic.type for topic in TOPICS}


def paths(config: dict[str, Any]) -> Iterator[str]:
    yield from (one['value'] for one in config.get('paths', ()))
    yield from (config[key] for key in ('topicPath', 'topicToRender') if key in config)


def panels(layout: Any) -> Iterator[str]:
    if isinstance(layout, str):
        yield layout
    else:
        yield from panels(layout['first'])
        yield from panels(layout['second'])


@pytest.mark.parametrize('panel', LAYOUT['configById'])
def test_what_a_panel_shows_is_recorded(panel: str) -> None:
    found = list(paths(LAYOUT['configById'][panel]))
    assert found
    for path in found:
        topic, *fields = re.sub(r'\[[^\]]*\]', '', path).split('.')
        known = message_type(KINDS[topic]).get_fields_and_field_types()
        assert set(fields) <= set(known), path


def test_every_panel_has_its_place() -> None:
    assert sorted(panels(LAYOUT['layout'])) == sorted(LAYOUT['configById'])
