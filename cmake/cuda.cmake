# SPDX-License-Identifier: Apache-2.0
# CUDA backend: every native/cuda/*.cu. The CUDA runtime is linked statically, so that the library also loads, and says why it has no
# device, on a machine without a driver.
include(cmake/cuda_toolkit.cmake)
option(TPPO_CUDA_LINEINFO "Source lines in the GPU code, for profilers; they hold the paths of the sources" OFF)
get_filename_component(named "${TPPO_CUDA_HOME}" ABSOLUTE)
if(TPPO_CUDA_HOME AND CMAKE_CUDA_COMPILER AND NOT CMAKE_CUDA_COMPILER STREQUAL "${named}/bin/nvcc")
  message(FATAL_ERROR "TPPO_CUDA_HOME is ${named}, but this build folder uses ${CMAKE_CUDA_COMPILER}; delete ${CMAKE_BINARY_DIR}")
elseif(NOT CMAKE_CUDA_COMPILER AND (TPPO_CUDA_HOME OR NOT DEFINED ENV{CUDACXX}))
  tppo_find_cuda_toolkit("${TPPO_CUDA_HOME}" home note)
  if(NOT home)
    message(FATAL_ERROR "TPPO_CUDA needs a CUDA toolkit: ${note}")
  endif()
  set(CMAKE_CUDA_COMPILER ${home}/bin/nvcc CACHE FILEPATH "nvcc")
endif()
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU architectures; the preset cuda13-release has them all" FORCE)
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER_VERSION MATCHES "^${TPPO_CUDA_MAJOR}\\.")
  message(FATAL_ERROR "TPPO_CUDA needs CUDA ${TPPO_CUDA_MAJOR}, found ${CMAKE_CUDA_COMPILER_VERSION} at ${CMAKE_CUDA_COMPILER}")
endif()

file(GLOB TPPO_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/cuda/*.cu)
target_sources(tppo PRIVATE ${TPPO_CUDA_SOURCES})
# nvcc hashes the path of a file into symbol names; given its bare name, equal sources give equal libraries in any folder.
foreach(source IN LISTS TPPO_CUDA_SOURCES)
  get_filename_component(name ${source} NAME)
  set_source_files_properties(${source} PROPERTIES COMPILE_OPTIONS "-Xcudafe=--orig_src_path_name=${name}")
endforeach()
# The target is older than the language, so these are not taken from the variables of the same name.
set_target_properties(tppo PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}" CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON
                                      CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
target_compile_definitions(tppo PRIVATE TPPO_CUDA)
# -Xptxas --warn-on-spills and --warn-on-local-memory-usage, errors like all warnings: a kernel that leaves its registers is a defect.
target_compile_options(tppo PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-fvisibility=hidden;-Werror=all-warnings;-Xptxas=-warn-spills,-warn-lmem-usage>")
if(TPPO_CUDA_LINEINFO)
  target_compile_options(tppo PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:-lineinfo>)
endif()

# What the kernels compile to on every architecture; minutes, and not part of the default build.
add_custom_target(check_cuda COMMAND ${CMAKE_SOURCE_DIR}/scripts/check-cuda --nvcc ${CMAKE_CUDA_COMPILER} USES_TERMINAL)
