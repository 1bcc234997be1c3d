# SPDX-License-Identifier: Apache-2.0
# The same tests on the CUDA kernels, which run on the host (native/simt): as on a device with clusters, and those on rows of logits, whose
# kernels make use of them, also as on one without.
foreach(source IN LISTS tests)
  get_filename_component(name ${source} NAME_WE)
  add_executable(simt_${name} ${source})
  target_compile_definitions(simt_${name} PRIVATE TPPO_TEST_DEVICE=0)
  target_link_libraries(simt_${name} PRIVATE tppo_simt tppo_warnings Threads::Threads)
  target_compile_options(simt_${name} PRIVATE -O1)
  set(capabilities 90)
  if(name MATCHES "^(row|policy|nll|token_log_probs|linear)")
    set(capabilities 80 90)
  endif()
  foreach(capability IN LISTS capabilities)
    add_test(NAME simt_${name}_sm${capability} COMMAND simt_${name})
    set_tests_properties(simt_${name}_sm${capability} PROPERTIES TIMEOUT 600 ENVIRONMENT TPPO_SIMT_CAPABILITY=${capability})
  endforeach()
endforeach()
