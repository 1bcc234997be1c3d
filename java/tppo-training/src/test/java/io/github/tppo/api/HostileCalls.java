// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.api;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.reflect.Array;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Parameter;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;

/**
 * Calls every public constructor and method of a library, each with right arguments and then with one of them wrong, and each method of
 * what can be closed on something closed. Allowed are a result and the exceptions that a caller is told of, with a message that names a
 * missing argument; not an error, an exception from further inside, a call that does not end, or the end of the process. The call that
 * is being made stands in {@code target/hostile-call.txt}, for the case that it is the last one.
 */
final class HostileCalls implements AutoCloseable {
  private static final String LOG = "target/hostile-call.txt";
  private static final int SECONDS = 20;
  private static final long MOST_MEMORY = 1L << 30;
  private static final List<Class<? extends Exception>> ALLOWED = List.of(IllegalArgumentException.class, IllegalStateException.class,
      NullPointerException.class, UnsupportedOperationException.class, IOException.class, UncheckedIOException.class);

  private final Samples samples;
  private final HostileValues values;
  private final List<Class<? extends Exception>> allowed;
  private final List<String> faults = Collections.synchronizedList(new ArrayList<>());
  private final RandomAccessFile log;
  private ExecutorService executor = executor();
  private volatile int calls;

  /**
   * @param depth how far down records of records have one wrong part
   * @param documented exceptions of the library that calls may throw
   */
  HostileCalls(Samples samples, int depth, List<Class<? extends Exception>> documented) throws IOException {
    this.samples = samples;
    this.values = new HostileValues(samples, depth);
    this.allowed = new ArrayList<>(ALLOWED);
    this.allowed.addAll(documented);
    Files.createDirectories(Path.of("target"));
    this.log = new RandomAccessFile(LOG, "rw");
  }

  /** The public classes of a library, a folder or a jar, without those of packages named internal. */
  static List<Class<?>> classes(Class<?> ofLibrary) throws IOException, URISyntaxException {
    Path library = Path.of(ofLibrary.getProtectionDomain().getCodeSource().getLocation().toURI());
    if (Files.isDirectory(library)) {
      return classesBelow(library);
    }
    try (FileSystem jar = FileSystems.newFileSystem(library)) {
      return classesBelow(jar.getPath("/"));
    }
  }

  private static List<Class<?>> classesBelow(Path root) throws IOException {
    try (Stream<Path> files = Files.walk(root)) {
      return files.map(file -> root.relativize(file).toString())
          .filter(name -> name.endsWith(".class") && !name.contains("internal"))
          .map(name -> name.substring(0, name.length() - ".class".length()).replace('/', '.')).sorted()
          .<Class<?>>map(HostileCalls::load).filter(HostileCalls::isPublic).toList();
    }
  }

  private static Class<?> load(String name) {
    try {
      return Class.forName(name, false, HostileCalls.class.getClassLoader());
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(e);
    }
  }

  private static boolean isPublic(Class<?> type) {
    return type == null
        || Modifier.isPublic(type.getModifiers()) && !type.isAnonymousClass() && isPublic(type.getDeclaringClass());
  }

  /** The calls of a class; what records and enums have from the compiler is not among them, nor what a caller implements. */
  private static List<Executable> calls(Class<?> type) {
    List<Executable> calls = new ArrayList<>();
    if (!Modifier.isAbstract(type.getModifiers()) && !Throwable.class.isAssignableFrom(type)) {
      calls.addAll(List.of(type.getConstructors()));
    }
    for (Method method : type.getDeclaredMethods()) {
      boolean given = method.isSynthetic() || type.isEnum() && method.getName().matches("values|valueOf")
          || method.getName().matches("equals|hashCode|toString") || Modifier.isAbstract(method.getModifiers()) && type.isInterface();
      if (Modifier.isPublic(method.getModifiers()) && !given) {
        calls.add(method);
      }
    }
    return calls;
  }

  /** Makes all calls of some classes and returns what is wrong with them. */
  List<String> faults(List<Class<?>> classes) throws Exception {
    for (Class<?> type : classes) {
      for (Executable call : calls(type)) {
        if (!samples.isLeftOut(call)) {
          tryAll(call);
        }
      }
    }
    samples.unused().forEach(name -> faults.add(name + " is registered, but there is no such call"));
    return faults;
  }

  int calls() {
    return calls;
  }

  /** Makes a call in all its forms, in a thread that is given up when one of them does not come back. */
  private void tryAll(Executable call) throws Exception {
    long memory = peakMemory();
    Future<?> forms = executor.submit(() -> {
      attempt(call);
      return null;
    });
    boolean done = false;
    while (!done) {
      int before = calls;
      try {
        forms.get(SECONDS, TimeUnit.SECONDS);
        done = true;
      } catch (TimeoutException e) {
        if (before == calls) {
          faults.add(Files.readString(Path.of(LOG)) + " does not end");
          executor.shutdown();
          executor = executor();
          return;
        }
      } catch (ExecutionException e) {
        faults.add(Samples.name(call) + ": " + e.getCause());
        done = true;
      }
    }
    if (peakMemory() - memory > MOST_MEMORY) {
      faults.add(Samples.name(call) + " took " + (peakMemory() - memory >> 20) + " MiB");
    }
  }

