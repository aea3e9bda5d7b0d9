# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Decisions of hardware discovery: no clock, no files, no threads, no ROS."""
