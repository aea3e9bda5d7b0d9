# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What all tests share: they talk on this machine only, try the same examples in every run, and
CI does not skip silently.

An example of hypothesis may take as long as it does; `--hypothesis-profile=explore` tries others.

With SWARM_REQUIRE_ALL=1 (set by .ci/run, which installs every tool) a skipped test fails, unless
its reason starts with 'not here:', which is for what cannot be installed: kernel features,
hardware.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports rclpy. Other domains per run, so that two checkouts can be tested at the
# same time; 1 to 100 are free of the ports that Linux hands out by itself.
os.environ.setdefault('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')

settings.register_profile(
    'swarm', deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    'explore', settings.get_profile('swarm'), derandomize=False, print_blob=True
)
settings.load_profile('swarm')

ALLOWED_SKIP = 'not here:'


def required() -> bool:
    return os.environ.get('SWARM_REQUIRE_ALL') == '1'


def skip_reason(longrepr: object) -> str:
    reason = str(longrepr[2]) if isinstance(longrepr, tuple) else str(longrepr)
    return reason.removeprefix('Skipped: ')


def refused_skip(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why this report may not be a skip, or '' where it may."""
    if not required() or not report.skipped or hasattr(report, 'wasxfail'):
        return ''
    reason = skip_reason(report.longrepr)
    return '' if reason.startswith(ALLOWED_SKIP) else f'skipped in a run that must not: {reason}'


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if refusal := refused_skip(report):
        report.outcome, report.longrepr = 'failed', refusal
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A whole file that skips itself is a collection report, not a test report."""
    report = yield
    if refusal := refused_skip(report):
        report.outcome, report.longrepr = 'failed', refusal
    return report
