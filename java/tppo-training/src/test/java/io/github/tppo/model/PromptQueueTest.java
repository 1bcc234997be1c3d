// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.github.tppo.model.PromptQueue.Response;
import java.util.List;
import org.junit.jupiter.api.Test;

class PromptQueueTest {

  private static Response response(int index, int... prompt) {
    return new Response(index, prompt, 0, 4);
  }

  @Test
  void equalPromptsWaitForTheFirstAndThenComeBeforeOthers() {
    Response first = response(0, 5, 6);
    Response other = response(1, 5);
    Response second = response(2, 5, 6);
    Response last = response(3, 7);
    PromptQueue queue = new PromptQueue(List.of(first, other, second, last));
    assertSame(first, queue.poll());
    assertSame(other, queue.poll());
    queue.release(first);
    assertSame(second, queue.poll());
    assertSame(last, queue.poll());
    assertNull(queue.poll());
  }

  /** Only what is in the cache counts, and the last token of a prompt always runs: it gives the logits. */
  @Test
  void whatTwoResponsesShareIsTheirCachedBeginning() {
    Response done = response(0, 5, 6, 7, 8);
    done.add(9, 0, false);
    done.cached = 5;
    assertEquals(3, response(1, 5, 6, 7, 8).sharedWith(done));
    assertEquals(5, response(1, 5, 6, 7, 8, 9, 3).sharedWith(done), "of the response, too");
    assertEquals(2, response(1, 5, 6, 3, 8).sharedWith(done));
    assertEquals(0, response(1, 3, 6, 7).sharedWith(done));
    done.cached = 1;
    assertEquals(1, response(1, 5, 6, 7, 8).sharedWith(done));
    assertEquals(0, response(1, 5).sharedWith(done));
  }
}
