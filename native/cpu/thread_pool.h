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

/// The next task of one worker's part.
struct alignas(64) NextTask {
  std::atomic<int64_t> task{0};
};

/// Where one worker of a call gets its tasks.
class TaskSource {
 public:
  /// `parts` has a place for each worker, where begin(worker, ...) stands first.
  TaskSource(NextTask* parts, int32_t workers, int32_t worker, int64_t tasks) : parts_(parts), workers_(workers), worker_(worker), tasks_(tasks) {}

  /// The first task of a worker's part.
  static int64_t begin(int32_t worker, int32_t workers, int64_t tasks) { return worker * tasks / workers; }

  int32_t worker() const { return worker_; }

  /// The next task, -1 when there are no more. First from the worker's own part, which is the same one in the next call, so that what one call
  /// leaves in a processor's caches serves the next; and neighbouring tasks, so that no processor fetches ahead what another one holds. Then what
  /// others have not come to.
  int64_t next() {
    for (; passed_ < workers_; ++passed_) {
      const int32_t owner = (worker_ + passed_) % workers_;
      const int64_t task = parts_[owner].task.fetch_add(1, std::memory_order_relaxed);
      if (task < begin(owner + 1, workers_, tasks_)) return task;
    }
    return -1;
  }

 private:
  NextTask* const parts_;
  const int32_t workers_, worker_;
  const int64_t tasks_;
  int32_t passed_ = 0;  // parts that are used up
};

/// Runs body(context, source) on the caller and on as many others as pay off for `cost` units of about 1 ns, at most `most_workers` in all. The
/// sources give out every task in [0, tasks) once; body takes tasks until there are none, and must not throw.
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
