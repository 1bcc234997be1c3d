// SPDX-License-Identifier: Apache-2.0
// Launches: one cluster of blocks at a time, every thread a fiber, three times over with different schedules that must give the same bits.
#include "launch.h"

#include <stdarg.h>
#include <stdio.h>

#include <algorithm>
#include <vector>

#include "device.h"
#include "fiber.h"
#include "device_memory.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace simt {

Thread* current;

namespace {

constexpr int kLanes = 32;
const char* const kFunctionNames[] = {"__syncwarp", "__shfl_sync", "__shfl_xor_sync", "__shfl_down_sync", "__shfl_up_sync", "__ballot_sync",
                                      "load_matrices", "multiply_add"};
const char* const kScheduleNames[] = {"forward", "reverse", "random"};

const char* name(WarpFunction f) { return kFunctionNames[static_cast<int>(f)]; }

}  // namespace

/// Sets of lanes as bits: those that exist, that can run, that wait for what, that have ended.
struct Warp {
  unsigned lanes, ready, ended, at_warp, at_block, at_cluster;
  struct {
    WarpFunction function;
    unsigned mask;
    int source;
    uint64_t value;
  } calls[kLanes];
  Deposit deposits[2][kLanes];  // of even and odd calls: while some lanes still read the last one, others come to the next
  Thread* threads;
};

namespace {

// The launch that runs.
const void* running_kernel;
Schedule schedule;
void (*thread_body)(void*);
void* thread_data;
size_t shared_bytes;
bool follows;

// The cluster that runs.
std::vector<Block> blocks;
std::vector<Warp> warps;
std::vector<Thread> threads;
std::vector<GuardedMemory> shared_memory;  // by rank
int cluster_arrived, live_threads;
unsigned cluster_phase;

std::vector<Fiber> fibers;  // as many as were ever needed at once, reused

uint64_t random_state;
unsigned random_below(unsigned n) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return static_cast<unsigned>((random_state >> 32) * n >> 32);
}

Fiber& fiber_of(const Thread* t) { return fibers[static_cast<size_t>(t - threads.data())]; }
unsigned bit_of(const Thread* t) { return 1u << t->lane; }

/// Until another thread makes this one ready again.
void pause() { leave_fiber(fiber_of(current)); }

void end_thread() {
  async_end();
  Thread& t = *current;
  if (follows && !t.after_previous) fail("this kernel may begin before the one before it has ended, and this thread did not wait for that");
  Warp& w = *t.warp;
  Block& b = *t.block;
  if (b.arrived > 0) fail("this thread ended while others of its block wait at a barrier (divergent barrier)");
  if (cluster_arrived > 0 && !t.at_cluster_barrier) fail("this thread ended while others of its cluster wait at a barrier (divergent barrier)");
  for (int lane = 0; lane < kLanes; ++lane)
    if ((w.at_warp >> lane & 1u) != 0 && (w.calls[lane].mask & bit_of(&t)) != 0)
      fail("this thread ended while lane %d waits for it in %s (divergent lanes)", lane, name(w.calls[lane].function));
  w.ended |= bit_of(&t);
  ++b.ended;
  --live_threads;
}

/// The life of a fiber: one thread after another.
void run_threads() {
  fiber_entered();
  for (;;) {
    thread_body(thread_data);
    end_thread();
    pause();
  }
}

/// All lanes of `mask` are in the same function: gives each its result.
void complete(Warp& w, WarpFunction function, unsigned mask) {
  unsigned set = 0;
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    if (w.calls[lane].function != function)
      fail("lane %d of the warp is in %s while this one is in %s (divergent lanes)", lane, name(w.calls[lane].function), name(function));
    set |= w.calls[lane].value != 0 ? 1u << lane : 0u;
  }
  uint64_t values[kLanes];
  for (int lane = 0; lane < kLanes; ++lane) {
    if ((mask >> lane & 1u) == 0) continue;
    const int source = w.calls[lane].source;
    if ((mask >> source & 1u) == 0) fail("lane %d asks in %s for lane %d, which is not in the mask %08x", lane, name(function), source, mask);
    values[lane] = function == WarpFunction::kBallot ? set : w.calls[source].value;
  }
  for (int lane = 0; lane < kLanes; ++lane)
    if ((mask >> lane & 1u) != 0) w.calls[lane].value = values[lane];
  w.at_warp &= ~mask;
  w.ready |= mask;
}

void report_wait(const Warp& w, unsigned lanes, const char* what) {
  if (lanes != 0)
    fprintf(stderr, "simt:   block %u, threads from %u, lanes %08x wait %s\n", w.threads->block->index.x, w.threads->index.x, lanes, what);
}

[[noreturn]] void fail_deadlock() {
  int reported = 0;
  for (const Warp& w : warps) {
    if (w.ended == w.lanes || ++reported > 8) continue;
    report_wait(w, w.at_block, "at __syncthreads");
    report_wait(w, w.at_cluster, "at the cluster's barrier");
    for (int lane = 0; lane < kLanes; ++lane)
      if ((w.at_warp >> lane & 1u) != 0) {
        char text[80];
        snprintf(text, sizeof text, "in %s with mask %08x", name(w.calls[lane].function), w.calls[lane].mask);
        report_wait(w, 1u << lane, text);
      }
  }
  current = nullptr;  // none of them in particular
  fail("deadlock: the threads wait for different things (divergent barrier or shuffle)");
}

