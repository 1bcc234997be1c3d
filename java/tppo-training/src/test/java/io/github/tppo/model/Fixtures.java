// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.model;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Reference checkpoints of the test resources: small random models with outputs computed by transformers. */
@SuppressWarnings("try") // scopes are opened for what their closing frees
final class Fixtures {

  private Fixtures() {
  }

  static Path checkpoint(String name) {
    try {
      return Path.of(Fixtures.class.getResource("/checkpoints/" + name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }

  static SafeTensors expected(String name) throws IOException {
    return SafeTensors.open(checkpoint(name).resolve("expected.safetensors"));
  }

  static int[] ints(SafeTensors file, String name) throws IOException {
    try (Scope scope = Scope.noGrad()) {
      long[] values = Tensors.toLongs(file.read(name));
      int[] ints = new int[values.length];
      for (int i = 0; i < ints.length; i++) {
        ints[i] = (int) values[i];
      }
      return ints;
    }
  }

  static double[] doubles(SafeTensors file, String name) throws IOException {
    try (Scope scope = Scope.noGrad()) {
      return Tensors.toDoubles(file.read(name));
    }
  }

  /** The prefixes P for which a tensor "P_suffix" is there. */
  static List<String> cases(SafeTensors file, String suffix) {
    List<String> cases = new ArrayList<>();
    for (String name : file.names()) {
      if (name.endsWith(suffix)) {
        cases.add(name.substring(0, name.length() - suffix.length()));
      }
    }
    return cases;
  }

  /** A small model without any structure. */
  static DecoderConfig tiny() {
    return DecoderConfig.mistral(50, 16, 24, 2, 4, 2, 64, 0, 0, 2, 1);
  }
}
