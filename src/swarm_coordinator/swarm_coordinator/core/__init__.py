# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Pure decisions: no clock, no threads, no files, no ROS."""
