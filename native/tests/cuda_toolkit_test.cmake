# SPDX-License-Identifier: Apache-2.0
# cmake -DWORK=<folder> -P cuda_toolkit_test.cmake: which toolkits are taken for the -cuda13 library and which are refused, on made-up ones.
cmake_minimum_required(VERSION 3.24)
file(REMOVE_RECURSE ${WORK})
foreach(version 12.4 13.0 13.2 14.1)
  file(WRITE ${WORK}/cuda-${version}/bin/nvcc "#!/bin/sh\necho 'Cuda compilation tools, release ${version}, V${version}.88'\n")
  file(CHMOD ${WORK}/cuda-${version}/bin/nvcc PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
endforeach()
file(WRITE ${WORK}/find.cmake "include(${CMAKE_CURRENT_LIST_DIR}/../../cmake/cuda_toolkit.cmake)
tppo_find_cuda_toolkit(\"\${NAMED}\" home note)
message(STATUS \"home=\${home} note=\${note}\")\n")

# expect(NAMED CUDA_HOME RC PATTERN): what is named, the environment variable, whether it fails, and a part of what is said.
function(expect named variable fails pattern)
  execute_process(COMMAND ${CMAKE_COMMAND} -E env "CUDA_HOME=${variable}" ${CMAKE_COMMAND} "-DNAMED=${named}" -P ${WORK}/find.cmake
                  RESULT_VARIABLE rc OUTPUT_VARIABLE text ERROR_VARIABLE error)
  string(REGEX REPLACE "[ \n]+" " " text "${text}${error}")
  if((fails AND rc EQUAL 0) OR (NOT fails AND NOT rc EQUAL 0) OR NOT text MATCHES "${pattern}")
    message(FATAL_ERROR "named '${named}', CUDA_HOME '${variable}': status ${rc}, expected '${pattern}' in: ${text}")
  endif()
endfunction()

expect(${WORK}/cuda-13.0 "" FALSE "home=${WORK}/cuda-13.0 note=CUDA 13.0 at ")
expect("" ${WORK}/cuda-13.2 FALSE "home=${WORK}/cuda-13.2 .*CUDA_HOME")
expect(${WORK}/cuda-13.0 ${WORK}/cuda-12.4 FALSE "home=${WORK}/cuda-13.0 ")
expect(${WORK}/cuda-12.4 "" TRUE "tppo.cuda.home .*cuda-12.4, which is CUDA 12.4; the -cuda13 library is built with CUDA 13 only")
expect(${WORK}/cuda-14.1 "" TRUE "cuda-14.1, which is CUDA 14.1")
expect("" ${WORK}/cuda-12.4 TRUE "the environment variable CUDA_HOME names .*which is CUDA 12.4")
expect(${WORK}/nowhere ${WORK}/cuda-13.0 TRUE "nowhere, where there is no CUDA toolkit")
message(STATUS "seven toolkits taken or refused as they should be")
