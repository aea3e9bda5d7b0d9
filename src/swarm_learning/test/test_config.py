# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Claims about the settings."""

from __future__ import annotations

from dataclasses import fields

import pytest

from swarm_learning.core.config import LearningConfig


def test_every_setting_has_a_default_and_a_help_text() -> None:
    LearningConfig()
    for each in fields(LearningConfig):
        assert len(each.metadata['help']) > 20, each.name
        assert each.type in ('bool', 'int', 'float', 'str'), each.name


def test_every_number_has_a_range_that_holds_its_default() -> None:
    for each in fields(LearningConfig):
        if each.type in ('int', 'float'):
            low, high = each.metadata['low'], each.metadata['high']
            assert 0 <= low < high and low <= each.default <= high, each.name


@pytest.mark.parametrize('wrong', [
    {'period_ms': 0}, {'memory_s': float('nan')}, {'memory_s': -1.0}, {'swarm_id': ''},
    {'arousal_tau_up_s': 30.0}, {'advice_valid_ms': 1500}, {'queue_slo_ms': 'ten'},
    {'save_period_s': float('inf')}, {'period_ms': True},
])
def test_a_wrong_setting_is_refused_by_name(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        LearningConfig(**wrong)
