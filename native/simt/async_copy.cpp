// SPDX-License-Identifier: Apache-2.0
// Copies that run while the block computes. A device may carry them out at any time until their thread waits for them: here, when threads go
// forward, at the last moment, so that whoever reads earlier finds what was there before; in the other schedules at once, so that a buffer
// which others still read is overwritten. Either changes a result.
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
  std::vector<Copy> pending;
  size_t done = 0;  // of the pending ones
  int groups = 0;  // closed
};

Copies& mine() {
  static std::vector<Copies> of_threads;
  const size_t i = thread_number();
  if (of_threads.size() <= i) of_threads.resize(i + 1);
  return of_threads[i];
}

bool at_last_moment() { return strcmp(where().schedule, "forward") == 0; }

void carry_out(const Copy& copy) {
  if (copy.bytes > 0) memcpy(copy.to, copy.from, static_cast<size_t>(copy.bytes));
  memset(static_cast<char*>(copy.to) + copy.bytes, 0, static_cast<size_t>(16 - copy.bytes));
}

}  // namespace

void async_copy(void* to_shared, const void* from, int bytes) {
  check_shared(to_shared, 16);
  if (bytes < 0 || bytes > 16) fail("an asynchronous copy of %d bytes; at most 16 are copied at a time", bytes);
  if (bytes > 0 && reinterpret_cast<uintptr_t>(from) % 16 != 0) fail("misaligned access: an asynchronous copy from %p, no multiple of 16", from);
  Copies& c = mine();
  const Copy copy{to_shared, from, bytes, c.groups};
  if (at_last_moment())
    c.pending.push_back(copy);
  else
    carry_out(copy);
}

void async_commit() { ++mine().groups; }

void async_wait(int pending) {
  Copies& c = mine();
  for (; c.done < c.pending.size() && c.pending[c.done].group < c.groups - pending; ++c.done) carry_out(c.pending[c.done]);
}

void async_end() {
  Copies& c = mine();
  for (; c.done < c.pending.size(); ++c.done)
    if (c.pending[c.done].bytes > 0) fail("this thread ended while it has copies to shared memory under way");
  c.pending.clear();
  c.done = 0;
  c.groups = 0;
}

}  // namespace simt
