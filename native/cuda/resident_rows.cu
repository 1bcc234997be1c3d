// SPDX-License-Identifier: Apache-2.0
// Rows that a multiprocessor holds: each is read once and written once. One block, or from compute capability 9.0 on a cluster of blocks where
// one is not enough, takes one row. A thread loads its groups once into registers and, of wide rows, into its own places of shared memory;
// the parts (max, sum, sum) are merged by shuffles, by warps through shared memory, by blocks through distributed shared memory, always in the
// same order; then each thread writes the gradient of its groups once. Multiprocessors are in different phases, so that loads, arithmetic and
// stores overlap; one that waits for a cluster to start or to meet is idle, hence few, large blocks.
// In place is safe: all of the row is read before the barrier after which the first element is written.
#include "row_statistics.cuh"

namespace tppo::cuda {
namespace {

/// Groups that a thread keeps in registers: 32 of them, which leaves 32 for the arithmetic at full occupancy.
constexpr int kGroups = 8;
constexpr int kMostThreads = 1024;
constexpr int kVector = 16;

/// What is known about the rows of a call.
enum class Form {
  kPlain,         // 16-byte boundaries everywhere, whole groups, no entropy bonus
  kPlainEntropy,  // the same with an entropy bonus
  kAny
};

/// Which block of its cluster this is.
__device__ __forceinline__ int rank_in_cluster(int log2_blocks) { return static_cast<int>(block_index() & ((1u << log2_blocks) - 1u)); }

/// The part of a row that this block of a cluster holds.
struct Slice {
  int rank;        // of the block
  int begin, end;  // groups

  __device__ __forceinline__ Slice(int groups, int log2_blocks) : rank(rank_in_cluster(log2_blocks)) {
    const int share = (groups + (1 << log2_blocks) - 1) >> log2_blocks;
    begin = rank * share;
    end = begin + share < groups ? begin + share : groups;
  }
};

template <typename T, Form FORM>
__device__ __forceinline__ void fill_slice(T* out, const Slice& slice, int width, float value) {
  constexpr int kCount = Lanes<T>::kCount;
  if constexpr (FORM == Form::kAny) {
    const int begin = slice.begin * kCount;
    const int end = slice.end * kCount < width ? slice.end * kCount : width;
    fill_row(out + begin, end - begin, value);
  } else {
    float all[kCount];
#pragma unroll
    for (int i = 0; i < kCount; ++i) all[i] = value;
    const uint4 packed = Lanes<T>::pack(all);
    for (int g = slice.begin + static_cast<int>(threadIdx.x); g < slice.end; g += static_cast<int>(blockDim.x))
      store_stream(reinterpret_cast<uint4*>(out) + g, packed);
  }
}

/// The groups of a row that a thread holds, one in blockDim.x of its block's slice: kGroups in registers, then those in shared memory.
template <typename T, Form FORM>
class Holding {
 public:
  __device__ __forceinline__ Holding(int width, uint4* places, int shared_groups) : width_(width), places_(places), shared_groups_(shared_groups) {}

  /// Starts to load a slice of the row.
  __device__ __forceinline__ void load(const T* row, const Slice& slice) {
    const int count = slice.end - slice.begin;
    if constexpr (FORM == Form::kAny) {
      const GroupReader<T> reader(row, width_);
#pragma unroll 1
      for (int k = 0; k < shared_groups_; ++k) {
        const int g = group(kGroups + k);
        place(k) = g < count ? reader.any(slice.begin + g) : nothing<T>();
      }
#pragma unroll
      for (int k = 0; k < kGroups; ++k) {
        const int g = group(k);
        x_[k] = g < count ? reader.any(slice.begin + g) : nothing<T>();
      }
    } else {
      const uint4* const vectors = reinterpret_cast<const uint4*>(row) + slice.begin;
#pragma unroll
      for (int k = 0; k < kGroups; ++k) {
        const int g = group(k);
        x_[k] = nothing<T>();
        if (g < count) x_[k] = load_stream(vectors + g);
      }
      for (int k = 0; k < shared_groups_; ++k) {
        const int g = group(kGroups + k);
        if (g < count)
          copy_async(&place(k), vectors + g);
        else
          place(k) = nothing<T>();
      }
      copy_async_commit();
    }
  }

  /// Statistics of what is held in registers.
  __device__ __forceinline__ RowPart part_in_registers(float scale) const { return part_of<T>(x_, scale); }

