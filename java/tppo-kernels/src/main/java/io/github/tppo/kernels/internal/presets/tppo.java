// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels.internal.presets;

import org.bytedeco.javacpp.annotation.Platform;
import org.bytedeco.javacpp.annotation.Properties;
import org.bytedeco.javacpp.tools.Info;
import org.bytedeco.javacpp.tools.InfoMap;
import org.bytedeco.javacpp.tools.InfoMapper;

/**
 * Tells the binding generator how to read {@code tppo.h} and {@code tppo_decoder.h}. The build turns it into
 * {@code io.github.tppo.kernels.internal.Tppo}; nobody else uses it.
 */
@Properties(
    value = {
      @Platform(include = {"tppo.h", "tppo_decoder.h"}, link = "tppo"),
      @Platform(value = {"linux-x86_64", "linux-arm64"}, extension = "-cuda13")
    },
    target = "io.github.tppo.kernels.internal",
    global = "io.github.tppo.kernels.internal.Tppo")
public class tppo implements InfoMapper {

  @Override
  public void map(InfoMap infoMap) {
    infoMap.put(new Info("TPPO_API").cppTypes().annotations());
    // The generator makes no setter for a pointer to const pointers.
    infoMap.put(new Info("tppo_global_norm_args::tensors").javaText(
        "public native @Cast(\"const float*const*\") PointerPointer tensors();\n"
            + "  public native tppo_global_norm_args tensors(PointerPointer setter);"));
  }
}
