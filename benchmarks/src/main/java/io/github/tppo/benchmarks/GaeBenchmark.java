// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.GaeOptions;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.TokenLayout;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** Generalised advantage estimation over a masked, padded batch: our kernel against a plain Java loop. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class GaeBenchmark {

    private static final double GAMMA = 1;
    private static final double LAMBDA = 0.95;

    /** Sequences. */
    @Param("256")
    public int sequences;

    /** Tokens of a sequence. */
    @Param({"64", "1024"})
    public int length;

    /** Threads of the kernel; 0 means all processors. The Java loop has one. */
    @Param({"1", "0"})
    public int threads;

    private float[] rewards;
    private float[] values;
    private byte[] mask;
    private float[] advantages;
    private float[] returns;
    private TokenLayout layout;
    private NativeArray rewardsArray;
    private NativeArray valuesArray;
    private NativeArray advantagesArray;
    private NativeArray returnsArray;

    /** Makes the inputs, the same for both. */
    @Setup
    public void setup() {
        Kernels.setThreads(threads);
        int n = sequences * length;
        Random random = new Random(1);
        rewards = new float[n];
        values = new float[n];
        mask = new byte[n];
        advantages = new float[n];
        returns = new float[n];
        for (int i = 0; i < n; i++) {
            rewards[i] = (float) random.nextGaussian();
            values[i] = (float) random.nextGaussian();
            // Responses end somewhere in the last quarter.
            mask[i] = (byte) (i % length < length * 3 / 4 + i / length % Math.max(1, length / 4) ? 1 : 0);
        }
        layout = TokenLayout.padded(sequences, length).withMask(NativeArray.ofBytes(mask));
        rewardsArray = NativeArray.ofFloats(rewards);
        valuesArray = NativeArray.ofFloats(values);
        advantagesArray = NativeArray.allocate(DType.F32, n);
        returnsArray = NativeArray.allocate(DType.F32, n);
    }

    /** One kernel call. */
    @Benchmark
    public NativeArray tppo() {
        Kernels.gae(layout, rewardsArray, valuesArray, GaeOptions.defaults().withGamma(GAMMA).withLambda(LAMBDA),
                advantagesArray, returnsArray);
        return advantagesArray;
    }

    /** The recurrence as one would write it. */
    @Benchmark
    public float[] javaLoop() {
        for (int b = 0; b < sequences; b++) {
            double next = 0;
            double carried = 0;
            for (int i = (b + 1) * length - 1; i >= b * length; i--) {
                if (mask[i] == 0) {
                    advantages[i] = 0;
                    returns[i] = 0;
                    continue;
                }
                carried = rewards[i] + GAMMA * next - values[i] + GAMMA * LAMBDA * carried;
                next = values[i];
                advantages[i] = (float) carried;
                returns[i] = (float) (carried + values[i]);
            }
        }
        return advantages;
    }
}