  /// Statistics of what is held in shared memory, which is something. Loops here and below are unrolled as far as registers suffice.
  __device__ __forceinline__ RowPart part_in_shared(float scale) {
    copy_async_wait<0>();
    uint4 w = place(0);
#pragma unroll 2
    for (int k = 1; k < shared_groups_; ++k) w = larger<T>(w, place(k));
    PartSums<T> sums(largest<T>(w), scale);
#pragma unroll 4
    for (int k = 0; k < shared_groups_; ++k) sums.add(place(k));
    return sums.part();
  }

  /// Writes the gradient of the slice that is held; to be called by whole warps.
  __device__ __forceinline__ void write(T* out, const Slice& slice, const GradientTerms& gradient) {
#pragma unroll
    for (int k = 0; k < kGroups; ++k) {
      forget(x_[k]);
      store(out, slice, k, gradient.template group<T, kEntropy>(x_[k]));
    }
#pragma unroll 2
    for (int k = 0; k < shared_groups_; ++k) store(out, slice, kGroups + k, gradient.template group<T, kEntropy>(place(k)));
  }

 private:
  static constexpr bool kEntropy = FORM != Form::kPlain;

  /// The thread's k-th group, counted from the slice's first.
  static __device__ __forceinline__ int group(int k) { return static_cast<int>(threadIdx.x) + k * static_cast<int>(blockDim.x); }
  __device__ __forceinline__ uint4& place(int k) { return places_[group(k)]; }

  __device__ __forceinline__ void store(T* out, const Slice& slice, int k, const uint4& vector) const {
    constexpr int kCount = Lanes<T>::kCount;
    const int g = group(k), count = slice.end - slice.begin;
    out += static_cast<int64_t>(slice.begin) * kCount;
    if constexpr (FORM == Form::kAny) {
      const int left = g < count ? width_ - (slice.begin + g) * kCount : 0;
      store_group(out + static_cast<int64_t>(g) * kCount, vector, left < kCount ? left : kCount);
    } else {
      if (g < count) store_stream(reinterpret_cast<uint4*>(out) + g, vector);
    }
  }

