// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * What a configuration key means, in a sentence or two: {@code tppo init} writes it above the key.
 * On a record it is the heading of that record's section.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.RECORD_COMPONENT, ElementType.TYPE})
public @interface Doc {
  /** The text, without line breaks; the writer wraps it. */
  String value();
}
