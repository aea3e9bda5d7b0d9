# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The shipped files of rviz, rqt and diagnostic_aggregator fit what those programs read and what
the swarm publishes, checked without a display.

The lists of names are frozen from rviz (rviz_default_plugins/plugins_description.xml and the
panels and quality-of-service words of rviz_common), from the plugin.xml of the rqt plug-ins, and
from the parameters of diagnostic_aggregator.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip('yaml', reason='missing: PyYAML')

ROOT = Path(__file__).resolve().parent.parent
RVIZ = ROOT / 'src/swarm_coordinator/rviz/swarm.rviz'
PERSPECTIVE = ROOT / 'src/swarm_coordinator/rqt/swarm.perspective'
ANALYZERS = ROOT / 'src/swarm_tower/config/diagnostic_aggregator.yaml'

RVIZ_KEYS = {'Panels', 'Visualization Manager', 'Window Geometry'}
RVIZ_PLUGINS = (
    'AccelStamped', 'Axes', 'Camera', 'CameraInfo', 'DepthCloud', 'Effort', 'FPS',
    'FluidPressure', 'FocusCamera', 'Grid', 'GridCells', 'Illuminance', 'Image', 'Interact',
    'InteractiveMarkers', 'LaserScan', 'Map', 'Marker', 'MarkerArray', 'Measure', 'MoveCamera',
    'Odometry', 'Orbit', 'Path', 'PointCloud', 'PointCloud2', 'PointStamped', 'Polygon',
    'Pose', 'PoseArray', 'PoseWithCovariance', 'PublishPoint', 'Range', 'RelativeHumidity',
    'RobotModel', 'Select', 'SetGoal', 'SetInitialPose', 'TF', 'Temperature',
    'ThirdPersonFollower', 'TopDownOrtho', 'TwistStamped', 'Wrench', 'XYOrbit',
)
RVIZ_PANELS = ('Displays', 'Help', 'Selection', 'Time', 'Tool Properties', 'Transformation',
               'Views')
RVIZ_CLASSES = {
    '', *(f'rviz_default_plugins/{name}' for name in RVIZ_PLUGINS),
    *(f'rviz_common/{name}' for name in RVIZ_PANELS),
}
QOS_WORDS = {
    'Reliability Policy': {'System Default', 'Reliable', 'Best Effort'},
    'Durability Policy': {'System Default', 'Volatile', 'Transient Local'},
    'History Policy': {'System Default', 'Keep Last', 'Keep All'},
}
RQT_PLUGINS = {
    'rqt_console/Console', 'rqt_graph/RosGraph', 'rqt_robot_monitor/RobotMonitor',
    'rqt_runtime_monitor/RuntimeMonitor', 'rqt_topic/TopicPlugin',
}
# Settings of rqt_graph that the file sets; others are left to it.
RQT_GRAPH_SETTINGS = {
    'graph_type_combo_box_index', 'filter_line_edit_text', 'topic_filter_line_edit_text',
    'namespace_cluster_spin_box_value', 'actionlib_check_box_state', 'dead_sinks_check_box_state',
    'leaf_topics_check_box_state', 'quiet_check_box_state', 'unreachable_check_box_state',
    'auto_fit_graph_check_box_state', 'highlight_connections_check_box_state',
}
AGGREGATOR_KEYS = {'path', 'pub_rate', 'critical', 'other_as_errors', 'history_depth'}
ANALYZER_KEYS = {
    'type', 'path', 'contains', 'startswith', 'name', 'expected', 'regex', 'timeout',
    'find_and_remove_prefix', 'num_items', 'discard_stale',
}


def rviz() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(RVIZ.read_text())
    return found


def values_of(tree: Any, key: str) -> Iterator[Any]:
    if isinstance(tree, dict):
        if key in tree:
            yield tree[key]
        for child in tree.values():
            yield from values_of(child, key)
    elif isinstance(tree, list):
        for child in tree:
            yield from values_of(child, key)


def wrong_classes(config: Any) -> set[str]:
    return {name for name in values_of(config, 'Class') if name not in RVIZ_CLASSES}


def test_rviz_file_has_the_parts_and_classes_that_rviz_has() -> None:
    assert set(rviz()) == RVIZ_KEYS
    assert len(RVIZ_PLUGINS) == 45 and not wrong_classes(rviz())
    assert wrong_classes({'Class': 'rviz_default_plugins/Swarm'})


def topics() -> list[dict[str, Any]]:
    return [one for one in values_of(rviz(), 'Topic') if isinstance(one, dict)]


