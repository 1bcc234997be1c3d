// SPDX-License-Identifier: Apache-2.0
package io.github.tppo.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.jdi.Bootstrap;
import com.sun.jdi.Method;
import com.sun.jdi.ReferenceType;
import com.sun.jdi.VirtualMachine;
import com.sun.jdi.connect.Connector;
import com.sun.jdi.connect.ListeningConnector;
import com.sun.jdi.event.BreakpointEvent;
import com.sun.jdi.event.ClassPrepareEvent;
import com.sun.jdi.event.Event;
import com.sun.jdi.event.EventSet;
import com.sun.jdi.event.VMDisconnectEvent;
import com.sun.jdi.request.BreakpointRequest;
import com.sun.jdi.request.ClassPrepareRequest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The real program in a process of its own, to its end or under a debugger, which ends it where a test says. */
final class ProgramProcess {
  private static final long LIMIT_MS = 180_000;
  private static final int KILLED = 128 + 9;
  private static final String PROPERTIES = "org.bytedeco.";
  private static final String HEARD = "stopping as soon as the state is saved";

  private final Path log;
  private final List<String> options;

  /**
   * @param log where the output of the last process goes
   * @param options of the JVM
   */
  ProgramProcess(Path log, String... options) {
    this.log = log;
    this.options = List.of(options);
  }

  /** The beginning of a method, when it is reached for the {@code hit}th time. */
  record Place(String type, String method, int hit) {}

  /** How a process ends at its place. */
  enum End {
    /** SIGKILL with every thread of Java standing still just there. */
    KILL,
    /** SIGKILL some milliseconds later. */
    KILL_SOON,
    /** SIGTERM, which is answered as Ctrl-C is. */
    STOP
  }

  /** Runs to the end and returns the exit status. */
  int run(String... args) throws Exception {
    return wait(start(command(List.of(), List.of(args))));
  }

  /** The same with no room for a file of more than so many KiB. */
  int runWithFilesUpTo(int kib, String... args) throws Exception {
    List<String> command = new ArrayList<>(List.of("bash", "-c", "ulimit -f \"$0\" && exec \"$@\"", String.valueOf(kib)));
    command.addAll(command(List.of(), List.of(args)));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    Files.write(log, process.getInputStream().readAllBytes());
    return wait(process);
  }

  String output() throws IOException {
    return Files.readString(log);
  }

  /**
   * Runs up to a place and ends the process there.
   *
   * @param from calls of the place count from here
   * @param tooFar reached before the place, it fails the test
   * @param delayMs how long {@link End#KILL_SOON} waits
   */
  void endAt(Place from, Place place, Place tooFar, End end, long delayMs, List<String> args) throws Exception {
    ListeningConnector connector = Bootstrap.virtualMachineManager().listeningConnectors().stream()
        .filter(c -> c.name().equals("com.sun.jdi.SocketListen")).findFirst().orElseThrow();
    Map<String, Connector.Argument> arguments = connector.defaultArguments();
    arguments.get("localAddress").setValue("127.0.0.1");
    arguments.get("timeout").setValue(String.valueOf(LIMIT_MS));
    String address = connector.startListening(arguments);
    Process process = start(command(List.of("-agentlib:jdwp=transport=dt_socket,server=n,suspend=y,address=127.0.0.1:"
        + address.substring(address.lastIndexOf(':') + 1)), args));
    try {
      VirtualMachine machine = connector.accept(arguments);
      connector.stopListening(arguments);
      assertEquals(from, place(reached(machine, List.of(from))));
      BreakpointEvent there = reached(machine, List.of(place, tooFar));
      assertEquals(place, place(there), "what was reached first");
      switch (end) {
        case KILL -> process.destroyForcibly();
        case KILL_SOON -> {
          machine.dispose(); // lets everything run
          Thread.sleep(delayMs);
          process.destroyForcibly();
        }
        default -> {
          there.thread().suspend(); // until the signal was heard
          machine.resume();
          process.destroy();
          for (long waited = 0; !output().contains(HEARD) && waited < LIMIT_MS; waited += 5) {
            Thread.sleep(5);
          }
          machine.dispose();
        }
      }
      assertEquals(end == End.STOP ? Tppo.FAILED : KILLED, wait(process), output());
    } finally {
      process.destroyForcibly();
    }
  }

  /** Lets a machine run until it stands at one of the places. */
  private BreakpointEvent reached(VirtualMachine machine, List<Place> places) throws Exception {
    for (Place place : places) {
      List<ReferenceType> types = machine.classesByName(place.type());
      if (types.isEmpty()) {
        ClassPrepareRequest loaded = machine.eventRequestManager().createClassPrepareRequest();
        loaded.addClassFilter(place.type());
        loaded.putProperty(Place.class, place);
        loaded.enable();
      } else {
        breakAt(machine, types.get(0), place);
      }
    }
    machine.resume();
    while (true) {
      EventSet events = machine.eventQueue().remove(LIMIT_MS);
      assertNotNull(events, "nothing reached in time: " + output());
      for (Event event : events) {
        if (event instanceof BreakpointEvent breakpoint) {
          return breakpoint;
        }
        if (event instanceof VMDisconnectEvent) {
          throw new AssertionError("ended before " + places.get(0) + ": " + output());
        }
        if (event instanceof ClassPrepareEvent prepared) {
          breakAt(machine, prepared.referenceType(), place(event));
        }
      }
      events.resume();
    }
  }

  private static Place place(Event event) {
    return (Place) event.request().getProperty(Place.class);
  }

  private static void breakAt(VirtualMachine machine, ReferenceType type, Place place) {
    List<Method> methods = type.methodsByName(place.method());
    assertEquals(1, methods.size(), "methods of this name: " + place);
    BreakpointRequest request = machine.eventRequestManager().createBreakpointRequest(methods.get(0).location());
    request.addCountFilter(place.hit());
    request.putProperty(Place.class, place);
    request.enable();
  }

  private List<String> command(List<String> more, List<String> args) {
    List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx512m",
        "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-cp", System.getProperty("java.class.path")));
    System.getProperties().forEach((name, value) -> {
      if (name.toString().startsWith(PROPERTIES)) {
        command.add("-D" + name + "=" + value);
      }
    });
    command.addAll(options);
    command.addAll(more);
    command.add(Tppo.class.getName());
    command.addAll(args);
    return command;
  }

  private Process start(List<String> command) throws IOException {
    return new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
  }

  private int wait(Process process) throws Exception {
    assertTrue(process.waitFor(LIMIT_MS, TimeUnit.MILLISECONDS), () -> {
      process.destroyForcibly();
      return "it does not end";
    });
    return process.exitValue();
  }
}
