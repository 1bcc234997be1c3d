// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;

/** Reads the body of an answer as UTF-8 text, and gives up on one that is too long instead of filling the memory with it. */
final class BoundedBody implements HttpResponse.BodySubscriber<String> {

  /** The body is longer than allowed; asking again would not help. */
  static final class TooLongException extends IOException {
    private static final long serialVersionUID = 1L;

    private TooLongException(int limit) {
      super("an answer of more than " + limit + " bytes");
    }
  }

  private final int limit;
  private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
  private final CompletableFuture<String> text = new CompletableFuture<>();
  private Flow.Subscription subscription;

  /** @param limit the most bytes that are read */
  BoundedBody(int limit) {
    this.limit = limit;
  }

  @Override
  public CompletionStage<String> getBody() {
    return text;
  }

  @Override
  public void onSubscribe(Flow.Subscription s) {
    subscription = s;
    s.request(Long.MAX_VALUE);
  }

  @Override
  public void onNext(List<ByteBuffer> buffers) {
    for (ByteBuffer buffer : buffers) {
      if (text.isDone()) {
        return;
      }
      if (buffer.remaining() > limit - bytes.size()) {
        subscription.cancel();
        text.completeExceptionally(new TooLongException(limit));
        return;
      }
      byte[] block = new byte[buffer.remaining()];
      buffer.get(block);
      bytes.writeBytes(block);
    }
  }

  @Override
  public void onError(Throwable failure) {
    text.completeExceptionally(failure);
  }

  @Override
  public void onComplete() {
    text.complete(bytes.toString(StandardCharsets.UTF_8));
  }
}
