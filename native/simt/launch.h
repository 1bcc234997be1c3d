// SPDX-License-Identifier: Apache-2.0
// What reports need to know of the launch that runs.
#pragma once

#include <cuda_runtime.h>

namespace simt {

enum class Schedule { kForward, kReverse, kRandom };

struct Where {
  const void* kernel;  // NULL outside a launch
  const Thread* thread;
  const char* schedule;
};
Where where();

/// Of the running thread, in its cluster.
size_t thread_number();

/// From now on a fault of a kernel is reported as fail() does.
void catch_faults();

}  // namespace simt
