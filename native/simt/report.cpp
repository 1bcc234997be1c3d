// SPDX-License-Identifier: Apache-2.0
// Reports of defects: what, and in which kernel, block, thread and source line.
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "launch.h"
#include "device_memory.h"

namespace simt {
namespace {

constexpr int kMostFrames = 16;

/// Writes "function at file:line" of a code address, from the debug information; without binutils the offset in the library. With
/// `only_kernels` nothing for code that is in no file of native/cuda.
void print_source(const char* head, const void* code, bool only_kernels) {
  Dl_info info;
  if (dladdr(code, &info) == 0) return;
  const size_t offset = static_cast<size_t>(static_cast<const char*>(code) - static_cast<const char*>(info.dli_fbase));
  char line[4096];
  snprintf(line, sizeof line, "addr2line -Cfps -e '%s' 0x%zx 2>/dev/null", info.dli_fname, offset);
  fflush(stderr);
  FILE* const pipe = popen(line, "r");
  if (pipe == nullptr || fgets(line, sizeof line, pipe) == nullptr) snprintf(line, sizeof line, "%s+0x%zx\n", info.dli_fname, offset);
  if (pipe != nullptr) pclose(pipe);
  if (only_kernels && strstr(line, ".cu") == nullptr && strstr(line, "+0x") == nullptr) return;
  fprintf(stderr, "simt:   %s %s", head, line);
}

[[noreturn]] void end_with_report(const char* what) {
  const Where w = where();
  fprintf(stderr, "simt: %s\n", what);
  if (w.kernel != nullptr) print_source("kernel", w.kernel, false);
  if (w.thread != nullptr)
    fprintf(stderr, "simt:   block %u, thread %u, %s order\n", w.thread->block->index.x, w.thread->index.x, w.schedule);
  if (w.thread != nullptr) {
    void* frames[kMostFrames];
    const int n = backtrace(frames, kMostFrames);
    for (int i = 0; i < n; ++i) print_source("at", static_cast<const char*>(frames[i]) - 1, true);
  }
  fflush(stdout);
  _exit(1);  // no destructors: this may be a fiber's stack
}

std::string describe(const void* address) {
  const std::string shared = describe_shared(address);
  return shared.empty() ? describe_address(address) : shared;
}

void on_fault(int signal_number, siginfo_t* info, void*) {
  if (where().kernel == nullptr) {  // not ours
    signal(signal_number, SIG_DFL);
    return;
  }
  char text[300];
  if (signal_number == SIGILL)
    snprintf(text, sizeof text, "misaligned access: the address is no multiple of the type's alignment");
  else
    snprintf(text, sizeof text, "access to %p, %s", info->si_addr, describe(info->si_addr).c_str());
  end_with_report(text);
}

}  // namespace

void fail(const char* format, ...) {
  char text[600];
  va_list list;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  end_with_report(text);
}

void catch_faults() {
  static bool done = false;
  if (done) return;
  done = true;
  static char stack[64 * 1024];
  stack_t alternate = {};
  alternate.ss_sp = stack;
  alternate.ss_size = sizeof stack;
  sigaltstack(&alternate, nullptr);
  struct sigaction action = {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  for (int s : {SIGSEGV, SIGBUS, SIGILL}) sigaction(s, &action, nullptr);
}

}  // namespace simt
