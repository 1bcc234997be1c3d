# SPDX-License-Identifier: Apache-2.0
# The same tests on CUDA device 0. They are built only; native/gpu_suite runs them where there is one.
find_package(CUDAToolkit REQUIRED)
add_custom_target(gpu_tests)
foreach(source IN LISTS tests)
  get_filename_component(name ${source} NAME_WE)
  add_executable(gpu_${name} ${source})
  target_compile_definitions(gpu_${name} PRIVATE TPPO_TEST_DEVICE=0)
  target_link_libraries(gpu_${name} PRIVATE tppo tppo_warnings Threads::Threads CUDA::cudart_static)
  target_compile_options(gpu_${name} PRIVATE -O1)
  add_dependencies(gpu_tests gpu_${name})
endforeach()
