# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""HTTP and WebSocket edge of the tower, with the page it serves; knows nothing of ROS."""
