// SPDX-License-Identifier: Apache-2.0
// The device that is played: its compute capability and size, from the environment.
//   TPPO_SIMT_CAPABILITY  80, 86, 89, 90, 100 or 120; default 90
//   TPPO_SIMT_SMS         multiprocessors; default 3, so that few blocks run and each takes several rows
#pragma once

#include <cuda_runtime.h>

namespace simt {

/// Most dynamic shared memory of a block.
size_t largest_shared_bytes();
/// Whether the device takes a launch; sets its cluster size.
bool fits_device(const cudaLaunchConfig_t& config, const void* kernel, unsigned* cluster);
/// Keeps the error for cudaGetLastError and returns it.
cudaError_t set_last_error(cudaError_t error);

}  // namespace simt
