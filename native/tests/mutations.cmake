# SPDX-License-Identifier: Apache-2.0
# Faults that the tests of the kernels must catch, each planted alone:
#   tppo_mutation(NAME  FILE of native/cuda that gets it  FILE to compile  TEXT, which stands there once  TEXT instead
#                 "test program;cases"  what its output must match)

set(race "simt: the result depends on the order of threads")

tppo_mutation(missing_syncthreads resident_rows.cu resident_rows.cu
[[
  __syncthreads();
  if (threadIdx.x < kWarp) part = union_of(shared->parts]]
[[
  if (threadIdx.x < kWarp) part = union_of(shared->parts]]
  "rows_test;rows_of_a_few_thousand" "${race}|FAIL [a-z]")

tppo_mutation(missing_cluster_barrier resident_rows.cu resident_rows.cu
[[
    cluster_arrive();
    cluster_wait();
    if (threadIdx.x < kWarp) part]]
[[
    if (threadIdx.x < kWarp) part]]
  "rows_test;rows_of_128256" "simt: access to the shared memory of block [0-9]+, which has ended|${race}")

# The race of a kernel in place: numerically invisible, since the gradient is small beside the logit's effect on the loss.
tppo_mutation(target_read_after_the_overwrite resident_rows.cu resident_rows.cu
  [[if (threadIdx.x < kWarp) row_outcome]]
  [[if (threadIdx.x == 0) shared->inputs = row_inputs(a, loss, a.logits + (shared->inputs.token - a.first) * a.logits_stride, shared->inputs.token);
  if (threadIdx.x < kWarp) row_outcome]]
  "rows_test;rows_of_128256" "${race}")

tppo_mutation(store_one_element_too_many resident_rows.cu resident_rows.cu
  [[const int left = g < count ? width_ - (slice.begin + g) * kCount : 0;]]
  [[const int left = g < count ? width_ - (slice.begin + g) * kCount + 1 : 0;]]
  "rows_test;narrow_rows" "simt: access to .* 0 bytes beyond the end|simt: a write missed")

tppo_mutation(load_beyond_the_row row_access.cuh resident_rows.cu
  [[/ kCount - (shift == 0 ? 0 : 1);]]
  [[/ kCount;]]
  "rows_test;narrow_rows" "simt: access to .* beyond the end|FAIL [a-z]")

tppo_mutation(unwritten_cluster_slot resident_rows.cu resident_rows.cu
  [[if (static_cast<int>(threadIdx.x) < blocks) {]]
  [[if (static_cast<int>(threadIdx.x) < blocks - 1) {]]
  "rows_test;rows_of_128256" "FAIL rows")

tppo_mutation(shared_memory_overrun resident_rows.cu resident_rows.cu
  [[plan.threads, shared_bytes(plan), plan.blocks}]]
  [[plan.threads, shared_bytes(plan) - 16, plan.blocks}]]
  "rows_test;narrow_rows" "simt: access to .* beyond the [0-9]+ bytes of shared memory of block")

tppo_mutation(barrier_in_a_divergent_branch resident_rows.cu resident_rows.cu
[[
  __syncthreads();
  const Slice slice(groups, log2_blocks);]]
[[
  if (threadIdx.x < kWarp) __syncthreads();
  const Slice slice(groups, log2_blocks);]]
  "rows_test;rows_of_a_few_thousand" "simt: .*divergent barrier")

tppo_mutation(shuffle_in_divergent_code row_statistics.cuh resident_rows.cu
[[
  const RowPart part = warp_union(mine, scale);
  if (threadIdx.x % kWarp == 0) put_part(shared->parts + 3 * (threadIdx.x / kWarp), part);]]
[[
  if (threadIdx.x % kWarp == 0) put_part(shared->parts + 3 * (threadIdx.x / kWarp), warp_union(mine, scale));]]
  "rows_test;narrow_rows" "simt: deadlock: .*divergent|simt: .*divergent lanes")

tppo_mutation(shuffle_with_half_a_mask row_statistics.cuh resident_rows.cu
  [[__shfl_xor_sync(kAllLanes, m, distance)]]
  [[__shfl_xor_sync(0xffffu, m, distance)]]
  "rows_test;narrow_rows" "simt: lane [0-9]+ .*the mask 0000ffff")

tppo_mutation(misaligned_vector resident_rows.cu resident_rows.cu
  [[return reinterpret_cast<uintptr_t>(p) % kVector == 0 && stride]]
  [[return reinterpret_cast<uintptr_t>(p) % kVector == 0 || stride]]
  "rows_test;narrow_rows" "simt: misaligned access")

tppo_mutation(missing_barrier_between_warps_and_block reduce.cuh value_loss.cu
[[
  __syncthreads();
  const int j = static_cast<int>(threadIdx.x);]]
[[
  const int j = static_cast<int>(threadIdx.x);]]
  "value_loss_test;agrees_with_reference" "${race}|FAIL [a-z]")

tppo_mutation(copy_read_before_it_arrived gemm_tensor.cuh gemm.cu
  [[copy_async_wait<kStages - 2>();]]
  [[copy_async_wait<kStages - 1>();]]
  "linear_products_test" "simt: this thread ended while it has copies to shared memory under way|${race}")

tppo_mutation(place_read_before_its_copy_arrived resident_rows.cu resident_rows.cu
  [[copy_async_wait<0>();]]
  [[]]
  "rows_test;rows_of_32000" "simt: this thread ended while it has copies to shared memory under way|${race}")

tppo_mutation(kernel_that_does_not_wait_for_the_one_before reduce.cuh policy_loss.cu
[[
  after_previous_kernel();
  next_kernel_may_begin();]]
[[
  next_kernel_may_begin();]]
  "policy_loss_test" "simt: .*did not wait for that")
