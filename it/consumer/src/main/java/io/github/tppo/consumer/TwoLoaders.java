// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.consumer;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Runs {@link Consumer} in two class loaders that share no class of ours, as application servers do. */
public final class TwoLoaders {

  private TwoLoaders() {}

  /**
   * Runs it twice.
   *
   * @param args none
   * @throws Exception a class loader could not be made or the consumer failed
   */
  public static void main(String[] args) throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
      urls.add(Path.of(entry).toUri().toURL());
    }
    for (int i = 0; i < 2; i++) {
      // Not closed: the native library belongs to the loader.
      ClassLoader loader = new URLClassLoader(urls.toArray(new URL[0]), ClassLoader.getPlatformClassLoader());
      Class<?> consumer = loader.loadClass(Consumer.class.getName());
      consumer.getMethod("main", String[].class).invoke(null, (Object) args);
    }
  }
}
