// SPDX-License-Identifier: Apache-2.0
// The matrix products of the output layer: shapes around the sizes of tiles, slices and 16-byte vectors, all element types, any alignment and
// stride.
#include "linear_case.h"

using test::Case;
using test::check_case;
using test::kTypes;
using test::Shape;
using test::Vec;

TEST(ShapesAroundTilesSlicesAndVectors) {
  const Shape shapes[] = {
      {1, 1, 1, 0, 0, 0, 0},        {5, 7, 3, 0, 0, 0, 0},       {16, 128, 32, 0, 0, 0, 0}, {17, 129, 33, 0, 0, 0, 0},
      {33, 40, 65, 0, 0, 0, 16},    {15, 127, 31, 0, 0, 0, 0},   {130, 24, 8, 0, 0, 0, 0},  {129, 9, 136, 0, 0, 0, 0},
      {20, 260, 40, 0, 0, 0, 16},   {3, 8, 150, 0, 0, 0, 0},
  };
  for (const int32_t dtype : kTypes)
    for (const Shape& s : shapes) check_case(dtype, s);
}

TEST(AnyAlignmentAndStride) {
  for (const int32_t dtype : kTypes) {
    check_case(dtype, {19, 37, 40, 1, 0, 0, 0});   // rows of hidden at odd elements
    check_case(dtype, {19, 37, 40, 8, 3, 0, 16});  // all of them off by three
    check_case(dtype, {19, 37, 40, 0, 0, 1, 0});   // the matrix off by one
    check_case(dtype, {19, 37, 40, 4, 4, 2, 16});  // pairs aligned, vectors not
  }
}

TEST(ManyRandomShapes) {
  test::Random random(11);
  for (int i = 0; i < 12; ++i)
    check_case(kTypes[random.below(3)], {1 + random.below(40), 1 + random.below(140), 1 + random.below(70), random.below(4), random.below(8),
                                         random.below(8), 16 * random.below(3)});
}

TEST(TheChunkChangesNoLogProbAndNoHiddenGradient) {
  for (const int32_t dtype : kTypes) {
    Case whole(dtype, {70, 50, 24, 0, 0, 0, 1024}, 5), parts(dtype, {70, 50, 24, 0, 0, 0, 16}, 5);
    whole.run();
    parts.run();
    CHECK(test::same_bits(whole.logprob, parts.logprob));
    CHECK(test::same_bits(whole.grad_hidden.bytes(), parts.grad_hidden.bytes()));
    CHECK(test::same_bits(whole.stats, parts.stats));
  }
}

TEST(WithoutATokenThatCountsNothingIsReadAndGradientsAreZero) {
  for (const int32_t dtype : kTypes) {
    Case c(dtype, {18, 20, 12, 0, 0, 0, 0}, 3);
    for (uint8_t& m : c.mask) m = 0;
    for (int64_t i = 0; i < c.s.tokens; ++i)
      for (int64_t h = 0; h < c.s.width; ++h) c.hidden.set(i, h, test::kNaN);
    // A product with these would be NaN also for a gradient of 0.
    for (int64_t h = 0; h < c.s.width; ++h) c.weight.set(h, h, test::kInf);
    const Vec<unsigned char> before = c.grad_weight.bytes();
    c.run();
    CHECK(c.stats[TPPO_NLL_LOSS] == 0.0);
    CHECK(test::same_bits(c.grad_weight.bytes(), before));
    for (int64_t i = 0; i < c.s.tokens; ++i)
      for (int64_t h = 0; h < c.s.width; ++h) CHECK(c.grad_hidden.get(i, h) == 0.0f);
  }
}
