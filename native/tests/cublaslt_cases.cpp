// SPDX-License-Identifier: Apache-2.0
// The products by cuBLASLt, or what stands in for it: layouts, alignments, accumulation, and the way back to our own kernels where it has no
// algorithm.
#include "linear_case.h"

using test::check_case;

TEST(ProductsByTheLibraryAndByOurOwnKernels) {
  for (const int32_t dtype : test::kTypes) {
    check_case(dtype, {20, 36, 24, 0, 0, 0, 0});   // all three by the library: 20 tokens, 36 words and a width of 24 are multiples of 4
    check_case(dtype, {9, 36, 24, 0, 0, 0, 0});    // the weight gradient by our own
    check_case(dtype, {20, 35, 22, 3, 1, 5, 16});  // logits and hidden gradient by our own; odd strides, offsets and chunks
  }
}
