# SPDX-License-Identifier: Apache-2.0
# The same tests on the CUDA kernels, which run on the host (native/simt): once as on a device with clusters, once as on one without.
foreach(source IN LISTS tests)
  get_filename_component(name ${source} NAME_WE)
  add_executable(simt_${name} ${source})
  target_compile_definitions(simt_${name} PRIVATE TPPO_TEST_DEVICE=0)
  target_link_libraries(simt_${name} PRIVATE tppo_simt tppo_warnings Threads::Threads)
  target_compile_options(simt_${name} PRIVATE -O1)
  foreach(capability IN ITEMS 80 90)
    add_test(NAME simt_${name}_sm${capability} COMMAND simt_${name})
    set_tests_properties(simt_${name}_sm${capability} PROPERTIES TIMEOUT 300 ENVIRONMENT TPPO_SIMT_CAPABILITY=${capability})
  endforeach()
endforeach()
