import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.kie.dmn.api.core.DMNContext;
import org.kie.dmn.api.core.DMNModel;
import org.kie.dmn.api.core.DMNRuntime;
import org.kie.dmn.core.internal.utils.DMNRuntimeBuilder;
import org.kie.internal.io.ResourceFactory;

/**
 * Drools deciding tables in process: prints a line of JSON a table with the nanoseconds of
 * processor time a decision. The sum of what was decided must be the one in the file.
 */
public final class Tables {
  public static void main(String[] arguments) throws Exception {
    String folder = arguments[0];
    int rounds = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 5;
    decide(folder, "t20", 5, rounds);
    decide(folder, "t1000", 1, rounds);
  }

  private static void decide(String folder, String name, int repeat, int rounds) throws Exception {
    DMNRuntime runtime = DMNRuntimeBuilder.fromDefaults().buildConfiguration()
        .fromResources(List.of(ResourceFactory.newFileResource(new File(folder, name + ".dmn"))))
        .getOrElseThrow(RuntimeException::new);
    DMNModel model = runtime.getModels().get(0);
    JsonNode file = new ObjectMapper().readTree(new File(folder, name + ".inputs.json"));
    List<Map<String, Object>> inputs = new ArrayList<>();
    for (JsonNode one : file.get("inputs")) {
      inputs.add(Map.of("group", one.get("group").asText(), "category",
          one.get("category").asText(), "qty", one.get("qty").decimalValue()));
    }
    long wanted = file.get("sum").asLong() * repeat;
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    List<Double> nanos = new ArrayList<>();
    int warm = 3;  // Rounds for the just-in-time compiler.
    for (int round = 0; round < warm + rounds; round++) {
      long start = threads.getCurrentThreadCpuTime();
      long sum = 0;
      for (int i = 0; i < repeat; i++) {
        for (Map<String, Object> input : inputs) {
          DMNContext context = runtime.newContext();
          input.forEach(context::set);
          Object discount = runtime.evaluateAll(model, context)
              .getDecisionResultByName("discount").getResult();
          sum += ((Number) discount).longValue();
        }
      }
      if (sum != wanted) throw new IllegalStateException(name + ": sum " + sum + ", not " + wanted);
      double one = (threads.getCurrentThreadCpuTime() - start) / (double) (repeat * inputs.size());
      if (round >= warm) nanos.add(one);
    }
    Collections.sort(nanos);
    System.out.printf(Locale.ROOT,
        "{\"name\": \"table %s\", \"median_ns\": %.1f, \"best_ns\": %.1f}%n", name,
        nanos.get(nanos.size() / 2), nanos.get(0));
  }
}
