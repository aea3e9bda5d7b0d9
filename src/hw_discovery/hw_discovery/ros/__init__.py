# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""The ROS surface of hardware discovery: publishers, services and conversions."""
