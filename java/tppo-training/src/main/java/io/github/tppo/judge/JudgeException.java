// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.judge;

/** A judge gave no usable judgement. Never turned into a score: the response is asked again, then set aside. */
public class JudgeException extends Exception {

    private static final long serialVersionUID = 1L;

    /** @param message what the judge answered instead */
    public JudgeException(String message) {
        super(message);
    }

    /**
     * @param message what was asked for
     * @param cause   why there is no answer
     */
    public JudgeException(String message, Throwable cause) {
        super(message, cause);
    }
}
