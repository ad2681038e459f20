package interop;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;

/** Answers each line of standard input, a request as JSON, with a line of JSON. */
final class Peer {
  static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  /** One kind of work. What it throws is answered as {@code error}. */
  @FunctionalInterface
  interface Work {
    /** Does what {@code request} describes; the answer becomes JSON. */
    Object answer(JsonObject request) throws Exception;
  }

  private Peer() {}

  /** Does what each request names with its {@code do}, until there are no more. */
  static void answer(Map<String, Work> work) throws IOException {
    var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    for (String line = requests.readLine(); line != null; line = requests.readLine()) {
      answers.println(GSON.toJson(answerTo(JsonParser.parseString(line).getAsJsonObject(), work)));
    }
  }

  private static Object answerTo(JsonObject request, Map<String, Work> work) {
    try {
      return work.get(request.get("do").getAsString()).answer(request);
    } catch (Exception error) {
      return Map.of("error", error.toString());
    }
  }

  /** Who this is: the version is the one that the jar names. */
  static Map<String, String> identify(JsonObject request) throws IOException {
    var properties = new Properties();
    String path = "/META-INF/maven/com.github.binarywang/weixin-java-mp/pom.properties";
    try (InputStream file = Peer.class.getResourceAsStream(path)) {
      properties.load(file);
    }
    return Map.of(
        "peer", "WxJava " + properties.getProperty("version"),
        "runtime", "Java " + System.getProperty("java.version"));
  }
}
