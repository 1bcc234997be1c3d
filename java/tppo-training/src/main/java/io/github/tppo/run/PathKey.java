// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.run;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks a {@code String} or {@code List<String>} component that holds paths or globs, so that {@link ConfigReader}
 * makes relative ones relative to the configuration's folder, as it does for components of type {@code Path}.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
public @interface PathKey {
  /** Words that stand for themselves, such as {@code default}. */
  String[] except() default {};
}
