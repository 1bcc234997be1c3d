// SPDX-License-Identifier: Apache-2.0
// Rows that registers and shared memory cannot hold. One block takes one row at a time: it sweeps the row once for the softmax statistics and once more, now
// from L2, to write the gradient. In place is safe: what other threads need of the row (statistics, the target's logit) is read before a
// barrier, and after it every element is read and written by one thread only.
// The second sweep finds the row in L2 as long as the rows in work fit there, hence few, large blocks.
#include "row_statistics.cuh"

namespace tppo::cuda {
namespace {

constexpr int kThreads = 320;
constexpr int kGroupsInFlight = 4;

/// This thread's part of a row.
template <typename T>
__device__ __forceinline__ RowPart thread_part(const GroupReader<T>& reader, float scale) {
  RowPart part = empty_part();
  for (int first = static_cast<int>(threadIdx.x); first < reader.groups; first += kGroupsInFlight * kThreads) {
    uint4 groups[kGroupsInFlight];
    if (!reader.plain(first, first + (kGroupsInFlight - 1) * kThreads)) {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.any(first + u * kThreads);
    } else if (reader.shift == 0) {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.aligned(first + u * kThreads);
    } else {
#pragma unroll
      for (int u = 0; u < kGroupsInFlight; ++u) groups[u] = reader.straddling(first + u * kThreads);
    }
    part = both(part, part_of<T>(groups, scale), scale);
  }
  return part;
}

/// Gradient of a whole row. Vectors where both rows lie alike relative to 16 bytes, else single elements.
template <typename T, bool ENTROPY>
__device__ __forceinline__ void write_gradient(const T* in, T* out, int width, const GradientTerms& gradient) {
  constexpr int kCount = Lanes<T>::kCount;
  const auto one = [&](int64_t j) { math::store(out + j, gradient.template element<ENTROPY>(math::to_float(in[j]))); };
  const int thread = static_cast<int>(threadIdx.x);
  if (misalignment(in) != misalignment(out)) {
    for (int64_t j = thread; j < width; j += kThreads) one(j);
    return;
  }
  const AlignedCut cut = AlignedCut::of(out, width);
  const uint4* const source = reinterpret_cast<const uint4*>(in + cut.head);
  uint4* const target = reinterpret_cast<uint4*>(out + cut.head);
  if (thread < cut.head) one(thread);
  for (int first = thread; first < cut.vectors; first += kGroupsInFlight * kThreads) {
    uint4 v[kGroupsInFlight];
#pragma unroll
    for (int u = 0; u < kGroupsInFlight; ++u)
      if (first + u * kThreads < cut.vectors) v[u] = load_stream(source + first + u * kThreads);
#pragma unroll
    for (int u = 0; u < kGroupsInFlight; ++u)
      if (first + u * kThreads < cut.vectors)
        store_stream(target + first + u * kThreads, gradient.template group<T, ENTROPY>(v[u]));
  }
  const int tail = cut.head + cut.vectors * kCount + thread;
  if (tail < width) one(tail);
}

// One block runs on a multiprocessor; asked for two, the compiler takes 96 registers, asked for one, 64, and spills.
template <typename T>
__global__ void __launch_bounds__(kThreads, 2) streaming_rows_kernel(RowArgs<T> a, RowLoss loss) {
  TPPO_SHARED(RowShared, shared);
  next_kernel_may_begin();
  for (int64_t k = blockIdx.x; k < a.count; k += gridDim.x) {
    const int64_t token = a.tokens.token(a.first + k);
    if (!a.tokens.exists(token)) continue;
    T* const out = a.grad != nullptr ? a.grad + (token - a.first) * a.grad_stride : nullptr;
    if (!a.tokens.valid(token) || !loss.counts(token)) {
      if (out != nullptr) fill_row(out, a.width, 0.0f);
      if (threadIdx.x == 0) a.logprob[token] = a.entropy[token] = 0.0f;
      continue;
    }
    const T* const in = a.logits + (token - a.first) * a.logits_stride;
    if (threadIdx.x == 0) shared->inputs = row_inputs(a, loss, in, token);
    leave_part(thread_part<T>(GroupReader<T>(in, a.width), a.scale), a.scale, shared);
    __syncthreads();
    if (threadIdx.x < kWarp) row_outcome(a, loss, union_of(shared->parts, kThreads / kWarp, a.scale), true, shared);
    __syncthreads();
    if (out != nullptr) {
      if (shared->writes == 0)
        fill_row(out, a.width, shared->fill);
      else if (shared->per_d == 0.0f)
        write_gradient<T, false>(in, out, a.width, GradientTerms(shared));
      else
        write_gradient<T, true>(in, out, a.width, GradientTerms(shared));
    }
    __syncthreads();
    if (out != nullptr && threadIdx.x == 0 && shared->inputs.target >= 0 && shared->writes != 0) math::store(out + shared->inputs.target, shared->at_target);
  }
}

template <typename T>
void launch_kernel(Launcher& launch, const RowArgs<T>& a, const RowLoss& loss) {
  const int64_t resident = launch.multiprocessors();
  launch(streaming_rows_kernel<T>, Grid{a.count < resident ? a.count : resident, kThreads, sizeof(RowShared)}, a, loss);
}

}  // namespace

void launch_streaming_rows(Launcher& launch, const RowArgs<float>& a, const RowLoss& loss) { launch_kernel(launch, a, loss); }
void launch_streaming_rows(Launcher& launch, const RowArgs<math::bf16>& a, const RowLoss& loss) { launch_kernel(launch, a, loss); }
void launch_streaming_rows(Launcher& launch, const RowArgs<math::f16>& a, const RowLoss& loss) { launch_kernel(launch, a, loss); }

}  // namespace tppo::cuda
