// SPDX-License-Identifier: Apache-2.0
// Threads of the CPU kernels. A kernel cuts its work into tasks whose number depends on the shapes alone and writes each task's results
// to that task's own place; so the bits do not depend on how many threads there are or on which of them took which task.
#pragma once

#include <atomic>
#include <cstdint>

namespace tppo::cpu {

/// 0 = one per CPU that this process may use.
void set_threads(int32_t threads);
int32_t threads();

/// The next task of one worker's share.
struct alignas(64) NextTask {
  std::atomic<int64_t> task{0};
};

/// Where one worker of a call gets its tasks.
class TaskSource {
 public:
  /// `shares` has one place for each worker, which begins with the number of the worker.
  TaskSource(NextTask* shares, int32_t workers, int32_t worker, int64_t tasks) : shares_(shares), workers_(workers), worker_(worker), tasks_(tasks) {}

  int32_t worker() const { return worker_; }

  /// The next task, -1 when there are no more. First from the worker's own share, every workers-th task, which is the same one in the next call,
  /// so that what one call leaves in a processor's caches serves the next; then what others have not come to.
  int64_t next() {
    for (; passed_ < workers_; ++passed_) {
      const int64_t task = shares_[(worker_ + passed_) % workers_].task.fetch_add(workers_, std::memory_order_relaxed);
      if (task < tasks_) return task;
    }
    return -1;
  }

 private:
  NextTask* const shares_;
  const int32_t workers_, worker_;
  const int64_t tasks_;
  int32_t passed_ = 0;  // shares that are used up
};

/// Runs body(context, source) on the caller and on as many others as pay off for `cost` units of about 1 ns, at most `most_workers` in all. The
/// sources give out every task in [0, tasks) once, about in their order; body takes tasks until there are none, and must not throw.
/// source.worker() < most_workers tells the workers apart, for scratch of their own. Returns when all are done. When another thread is inside,
/// the caller works alone: calls never wait for each other.
void run_workers(int64_t tasks, int64_t cost, int32_t most_workers, void (*body)(void* context, TaskSource& source), void* context);

/// Workers that can be busy in one call, for the size of scratch that each has for itself.
int32_t most_workers();

/// f(task) for every task.
template <typename F>
void parallel(int64_t tasks, int64_t cost, F f) {
  const auto body = [](void* context, TaskSource& source) {
    for (int64_t task; (task = source.next()) >= 0;) (*static_cast<F*>(context))(task);
  };
  run_workers(tasks, cost, INT32_MAX, body, &f);
}

/// f(source) for every worker, source.worker() < most_workers().
template <typename F>
void parallel_sources(int64_t tasks, int64_t cost, F f) {
  run_workers(tasks, cost, most_workers(), [](void* context, TaskSource& source) { (*static_cast<F*>(context))(source); }, &f);
}

/// f(worker, task) for every task, worker < most_workers().
template <typename F>
void parallel_workers(int64_t tasks, int64_t cost, F f) {
  parallel_sources(tasks, cost, [&](TaskSource& source) {
    for (int64_t task; (task = source.next()) >= 0;) f(source.worker(), task);
  });
}

}  // namespace tppo::cpu
