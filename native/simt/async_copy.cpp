// SPDX-License-Identifier: Apache-2.0
// Copies that run while the block computes: here at the last moment that is allowed, when their thread waits for them, so that whoever reads
// earlier finds what was there before.
#include <deque>
#include <vector>

#include "launch.h"

namespace simt {
namespace {

struct Copy {
  void* to;
  const void* from;
  int bytes, group;
};
struct Copies {
  std::deque<Copy> pending;
  int groups = 0;  // closed
};

Copies& mine() {
  static std::vector<Copies> of_threads;
  const size_t i = thread_number();
  if (of_threads.size() <= i) of_threads.resize(i + 1);
  return of_threads[i];
}

}  // namespace

void async_copy(void* to_shared, const void* from, int bytes) {
  check_shared(to_shared, 16);
  if (bytes < 0 || bytes > 16) fail("an asynchronous copy of %d bytes; at most 16 are copied at a time", bytes);
  if (bytes > 0 && reinterpret_cast<uintptr_t>(from) % 16 != 0) fail("misaligned access: an asynchronous copy from %p, no multiple of 16", from);
  Copies& c = mine();
  c.pending.push_back(Copy{to_shared, from, bytes, c.groups});
}

void async_commit() { ++mine().groups; }

void async_wait(int pending) {
  Copies& c = mine();
  for (; !c.pending.empty() && c.pending.front().group < c.groups - pending; c.pending.pop_front()) {
    const Copy& copy = c.pending.front();
    if (copy.bytes > 0) memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
    memset(static_cast<char*>(copy.to) + copy.bytes, 0, static_cast<size_t>(16 - copy.bytes));
  }
}

void async_end() {
  Copies& c = mine();
  for (const Copy& copy : c.pending)
    if (copy.bytes > 0) fail("this thread ended while it has copies to shared memory under way");
  c = Copies();
}

}  // namespace simt
