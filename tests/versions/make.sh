#!/bin/sh
# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
# make.sh WORKTREE TARGET: what a robot of that commit keeps (see make.py).
set -eu
src=$(cd "$1" && pwd)/src
export PYTHONPATH="$src/swarm_coordinator:$src/swarm_learning:$src/swarm_tower:$src/hw_discovery:\
$src/swarm_coordinator/test:${PYTHONPATH:-}"
exec python "$(dirname "$0")/make.py" "$2"
