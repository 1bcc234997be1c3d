// SPDX-License-Identifier: Apache-2.0
// Threads of the CPU kernels. A kernel cuts its work into tasks whose number depends on the shapes alone and writes each task's results
// to that task's own place; so the bits do not depend on how many threads there are or on which of them took which task.
#pragma once

#include <cstdint>

namespace tppo::cpu {

/// 0 = one per CPU that this process may use.
void set_threads(int32_t threads);
int32_t threads();

/// Runs body(context, i) for every i in [0, tasks), on the caller and on as many workers as pay off for `cost` units of about 1 ns.
/// Returns when all are done. When another thread is inside, the caller works alone: calls never wait for each other.
void run_tasks(int64_t tasks, int64_t cost, void (*body)(void* context, int64_t task), void* context);

template <typename F>
void parallel(int64_t tasks, int64_t cost, F f) {
  run_tasks(tasks, cost, [](void* context, int64_t task) { (*static_cast<F*>(context))(task); }, &f);
}

}  // namespace tppo::cpu