def test_quality_of_service_is_in_words_that_rviz_knows() -> None:
    assert topics()
    for topic in topics():
        for key, words in QOS_WORDS.items():
            assert topic[key] in words
        assert isinstance(topic['Depth'], int) and topic['Depth'] >= 1


def test_every_topic_of_rviz_is_published_and_what_it_asks_for_is_offered() -> None:
    pytest.importorskip('rclpy', reason='needs ROS 2')
    pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
    from rclpy.qos import DurabilityPolicy, ReliabilityPolicy

    from swarm_tower.ros import qos
    from swarm_tower.ros.feeds.markers import TOPIC

    published = {TOPIC: qos.MARKERS}
    for topic in topics():
        offered = published[topic['Value']]
        if topic['Reliability Policy'] == 'Reliable':
            assert offered.reliability == ReliabilityPolicy.RELIABLE
        if topic['Durability Policy'] == 'Transient Local':
            assert offered.durability == DurabilityPolicy.TRANSIENT_LOCAL


def test_rviz_shows_every_namespace_in_the_frame_that_is_drawn_in() -> None:
    from swarm_tower.config import TowerConfig
    from swarm_tower.core.markers import NAMESPACES

    (shown,) = values_of(rviz(), 'Namespaces')
    assert shown == dict.fromkeys(NAMESPACES, True)
    (frame,) = values_of(rviz(), 'Fixed Frame')
    assert frame == TowerConfig().markers_frame


def leaves(group: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    assert set(group) == {'keys', 'groups'}
    yield from group['keys'].items()
    for child in group['groups'].values():
        yield from leaves(child)


def perspective() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(PERSPECTIVE.read_text())
    return found


def test_every_value_of_the_perspective_is_a_literal() -> None:
    """rqt evaluates them as code, so nothing else may stand there."""
    found = list(leaves(perspective()))
    assert found
    for name, leaf in found:
        assert set(leaf) == {'repr', 'type'} and leaf['type'] == 'repr', name
        ast.literal_eval(leaf['repr'])


def test_perspective_opens_plugins_that_there_are() -> None:
    manager = perspective()['groups']['pluginmanager']
    running = ast.literal_eval(manager['keys']['running-plugins']['repr'])
    assert set(running) == RQT_PLUGINS
    named = {f'plugin__{plugin.replace("/", "__")}__{serial}'
             for plugin, serials in running.items() for serial in serials}
    assert set(manager['groups']) == named


def test_graph_is_filtered_with_settings_that_it_has() -> None:
    graph = perspective()['groups']['pluginmanager']['groups']['plugin__rqt_graph__RosGraph__1']
    settings = graph['groups']['plugin']['keys']
    assert set(settings) == RQT_GRAPH_SETTINGS
    hidden = ast.literal_eval(settings['topic_filter_line_edit_text']['repr']).split(', ')
    assert hidden[-1] == '/'  # everything else
    pytest.importorskip('swarm_msgs', reason='needs the built swarm_msgs')
    from swarm_coordinator.ros.topics import TOPICS

    assert {one.removeprefix('-') for one in hidden[:-1]} <= set(TOPICS)


def analyzers() -> dict[str, Any]:
    (parameters,) = yaml.safe_load(ANALYZERS.read_text()).values()
    found: dict[str, Any] = parameters['ros__parameters']
    return found


def test_analyzers_have_parameters_that_the_aggregator_knows() -> None:
    found = analyzers()
    groups = {name: one for name, one in found.items() if isinstance(one, dict)}
    assert set(found) - set(groups) <= AGGREGATOR_KEYS and groups
    for name, one in groups.items():
        assert set(one) <= ANALYZER_KEYS, name
        assert one['type'] == 'diagnostic_aggregator/GenericAnalyzer'


def test_every_task_of_the_swarm_is_in_exactly_one_analyzer() -> None:
    from swarm_coordinator.core.self_report import SelfReport, Vitals

    words = {'leader': '', 'role': '', 'stop_reason': '', 'stopped': False}
    needed = [one.name for one in fields(Vitals) if one.default is MISSING]
    nothing = Vitals(**{name: words.get(name, 0) for name in needed})  # type: ignore[arg-type]
    tasks = [one.task for one in SelfReport(1).reports(nothing, 0)]
    names = [f'/r1/coordinator: {task}' for task in tasks]
    names += ['/r1/tower: swarm', '/r1/tower: page']
    for name in names:
        takes = [
            label for label, one in analyzers().items()
            if isinstance(one, dict) and any(part in name for part in one['contains'])
        ]
        assert len(takes) == 1, (name, takes)
