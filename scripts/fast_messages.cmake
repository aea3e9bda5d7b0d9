# Copyright 2026 Swarm Stack maintainers
# SPDX-License-Identifier: Apache-2.0
#
# Joins the generated C++ sources of swarm_msgs into a few translation units. `make` injects
# this file with -DCMAKE_PROJECT_swarm_msgs_INCLUDE; a plain `colcon build` never sees it.
#
# Every generated file includes the same large headers, so nearly all of the compile time is
# parsing them again. The C libraries stay as they are: their generated sources
# define file-local names that collide when joined. So does introspection_cpp, whose templates
# are specialised in one file after another has used them.

if(CMAKE_VERSION VERSION_LESS 3.19)
  return()  # no deferred calls: build the slow way
endif()

function(swarm_msgs_join_sources)
  foreach(_part typesupport_fastrtps_cpp typesupport_fastrtps_c typesupport_cpp)
    set(_target ${PROJECT_NAME}__rosidl_${_part})
    if(TARGET ${_target})
      set_target_properties(${_target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 40)
    endif()
  endforeach()
endfunction()

cmake_language(DEFER CALL swarm_msgs_join_sources)
