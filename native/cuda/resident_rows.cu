// SPDX-License-Identifier: Apache-2.0
// Rows that stay in registers. One block, or from compute capability 9.0 on one cluster of blocks, takes one row: each thread loads its
// groups once with streaming loads, the parts (max, sum, sum) are merged by shuffles, by warps through shared memory, by blocks through
// distributed shared memory, always in the same order, and each thread writes the gradient of its groups once. Several rows share a
// multiprocessor, so that loads, arithmetic and stores of different rows overlap.
// In place is safe: all of the row is read before the barrier after which the first element is written.
#include "row_statistics.cuh"

namespace tppo::cuda {
namespace {

/// Groups of a thread: 32 registers, which leaves 32 for the arithmetic at full occupancy.
constexpr int kGroups = 8;
constexpr int kMostThreads = 1024;
constexpr int kVector = 16;

/// What is known about the rows of a call.
enum class Form {
  kPlain,         // 16-byte boundaries everywhere, whole groups, no entropy bonus
  kPlainEntropy,  // the same with an entropy bonus
  kAny
};

/// The part of a row that a block holds.
struct Slice {
  int begin, end;  // groups
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

template <typename T, Form FORM>
__device__ __forceinline__ void load_slice(const T* in, const Slice& slice, int width, uint4 (&x)[kGroups]) {
  const int first = slice.begin + static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  if constexpr (FORM == Form::kAny) {
    const GroupReader<T> reader(in, width);
#pragma unroll
    for (int k = 0; k < kGroups; ++k) {
      const int g = first + k * threads;
      x[k] = g < slice.end ? reader.any(g) : nothing<T>();
    }
  } else {
#pragma unroll
    for (int k = 0; k < kGroups; ++k) {
      const int g = first + k * threads;
      x[k] = nothing<T>();
      if (g < slice.end) x[k] = load_stream(reinterpret_cast<const uint4*>(in) + g);
    }
  }
}

template <typename T, Form FORM>
__device__ __forceinline__ void store_slice(T* out, const Slice& slice, int width, const RowShared* shared, float scale, uint4 (&x)[kGroups]) {
  constexpr int kCount = Lanes<T>::kCount;
  constexpr bool kEntropy = FORM != Form::kPlain;
  const int first = slice.begin + static_cast<int>(threadIdx.x);
  const int threads = static_cast<int>(blockDim.x);
  const float m = shared->m, constant = shared->constant, per_d = shared->per_d;
#pragma unroll
  for (int k = 0; k < kGroups; ++k) {
    const int g = first + k * threads;
    forget(x[k]);
    const uint4 group = gradient_group<T, kEntropy>(x[k], m, scale, constant, per_d);
    if constexpr (FORM == Form::kAny) {
      const int left = g < slice.end ? width - g * kCount : 0;
      store_group(out + static_cast<int64_t>(g) * kCount, group, left < kCount ? left : kCount);
    } else {
      if (g < slice.end) store_stream(reinterpret_cast<uint4*>(out) + g, group);
    }
  }
}

/// `log2_blocks`: of the cluster.
template <typename T, Form FORM>
__global__ void __launch_bounds__(kMostThreads) resident_rows_kernel(RowArgs<T> a, RowLoss loss, int log2_blocks) {
  TPPO_SHARED(RowShared, shared);
  constexpr int kCount = Lanes<T>::kCount;
  const int blocks = 1 << log2_blocks;
  const int rank = static_cast<int>(blockIdx.x) & (blocks - 1);  // of this block in its cluster
  const int64_t entry = a.first + (blockIdx.x >> log2_blocks);
  const int64_t token = a.tokens.token(entry);
  if (!a.tokens.exists(token)) return;
  const int groups = (a.width + kCount - 1) / kCount;
  const int share = (groups + blocks - 1) >> log2_blocks;
  const Slice slice{rank * share, (rank + 1) * share < groups ? (rank + 1) * share : groups};
  T* const out = a.grad != nullptr ? a.grad + (token - a.first) * a.grad_stride : nullptr;
  const bool first_thread = threadIdx.x == 0 && rank == 0;
  if (!a.tokens.valid(token) || !loss.counts(token)) {
    if (out != nullptr) fill_slice<T, FORM>(out, slice, a.width, 0.0f);
    if (first_thread) a.logprob[token] = a.entropy[token] = 0.0f;
    return;
  }
  const T* const in = a.logits + (token - a.first) * a.logits_stride;
  uint4 x[kGroups];
  load_slice<T, FORM>(in, slice, a.width, x);
  RowInputs inputs = {};
  if (threadIdx.x < kWarp) inputs = row_inputs(a, loss, in, token);
  if (blocks > 1) cluster_sync();  // every block has begun: its shared memory may be written
  RowPart part = empty_part();
  add_groups<T>(x, a.scale, part);
  part = block_union(part, a.scale, shared);
  if (blocks > 1) {
    if (static_cast<int>(threadIdx.x) < blocks) {
      float* const slot = shared->ranks + 3 * rank;
      cluster_store(slot, part.m, threadIdx.x);
      cluster_store(slot + 1, part.s, threadIdx.x);
      cluster_store(slot + 2, part.t, threadIdx.x);
    }
    __syncwarp();  // the barrier is one for whole warps
    cluster_sync();
    if (threadIdx.x < kWarp) part = union_of(shared->ranks, blocks, a.scale);
  }
  if (threadIdx.x < kWarp) row_outcome(a, loss, inputs, part, token, rank == 0, shared);
  if (out == nullptr) return;
  __syncthreads();
  if (shared->writes == 0) {
    fill_slice<T, FORM>(out, slice, a.width, shared->fill);
    return;
  }
  store_slice<T, FORM>(out, slice, a.width, shared, a.scale, x);
  __syncthreads();
  if (threadIdx.x == 0 && inputs.target >= slice.begin * kCount && inputs.target < slice.end * kCount)
    math::store(out + inputs.target, shared->at_target);
}

/// Whether rows from `p` on, `stride` elements apart, begin at 16-byte boundaries.
template <typename T>
bool on_boundaries(const T* p, int64_t stride) {
  return reinterpret_cast<uintptr_t>(p) % kVector == 0 && stride * static_cast<int64_t>(sizeof(T)) % kVector == 0;
}

template <typename T>
void launch_kernel(Launcher& launch, const RowArgs<T>& a, const RowLoss& loss, const ResidentPlan& plan) {
  int log2_blocks = 0;
  while (1 << log2_blocks < plan.blocks) ++log2_blocks;
  const Grid grid{a.count * plan.blocks, plan.threads, sizeof(RowShared), plan.blocks};
  const bool plain = a.width % Lanes<T>::kCount == 0 && on_boundaries(a.logits, a.logits_stride) &&
                     (a.grad == nullptr || on_boundaries(a.grad, a.grad_stride));
  if (!plain)
    launch(resident_rows_kernel<T, Form::kAny>, grid, a, loss, log2_blocks);
  else if (loss.old_logprobs != nullptr && loss.options.entropy_coef != 0.0f)
    launch(resident_rows_kernel<T, Form::kPlainEntropy>, grid, a, loss, log2_blocks);
  else
    launch(resident_rows_kernel<T, Form::kPlain>, grid, a, loss, log2_blocks);
}

}  // namespace

ResidentPlan resident_plan(int64_t row_bytes, bool has_clusters) {
  // A block of a cluster holds up to 40 KiB, so that several share a multiprocessor, and more only where eight blocks are not enough.
  constexpr int64_t kComfortable = 40 * 1024;
  constexpr int64_t kMost = static_cast<int64_t>(kMostThreads) * kGroups * kVector;
  int blocks = 1;
  if (has_clusters)
    while (blocks < 8 && row_bytes > blocks * kComfortable) blocks *= 2;
  // Without clusters up to half of what fits: a row that fills a multiprocessor leaves nothing to overlap its loads with.
  if (row_bytes > blocks * (has_clusters ? kMost : kMost / 2)) return ResidentPlan{0, 0};
  const int64_t vectors = (row_bytes + kVector - 1) / kVector;
  const int64_t share = (vectors + blocks - 1) / blocks;
  const int64_t warps = (share + kGroups * kWarp - 1) / (kGroups * kWarp);
  return ResidentPlan{blocks, static_cast<int>(warps) * kWarp};
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
