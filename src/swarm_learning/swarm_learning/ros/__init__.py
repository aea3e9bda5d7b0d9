# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Edge to ROS 2: subscriptions, publishers, conversions; no decisions."""
