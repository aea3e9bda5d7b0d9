# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Programs that jobs run and that talk ROS, and what a robot can offer of them (offers.py)."""
