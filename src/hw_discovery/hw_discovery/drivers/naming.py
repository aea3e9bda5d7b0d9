# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Names of topics and frames, made from a device's id alone, so that they never depend on what
else is plugged in. Knows no ROS."""

import hashlib
import re

SLUG_CHARACTERS_MAX = 40     # a topic name stays readable; the digest keeps it unique
DIGEST_CHARACTERS = 6        # 24 bits: a clash of slug and digest at once is not a worry


def device_name(device_id: str, family: str) -> str:
    """Return a ROS name: `<family>_<id in lower case>_<digest>`; equal ids give equal names.

    The digest is always there: two ids may differ only in what a ROS name cannot hold.
    """
    digest = hashlib.sha256(device_id.encode('utf-8', 'replace')).hexdigest()
    slug = re.sub(r'[^a-z0-9]+', '_', device_id.lower()).strip('_')[:SLUG_CHARACTERS_MAX]
    parts = (_word(family) or 'device', slug.strip('_'), digest[:DIGEST_CHARACTERS])
    return '_'.join(part for part in parts if part)


def _word(text: str) -> str:
    word = re.sub(r'[^a-z0-9]+', '_', text.lower()).strip('_')
    return word if word[:1].isalpha() else ''


def is_ros_name(text: str) -> bool:
    """Tell whether a given name can be a part of a topic: a letter, then letters, digits, _."""
    return len(text) <= 80 and re.fullmatch(r'[A-Za-z][A-Za-z0-9_]*', text) is not None \
        and '__' not in text


def frame_id(robot_id: str, name: str) -> str:
    """Return the frame of a sensor."""
    return f'{robot_id}/{name}' if robot_id else name
