# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Programs that jobs of some kinds run, one process each; none knows the robot process."""
