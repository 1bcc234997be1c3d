#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy loss beside others on one GPU, in one process, on the same tensors, timed with CUDA events.

    python3 native/bench/peers.py build/gpu/libtppo.so [--budget SECONDS]

Compared are this library (ctypes), PyTorch operation by operation, torch.compile of the same function, and a Triton kernel of the same
maths; then the output layer with the loss behind it against PyTorch's product and loss. Before anything is timed the gradients are compared.
Prints one JSON object a line: a measurement, or {"not_run": ..., "reason": ...}. Exit status 1 if gradients disagree, 3 without PyTorch or GPU.
"""
import argparse
import ctypes
import json
import sys
import time

TOKENS = 8192
VOCABULARIES = (32000, 128256, 151936)
CLIP = 0.2
I32, I64, F64, PTR = ctypes.c_int32, ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


def struct(name, **fields):
    return type(name, (ctypes.Structure,), {"_fields_": [("size", ctypes.c_uint64)] + list(fields.items())})


def named(kind, names):
    return {name: kind for name in names.split()}


# As in native/include/tppo.h; the library refuses a struct of another size.
PolicyArgs = struct("PolicyArgs", **named(I64, "num_tokens vocab_size num_sequences logits_stride grad_stride"),
                    **named(I32, "dtype aggregation kl_estimator zero_bad_rows"),
                    **named(F64, "temperature eps_low eps_high dual_clip entropy_coef kl_coef log_ratio_clamp normalizer"),
                    **named(PTR, "logits targets old_logprobs advantages ref_logprobs mask rows"), num_rows=I64,
                    **named(PTR, "cu_seqlens logprob entropy ratio objective kl grad_logprob grad_logits stats"))
LinearArgs = struct("LinearArgs", **named(I64, "hidden_size hidden_stride chunk_tokens"), **named(PTR, "hidden weight grad_hidden grad_weight"))


class Library:
    """The calls that are compared. Each returns a function that enqueues the work on PyTorch's current stream."""

    def __init__(self, path):
        self.c = ctypes.CDLL(path)
        self.c.tppo_last_error.restype = ctypes.c_char_p

    def check(self, status):
        if status != 0:
            raise RuntimeError(self.c.tppo_last_error().decode())

    def enqueue(self, operation, *structs):
        size = ctypes.c_uint64()
        references = [ctypes.byref(s) for s in structs]
        self.check(getattr(self.c, operation + "_workspace")(*references, 0, ctypes.byref(size)))
        workspace = torch.empty(max(size.value, 1), dtype=torch.uint8, device="cuda")
        function = getattr(self.c, operation)
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)

        def call():
            self.check(function(*references, 0, stream, ctypes.c_void_p(workspace.data_ptr()), size))

        return call

    def policy_args(self, batch, dtype, vocab):
        args = PolicyArgs()
        self.c.tppo_policy_loss_init(ctypes.byref(args))
        args.num_tokens, args.vocab_size, args.dtype = TOKENS, vocab, {torch.float32: 0, torch.bfloat16: 1}[dtype]
        args.targets, args.old_logprobs, args.advantages = (t.data_ptr() for t in (batch.targets, batch.old, batch.advantages))
        return args

    def policy_loss(self, batch, logits, grad):
        args = self.policy_args(batch, logits.dtype, logits.shape[1])
        args.logits, args.grad_logits = logits.data_ptr(), grad.data_ptr()
        return self.enqueue("tppo_policy_loss", args)

    def linear_policy_loss(self, batch, hidden, weight, grad_hidden, grad_weight):
        args = self.policy_args(batch, hidden.dtype, weight.shape[0])
        linear = LinearArgs()
        self.c.tppo_linear_init(ctypes.byref(linear))
        linear.hidden_size = hidden.shape[1]
        linear.hidden, linear.weight = hidden.data_ptr(), weight.data_ptr()
        linear.grad_hidden, linear.grad_weight = grad_hidden.data_ptr(), grad_weight.data_ptr()
        return self.enqueue("tppo_linear_policy_loss", linear, args)


class Batch:
    """What the losses read beside the logits; ratios near 1, so that most tokens have a gradient."""

    def __init__(self, logits):
        self.targets = torch.randint(logits.shape[1], (TOKENS,), device="cuda")
        with torch.no_grad():
            new = torch.cat([log_probs(part, targets) for part, targets in zip(logits.split(512), self.targets.split(512))])
        self.old = new + 0.1 * torch.randn(TOKENS, device="cuda")
        self.advantages = torch.randn(TOKENS, device="cuda")


