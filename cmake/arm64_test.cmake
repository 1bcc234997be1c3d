# SPDX-License-Identifier: Apache-2.0
# cmake -DSOURCE=... -DBINARY=... -P arm64_test.cmake
# Builds the CPU library for 64-bit ARM and runs the tests whose kernels have code of their own there, under qemu-user.
find_program(COMPILER aarch64-linux-gnu-g++)
find_program(QEMU qemu-aarch64)
if(NOT COMPILER OR NOT QEMU)
  message("SKIPPED: the NEON kernels are not tested; that takes g++-aarch64-linux-gnu and qemu-user")
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGV} WORKING_DIRECTORY ${SOURCE} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(result)
    message(FATAL_ERROR "${ARGV}\n${output}")
  endif()
endfunction()
run(${CMAKE_COMMAND} --preset arm64 -B ${BINARY} -DTPPO_SIMT=OFF)
run(${CMAKE_COMMAND} --build ${BINARY} --parallel)
run(${CMAKE_CTEST_COMMAND} --test-dir ${BINARY} --output-on-failure
    -R "^(adamw|balance_mask|decoder|elementary|gae|linear_loss|linear_products|logit_numbers|nll_loss|policy_edges|policy_loss|reward_model_loss|row_alignment|rows|sample_tokens|shape_rewards|token_advantages|token_log_probs|value_loss|whiten)_test$")
message("the NEON kernels pass their tests under qemu-user")
