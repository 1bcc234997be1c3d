# SPDX-License-Identifier: Apache-2.0
# cmake -DLIBRARIES=<folder of libtppo.so and libjniTppo.so> -P check_folder.cmake: check_needed.cmake for both, as they go into a jar.
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(FOLDER ${root})
foreach(pair "libtppo.so=${root}/native/include/tppo.h" "libjniTppo.so=jni")
  string(REGEX MATCH "^([^=]+)=(.+)$" unused ${pair})
  set(LIBRARY ${LIBRARIES}/${CMAKE_MATCH_1})
  set(EXPORTS ${CMAKE_MATCH_2})
  include(${CMAKE_CURRENT_LIST_DIR}/check_needed.cmake)
endforeach()