def log_probs(logits, targets):
    return logits.float().log_softmax(-1).gather(1, targets[:, None])[:, 0]


def clipped_loss(logits, batch):
    ratio = (log_probs(logits, batch.targets) - batch.old).exp()
    clipped = ratio.clamp(1 - CLIP, 1 + CLIP)
    return -torch.minimum(ratio * batch.advantages, clipped * batch.advantages).mean()


def triton_loss():
    """A function (batch, logits, grad) that enqueues a Triton kernel: one program a row, the softmax in one sweep, the gradient in a second."""
    global triton, tl  # where Triton's compiler looks names up
    import triton
    import triton.language as tl

    @triton.jit
    def kernel(logits, grad, targets, old, advantages, width, low, high, share, BLOCK: tl.constexpr):
        row = tl.program_id(0).to(tl.int64)
        columns = tl.arange(0, BLOCK)
        source = logits + row * width
        largest = -float("inf")
        total = 0.0
        for first in range(0, width, BLOCK):
            x = tl.load(source + first + columns, mask=first + columns < width, other=-float("inf")).to(tl.float32)
            larger = tl.maximum(largest, tl.max(x, 0))
            total = total * tl.exp(largest - larger) + tl.sum(tl.exp(x - larger), 0)
            largest = larger
        target = tl.load(targets + row)
        log_prob = tl.load(source + target).to(tl.float32) - largest - tl.log(total)
        tl.debug_barrier()  # in place: every warp has read the target's logit
        ratio = tl.exp(log_prob - tl.load(old + row))
        advantage = tl.load(advantages + row)
        flows = ratio * advantage <= tl.minimum(tl.maximum(ratio, low), high) * advantage
        slope = tl.where(flows, -ratio * advantage * share, 0.0)
        for first in range(0, width, BLOCK):
            inside = first + columns < width
            x = tl.load(source + first + columns, mask=inside, other=-float("inf")).to(tl.float32)
            hit = (first + columns == target).to(tl.float32)
            tl.store(grad + row * width + first + columns, slope * (hit - tl.exp(x - largest) / total), mask=inside)

    def enqueue(batch, logits, grad):
        kernel[(TOKENS,)](logits, grad, batch.targets, batch.old, batch.advantages, logits.shape[1], 1 - CLIP, 1 + CLIP, 1 / TOKENS,
                          BLOCK=8192, num_warps=16)

    return enqueue


def milliseconds(work, repetitions):
    """Of single calls, sorted. Warmed up until the clocks have risen, but for long work."""
    end = time.monotonic() + 0.1
    for n in range(30):
        if n >= 3 and time.monotonic() > end:
            break
        work()
        torch.cuda.synchronize()
    times = []
    for _ in range(repetitions):
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return sorted(times)


