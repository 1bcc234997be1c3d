// SPDX-License-Identifier: Apache-2.0
// Fibers: stacks, and the switch from one to another.
#pragma once

#include <stddef.h>

namespace simt {

/// Stack bytes of a fiber. Kernels hold little on the stack; AddressSanitizer wants more.
constexpr size_t kStackBytes = 128 * 1024;

struct Fiber {
  void* stack_pointer;  // while it is not running
  char* stack;          // kStackBytes of it
};

/// A fiber that enters `run`, which never returns. A page without access lies below its stack; it is never freed.
Fiber make_fiber(void (*run)());

/// Leaves the scheduler for the fiber, until the fiber calls leave_fiber.
void enter_fiber(Fiber& fiber);
/// To be called first thing on a new fiber.
void fiber_entered();
void leave_fiber(Fiber& fiber);

}  // namespace simt
