// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.benchmarks;

import io.github.tppo.kernels.DType;
import io.github.tppo.kernels.Kernels;
import io.github.tppo.kernels.Logits;
import io.github.tppo.kernels.NativeArray;
import io.github.tppo.kernels.PolicyLossOptions;
import io.github.tppo.kernels.PolicyLossOutputs;
import io.github.tppo.kernels.TokenLayout;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Clipped policy loss from float32 logits [tokens, vocab] and its gradient: our one kernel against the operations of
 * libtorch (log_softmax, gather, ratio, clip, backward). Both use as many threads; both read fresh logits each time.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class PolicyLossBenchmark {

    /** Tokens of a micro-batch. */
    @Param("512")
    public int tokens;

    /** Vocabulary: the bundled model's, Mistral's, and a large one. */
    @Param({"2048", "32000", "128256"})
    public int vocab;

    /** Threads of both; 0 means all processors. */
    @Param({"1", "0"})
    public int threads;

    private Tensor source;
    private Tensor logits;
    private Tensor targets;
    private Tensor oldLogprobs;
    private Tensor advantages;
    private NativeArray logitsArray;
    private NativeArray gradient;
    private NativeArray targetsArray;
    private NativeArray oldArray;
    private NativeArray advantagesArray;

    /** Makes the inputs, the same for both. */
    @Setup(Level.Trial)
    public void setup() {
        int count = threads == 0 ? Runtime.getRuntime().availableProcessors() : threads;
        torch.set_num_threads(count);
        Kernels.setThreads(count);
        torch.manual_seed(1);
        source = torch.randn(tokens, vocab).mul_(new Scalar(3.0));
        logits = source.detach().requires_grad_(true);
        Random random = new Random(1);
        long[] ids = random.longs(tokens, 0, vocab).toArray();
        float[] old = new float[tokens];
        float[] advantage = new float[tokens];
        for (int i = 0; i < tokens; i++) {
            old[i] = (float) (-Math.log(vocab) + random.nextGaussian());
            advantage[i] = (float) random.nextGaussian();
        }
        targets = torch.tensor(ids).view(tokens, 1);
        oldLogprobs = torch.tensor(old);
        advantages = torch.tensor(advantage);
        targetsArray = NativeArray.ofLongs(ids);
        oldArray = NativeArray.ofFloats(old);
        advantagesArray = NativeArray.ofFloats(advantage);
        logitsArray = NativeArray.of(source.data_ptr(), source.numel(), DType.F32);
        Tensor buffer = torch.empty(tokens, vocab);
        gradient = NativeArray.of(buffer.data_ptr(), buffer.numel(), DType.F32);
        gradientOwner = buffer;
    }

    private Tensor gradientOwner;

    /** Frees the tensors. */
    @TearDown(Level.Trial)
    public void tearDown() {
        for (Tensor tensor : new Tensor[] {source, logits, targets, oldLogprobs, advantages, gradientOwner}) {
            tensor.close();
        }
    }

    /** One call; the gradient goes to a buffer of its own, so that the logits stay. */
    @Benchmark
    public double tppo() {
        return Kernels.policyLoss(TokenLayout.flat(tokens), Logits.of(logitsArray, vocab), targetsArray, oldArray,
                advantagesArray, null, PolicyLossOptions.defaults(),
                PolicyLossOutputs.none().withGradLogits(gradient)).loss();
    }

    /** The same mathematics in the operations of libtorch, backward through autograd. */
    @Benchmark
    public double libtorch() {
        try (PointerScope scope = new PointerScope()) {
            Tensor logprob = torch.log_softmax(logits, 1).gather(1, targets).squeeze(1);
            Tensor ratio = logprob.sub(oldLogprobs).exp();
            Tensor clipped = ratio.clamp(new org.bytedeco.pytorch.ScalarOptional(new Scalar(0.8)),
                    new org.bytedeco.pytorch.ScalarOptional(new Scalar(1.2)));
            Tensor loss = torch.min(ratio.mul(advantages), clipped.mul(advantages)).mean().neg();
            loss.backward();
            logits.mutable_grad().reset();
            return loss.item_double();
        }
    }
}