/// A warp with a thread that can run, by the schedule; NULL if there is none.
Warp* next_warp() {
  const size_t n = warps.size();
  const size_t start = schedule == Schedule::kRandom ? random_below(static_cast<unsigned>(n)) : 0;
  for (size_t k = 0; k < n; ++k) {
    const size_t i = schedule == Schedule::kReverse ? n - 1 - k : (start + k) % n;
    if (warps[i].ready != 0) return &warps[i];
  }
  return nullptr;
}

int next_lane(unsigned ready) {
  if (schedule == Schedule::kForward) return __builtin_ctz(ready);
  if (schedule == Schedule::kReverse) return 31 - __builtin_clz(ready);
  const int start = static_cast<int>(random_below(kLanes));
  const unsigned above = ready >> start << start;
  return __builtin_ctz(above != 0 ? above : ready);
}

/// Runs the blocks first .. first + size - 1 to their end.
void run_cluster(unsigned first, unsigned size) {
  const int count = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  const int warps_per_block = (count + kLanes - 1) / kLanes;
  blocks.assign(size, Block{});
  warps.resize(size * static_cast<size_t>(warps_per_block));
  for (Warp& w : warps) w.lanes = w.ended = w.at_warp = w.at_block = w.at_cluster = 0;
  threads.assign(warps.size() * kLanes, Thread{});
  while (fibers.size() < threads.size()) fibers.push_back(make_fiber(run_threads));
  while (shared_memory.size() < size) shared_memory.emplace_back(largest_shared_bytes(), 16);
  for (unsigned rank = 0; rank < size; ++rank) {
    Block& b = blocks[rank];
    shared_memory[rank].resize(shared_bytes);
    b = Block{{first + rank, 0, 0}, rank, shared_memory[rank].data(), &warps[static_cast<size_t>(rank) * warps_per_block], count, 0, 0};
    for (int i = 0; i < count; ++i) {
      Warp& w = b.warps[i / kLanes];
      w.threads = &threads[static_cast<size_t>(&w - warps.data()) * kLanes];
      w.lanes |= 1u << i % kLanes;
      const unsigned x = static_cast<unsigned>(i) % blockDim.x, rest = static_cast<unsigned>(i) / blockDim.x;
      w.threads[i % kLanes] = Thread{{x, rest % blockDim.y, rest / blockDim.y}, i % kLanes, false, false, false, 0, &w, &b};
    }
  }
  for (Warp& w : warps) w.ready = w.lanes;
  cluster_arrived = 0;
  cluster_phase = 0;
  live_threads = count * static_cast<int>(size);

  Warp* w = nullptr;
  while (live_threads > 0) {
    // In random order a warp loses its turn now and then, even where it could go on.
    if (w == nullptr || w->ready == 0 || (schedule == Schedule::kRandom && random_below(16) == 0)) w = next_warp();
    if (w == nullptr) fail_deadlock();
    const int lane = next_lane(w->ready);
    w->ready &= ~(1u << lane);
    current = &w->threads[lane];
    threadIdx = current->index;
    blockIdx = current->block->index;
    enter_fiber(fiber_of(current));
  }
  current = nullptr;
  for (unsigned rank = 0; rank < size; ++rank)
    if (const char* const where = shared_memory[rank].damage()) fail("a write of block %u missed its shared memory: it went %s", first + rank, where);
}

void run_grid(Schedule order, unsigned cluster) {
  schedule = order;
  random_state = 0x9e3779b97f4a7c15u;
  const unsigned clusters = gridDim.x / cluster;
  std::vector<unsigned> turns(clusters);
  for (unsigned i = 0; i < clusters; ++i) turns[i] = order == Schedule::kReverse ? clusters - 1 - i : i;
  if (order == Schedule::kRandom)
    for (unsigned i = clusters; i > 1; --i) std::swap(turns[i - 1], turns[random_below(i)]);
  for (unsigned turn : turns) run_cluster(turn * cluster, cluster);
}

}  // namespace

uint64_t warp_exchange(WarpFunction function, unsigned mask, uint64_t value, int source) {
  Thread& t = *current;
  Warp& w = *t.warp;
  if ((mask & bit_of(&t)) == 0) fail("lane %d calls %s with the mask %08x, in which it is not", t.lane, name(function), mask);
  if ((mask & ~w.lanes) != 0) fail("the mask %08x of %s names lanes that the block does not have", mask, name(function));
  if ((mask & w.ended) != 0) fail("lanes %08x of the mask of %s have ended (divergent lanes)", mask & w.ended, name(function));
  w.calls[t.lane] = {function, mask, source, value};
  w.at_warp |= bit_of(&t);
  bool all = (w.at_warp & mask) == mask;
  for (int lane = 0; all && lane < kLanes; ++lane) all = (mask >> lane & 1u) == 0 || w.calls[lane].mask == mask;
  if (all) {
    complete(w, function, mask);
    w.ready &= ~bit_of(&t);
  } else {
    pause();
  }
  return w.calls[t.lane].value;
}