class Report:
    def __init__(self, budget):
        self.end = time.monotonic() + budget
        self.disagreements = 0

    def line(self, **fields):
        print(json.dumps(fields), flush=True)

    def not_run(self, what, reason):
        self.line(not_run=what, reason=reason)

    def compare(self, what, actual, expected, tolerance):
        error = ((actual.float() - expected.float()).abs().max() / expected.float().abs().max()).item()
        if not error <= tolerance:
            self.disagreements += 1
            self.line(disagreement=what, error=error, tolerance=tolerance)

    def attempt(self, what, work):
        """Runs it unless the time is up; a failure (of memory, of a compiler) is a line, not the end."""
        if time.monotonic() > self.end:
            return self.not_run(what, "the time given to the comparison was used up")
        try:
            return work()
        except Exception as e:  # noqa: BLE001: whatever a peer raises belongs in the table
            return self.not_run(what, f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}")
        finally:
            torch.cuda.empty_cache()

    def timed(self, name, implementation, shape, dtype, work, bytes_moved=0.0, flop=0.0, repetitions=15):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        times = milliseconds(work, repetitions)
        median = times[len(times) // 2]
        more = {"gb_per_s": round(bytes_moved / median * 1e-6, 1)} if bytes_moved else {"tflop_per_s": round(flop / median * 1e-9, 1)}
        self.line(name=name, implementation=implementation, shape=shape, dtype=str(dtype)[6:].replace("float32", "f32").replace("bfloat16", "bf16"),
                  median_ms=median, min_ms=times[0], peak_extra_mb=round((torch.cuda.max_memory_allocated() - before) / 1e6, 1), **more)


def compare_policy_loss(report, library, vocab, dtype):
    shape, torch_dtype = f"{TOKENS} x {vocab}", dtype
    logits = (2 * torch.randn(TOKENS, vocab, device="cuda")).to(torch_dtype)
    batch = Batch(logits)
    moved = 2.0 * logits.numel() * logits.element_size()
    leaf = logits.detach().requires_grad_()

    def backward(loss):
        leaf.grad = None
        loss(leaf, batch).backward()

    backward(clipped_loss)
    expected = leaf.grad
    # Two roundings to the dtype of the gradient.
    tolerance = 1e-4 if torch_dtype == torch.float32 else 1.6e-2
    grad = torch.empty_like(logits)
    library.policy_loss(batch, logits, grad)()
    report.compare(f"tppo {shape}", grad, expected, tolerance)

    def run_triton():
        enqueue = triton_loss()
        enqueue(batch, logits, grad)
        report.compare(f"triton {shape}", grad, expected, tolerance)
        work = logits.clone()
        report.timed("policy_loss peers", "triton", shape, torch_dtype, lambda: enqueue(batch, work, work), moved)

    def run_ours():
        work = logits.clone()
        report.timed("policy_loss peers", "tppo", shape, torch_dtype, library.policy_loss(batch, work, work), moved)

    report.attempt(f"policy_loss, tppo, {shape}", run_ours)
    report.attempt(f"policy_loss, triton, {shape}", run_triton)
    report.attempt(f"policy_loss, torch eager, {shape}",
                   lambda: report.timed("policy_loss peers", "torch eager", shape, torch_dtype, lambda: backward(clipped_loss), moved))
    del grad, expected

    def run_compiled():
        compiled = torch.compile(clipped_loss, dynamic=False)
        report.timed("policy_loss peers", "torch.compile", shape, torch_dtype, lambda: backward(compiled), moved)

    report.attempt(f"policy_loss, torch.compile, {shape}", run_compiled)


def compare_linear(report, library, vocab, width=4096):
    shape = f"{TOKENS} x {width} x {vocab}"
    hidden = torch.randn(TOKENS, width, device="cuda", dtype=torch.bfloat16).requires_grad_()
    weight = (0.02 * torch.randn(vocab, width, device="cuda", dtype=torch.float32)).bfloat16().requires_grad_()
    with torch.no_grad():
        batch = Batch(torch.nn.functional.linear(hidden, weight))
    flop = 6.0 * TOKENS * width * vocab

    def eager():
        hidden.grad = weight.grad = None
        clipped_loss(torch.nn.functional.linear(hidden, weight), batch).backward()

    def run_eager():
        eager()
        report.timed("linear_policy_loss peers", "torch eager", shape, torch.bfloat16, eager, flop=flop, repetitions=5)

    grad_hidden = torch.empty_like(hidden)
    grad_weight = torch.zeros(vocab, width, device="cuda")
    call = library.linear_policy_loss(batch, hidden, weight, grad_hidden, grad_weight)
    call()
    first_hidden, first_weight = grad_hidden.clone(), grad_weight.bfloat16()
    report.attempt(f"linear_policy_loss, tppo, {shape}",
                   lambda: report.timed("linear_policy_loss peers", "tppo", shape, torch.bfloat16, call, flop=flop, repetitions=5))
    report.attempt(f"linear_policy_loss, torch eager, {shape}", run_eager)
    if weight.grad is not None:
        report.compare(f"grad_hidden {shape}", first_hidden, hidden.grad, 3e-2)
        report.compare(f"grad_weight {shape}", first_weight, weight.grad, 3e-2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("library")
    parser.add_argument("--budget", type=float, default=240.0, help="seconds after which nothing new is begun")
    options = parser.parse_args()
    global torch
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed for this python3", file=sys.stderr)
        return 3
    if not torch.cuda.is_available():
        print("PyTorch sees no CUDA device", file=sys.stderr)
        return 3
    torch.manual_seed(1)
    library = Library(options.library)
    report = Report(options.budget)
    for vocab in VOCABULARIES:
        for dtype in (torch.bfloat16, torch.float32):
            report.attempt(f"policy_loss {vocab} {dtype}", lambda v=vocab, d=dtype: compare_policy_loss(report, library, v, d))
    for vocab in (32000, 128256):
        report.attempt(f"linear_policy_loss {vocab}", lambda v=vocab: compare_linear(report, library, v))
    return 1 if report.disagreements else 0


if __name__ == "__main__":
    sys.exit(main())
