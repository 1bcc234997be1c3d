# SPDX-License-Identifier: Apache-2.0
# CUDA backend: every native/cuda/*.cu. The CUDA runtime is linked statically, so that the library also loads, and says why it has no
# device, on a machine without a driver.
if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(CMAKE_CUDA_COMPILER nvcc HINTS /usr/local/cuda/bin $ENV{CUDA_HOME}/bin)
endif()
if(NOT CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES "80;90" CACHE STRING "GPU architectures; releases use 80;86;89;90;100;120" FORCE)
endif()
enable_language(CUDA)
if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13.0)
  message(FATAL_ERROR "TPPO_CUDA needs CUDA 13 or newer, found ${CMAKE_CUDA_COMPILER_VERSION} at ${CMAKE_CUDA_COMPILER}")
endif()
set(CMAKE_CUDA_STANDARD 17)
set(CMAKE_CUDA_STANDARD_REQUIRED ON)

file(GLOB TPPO_CUDA_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/cuda/*.cu)
target_sources(tppo PRIVATE ${TPPO_CUDA_SOURCES})
set_target_properties(tppo PROPERTIES CUDA_RUNTIME_LIBRARY Static CUDA_VISIBILITY_PRESET hidden)
target_compile_definitions(tppo PRIVATE TPPO_CUDA)
target_compile_options(tppo PRIVATE
  $<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-fvisibility=hidden --expt-relaxed-constexpr -lineinfo>)
