// SPDX-License-Identifier: Apache-2.0
#include "thread_pool.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

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

class Pool {
 public:
  /// The caller must hold `entry`.
  void run(int32_t helpers, int64_t tasks, void (*body)(void*, int32_t, int64_t), void* context) {
    {
      std::unique_lock<std::mutex> lock(mutex_);
      grow(helpers);
      body_ = body;
      context_ = context;
      tasks_ = tasks;
      helpers_ = helpers;
      next_.store(0, std::memory_order_relaxed);
      open_ = true;
      epoch_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    work(0, tasks, body, context);
    // Workers that have not come in by now find the job closed; only those inside are waited for.
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      open_ = false;
    }
    const auto all_out = [this] { return inside_.load(std::memory_order_acquire) == 0; };
    if (spin_until(all_out)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    done_.wait(lock, all_out);
  }

  std::mutex entry;

 private:
  void grow(int32_t helpers) {
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

  void work(int32_t worker, int64_t tasks, void (*body)(void*, int32_t, int64_t), void* context) {
    for (int64_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < tasks;) body(context, worker, i);
  }

  [[noreturn]] void serve(int32_t index) {
    uint64_t seen = 0;
    for (;;) {
      const auto news = [this, &seen] { return epoch_.load(std::memory_order_acquire) != seen; };
      const bool awake = spin_until(news);
      std::unique_lock<std::mutex> lock(mutex_);
      if (!awake) wake_.wait(lock, news);
      seen = epoch_.load(std::memory_order_relaxed);
      if (!open_ || index >= helpers_) continue;
      inside_.fetch_add(1, std::memory_order_relaxed);
      const int64_t tasks = tasks_;
      const auto body = body_;
      void* const context = context_;
      lock.unlock();
      work(index + 1, tasks, body, context);
      lock.lock();
      if (inside_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
    }
  }

  std::mutex mutex_;  // guards everything below that is not atomic
  std::condition_variable wake_, done_;
  std::atomic<uint64_t> epoch_{0};
  std::atomic<int64_t> next_{0};
  std::atomic<int32_t> inside_{0};
  void (*body_)(void*, int32_t, int64_t) = nullptr;
  void* context_ = nullptr;
  int64_t tasks_ = 0;
  int32_t helpers_ = 0;
  int32_t workers_ = 0;
  bool open_ = false;
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

void run_tasks(int64_t tasks, int64_t cost, int32_t most, void (*body)(void* context, int32_t worker, int64_t task), void* context) {
  int64_t n = threads() < most ? threads() : most;
  if (n > tasks) n = tasks;
  if (n > cost / kMinCostPerThread) n = cost / kMinCostPerThread;
  if (n > 1) {
    Pool& p = pool();
    const std::unique_lock<std::mutex> entry(p.entry, std::try_to_lock);
    if (entry.owns_lock()) return p.run(static_cast<int32_t>(n) - 1, tasks, body, context);
  }
  for (int64_t i = 0; i < tasks; ++i) body(context, 0, i);
}

}  // namespace tppo::cpu
