// SPDX-License-Identifier: Apache-2.0
// exp, expm1 and log of vectors against the C library in long double.
#include "../cpu/elementary.inl"
#include "test.h"

namespace {

using tppo::cpu::Doubles;
using Vectors = tppo::math::Elementary<Doubles>;

/// Distance from the exact value in units in its last place.
double ulps(double found, long double exact) {
  const double rounded = static_cast<double>(exact);
  return static_cast<double>(std::fabs((found - exact) / (std::nextafter(std::fabs(rounded), HUGE_VAL) - std::fabs(rounded))));
}

template <typename F, typename Exact>
double worst(double from, double to, F f, Exact exact) {
  double most = 0.0;
  test::Random r(21);
  for (int i = 0; i < 20000; ++i) {
    Doubles x{};
    for (int k = 0; k < tppo::cpu::kDoubles; ++k) x[k] = from + (to - from) * r.uniform();
    const Doubles y = f(x);
    for (int k = 0; k < tppo::cpu::kDoubles; ++k) most = std::max(most, ulps(y[k], exact(static_cast<long double>(x[k]))));
  }
  return most;
}

double one(Doubles (*f)(Doubles), double x) { return f(Doubles{} + x)[1]; }

}  // namespace

TEST(errors_are_below_some_units_in_the_last_place) {
  const auto expl_ = [](long double x) { return std::exp(x); };
  const auto expm1l_ = [](long double x) { return std::expm1(x); };
  const auto logl_ = [](long double x) { return std::log(x); };
  for (double width : {1e-9, 0.3, 1.0, 20.0, 708.0}) {
    CHECK(worst(-width, width, Vectors::exp, expl_) < 1.5);
    CHECK(worst(-width, width, Vectors::expm1, expm1l_) < 2.5);
  }
  CHECK(worst(0.7, 3.0, Vectors::log, logl_) < 2.5);
  CHECK(worst(1.0, 1.0 + 1e-9, Vectors::log, logl_) < 2.5);
}

TEST(exact_values_and_ends) {
  CHECK(one(Vectors::exp, 0.0) == 1.0 && one(Vectors::expm1, 0.0) == 0.0 && one(Vectors::log, 1.0) == 0.0);
  for (double x : {-709.0, -1e300, -HUGE_VAL}) CHECK(one(Vectors::exp, x) == 0.0 && one(Vectors::expm1, x) == -1.0);
  for (double x : {709.5, 1e300, HUGE_VAL}) CHECK(one(Vectors::exp, x) == HUGE_VAL && one(Vectors::expm1, x) == HUGE_VAL);
  const double nan = std::nan("");
  CHECK(std::isnan(one(Vectors::exp, nan)) && std::isnan(one(Vectors::expm1, nan)) && std::isnan(one(Vectors::log, nan)));
}