const Deposit* warp_gather(WarpFunction function, const Deposit& mine) {
  Thread& t = *current;
  t.odd_gather = !t.odd_gather;
  Deposit* const lanes = t.warp->deposits[t.odd_gather ? 1 : 0];
  lanes[t.lane] = mine;
  warp_exchange(function, 0xffffffffu, 0, t.lane);
  return lanes;
}

void block_barrier() {
  Thread& t = *current;
  Block& b = *t.block;
  if (b.ended > 0) fail("__syncthreads is called while %d threads of the block have ended (divergent barrier)", b.ended);
  if (++b.arrived < b.threads) {
    t.warp->at_block |= bit_of(&t);
    return pause();
  }
  b.arrived = 0;
  for (Warp* w = b.warps; w < b.warps + (b.threads + kLanes - 1) / kLanes; ++w) {
    w->ready |= w->at_block;
    w->at_block = 0;
  }
}

void cluster_arrive() {
  Thread& t = *current;
  if (t.at_cluster_barrier) fail("this thread arrives twice at the cluster's barrier without waiting");
  for (const Block& b : blocks)
    if (b.ended > 0) fail("the cluster's barrier is called while threads of block %u have ended (divergent barrier)", b.index.x);
  t.at_cluster_barrier = true;
  t.cluster_phase = cluster_phase;
  if (++cluster_arrived < live_threads) return;
  cluster_arrived = 0;
  ++cluster_phase;
  for (Warp& w : warps) {
    w.ready |= w.at_cluster;
    w.at_cluster = 0;
  }
}

void cluster_wait() {
  Thread& t = *current;
  if (!t.at_cluster_barrier) fail("this thread waits at the cluster's barrier without having arrived");
  if (t.cluster_phase == cluster_phase) {
    t.warp->at_cluster |= bit_of(&t);
    pause();
  }
  t.at_cluster_barrier = false;
}

unsigned cluster_size() { return static_cast<unsigned>(blocks.size()); }

void check_shared(const void* address, size_t bytes) {
  const uintptr_t offset = reinterpret_cast<uintptr_t>(address) - reinterpret_cast<uintptr_t>(current->block->shared);
  if (offset > shared_bytes || bytes > shared_bytes - offset) fail("access to %p, which is not in the block's %zu bytes of shared memory", address, shared_bytes);
  if (offset % bytes != 0) fail("misaligned access to shared memory: byte %zu is no multiple of %zu", static_cast<size_t>(offset), bytes);
}

void* remote_shared(const void* local, size_t bytes, unsigned rank) {
  check_shared(local, bytes);
  if (rank >= blocks.size()) fail("access to block %u of a cluster of %zu", rank, blocks.size());
  if (blocks[rank].ended == blocks[rank].threads) fail("access to the shared memory of block %u, which has ended", blocks[rank].index.x);
  return blocks[rank].shared + (static_cast<const unsigned char*>(local) - current->block->shared);
}

size_t thread_number() { return static_cast<size_t>(current - threads.data()); }

std::string describe_shared(const void* address) {
  for (size_t rank = 0; rank < blocks.size(); ++rank) {
    if (!shared_memory[rank].near(address)) continue;
    const auto* const p = static_cast<const unsigned char*>(address);
    const bool behind = p >= blocks[rank].shared;
    const size_t distance = static_cast<size_t>(behind ? p - blocks[rank].shared - shared_bytes : blocks[rank].shared - p);
    char text[120];
    snprintf(text, sizeof text, "%zu bytes %s the %zu bytes of shared memory of block %u", distance, behind ? "beyond" : "in front of", shared_bytes,
             blocks[rank].index.x);
    return text;
  }
  return "";
}

Where where() { return Where{running_kernel, current, kScheduleNames[static_cast<int>(schedule)]}; }

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, void (*body)(void*), void* data) {
  unsigned cluster = 1;
  if (!fits_device(config, kernel, &cluster)) return set_last_error(cudaErrorInvalidConfiguration);
  if (running_kernel != nullptr) fail("two launches at once: the tests launch from one thread");
  running_kernel = kernel;
  gridDim = config.gridDim;
  blockDim = config.blockDim;
  shared_bytes = config.dynamicSmemBytes;
  follows = false;
  for (unsigned i = 0; i < config.numAttrs; ++i)
    if (config.attrs[i].id == cudaLaunchAttributeProgrammaticStreamSerialization) follows = config.attrs[i].val.programmaticStreamSerializationAllowed != 0;
  thread_body = body;
  thread_data = data;
  catch_faults();

  static Image before, after;
  before.take();
  run_grid(Schedule::kForward, cluster);
  check_canaries();
  after.take();
  for (Schedule order : {Schedule::kReverse, Schedule::kRandom}) {
    before.restore();
    run_grid(order, cluster);
    const std::string difference = after.difference();
    if (!difference.empty()) fail("the result depends on the order of threads (race): %s", difference.c_str());
  }
  running_kernel = nullptr;
  return cudaSuccess;
}

}  // namespace simt