  /** Right arguments are made anew for each form, since a call may change what it is given. */
  private void attempt(Executable call) throws Exception {
    try (PointerScope scope = new PointerScope()) {
      Object[] right = samples.arguments(call);
      make(call, "", samples.receiver(call), right, -1);
      for (int i = 0; i < right.length; i++) {
        for (Object wrong : values.of(call.getParameterTypes()[i], samples.arguments(call)[i])) {
          Object[] arguments = samples.arguments(call);
          arguments[i] = wrong;
          make(call, call.getParameters()[i].getName() + " = " + text(wrong), samples.receiver(call), arguments, i);
        }
      }
      if (samples.closeable(call) instanceof AutoCloseable receiver && !call.getName().equals("close")) {
        receiver.close();
        make(call, "closed", receiver, right, -1);
      }
    }
  }

  private void make(Executable call, String form, Object receiver, Object[] arguments, int wrong) throws Exception {
    calls++;
    String name = Samples.name(call) + " [" + form + "]";
    log.setLength(0);
    log.write(name.getBytes(StandardCharsets.UTF_8));
    Object result = null;
    try {
      result = call instanceof Constructor<?> constructor ? constructor.newInstance(arguments) : ((Method) call).invoke(receiver, arguments);
    } catch (InvocationTargetException e) {
      judge(call, name, e.getCause(), wrong >= 0 && arguments[wrong] == null ? call.getParameters()[wrong] : null, form.isEmpty());
    }
    close(result);
    for (Object argument : arguments) {
      close(argument);
    }
    close(receiver);
  }

  /** What a call was given or has made, unless it is closed already, or goes with another. */
  private void close(Object value) throws Exception {
    if (value instanceof AutoCloseable closeable && !samples.isShared(value)) {
      try {
        closeable.close();
      } catch (IllegalStateException e) {
        if (!e.getMessage().contains("closed")) {
          throw e;
        }
      }
    }
  }

  private void judge(Executable call, String name, Throwable thrown, Parameter missing, boolean right) {
    String message = thrown.getMessage();
    if (right) {
      fault(name, "refuses right arguments", thrown);
    } else if (allowed.stream().noneMatch(type -> type.isInstance(thrown))
        && !samples.mayThrow(call, thrown)) {
      fault(name, "is refused by an exception that nobody was told of", thrown);
    } else if (message == null || message.isBlank()) {
      fault(name, "is refused without a message", thrown);
    } else if (missing != null && !names(message, missing.getName()) && !names(message, call.getName().replaceFirst("^with", ""))) {
      fault(name, "is refused without the name of the argument", thrown);
    }
  }

  private static boolean names(String message, String argument) {
    // Keys of the configuration are named as a file has them.
    return message.toLowerCase(Locale.ROOT).replace("_", "").contains(argument.toLowerCase(Locale.ROOT));
  }

  private void fault(String name, String what, Throwable thrown) {
    StackTraceElement[] trace = thrown.getStackTrace();
    faults.add(name + " " + what + ": " + thrown.toString().lines().findFirst().orElse("") + " at "
        + Arrays.stream(trace).filter(frame -> frame.getClassName().startsWith("io.github.tppo")).findFirst().map(Object::toString).orElse("?"));
  }

  private static ExecutorService executor() {
    return Executors.newSingleThreadExecutor(task -> {
      Thread thread = new Thread(task, "hostile calls");
      thread.setDaemon(true);
      return thread;
    });
  }

  private static String text(Object value) {
    if (value instanceof Pointer pointer && pointer.isNull()) {
      return "a freed " + value.getClass().getSimpleName();
    }
    try {
      return shown(value);
    } catch (NullPointerException e) {
      return "a " + value.getClass().getSimpleName() + " with something freed in it"; // which has no text
    }
  }

  private static String shown(Object value) {
    String text = value instanceof Object[] array ? Arrays.toString(array)
        : value != null && value.getClass().isArray() ? value.getClass().getSimpleName() + " of " + Array.getLength(value)
        : String.valueOf(value);
    return text.length() > 200 ? text.substring(0, 200) + "..." : text;
  }

  /** 0 where the system does not say. */
  private static long peakMemory() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return 0;
    }
    return Files.readAllLines(status).stream().filter(line -> line.startsWith("VmHWM:"))
        .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024).findFirst().orElse(0);
  }

  @Override
  public void close() throws IOException {
    executor.shutdown();
    log.close();
  }
}
