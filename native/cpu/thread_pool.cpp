// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace tppo::cpu {
namespace {

/// Below this the hand-over costs more than it saves.
constexpr int64_t kMinCostPerThread = 20000;
/// Waking a sleeping worker can take milliseconds on a virtual machine, so workers stay awake for a while between calls.
constexpr auto kSpin = std::chrono::microseconds(50);

inline void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int32_t available_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int32_t>(n) : 1;
}

/// True as soon as done() is, false when the time to spin is over.
template <typename F>
bool spin_until(F&& done) {
  const auto end = std::chrono::steady_clock::now() + kSpin;
  do {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

/// One job at a time. Nobody waits for a lock unless somebody sleeps: on a virtual machine that can cost more than a short kernel.
class Pool {
 public:
  /// The caller must hold `entry`.
  void run(int32_t helpers, int64_t tasks, void (*body)(void*, TaskSource&), void* context) {
    grow(helpers);
    body_ = body;
    context_ = context;
    tasks_ = tasks;
    helpers_ = helpers;
    for (int32_t w = 0; w <= helpers; ++w) parts_[w].task.store(TaskSource::begin(w, helpers + 1, tasks), std::memory_order_relaxed);
    gate_.store((job_of(gate_.load()) + 1) << kJobShift | kOpen);
    if (sleepers_.load() > 0) wake(wake_);
    work(0);
    // Workers that have not come in by now find the gate closed; only those inside are waited for.
    gate_.fetch_and(~kOpen);
    const auto all_out = [this] { return (gate_.load() & kInside) == 0; };
    if (spin_until(all_out)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    caller_sleeps_.store(true);
    done_.wait(lock, all_out);
    caller_sleeps_.store(false);
  }

  std::mutex entry;

 private:
  // The gate: number of the job, whether it is open, and how many workers are inside. The job's fields are written while it is closed and
  // empty, and read inside.
  static constexpr int kJobShift = 32;
  static constexpr uint64_t kOpen = uint64_t{1} << 31, kInside = kOpen - 1;
  static uint64_t job_of(uint64_t gate) { return gate >> kJobShift; }

  void grow(int32_t helpers) {
    if (parts_.size() <= static_cast<size_t>(helpers)) parts_ = std::vector<NextTask>(static_cast<size_t>(helpers) + 1);
    while (workers_ < helpers) {
      const int32_t index = workers_;
      try {
        std::thread([this, index] { serve(index); }).detach();
      } catch (const std::system_error&) {
        return;  // The system gives no more threads: the work is done with those there are.
      }
      ++workers_;
    }
  }

  void work(int32_t worker) {
    TaskSource source(parts_.data(), helpers_ + 1, worker, tasks_);
    body_(context_, source);
  }

  [[noreturn]] void serve(int32_t index) {
    uint64_t seen = 0;
    for (;;) {
      const auto news = [this, &seen] { return job_of(gate_.load()) != seen; };
      if (!spin_until(news)) {
        std::unique_lock<std::mutex> lock(mutex_);
        sleepers_.fetch_add(1);
        wake_.wait(lock, news);
        sleepers_.fetch_sub(1);
      }
      if (!enter(&seen)) continue;
      if (index < helpers_) work(index + 1);
      const uint64_t left = gate_.fetch_sub(1) - 1;
      if ((left & (kOpen | kInside)) == 0 && caller_sleeps_.load()) wake(done_);
    }
  }

  /// False when the job, whose number it tells, is over.
  bool enter(uint64_t* job) {
    uint64_t gate = gate_.load();
    do {
      *job = job_of(gate);
      if ((gate & kOpen) == 0) return false;
    } while (!gate_.compare_exchange_weak(gate, gate + 1));
    return true;
  }

  /// Whoever sleeps says so, then looks at the gate; whoever changes the gate then looks for sleepers: one of them sees the other. The lock
  /// is for a sleeper that has looked and does not sleep yet.
  void wake(std::condition_variable& sleepers) {
    { const std::lock_guard<std::mutex> lock(mutex_); }
    sleepers.notify_all();
  }

  std::mutex mutex_;  // of those that sleep
  std::condition_variable wake_, done_;
  std::atomic<int32_t> sleepers_{0};
  std::atomic<bool> caller_sleeps_{false};
  int32_t workers_ = 0;  // the callers', behind `entry`
  void (*body_)(void*, TaskSource&) = nullptr;
  void* context_ = nullptr;
  int64_t tasks_ = 0;
  int32_t helpers_ = 0;
  std::vector<NextTask> parts_;  // of the workers
  alignas(64) std::atomic<uint64_t> gate_{0};
};

/// Never destroyed: at exit other threads (of a Java virtual machine, say) may still be in a call, and its workers end with the process.
Pool& pool() {
  static Pool* const p = new Pool;
  return *p;
}

std::atomic<int32_t> setting{0};

}  // namespace

void set_threads(int32_t threads) { setting.store(threads, std::memory_order_relaxed); }

int32_t threads() {
  const int32_t n = setting.load(std::memory_order_relaxed);
  static const int32_t available = available_cpus();
  return n > 0 ? n : available;
}

int32_t most_workers() {
  // More threads than processors are only set to see that they change nothing.
  static const int32_t most = available_cpus() < 8 ? 8 : available_cpus();
  return most;
}

void run_workers(int64_t tasks, int64_t cost, int32_t most, void (*body)(void* context, TaskSource& source), void* context) {
  int64_t n = threads() < most ? threads() : most;
  if (n > tasks) n = tasks;
  if (n > cost / kMinCostPerThread) n = cost / kMinCostPerThread;
  if (n > 1) {
    Pool& p = pool();
    const std::unique_lock<std::mutex> entry(p.entry, std::try_to_lock);
    if (entry.owns_lock()) return p.run(static_cast<int32_t>(n) - 1, tasks, body, context);
  }
  NextTask all;
  TaskSource source(&all, 1, 0, tasks);
  body(context, source);
}

}  // namespace tppo::cpu
