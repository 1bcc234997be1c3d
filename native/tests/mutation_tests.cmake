# SPDX-License-Identifier: Apache-2.0
# One test for each fault of mutations.cmake: it passes when the fault is caught. The mutant is the library tppo_simt with one object of
# another source; the test program that is there already runs on it.
set(TPPO_MUTANTS ${CMAKE_CURRENT_BINARY_DIR}/mutants)

function(tppo_mutation name file unit text instead program report)
  set(native ${CMAKE_SOURCE_DIR}/native)
  set(folder ${TPPO_MUTANTS}/${name}/native)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${native}/cuda/${file})
  file(READ ${native}/cuda/${file} source)
  string(REPLACE "${text}" "${instead}" mutated "${source}")
  string(FIND "${source}" "${text}" first)
  string(FIND "${source}" "${text}" last REVERSE)
  if(first EQUAL -1 OR NOT first EQUAL last)
    add_test(NAME mutation_${name} COMMAND ${CMAKE_COMMAND} -E false)
    message(WARNING "mutation ${name}: its text must stand in ${file} exactly once; adapt native/tests/mutations.cmake")
    return()
  endif()

  # The kernels' folder again, by links, but for the file with the fault and the one that is compiled.
  file(MAKE_DIRECTORY ${folder}/cuda)
  foreach(sibling IN ITEMS math simt include status.h)
    file(CREATE_LINK ${native}/${sibling} ${folder}/${sibling} SYMBOLIC)
  endforeach()
  file(GLOB headers ${native}/cuda/*.h ${native}/cuda/*.cuh)
  foreach(header IN LISTS headers)
    get_filename_component(header_name ${header} NAME)
    file(CREATE_LINK ${header} ${folder}/cuda/${header_name} SYMBOLIC)
  endforeach()
  configure_file(${native}/cuda/${unit} ${folder}/cuda/${unit} COPYONLY)
  file(REMOVE ${folder}/cuda/${file})  # which is a link to the real one, as yet
  file(WRITE ${folder}/cuda/${file} "${mutated}")

  string(REPLACE "." "[.]" object "/${unit}.o")
  # Its object comes first: of an inline function that other objects have too the linker takes the first.
  add_library(mutant_object_${name} OBJECT ${folder}/cuda/${unit})
  tppo_simt_settings(mutant_object_${name})
  add_library(mutant_${name} SHARED $<TARGET_OBJECTS:mutant_object_${name}> "$<FILTER:$<TARGET_OBJECTS:tppo_simt>,EXCLUDE,${object}>"
              ${TPPO_CPU_OBJECTS})
  set_source_files_properties(${folder}/cuda/${unit} PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++;-O0;-w")
  set_target_properties(mutant_${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${TPPO_MUTANTS}/${name} OUTPUT_NAME tppo_simt LINKER_LANGUAGE CXX)
  tppo_simt_settings(mutant_${name})
  list(POP_FRONT program executable)
  add_test(NAME mutation_${name} COMMAND simt_${executable} ${program})
  set_tests_properties(mutation_${name} PROPERTIES TIMEOUT 300 PASS_REGULAR_EXPRESSION "${report}"
    ENVIRONMENT "LD_PRELOAD=$<TARGET_FILE:mutant_${name}>;TPPO_SIMT_CAPABILITY=90")
endfunction()

include(mutations.cmake)
