// SPDX-License-Identifier: Apache-2.0
// Threads of the CPU kernels. A kernel cuts its work into tasks whose number depends on the shapes alone and writes each task's results
// to that task's own place; so the bits do not depend on how many threads there are or on which of them took which task.
#pragma once

#include <cstdint>

namespace tppo::cpu {

/// 0 = one per CPU that this process may use.
void set_threads(int32_t threads);
int32_t threads();

/// Runs body(context, worker, i) for every i in [0, tasks), on the caller and on as many others as pay off for `cost` units of about 1 ns, at
/// most `most_workers` in all; `worker` < most_workers tells them apart, for scratch of their own. Tasks begin about in their order. body must
/// not throw. Returns when all are done. When another thread is inside, the caller works alone: calls never wait for each other.
void run_tasks(int64_t tasks, int64_t cost, int32_t most_workers, void (*body)(void* context, int32_t worker, int64_t task), void* context);

/// Workers that can be busy in one call, for the size of scratch that each has for itself.
int32_t most_workers();

template <typename F>
void parallel(int64_t tasks, int64_t cost, F f) {
  run_tasks(tasks, cost, INT32_MAX, [](void* context, int32_t, int64_t task) { (*static_cast<F*>(context))(task); }, &f);
}

/// The same for f(worker, task), worker < most_workers().
template <typename F>
void parallel_workers(int64_t tasks, int64_t cost, F f) {
  run_tasks(tasks, cost, most_workers(), [](void* context, int32_t worker, int64_t task) { (*static_cast<F*>(context))(worker, task); }, &f);
}

}  // namespace tppo::cpu
