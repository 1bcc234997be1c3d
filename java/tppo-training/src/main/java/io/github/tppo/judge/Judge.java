// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

import io.github.tppo.data.Example;

/** Scores a generated response against a user's history and true queries. Implementations are safe for several threads. */
public interface Judge {

    /**
     * Judges one response.
     *
     * @param template     whether the words are scored too
     * @param example      the user's history and the queries that the user searched in truth
     * @param responseText the response without special tokens
     * @return with {@link Template#TOKEN} one score for every word of {@link io.github.tppo.text.ResponseText#words}, in order
     * @throws JudgeException when no judgement could be had
     */
    Judgement judge(Template template, Example example, String responseText) throws JudgeException;

    /** A name for reports. */
    String name();
}
