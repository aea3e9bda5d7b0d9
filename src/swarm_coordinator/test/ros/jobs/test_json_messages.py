# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Messages from and to JSON: what fits a field, and what is said of the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseWithCovarianceStamped
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rcl_interfaces.msg import ParameterDescriptor, ParameterValue
from sensor_msgs.msg import Imu, PointCloud2
from std_msgs.msg import Byte, Char, Float32, Float64, Int8, String, UInt64

from swarm_coordinator.ros.jobs.json_messages import fill, plain


def refusal(message: Any, fields: dict[str, Any]) -> str:
    with pytest.raises(ValueError) as refused:
        fill(message, fields)
    return str(refused.value)


def test_nested_fields_arrays_and_defaults() -> None:
    message = PoseWithCovarianceStamped()
    covariance = [0.5 * i for i in range(36)]
    fill(message, {
        'header': {'frame_id': 'map', 'stamp': {'sec': -5}},
        'pose': {'pose': {'position': {'x': 1}}, 'covariance': covariance},
    })
    assert message.header.frame_id == 'map' and message.header.stamp.sec == -5
    assert message.pose.pose.position.x == 1.0 and message.pose.pose.orientation.w == 1.0
    assert list(message.pose.covariance) == covariance


@pytest.mark.parametrize(('message', 'fields'), [
    (PointCloud2(), {'data': [0, 255], 'fields': [{'name': 'x', 'offset': 4}], 'height': 1}),
    (ParameterValue(), {'byte_array_value': [0, 255], 'string_array_value': ['ä', '']}),
    (ParameterDescriptor(), {'integer_range': [{'from_value': -1, 'to_value': 1, 'step': 1}]}),
    (DiagnosticStatus(), {'level': 2, 'values': [{'key': 'a', 'value': 'b'}]}),
    (Float32(), {'data': 'NaN'}), (Float64(), {'data': '-Infinity'}),
    (UInt64(), {'data': 2**64 - 1}), (Char(), {'data': 255}), (Byte(), {'data': 7}),
])
def test_what_was_filled_in_comes_out_again(message: Any, fields: dict[str, Any]) -> None:
    fill(message, fields)
    came = json.loads(json.dumps(plain(message), allow_nan=False))
    assert {name: came[name] for name in fields if name != 'fields'} == {
        name: value for name, value in fields.items() if name != 'fields'
    }


@pytest.mark.parametrize(('message', 'fields', 'said'), [
    (Imu(), {'header': {'frame': 'x'}}, "no field 'header.frame': expected one of stamp, "),
    (Imu(), {'header': 'x'}, "header='x': expected an object"),
    (Imu(), {'orientation': {'w': True}}, 'orientation.w=True: expected a number'),
    (Imu(), {'orientation': {'w': 'nan'}}, "orientation.w='nan': expected a number"),
    (Imu(), {'orientation': {'w': 10**400}}, 'orientation.w: the number is too large'),
    (Imu(), {'orientation_covariance': [1.0] * 8}, '8 elements, expected 9'),
    (Imu(), {'orientation_covariance': [1.0] * 8 + ['x']}, "orientation_covariance[8]='x'"),
    (Float32(), {'data': 1e39}, 'expected at most 3.40282e+38'),
    (Int8(), {'data': 128}, 'data=128: expected a whole number -128 to 127'),
    (Int8(), {'data': 1.0}, 'data=1.0: expected a whole number'),
    (UInt64(), {'data': -1}, 'expected a whole number 0 to 18446744073709551615'),
    (String(), {'data': None}, 'data=None: expected a text'),
    (String(), {'data': 'a\0'}, 'holds a zero byte'),
    (String(), {'data': '\ud800'}, 'expected Unicode text'),
    (ParameterValue(), {'bool_value': 1}, 'bool_value=1: expected true or false'),
    (ParameterValue(), {'byte_array_value': [256]}, 'byte_array_value[0]=256'),
    (ParameterDescriptor(), {'integer_range': [{}, {}]}, '2 elements, expected at most 1'),
    (ParameterDescriptor(), {'integer_range': {}}, 'integer_range={}: expected a list'),
    (DiagnosticStatus(), {'values': [{'key': 5}]}, 'values[0].key=5: expected a text'),
])
def test_what_does_not_fit_is_refused_by_the_name_of_the_field(
    message: Any, fields: dict[str, Any], said: str
) -> None:
    assert said in refusal(message, fields)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text('aä0', max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(['header', 'stamp', 'sec', 'x', 'data']), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(
    ['header', 'data', 'fields', 'height', 'is_dense', 'level', 'pose']), values))
def test_no_json_breaks_the_conversion(fields: dict[str, Any]) -> None:
    for message in (PointCloud2(), PoseWithCovarianceStamped(), String()):
        try:
            fill(message, fields)
        except ValueError as refused:
            assert str(refused)
        json.dumps(plain(message), allow_nan=False)


def test_value_that_is_nested_too_deeply_to_be_shown_is_refused_like_any_other() -> None:
    deep: object = 1
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(ValueError, match='data=what is nested too deeply to be shown: expected a'):
        fill(String(), {'data': deep})
