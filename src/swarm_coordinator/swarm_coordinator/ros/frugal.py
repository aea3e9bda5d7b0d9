# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What keeps ROS 2 from holding memory, and from telling types, that nobody ever uses.

Owns what has to be said before the first node of a process is made. Refuses to know nodes, topics
and their qualities of service.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

GENERATOR = 'rosidl_generator_py'
WRITER = f'{GENERATOR}.generate_py_impl'  # of sources; with it come lark, empy and their grammars
# Heeded by Fast DDS from 3 on; an older one goes on as it was. With the old name it warns.
PROFILES = 'FASTDDS_DEFAULT_PROFILES_FILE'
OLD_PROFILES = 'FASTRTPS_DEFAULT_PROFILES_FILE'
# Samples that an endpoint holds memory for before it has any; the default is 100, which is about
# 50 kB for each of 200 endpoints. They grow as they are needed, up to the depth of their history.
_ENDPOINTS = ''.join(
    f'<{kind} profile_name="swarm_{kind}" is_default_profile="true"><topic><resourceLimitsQos>'
    f'<allocated_samples>1</allocated_samples></resourceLimitsQos></topic></{kind}>'
    for kind in ('data_writer', 'data_reader')
)
# Told of a type, a newcomer asks for its fields before it takes the endpoint for there. ROS 2
# needs them not, and now and then a newcomer that asks misses services and topics for good
# (decision 22). Ignored by a Fast DDS that does not know it.
_PARTICIPANT = (
    '<participant profile_name="swarm_participant" is_default_profile="true"><rtps>'
    '<propertiesPolicy><properties><property><name>fastdds.type_propagation</name>'
    '<value>disabled</value></property></properties></propertiesPolicy></rtps></participant>'
)
DOCUMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    f'<dds><profiles xmlns="http://www.eprosima.com">{_PARTICIPANT}{_ENDPOINTS}</profiles></dds>\n'
)


def without_generator() -> None:
    """Messages load their generator, which does without its writer of sources where that cannot
    be imported: 2.4 MB. Whoever asks for the writer afterwards has it."""
    if GENERATOR in sys.modules or WRITER in sys.modules:
        return
    sys.modules[WRITER] = None  # type: ignore[assignment]  # which is how an import is refused
    try:
        importlib.import_module(GENERATOR)
    except ImportError:  # a release that needs it, or has another generator
        sys.modules.pop(GENERATOR, None)
    finally:
        del sys.modules[WRITER]


@contextmanager
def frugal_dds() -> Iterator[None]:
    """Fast DDS reads its profiles with the first participant of a process, which has to be made
    within. Programs that are started later are told nothing of it, and a file that the user
    names is read instead of ours."""
    if PROFILES in os.environ or OLD_PROFILES in os.environ:
        yield
        return
    try:
        file = tempfile.NamedTemporaryFile('w', suffix='.xml')  # noqa: SIM115 (closed below)
    except OSError:  # nowhere to write: it holds more memory, and tells its types
        yield
        return
    with file:
        file.write(DOCUMENT)
        file.flush()
        os.environ[PROFILES] = file.name
        try:
            yield
        finally:
            del os.environ[PROFILES]
