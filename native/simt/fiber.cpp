// SPDX-License-Identifier: Apache-2.0
#include "fiber.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

// simt_switch(void** save, void* to): pushes what a callee must keep, stores the stack pointer at *save and goes on where `to` left off.
// x86-64 leaves by a jump: the processor would take a ret for the return from the last call, which it is not.
extern "C" void simt_switch(void** save, void* to);

#if defined(__x86_64__)
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch,@function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rcx
  jmp *%rcx
.size simt_switch,.-simt_switch
)");
#elif defined(__aarch64__)
asm(R"(
.text
.globl simt_switch
.hidden simt_switch
.type simt_switch,%function
simt_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size simt_switch,.-simt_switch
)");
#else
#error "no fiber switch for this processor"
#endif

namespace simt {
namespace {

constexpr size_t kGuard = 4096;
void* scheduler_stack_pointer;

#if defined(__SANITIZE_ADDRESS__)
void* scheduler_fake_stack;
const void* scheduler_stack;
size_t scheduler_stack_bytes;
#endif

/// Address space for many stacks at a time.
char* take_stack() {
  constexpr int kBatch = 256;
  static char* batch;
  static int left = 0;
  if (left == 0) {
    void* const map = mmap(nullptr, kBatch * (kStackBytes + kGuard), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) abort();
    batch = static_cast<char*>(map);
    left = kBatch;
  }
  char* const stack = batch + --left * (kStackBytes + kGuard) + kGuard;
  if (mprotect(stack, kStackBytes, PROT_READ | PROT_WRITE) != 0) abort();
  return stack;
}

}  // namespace

Fiber make_fiber(void (*run)()) {
  char* const stack = take_stack();
  // Tops at different places in their pages: the first-level cache holds few lines of one place.
  static size_t made = 0;
  void** top = reinterpret_cast<void**>(stack + kStackBytes - made++ * 9 % 64 * 64);
#if defined(__x86_64__)
  *--top = nullptr;  // run's return address: unwinders stop here
  *--top = reinterpret_cast<void*>(run);
  top -= 6;
#else
  top -= 20;
  top[11] = reinterpret_cast<void*>(run);  // x30
#endif
  return Fiber{top, stack};
}

void enter_fiber(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&scheduler_fake_stack, fiber.stack, kStackBytes);
#endif
  simt_switch(&scheduler_stack_pointer, fiber.stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(scheduler_fake_stack, nullptr, nullptr);
#endif
}

void fiber_entered() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_stack_bytes);
#endif
}

void leave_fiber(Fiber& fiber) {
#if defined(__SANITIZE_ADDRESS__)
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, scheduler_stack, scheduler_stack_bytes);
#endif
  simt_switch(&fiber.stack_pointer, scheduler_stack_pointer);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack, &scheduler_stack, &scheduler_stack_bytes);
#endif
}

}  // namespace simt
