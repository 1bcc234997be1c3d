// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.text;

/**
 * The text that a sequence of ids stands for, and where each id lies in it. Id {@code i} carries the UTF-16 code units
 * {@code [starts[i], ends[i])} of {@code text}. Ids that hold some bytes of one character all carry that character, so
 * spans can overlap; an id without text (special tokens, ids outside the vocabulary) has an empty span where it stands.
 *
 * @param text   the decoded text, special tokens left out
 * @param starts first code unit of each id
 * @param ends   one past the last code unit of each id
 */
public record TokenSpans(String text, int[] starts, int[] ends) {

    /** The number of ids. */
    public int length() {
        return starts.length;
    }
}
