// SPDX-License-Identifier: Apache-2.0
// Kernel calls through the packaged jars on CUDA device 0, held against the same calls on the CPU; native/gpu_suite runs it. A folder for a
// machine without Java, from the root of this repository after `mvn -Prelease package`:
//   jlink --add-modules java.base,java.logging,jdk.unsupported --output DIR
//   cp java/tppo-kernels/target/tppo-kernels-*.jar DIR      (the plain one and linux-x86_64-cuda13), and javacpp's jar
//   javac -cp 'DIR/*' -d DIR native/bench/CudaCalls.java

import io.github.tppo.kernels.CudaMemory;
import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Device;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.KernelInfo;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.TokenLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

public final class CudaCalls implements AutoCloseable {
  private static final int SEQUENCES = 4;
  private static final int LENGTH = 33;
  private static final int TOKENS = SEQUENCES * LENGTH;
  private static final int VOCAB = 32003;

  private final Device device;
  private final Random random = new Random(1);
  private final List<CudaMemory> owned = new ArrayList<>();

  private CudaCalls(Device device) {
    this.device = device;
  }

  public static void main(String[] args) {
    System.out.println(KernelInfo.query());
    Result cpu;
    Result cuda;
    try (CudaCalls calls = new CudaCalls(Device.CPU)) {
      cpu = calls.run();
    }
    try (CudaCalls calls = new CudaCalls(Device.cuda(0))) {
      cuda = calls.run();
    }
    compare("gradient of the policy loss", cpu.gradient, cuda.gradient, 1e-8, 5e-6);
    compare("advantages", cpu.advantages, cuda.advantages, 1e-6, 1e-5);
    compare("loss", new float[] {(float) cpu.loss}, new float[] {(float) cuda.loss}, 1e-6, 1e-5);
    System.out.println("policy loss and advantages agree on CPU and " + Device.cuda(0));
  }

  private record Result(double loss, float[] gradient, float[] advantages) {
  }

  /// The same inputs on either device.
  private Result run() {
    NativeArray logits = normals(TOKENS * VOCAB, 0, 1);
    // About what a target of such logits has, so that most ratios lie within the clip range.
    NativeArray oldLogprobs = normals(TOKENS, -Math.log(VOCAB) - 0.5, 1);
    NativeArray advantages = normals(TOKENS, 0, 1);
    long[] columns = random.longs(TOKENS, 0, VOCAB).toArray();
    NativeArray targets = there(NativeArray.ofLongs(columns));
    TokenLayout layout = TokenLayout.padded(SEQUENCES, LENGTH);
    double loss = Kernels.policyLoss(layout, Logits.of(logits, VOCAB), targets, oldLogprobs, advantages, null,
      PolicyLossOptions.defaults(), PolicyLossOutputs.none().withGradLogits(logits)).loss();
    NativeArray estimated = there(NativeArray.allocate(DType.F32, TOKENS));
    NativeArray returns = there(NativeArray.allocate(DType.F32, TOKENS));
    Kernels.gae(layout, oldLogprobs, advantages, GaeOptions.defaults(), estimated, returns);
    return new Result(loss, here(logits), here(estimated));
  }

  private NativeArray normals(int length, double mean, double deviation) {
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) (mean + deviation * random.nextGaussian());
    }
    return there(NativeArray.ofFloats(values));
  }

  private NativeArray there(NativeArray array) {
    if (!device.isCuda()) {
      return array;
    }
    CudaMemory memory = CudaMemory.copyOf(array, device);
    owned.add(memory);
    return memory.array();
  }

  private float[] here(NativeArray array) {
    if (!device.isCuda()) {
      return array.toFloats();
    }
    NativeArray copy = NativeArray.allocate(DType.F32, array.length());
    for (CudaMemory memory : owned) {
      if (memory.array().address() == array.address()) {
        memory.download(copy);
      }
    }
    return copy.toFloats();
  }

  private static void compare(String what, float[] expected, float[] actual, double absolute, double relative) {
    for (int i = 0; i < expected.length; i++) {
      if (!(Math.abs(expected[i] - actual[i]) <= absolute + relative * Math.abs(expected[i]))) {
        System.err.println(what + ": element " + i + " is " + actual[i] + " on the device, " + expected[i] + " on the CPU");
        System.exit(1);
      }
    }
  }

  @Override
  public void close() {
    owned.forEach(CudaMemory::close);
  }
}
