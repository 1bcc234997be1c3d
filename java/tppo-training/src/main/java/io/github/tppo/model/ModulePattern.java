// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression on names of modules, as adapter files hold them. They come from strangers, so what matching may cost is
 * bounded: an expression that backtracks without end is refused.
 */
final class ModulePattern {

    private static final int MAX_LENGTH = 1000;
    /** Characters that matching one name may look at; a sound expression takes some hundreds. */
    private static final int MAX_READS = 1_000_000;

    private final Pattern pattern;

    private ModulePattern(Pattern pattern) {
        this.pattern = pattern;
    }

    /**
     * Compiles an expression that must match a whole name.
     *
     * @throws IllegalArgumentException when it is not one or too long
     */
    static ModulePattern whole(String expression) {
        return compile(expression, expression);
    }

    /** An expression that must match the last parts of a dotted name: PEFT's form of the keys of rank_pattern and alpha_pattern. */
    static ModulePattern end(String expression) {
        return compile("(.*\\.)?(" + expression + ")", expression);
    }

    private static ModulePattern compile(String full, String shown) {
        if (shown.length() > MAX_LENGTH) {
            throw new IllegalArgumentException("a regular expression of " + shown.length() + " characters, at most " + MAX_LENGTH
                    + " are read");
        }
        try {
            return new ModulePattern(Pattern.compile(full));
        } catch (PatternSyntaxException e) {
            throw new IllegalArgumentException("\"" + shown + "\" is not a regular expression that can be read here: "
                    + e.getDescription(), e);
        }
    }

    boolean matches(String name) {
        return pattern.matcher(new Bounded(name, pattern.pattern())).matches();
    }

    /** Text that counts how often it is looked at. */
    private static final class Bounded implements CharSequence {
        private final String text;
        private final String expression;
        private int reads;

        Bounded(String text, String expression) {
            this.text = text;
            this.expression = expression;
        }

        @Override
        public char charAt(int index) {
            if (++reads > MAX_READS) {
                throw new IllegalArgumentException("\"" + expression + "\" takes too long to match; write it without nested repetition");
            }
            return text.charAt(index);
        }

        @Override
        public int length() {
            return text.length();
        }

        @Override
        public CharSequence subSequence(int start, int end) {
            return text.subSequence(start, end);
        }

        @Override
        public String toString() {
            return text;
        }
    }
}