  int width_;
  uint4 x_[kGroups];
  uint4* places_;  // in shared memory, the block's
  int shared_groups_;
};

/// `log2_blocks`: of the cluster. `shared_groups`: of a thread.
template <typename T, Form FORM>
__global__ void __launch_bounds__(kMostThreads) resident_rows_kernel(RowArgs<T> a, RowLoss loss, int log2_blocks, int shared_groups) {
  TPPO_SHARED(RowShared, shared);
  next_kernel_may_begin();
  constexpr int kCount = Lanes<T>::kCount;
  const int blocks = 1 << log2_blocks;  // of the cluster
  const auto out = [&](int64_t token) { return a.grad + (token - a.first) * a.grad_stride; };
  const int groups = (a.width + kCount - 1) / kCount;
  Holding<T, FORM> holding(a.width, reinterpret_cast<uint4*>(shared + 1), shared_groups);
  {
    const Slice slice(groups, log2_blocks);
    const int64_t i = a.tokens.token(a.first + (blockIdx.x >> log2_blocks));
    if (!a.tokens.exists(i)) return;
    if (!a.tokens.valid(i) || !loss.counts(i)) {
      if (a.grad != nullptr) fill_slice<T, FORM>(out(i), slice, a.width, 0.0f);
      if (threadIdx.x == 0 && slice.rank == 0) a.logprob[i] = a.entropy[i] = 0.0f;
      return;
    }
    const T* const in = a.logits + (i - a.first) * a.logits_stride;
    if (blocks > 1) cluster_arrive();
    holding.load(in, slice);
    if (threadIdx.x == 0) shared->inputs = row_inputs(a, loss, in, i);
  }
  RowPart part = holding.part_in_registers(a.scale);
  if (shared_groups > 0) part = both(part, holding.part_in_shared(a.scale), a.scale);
  leave_part(part, a.scale, shared);
  __syncthreads();
  if (threadIdx.x < kWarp) part = union_of(shared->parts, static_cast<int>(blockDim.x) / kWarp, a.scale);
  if (blocks > 1) {
    cluster_wait();  // every block has begun: its shared memory may be written
    if (static_cast<int>(threadIdx.x) < blocks) {
      float* const slot = shared->ranks + 3 * rank_in_cluster(log2_blocks);
      cluster_store(slot, part.m, threadIdx.x);
      cluster_store(slot + 1, part.s, threadIdx.x);
      cluster_store(slot + 2, part.t, threadIdx.x);
    }
    __syncwarp();  // the barrier is one for whole warps
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x < kWarp) part = union_of(shared->ranks, blocks, a.scale);
  }
  if (threadIdx.x < kWarp) row_outcome(a, loss, part, rank_in_cluster(log2_blocks) == 0, shared);
  if (a.grad == nullptr) return;
  __syncthreads();
  const Slice slice(groups, log2_blocks);
  if (shared->writes == 0) {
    fill_slice<T, FORM>(out(shared->inputs.token), slice, a.width, shared->fill);
    return;
  }
  holding.write(out(shared->inputs.token), slice, GradientTerms(shared));
  __syncwarp();  // the target's element was written by a lane of the warp that holds its group
  const int target = shared->inputs.target, g = target / kCount - slice.begin;
  if (target >= 0 && g >= 0 && g < slice.end - slice.begin && g % static_cast<int>(blockDim.x) == static_cast<int>(threadIdx.x))
    math::store(out(shared->inputs.token) + target, shared->at_target);
}

/// Whether rows from `p` on, `stride` elements apart, begin at 16-byte boundaries.
template <typename T>
bool on_boundaries(const T* p, int64_t stride) {
  return reinterpret_cast<uintptr_t>(p) % kVector == 0 && stride * static_cast<int64_t>(sizeof(T)) % kVector == 0;
}

size_t shared_bytes(const ResidentPlan& plan) {
  return sizeof(RowShared) + sizeof(uint4) * static_cast<size_t>(plan.threads) * static_cast<size_t>(plan.shared_groups);
}

/// Shared memory of each of two blocks on a multiprocessor, of which one alone gets `most` bytes: the system keeps 1 KiB a block.
int64_t half_of_shared(int64_t most) { return (most + 1024) / 2 - 1024; }

template <typename T>
void launch_kernel(Launcher& launch, const RowArgs<T>& a, const RowLoss& loss, const ResidentPlan& plan) {
  int log2_blocks = 0;
  while (1 << log2_blocks < plan.blocks) ++log2_blocks;
  const Grid grid{a.count * plan.blocks, plan.threads, shared_bytes(plan), plan.blocks};
  const bool plain = a.width % Lanes<T>::kCount == 0 && on_boundaries(a.logits, a.logits_stride) &&
                     (a.grad == nullptr || on_boundaries(a.grad, a.grad_stride));
  if (!plain)
    launch(resident_rows_kernel<T, Form::kAny>, grid, a, loss, log2_blocks, plan.shared_groups);
  else if (loss.old_logprobs != nullptr && loss.options.entropy_coef != 0.0f)
    launch(resident_rows_kernel<T, Form::kPlainEntropy>, grid, a, loss, log2_blocks, plan.shared_groups);
  else
    launch(resident_rows_kernel<T, Form::kPlain>, grid, a, loss, log2_blocks, plan.shared_groups);
}

/// Blocks of up to `threads` threads with up to `shared_bytes` each that hold a row together; blocks 0 if `most_blocks` of them do not.
ResidentPlan plan_of(int64_t row_bytes, int threads, int64_t shared_bytes, int most_blocks) {
  const int64_t vectors = (row_bytes + kVector - 1) / kVector;
  const int64_t places = (shared_bytes - static_cast<int64_t>(sizeof(RowShared))) / kVector / threads;
  const int64_t most_groups = kGroups + places;
  for (int blocks = 1; blocks <= most_blocks; blocks *= 2) {
    const int64_t share = (vectors + blocks - 1) / blocks;
    int64_t groups = (share + threads - 1) / threads;
    if (groups > most_groups) continue;
    if (groups < kGroups) groups = kGroups;
    const int64_t warps = (share + groups * kWarp - 1) / (groups * kWarp);
    return ResidentPlan{blocks, static_cast<int>(warps) * kWarp, static_cast<int>(groups) - kGroups};
  }
  return ResidentPlan{0, 0, 0};
}

}  // namespace

ResidentPlan resident_plan(int64_t row_bytes, bool has_clusters, int64_t shared_bytes) {
  // Two blocks on a multiprocessor where they hold the row, so that one works while the other waits; else one that has it all; else a cluster.
  const ResidentPlan half = plan_of(row_bytes, kMostThreads / 2, half_of_shared(shared_bytes), 1);
  return half.blocks > 0 ? half : plan_of(row_bytes, kMostThreads, shared_bytes, has_clusters ? 8 : 1);
}

void launch_resident_rows(Launcher& launch, const RowArgs<float>& a, const RowLoss& loss, const ResidentPlan& plan) {
  launch_kernel(launch, a, loss, plan);
}
void launch_resident_rows(Launcher& launch, const RowArgs<math::bf16>& a, const RowLoss& loss, const ResidentPlan& plan) {
  launch_kernel(launch, a, loss, plan);
}
void launch_resident_rows(Launcher& launch, const RowArgs<math::f16>& a, const RowLoss& loss, const ResidentPlan& plan) {
  launch_kernel(launch, a, loss, plan);
}

}  // namespace tppo::cuda
