# SPDX-License-Identifier: Apache-2.0
# tppo_simt: the whole library with the CUDA backend compiled as host C++ over native/simt. For the tests, never installed.
file(GLOB TPPO_SIMT_KERNELS CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/cuda/*.cu)
file(GLOB TPPO_SIMT_RUNTIME CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/native/simt/*.cpp)

# How the kernels are compiled and linked.
function(tppo_simt_settings target)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/native/include ${CMAKE_SOURCE_DIR}/native/simt PRIVATE ${CMAKE_SOURCE_DIR}/native)
  target_compile_definitions(${target} PRIVATE TPPO_CUDA TPPO_VARIANT="simt" TPPO_VERSION="${PROJECT_VERSION}")
  target_link_libraries(${target} PRIVATE Threads::Threads tppo_warnings ${CMAKE_DL_LIBS})
  if(NOT TPPO_SANITIZE)
    target_link_options(${target} PRIVATE LINKER:--no-undefined)
  endif()
  # The pattern makes padding the same in every run and uninitialised variables visible; the line numbers are for reports.
  target_compile_options(${target} PRIVATE -O1 -g1 -fvisibility=hidden -ftrivial-auto-var-init=pattern -fno-math-errno -fno-trapping-math
                                           -Wno-unknown-pragmas)
  if(TPPO_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${TPPO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
    target_link_options(${target} PRIVATE -fsanitize=${TPPO_SANITIZE})
  else()
    # Every access must be aligned for its type, as on the device; a trap, because the report is ours.
    target_compile_options(${target} PRIVATE -fsanitize=alignment -fsanitize-undefined-trap-on-error)
  endif()
endfunction()

set_source_files_properties(${TPPO_SIMT_KERNELS} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
set_source_files_properties(${TPPO_SIMT_RUNTIME} PROPERTIES COMPILE_OPTIONS "-O2")
set(TPPO_CPU_OBJECTS "$<FILTER:$<TARGET_OBJECTS:tppo>,EXCLUDE,/api[.]cpp[.]o>")
add_library(tppo_simt SHARED ${TPPO_SIMT_KERNELS} ${CMAKE_SOURCE_DIR}/native/api.cpp ${TPPO_SIMT_RUNTIME} ${TPPO_CPU_OBJECTS})
tppo_simt_settings(tppo_simt)
