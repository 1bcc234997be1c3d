// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.annotation.JsonNaming;
import io.github.tppo.run.Doc;
import io.github.tppo.run.PathKey;
import java.net.URI;

/**
 * The server that a {@link ChatJudge} asks, and how.
 *
 * @param baseUrl           what {@code /chat/completions} is appended to
 * @param model             the model's name as the server knows it
 * @param apiKeyEnv         the environment variable that holds the key; empty for none. The key itself is kept nowhere
 * @param concurrency       how many questions are under way at a time
 * @param requestsPerMinute the most requests in a minute, retries included; 0 for no limit
 * @param timeoutS          seconds within which the whole answer to a request must be there
 * @param maxRetries        how often a request is sent again after a passing failure
 * @param temperature       the sampling temperature; -1 leaves it to the server
 * @param maxTokens         the most tokens of a reply; 0 leaves it to the server
 * @param responseFormat    how JSON is asked for
 * @param templates         a folder with token.txt, sentence.txt and pairwise.txt, or {@code default}
 */
@Doc("The OpenAI-compatible server that the chat judge asks.")
@JsonNaming(PropertyNamingStrategies.SnakeCaseStrategy.class)
public record ChatConfig(
  @Doc("What /chat/completions is appended to.") String baseUrl,
  @Doc("The model's name as the server knows it.") String model,
  @Doc("The environment variable that holds the key, such as OPENAI_API_KEY; empty for a server without keys.") String apiKeyEnv,
  @Doc("How many questions are under way at a time.") int concurrency,
  @Doc("The most requests in a minute, retries included; 0 for no limit.") int requestsPerMinute,
  @Doc("Seconds within which the whole answer to a request must be there.") double timeoutS,
  @Doc("How often a request is sent again after a time-out, a lost connection or a status 408, 409, 429 or 5xx.") int maxRetries,
  @Doc("Sampling temperature; -1 leaves it to the server.") double temperature,
  @Doc("The most tokens of a reply; 0 leaves it to the server.") int maxTokens,
  @Doc("How JSON is asked for; auto tries json_schema, json_object and text in this order and keeps the first that is known.")
    ResponseFormat responseFormat,
  @Doc("A folder with templates of your own (token.txt, sentence.txt, pairwise.txt; default ones where missing), or default.")
    @PathKey(except = ChatConfig.DEFAULT_TEMPLATES) String templates) {

  /** The templates that are shipped. */
  public static final String DEFAULT_TEMPLATES = "default";

  /** How a server is asked for JSON. */
  public enum ResponseFormat {
    /** The strictest that the server knows. */
    @JsonProperty("auto") AUTO,
    /** By a schema. */
    @JsonProperty("json_schema") JSON_SCHEMA,
    /** Any JSON object. */
    @JsonProperty("json_object") JSON_OBJECT,
    /** By the words of the template alone. */
    @JsonProperty("text") TEXT
  }

  /** @throws IllegalArgumentException when a value is out of range; what may be a key is not repeated */
  public ChatConfig {
    check(baseUrl != null && isEndpoint(baseUrl), "base_url", "http://HOST or https://HOST with a port and a path, without user, key or query");
    check(model != null, "model", "the model's name as the server knows it, or nothing");
    check(responseFormat != null, "response_format", "auto, json_schema, json_object or text");
    check(apiKeyEnv != null, "api_key_env", "the name of an environment variable, or nothing");
    check(apiKeyEnv.isEmpty() || apiKeyEnv.matches("[A-Za-z_][A-Za-z0-9_]*"), "api_key_env",
      "the name of an environment variable; the key itself must not stand here");
    check(concurrency >= 1 && concurrency <= 1024, "concurrency", "1 to 1024");
    check(requestsPerMinute >= 0, "requests_per_minute", "0 or more");
    check(timeoutS > 0 && timeoutS <= 86_400, "timeout_s", "above 0, at most 86400");
    check(maxRetries >= 0 && maxRetries <= 100, "max_retries", "0 to 100");
    check(temperature == -1 || temperature >= 0 && temperature <= 2, "temperature", "0 to 2, or -1");
    check(maxTokens >= 0, "max_tokens", "0 or more");
  }

  /** A server on this machine without a key, 8 questions at a time, greedy. */
  public static ChatConfig defaults() {
    return new ChatConfig("http://localhost:8000/v1", "", "", 8, 0, 120, 5, 0, 2048, ResponseFormat.AUTO, DEFAULT_TEMPLATES);
  }

  private static boolean isEndpoint(String url) {
    try {
      URI uri = URI.create(url);
      boolean http = "http".equalsIgnoreCase(uri.getScheme()) || "https".equalsIgnoreCase(uri.getScheme());
      return http && uri.getHost() != null && uri.getRawUserInfo() == null && uri.getRawQuery() == null
        && uri.getRawFragment() == null;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  private static void check(boolean good, String key, String expected) {
    if (!good) {
      throw new IllegalArgumentException(key + ": expected " + expected);
    }
  }
}
