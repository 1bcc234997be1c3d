# SPDX-License-Identifier: Apache-2.0
# cmake -DLIBRARIES=<folder of libtppo.so and libjniTppo.so> -DPROPERTIES=<tppo.properties of the build> -P seal_libraries.cmake
# Checks both libraries as they go into a jar (check_needed.cmake) and puts the properties beside them, with their hashes, so
# that the classes can tell a damaged or foreign library before they load it.
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(FOLDER ${root})
file(READ ${PROPERTIES} sealed)
foreach(pair "libtppo.so=${root}/native/include" "libjniTppo.so=jni")
  string(REGEX MATCH "^([^=]+)=(.+)$" unused ${pair})
  set(library_name ${CMAKE_MATCH_1})
  set(LIBRARY ${LIBRARIES}/${library_name})
  set(EXPORTS ${CMAKE_MATCH_2})
  include(${CMAKE_CURRENT_LIST_DIR}/check_needed.cmake)
  file(SHA256 ${LIBRARY} hash)
  string(APPEND sealed "${library_name}=${hash}\n")
endforeach()
file(WRITE ${LIBRARIES}/tppo.properties "${sealed}")
