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
  bool odd_gather;
  bool at_cluster_barrier;
  bool after_previous;     // it has waited for the kernel before
  unsigned cluster_phase;  // at its arrival
  Warp* warp;
  Block* block;
};

/// The thread that runs; NULL outside a kernel.
extern Thread* current;

enum class WarpFunction : uint8_t { kSync, kShuffle, kShuffleXor, kShuffleDown, kShuffleUp, kBallot, kLoadMatrices, kMultiplyAdd };

/// Waits for all lanes of the mask. Shuffles return the value of lane `source`, ballots the lanes whose value is not 0.
uint64_t warp_exchange(WarpFunction function, unsigned mask, uint64_t value, int source);
/// For functions of the whole warp: what every lane brought, readable until this lane's next call.
struct Deposit {
  uint64_t words[3];
};
const Deposit* warp_gather(WarpFunction function, const Deposit& mine);

void block_barrier();
void cluster_arrive();
void cluster_wait();
unsigned cluster_size();

/// Fails unless `bytes` bytes from here lie in the block's shared memory, at a multiple of `bytes`.
void check_shared(const void* address, size_t bytes);
/// The place in the shared memory of block `rank` of the cluster that corresponds to `local` in this block's.
void* remote_shared(const void* local, size_t bytes, unsigned rank);

/// As cp.async of 16 bytes, of which `bytes` are read; its groups; and the end of the thread.
void async_copy(void* to_shared, const void* from, int bytes);
void async_commit();
void async_wait(int pending);
void async_end();

/// Reports a defect of the kernel with kernel, block, thread and source line, and ends the process.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2), cold));

}  // namespace simt
