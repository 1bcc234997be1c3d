// SPDX-License-Identifier: Apache-2.0
// A CUDA thread on the host: a fiber that runs until it waits for others. One OS thread runs them all.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace simt {

struct Warp;

struct Block {
  uint3 index;
  unsigned rank;  // in its cluster
  unsigned char* shared;
  Warp* warps;
  int threads, arrived, ended;
};

struct Thread {
  uint3 index;
  int lane;
  bool at_cluster_barrier;
  unsigned cluster_phase;  // at its arrival
  Warp* warp;
  Block* block;
};

/// The thread that runs; NULL outside a kernel.
extern Thread* current;

enum class WarpFunction : uint8_t { kSync, kShuffle, kShuffleXor, kShuffleDown, kShuffleUp, kBallot };

/// Waits for all lanes of the mask. Shuffles return the value of lane `source`, ballots the lanes whose value is not 0.
uint64_t warp_exchange(WarpFunction function, unsigned mask, uint64_t value, int source);
void block_barrier();
void cluster_arrive();
void cluster_wait();
unsigned cluster_size();

/// The place in the shared memory of block `rank` of the cluster that corresponds to `local` in this block's.
void* remote_shared(const void* local, size_t bytes, unsigned rank);

/// Reports a defect of the kernel with kernel, block, thread and source line, and ends the process.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2), cold));

}  // namespace simt
