// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;

/** A request that is answered with an error. The message is for the client: it holds nothing of the server's inside. */
final class RequestError extends Exception {
  private static final long serialVersionUID = 1L;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final int status;
  private final String param;
  private final String header;
  private final String headerValue;

  private RequestError(int status, String message, String param, String header, String headerValue) {
    super(message, null, false, false);
    this.status = status;
    this.param = param;
    this.header = header;
    this.headerValue = headerValue;
  }

  static RequestError of(int status, String message) {
    return new RequestError(status, message, "", null, null);
  }

  /** A body that is not right; {@code param} says where, or is empty. */
  static RequestError badRequest(String message, String param) {
    return new RequestError(400, message, param, null, null);
  }

  static RequestError methodNotAllowed(String method, String allowed) {
    return new RequestError(405, method + " is not allowed here, expected " + allowed, "", "Allow", allowed);
  }

  /** The service cannot answer now, but soon may. */
  static RequestError unavailable(String message) {
    return new RequestError(503, message, "", "Retry-After", "1");
  }

  int status() {
    return status;
  }

  /** Name of the header that goes with the status, or null. */
  String header() {
    return header;
  }

  String headerValue() {
    return headerValue;
  }

  byte[] body() {
    return body(status, getMessage(), param);
  }

  /** {@code {"error": {"type": ..., "message": ..., "param": ...}}} in UTF-8; without {@code param} when it is empty. */
  static byte[] body(int status, String message, String param) {
    Map<String, String> error = new LinkedHashMap<>();
    error.put("type", type(status));
    error.put("message", message);
    if (!param.isEmpty()) {
      error.put("param", param);
    }
    try {
      return JSON.writeValueAsBytes(Map.of("error", error));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e); // strings are always written
    }
  }

  private static String type(int status) {
    return switch (status) {
      case 404 -> "not_found";
      case 405 -> "method_not_allowed";
      case 408 -> "timeout";
      case 413, 414, 431 -> "too_large";
      case 415 -> "unsupported_media_type";
      case 503 -> "unavailable";
      case 505 -> "invalid_request"; // the client's version of HTTP is at fault
      default -> status < 500 ? "invalid_request" : "internal";
    };
  }
}
