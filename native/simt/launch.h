// SPDX-License-Identifier: Apache-2.0
// What reports need to know of the launch that runs.
#pragma once

#include <cuda_runtime.h>

#include <string>

namespace simt {

enum class Schedule { kForward, kReverse, kRandom };

struct Where {
  const void* kernel;  // NULL outside a launch
  const Thread* thread;
  const char* schedule;
};
Where where();

/// "8 bytes beyond the 128 bytes of shared memory of block 3"; empty for an address that lies near none.
std::string describe_shared(const void* address);

/// Of the running thread, in its cluster.
size_t thread_number();

/// From now on a fault of a kernel is reported as fail() does.
void catch_faults();

}  // namespace simt
