# SPDX-License-Identifier: Apache-2.0
# cmake -DCPU_CLASSES=<target/classes> -DPLATFORM=linux-x86_64 -DBUILD=<folder> -DINSTALL=<folder> -DOUT=<folder>
#       [-DCUDA_HOME=<root>|none] [-DEXTENSION=<extension of the ordinary build>] -P cuda_jar.cmake
# Builds libtppo.so with CUDA for all architectures and puts what the -cuda13 jar holds into OUT, which is absent afterwards if
# there is no toolkit. The binding is the one of the CPU jar: both libraries have one API.
include(${CMAKE_CURRENT_LIST_DIR}/cuda_toolkit.cmake)
get_filename_component(root ${CMAKE_CURRENT_LIST_DIR} DIRECTORY)
set(internal io/github/tppo/kernels/internal)
set(libraries ${OUT}/${internal}/${PLATFORM}-cuda${TPPO_CUDA_MAJOR})
file(REMOVE_RECURSE ${OUT})

function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${root} RESULT_VARIABLE rc)
  if(rc)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${rc}): ${command}")
  endif()
endfunction()

if(EXTENSION)
  message(FATAL_ERROR "-Prelease builds both variants; leave -Dtppo.cuda out")
endif()
if(CUDA_HOME STREQUAL "none")
  set(home "")
  set(note "tppo.cuda.home is none")
else()
  tppo_find_cuda_toolkit("${CUDA_HOME}" home note)
endif()
if(NOT home)
  message(WARNING "No ${PLATFORM}-cuda${TPPO_CUDA_MAJOR} jar is built: ${note}")
  return()
endif()
message(STATUS "${PLATFORM}-cuda${TPPO_CUDA_MAJOR}: ${note}")

run(${CMAKE_COMMAND} --preset cuda${TPPO_CUDA_MAJOR}-release -B ${BUILD} -DTPPO_CUDA_HOME=${home} -DTPPO_TESTS=OFF
    -DCMAKE_INSTALL_PREFIX=${INSTALL} -Wno-dev)
run(${CMAKE_COMMAND} --build ${BUILD} --target tppo --parallel)
# Stripped: the symbol table of a CUDA object names temporary files.
run(${CMAKE_COMMAND} --install ${BUILD} --strip)

file(COPY ${INSTALL}/lib/libtppo.so ${CPU_CLASSES}/${internal}/${PLATFORM}/libjniTppo.so DESTINATION ${libraries})
set(texts ${CPU_CLASSES}/META-INF)
file(COPY ${texts}/LICENSE ${texts}/NOTICE ${texts}/licenses DESTINATION ${OUT}/META-INF)
# Not every packaging of the toolkit brings the agreement; NOTICE says where it stands.
if(EXISTS ${home}/EULA.txt)
  configure_file(${home}/EULA.txt ${OUT}/META-INF/licenses/NVIDIA-CUDA-EULA.txt COPYONLY)
endif()
set(LIBRARIES ${libraries})
set(PROPERTIES ${INSTALL}/share/tppo/tppo.properties)
include(${CMAKE_CURRENT_LIST_DIR}/seal_libraries.cmake)
