# SPDX-License-Identifier: Apache-2.0
# Warnings of our own C and C++ code; an error everywhere, so that none piles up.
add_library(tppo_warnings INTERFACE)
target_compile_options(tppo_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:C,CXX>:-Wall -Wextra -Werror -Wundef -Wpointer-arith -Wcast-qual>
  $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor -Wno-psabi>)
