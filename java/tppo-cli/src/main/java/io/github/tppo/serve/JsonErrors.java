// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.serve;

import org.eclipse.jetty.http.HttpStatus;
import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.server.Response;
import org.eclipse.jetty.server.handler.ErrorHandler;
import org.eclipse.jetty.util.Callback;

/** Errors that the server finds itself, such as a request that is not HTTP, in the form of all others. */
final class JsonErrors extends ErrorHandler {
  @Override
  public boolean errorPageForMethod(String method) {
    return true;
  }

  @Override
  protected void generateResponse(Request request, Response response, int code, String message, Throwable cause, Callback callback) {
    if (code == HttpStatus.SERVICE_UNAVAILABLE_503) {
      response.getHeaders().put("Retry-After", "1");
    }
    SuggestHandler.write(response, code, "application/json", body(code), callback);
  }

  private static byte[] body(int status) {
    boolean stopping = status == HttpStatus.SERVICE_UNAVAILABLE_503;
    return RequestError.body(status, stopping ? "the service is stopping" : HttpStatus.getMessage(status), "");
  }
}
