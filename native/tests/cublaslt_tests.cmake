# SPDX-License-Identifier: Apache-2.0
# The products of the output layer by cuBLASLt, for which a library of the tests stands in. Its last words say how many products it made.
add_library(cublaslt_stand_in SHARED cublaslt_stand_in.cpp)
target_link_libraries(cublaslt_stand_in PRIVATE tppo_warnings)
set_target_properties(cublaslt_stand_in PROPERTIES OUTPUT_NAME cublasLt SUFFIX .so.13 LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/stand_in)
add_executable(simt_cublaslt_test cublaslt_cases.cpp)
target_compile_definitions(simt_cublaslt_test PRIVATE TPPO_TEST_DEVICE=0)
target_link_libraries(simt_cublaslt_test PRIVATE tppo_simt tppo_warnings Threads::Threads)
target_compile_options(simt_cublaslt_test PRIVATE -O1)
add_test(NAME simt_cublaslt_test COMMAND simt_cublaslt_test)
set_tests_properties(simt_cublaslt_test PROPERTIES TIMEOUT 300
  ENVIRONMENT "TPPO_CUBLASLT=1;LD_LIBRARY_PATH=${CMAKE_CURRENT_BINARY_DIR}/stand_in"
  PASS_REGULAR_EXPRESSION "stand-in for cuBLASLt: 14 products" FAIL_REGULAR_EXPRESSION "FAIL;simt:;status")
