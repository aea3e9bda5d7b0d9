# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
"""Files by content: names, manifests, fetching in chunks, references."""
