// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.kernels;

import java.lang.StackWalker.StackFrame;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.javacpp.Pointer;

/**
 * Native memory that somebody has to close and nobody has closed, with the place where it was taken. With the system property
 * {@value #PROPERTY} set to {@code true} each owner is noted with its call stack, and what is open when the program ends is
 * printed on standard error; without it nothing is noted.
 *
 * <p>What is noted stays reachable until it is closed: the garbage collector, which would free most of it at some time, does not
 * hide a leak. {@link NativeArray} is not noted, since it is the collector's to free.
 *
 * <p>Thread safe.
 */
public final class LeakReport {

  /** The system property that asks for the report. */
  public static final String PROPERTY = "tppo.leaks";

  /** False in ordinary runs, a constant for the compiler: then callers of {@link #opened} do not even compute its arguments. */
  public static final boolean ON = Boolean.getBoolean(PROPERTY);

  private static final int FRAMES = 12;
  private static final Map<Object, Owner> OWNERS = new IdentityHashMap<>();
  /** Pointers tell by themselves that they are closed; when this many are noted, those are dropped. */
  private static int next = 1024;

  static {
    if (ON) {
      Runtime.getRuntime().addShutdownHook(new Thread(() -> System.err.print(text()), "tppo-leaks"));
    }
  }

  private LeakReport() {}

  private record Owner(String what, long bytes, List<String> place) {}

  /**
   * Owners of one kind that were made at one place and are open.
   *
   * @param what their kind
   * @param count how many
   * @param bytes of native memory in all, 0 where it is not known
   * @param place the call stack, innermost first: {@code class.method(file:line)}
   */
  public record Open(String what, long count, long bytes, List<String> place) {}

  /**
   * Notes an owner, where {@link #ON}. The place is that of the caller of the class that calls this.
   *
   * @param owner a pointer, which is open as long as its address is not null, or an object that calls {@link #closed}
   * @param what its kind, such as "tensor"
   * @param bytes of native memory, 0 where it is not known
   */
  public static void opened(Object owner, String what, long bytes) {
    if (ON) {
      Owner noted = new Owner(what, bytes, place());
      synchronized (OWNERS) {
        OWNERS.put(owner, noted);
        if (OWNERS.size() >= next) {
          dropClosed();
          next = Math.max(1024, 2 * OWNERS.size());
        }
      }
    }
  }

  /** Takes an owner that is no pointer off the list. */
  public static void closed(Object owner) {
    if (ON) {
      synchronized (OWNERS) {
        OWNERS.remove(owner);
      }
    }
  }

  /** Returns what is open now, most bytes first. */
  public static List<Open> open() {
    synchronized (OWNERS) {
      dropClosed();
      Map<List<Object>, Open> groups = new LinkedHashMap<>();
      for (Owner owner : OWNERS.values()) {
        groups.merge(List.of(owner.what, owner.place), new Open(owner.what, 1, owner.bytes, owner.place),
            (a, b) -> new Open(a.what, a.count + b.count, a.bytes + b.bytes, a.place));
      }
      List<Open> sorted = new ArrayList<>(groups.values());
      sorted.sort(Comparator.comparingLong(Open::bytes).thenComparingLong(Open::count).reversed());
      return sorted;
    }
  }

  /** Returns the report: what is open, its sizes and places, and what JavaCPP counts in all. */
  public static String text() {
    List<Open> open = open();
    StringBuilder text = new StringBuilder("tppo.leaks: ");
    if (open.isEmpty()) {
      text.append("nothing is open");
    } else {
      text.append(open.stream().mapToLong(Open::count).sum()).append(" not closed, ")
          .append(open.stream().mapToLong(Open::bytes).sum()).append(" bytes");
    }
    text.append("; JavaCPP holds ").append(Pointer.totalCount()).append(" objects of ").append(Pointer.totalBytes())
        .append(" bytes\n");
    for (Open each : open) {
      text.append("tppo.leaks: ").append(each.count).append(" x ").append(each.what).append(", ").append(each.bytes)
          .append(" bytes, made at\n").append(each.place.stream().map(frame -> "    " + frame + "\n").collect(Collectors.joining()));
    }
    return text.toString();
  }

  private static void dropClosed() {
    OWNERS.keySet().removeIf(owner -> owner instanceof Pointer pointer && pointer.isNull());
  }

  /** The stack without this class and, on top, without the class that reports: its caller is who asked for the memory. */
  private static List<String> place() {
    return StackWalker.getInstance().walk(frames -> {
      List<StackFrame> all = frames.dropWhile(frame -> frame.getClassName().equals(LeakReport.class.getName()))
          .limit(2 * FRAMES).toList();
      String reporter = all.get(0).getClassName();
      return all.stream().dropWhile(frame -> frame.getClassName().equals(reporter)).limit(FRAMES)
          .map(frame -> frame.toStackTraceElement().toString()).toList();
    });
  }
}
