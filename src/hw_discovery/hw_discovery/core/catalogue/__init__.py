# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""What is known of devices before any is seen: entries, their signatures, their hazards."""
