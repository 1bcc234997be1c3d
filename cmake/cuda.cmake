# SPDX-License-Identifier: Apache-2.0
# CUDA backend: every native/cuda/*.cu. The CUDA runtime is linked statically, so that the library also loads, and says why it has no
# device, on a machine without a driver.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(CMAKE_CUDA_COMPILER nvcc HINTS /usr/local/cuda/bin $ENV{CUDA_HOME}/bin)
endif()
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80-real;90" CACHE STRING "GPU architectures; the preset cuda13-release has them all" FORCE)
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0)
  message(FATAL_ERROR "TPPO_CUDA needs CUDA 13 or newer, found ${CMAKE_CUDA_COMPILER_VERSION} at ${CMAKE_CUDA_COMPILER}")
endif()

file(GLOB TPPO_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/cuda/*.cu)
target_sources(tppo PRIVATE ${TPPO_CUDA_SOURCES})
# The target is older than the language, so these are not taken from the variables of the same name.
set_target_properties(tppo PROPERTIES CUDA_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}" CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON
                                      CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
target_compile_definitions(tppo PRIVATE TPPO_CUDA)
# -Xptxas --warn-on-spills and --warn-on-local-memory-usage, errors like all warnings: a kernel that leaves its registers is a defect.
target_compile_options(tppo PRIVATE
  "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-fvisibility=hidden;-Werror=all-warnings;-Xptxas=-warn-spills,-warn-lmem-usage;-lineinfo>")

# What the kernels compile to on every architecture; minutes, and not part of the default build.
add_custom_target(check_cuda COMMAND ${CMAKE_SOURCE_DIR}/scripts/check-cuda --nvcc ${CMAKE_CUDA_COMPILER} USES_TERMINAL)
