# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
#
# source scripts/env.sh      (bash or zsh, after `make build`)
#
# Activates .venv and the built workspace in this shell: `robot` and `swarmctl` are then on the
# PATH. A ROS 2 that is already sourced stays underneath. Leaves ROS_DOMAIN_ID and the discovery
# range as they are: robots of different machines have to find one another.

# Unquoted zsh-only syntax would be a syntax error in bash, hence the eval.
if [ -n "${ZSH_VERSION:-}" ]; then
  eval '_swarm_file="${(%):-%x}"'
else
  _swarm_file="${BASH_SOURCE[0]}"
fi
_swarm_root="$(cd "$(dirname "$_swarm_file")/.." && pwd -P)"

if [ ! -e "$_swarm_root/build/install/setup.bash" ]; then
  echo "env.sh: the workspace is not built; run: make build" >&2
  unset _swarm_file _swarm_root
  return 1
fi

# The wheels' start-up hook marks its work in these; another environment's marks would make
# Python load that environment's libraries.
if [ -n "${_ROS_WHEELS_BOOTSTRAP_COMPLETE:-}" ]; then
  unset _ROS_WHEELS_BOOTSTRAP_COMPLETE LD_LIBRARY_PATH
fi

. "$_swarm_root/.venv/bin/activate"
if [ -z "${ROS_DISTRO:-}" ]; then
  export AMENT_PREFIX_PATH="$_swarm_root/.venv" CMAKE_PREFIX_PATH="$_swarm_root/.venv"
  unset PYTHONPATH
fi
if [ -n "${ZSH_VERSION:-}" ]; then
  . "$_swarm_root/build/install/local_setup.zsh"
else
  . "$_swarm_root/build/install/local_setup.bash"
fi
for _swarm_package in swarm_coordinator swarm_tower; do
  export PATH="$_swarm_root/build/install/$_swarm_package/lib/$_swarm_package:$PATH"
done
# colcon leaves an empty last entry, which would mean the current folder.
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH%:}"
unset _swarm_file _swarm_root _swarm_package
