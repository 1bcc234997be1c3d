// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.TimeoutException;
import org.eclipse.jetty.http.HttpHeader;
import org.eclipse.jetty.http.MimeTypes;
import org.eclipse.jetty.io.Content;
import org.eclipse.jetty.server.Request;

/** A request's body of JSON, read within bounds of size and time. */
final class RequestBody {
  private static final int PIECE = 8192;
  /** Most that is read of a body that nobody wants. */
  private static final long MOST_DISCARDED = 8L << 20;

  private final Request request;
  private final long deadline;
  private InputStream in;

  /** The client has gone: there is no one to answer. */
  static final class GoneException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    GoneException(IOException cause) {
      super(cause);
    }
  }

  /** @param deadline by {@link System#nanoTime} */
  RequestBody(Request request, long deadline) {
    this.request = request;
    this.deadline = deadline;
  }

  /**
   * Reads the whole body.
   *
   * @throws RequestError when it is not declared as JSON, too large or too slow
   */
  byte[] read(int maxBytes) throws RequestError {
    checkType(request);
    if (request.getLength() > maxBytes) {
      throw tooLarge(maxBytes);
    }
    ByteArrayOutputStream body = new ByteArrayOutputStream((int) Math.max(0, Math.min(request.getLength(), PIECE)));
    byte[] piece = new byte[PIECE];
    in = Content.Source.asInputStream(request);
    try {
      for (int n = in.read(piece); n >= 0; n = in.read(piece)) {
        body.write(piece, 0, n);
        if (body.size() > maxBytes) {
          throw tooLarge(maxBytes);
        }
        // A stalled read ends with the idle time of the connection; this ends one that trickles.
        if (isLate()) {
          throw tooSlow();
        }
      }
    } catch (IOException e) {
      if (isTimeout(e)) {
        throw tooSlow();
      }
      throw new GoneException(e);
    }
    return body.toByteArray();
  }

  /**
   * Reads what is left of the body of a request that is refused: a client that is still sending when the connection ends may never see the
   * answer. One that waits to be asked for its body, or declares more than 8 MiB, is answered at once.
   */
  void discard() {
    if (in == null) {
      if (request.getLength() > MOST_DISCARDED || request.getHeaders().contains(HttpHeader.EXPECT)) {
        return;
      }
      in = Content.Source.asInputStream(request);
    }
    byte[] piece = new byte[PIECE];
    try {
      long discarded = 0;
      for (int n = 0; n >= 0 && discarded <= MOST_DISCARDED && !isLate(); n = in.read(piece)) {
        discarded += n;
      }
    } catch (IOException e) {
      return; // Nothing more comes, and it was not wanted; whoever is still there gets the answer.
    }
  }

  private boolean isLate() {
    return System.nanoTime() - deadline > 0;
  }

  private static void checkType(Request request) throws RequestError {
    String type = request.getHeaders().get("Content-Type");
    if (type == null || !type.split(";", 2)[0].strip().equalsIgnoreCase("application/json")) {
      throw RequestError.of(415, "Content-Type: expected application/json");
    }
    String charset = MimeTypes.getCharsetFromContentType(type);
    if (charset != null && !charset.equalsIgnoreCase("utf-8")) {
      throw RequestError.of(415, "Content-Type: expected charset utf-8, or none");
    }
    String encoding = request.getHeaders().get("Content-Encoding");
    if (encoding != null && !encoding.equalsIgnoreCase("identity")) {
      throw RequestError.of(415, "Content-Encoding: expected none");
    }
  }

  private static RequestError tooLarge(int maxBytes) {
    return RequestError.of(413, "the body is larger than " + maxBytes + " bytes");
  }

  private static RequestError tooSlow() {
    return RequestError.of(408, "the body did not come in time");
  }

  private static boolean isTimeout(Throwable e) {
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof TimeoutException) {
        return true;
      }
    }
    return false;
  }
}
