// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import io.github.tppo.kernels.TokenLogProbsOptions;
import io.github.tppo.kernels.TokenLogProbsOutputs;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.infra.BenchmarkParams;

/**
 * What the benchmarks over logits [tokens, vocab] share. There are several matrices, together larger than any cache,
 * and calls go from one to the next: a single matrix would in part be found in the cache, and in part be left there
 * unwritten.
 */
public abstract class LogitsBenchmark extends OperationBenchmark {

  static final int MATRICES = 4;
  private static final int WAKING_ROWS = 16384;
  private static final int WAKING_VOCAB = 16;
  private static final long WAKING_NANOS = 5_000_000;

  /** Tokens of a micro-batch. */
  @Param("512")
  public int tokens;

  /** Vocabulary; 2048 is the bundled model's, 128256 a large one. */
  @Param("32000")
  public int vocab;

  /** Type of the logits and of their gradient: f32, bf16 or f16. */
  @Param({"f32", "bf16", "f16"})
  public String dtype;

  NativeArray targets;
  Tensor targetsTensor;
  private final NativeArray wakingLogits = NativeArray.allocate(DType.BF16, WAKING_ROWS * WAKING_VOCAB);
  private final NativeArray wakingTargets = NativeArray.allocate(DType.I64, WAKING_ROWS);
  private final Tensor wakingTensor = torch.ones((long) WAKING_ROWS * WAKING_VOCAB);
  private final Scalar one = new Scalar(1.0);
  private final NativeArray[] matrices = new NativeArray[MATRICES];
  private final Tensor[] leaves = new Tensor[MATRICES];
  private NativeArray all;
  private NativeArray source;
  private int next;
  private String method;
  private InTurn inTurn;

  /** Draws logits and targets, the same in every matrix. */
  final void makeLogits() {
    DType type = DType.valueOf(dtype.toUpperCase());
    long size = (long) tokens * vocab;
    source = Memory.allocate(type, size);
    try (Tensor drawn = torch.randn(tokens, vocab).mul_(new Scalar(3.0));
        Tensor view = Torch.view(source, tokens, vocab)) {
      view.copy_(drawn);
    }
    all = Memory.allocate(type, MATRICES * size);
    for (int k = 0; k < MATRICES; k++) {
      matrices[k] = all.slice(k * size, size);
      leaves[k] = Torch.leaf(matrices[k], tokens, vocab);
    }
    targets = NativeArray.ofLongs(new Random(1).longs(tokens, 0, vocab).toArray());
    targetsTensor = Torch.view(targets, tokens, 1);
    refill();
  }

  /** Copies fresh logits into every matrix. */
  final void refill() {
    for (NativeArray matrix : matrices) {
      Memory.copy(source, matrix, threadCount());
    }
  }

  /** Returns the log-probs of the targets. */
  final float[] logprobs() {
    NativeArray out = NativeArray.allocate(DType.F32, tokens);
    Kernels.tokenLogProbs(layout(), Logits.of(source, vocab), targets, TokenLogProbsOptions.defaults(),
        TokenLogProbsOutputs.none().withLogprob(out));
    return out.toFloats();
  }

  final TokenLayout layout() {
    return TokenLayout.flat(tokens);
  }

  final Logits matrix(int k) {
    return Logits.of(matrices[k], vocab);
  }

  /** Returns a matrix as a tensor without gradient. */
  final Tensor matrixTensor(int k) {
    return leaves[k].detach();
  }

  /** Returns a matrix to differentiate with respect to; each call the next one. */
  final Tensor nextLeaf() {
    return leaves[nextMatrix()];
  }

  /** Returns the number of the matrix whose turn it is. */
  final int nextMatrix() {
    next = (next + 1) % MATRICES;
    return next;
  }

  final boolean isFloat32() {
    return dtype.equals("f32");
  }

  /** Error of the type, as a fraction of the largest magnitude, with a little left over for the computation. */
  final double roundingError() {
    return switch (dtype) {
      case "f32" -> 1e-5;
      case "bf16" -> 5e-3;
      default -> 1e-3;
    };
  }

  /** Each logit is read once and its gradient written once. */
  @Override
  long bytes() {
    return 2 * source.length() * source.dtype().bytes();
  }

  /** Returns whether our kernel replaces the logits by their gradient. */
  abstract boolean overwrites();

  /** Calls our kernel on a matrix. */
  abstract void callOurs(int k);

  /** Notes which method is measured. */
  @Setup(Level.Trial)
  public void noteMethod(BenchmarkParams params) {
    String name = params.getBenchmark();
    method = name.substring(name.lastIndexOf('.') + 1);
  }

  /** Starts the times of our kernel beside another way. */
  @Setup(Level.Iteration)
  public void startInTurn(InTurn measured) {
    inTurn = measured;
    inTurn.start();
  }

  /**
   * Prepares a call, outside the measured time, where our kernel overwrites the logits: fresh ones in every matrix, then a stream in place over the
   * same memory. The stream is the ceiling, taken just before the call, and it leaves the cache as a call would, full of unwritten lines. If the call is
   * libtorch's, our kernel comes first, to be compared with it.
   */
  @Setup(Level.Invocation)
  public void freshen() {
    if (!overwrites()) {
      return;
    }
    refill();
    long floats = all.length() * all.dtype().bytes() / Float.BYTES;
    ceiling().add(NativeLoops.loops_scale(all.address(), 1, floats, threadCount(), 1) / MATRICES);
    wakeThreads();
    if (method.startsWith("libtorch")) {
      long start = System.nanoTime();
      for (int k = 0; k < MATRICES; k++) {
        callOurs(k);
      }
      inTurn.add(System.nanoTime() - start, MATRICES);
      refill();
      wakeTorch();
    }
  }

  /**
   * Calls go from matrix to matrix with the kernels' threads awake; the first must not pay for waking them, which takes up to
   * milliseconds on a virtual machine. The arrays are small, so that the cache stays nearly as it is.
   */
  private void wakeThreads() {
    repeatedly(() -> Kernels.tokenLogProbs(TokenLayout.flat(WAKING_ROWS), Logits.of(wakingLogits, WAKING_VOCAB), wakingTargets,
        TokenLogProbsOptions.defaults(), TokenLogProbsOutputs.none()));
  }

  /** The same for the threads of libtorch. */
  private void wakeTorch() {
    repeatedly(() -> wakingTensor.mul_(one));
  }

  private static void repeatedly(Runnable call) {
    long start = System.nanoTime();
    do {
      call.run();
    } while (System.nanoTime() - start < WAKING_NANOS);
  }

  /** Where nothing is overwritten, the ceiling is a stream that reads as much; elsewhere {@link #freshen} takes it. */
  @Override
  void sampleCeiling() {
    if (!overwrites()) {
      ceiling().add(NativeLoops.loops_read(all.address(), all.length() * all.dtype().bytes() / Integer.BYTES, threadCount()) / MATRICES);
    }
  }
}
