# SPDX-License-Identifier: Apache-2.0
# Toolchain: 64-bit ARM from another architecture, with Debian's g++-aarch64-linux-gnu; tests run under qemu-user where that is installed.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
find_program(TPPO_QEMU qemu-aarch64)
if(TPPO_QEMU)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${TPPO_QEMU} -L /usr/aarch64-linux-gnu)
endif()
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
