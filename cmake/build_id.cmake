# SPDX-License-Identifier: Apache-2.0
# Build id: a hash over the native sources and the variant. It depends on nothing else (no time, no path), so equal sources give
# equal libraries, and a binding can tell a stale library from its own.
function(tppo_define_build_id target)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
       ${CMAKE_SOURCE_DIR}/native/*.h ${CMAKE_SOURCE_DIR}/native/*.inl ${CMAKE_SOURCE_DIR}/native/*.cpp
       ${CMAKE_SOURCE_DIR}/native/*.cu ${CMAKE_SOURCE_DIR}/native/*.cuh)
  list(FILTER files EXCLUDE REGEX "^native/(tests|simt)/")
  list(SORT files)
  set(text "${PROJECT_VERSION} cuda=${TPPO_CUDA} sanitize=${TPPO_SANITIZE}")
  foreach(f IN LISTS files)
    file(SHA256 ${CMAKE_SOURCE_DIR}/${f} hash)
    string(APPEND text "\n${f} ${hash}")
  endforeach()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  string(SHA256 id "${text}")
  string(SUBSTRING ${id} 0 16 id)
  set_source_files_properties(native/api.cpp PROPERTIES COMPILE_DEFINITIONS TPPO_BUILD_ID="${id}")
  if(TPPO_CUDA)
    set(variant cuda13)
  else()
    set(variant cpu)
  endif()
  target_compile_definitions(${target} PRIVATE TPPO_VARIANT="${variant}")
  # The binding compares this file, which travels beside the library, with what the library says.
  file(WRITE ${CMAKE_BINARY_DIR}/tppo.properties "version=${PROJECT_VERSION}\nvariant=${variant}\nbuild_id=${id}\n")
  install(FILES ${CMAKE_BINARY_DIR}/tppo.properties DESTINATION share/tppo)
  message(STATUS "tppo build id ${id}")
endfunction()
