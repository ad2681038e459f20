package interop;

import cn.binarywang.wx.miniapp.bean.WxMaMessage;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import cn.binarywang.wx.miniapp.util.crypt.WxMaCryptUtils;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import me.chanjar.weixin.common.util.crypto.SHA1;
import me.chanjar.weixin.mp.bean.message.WxMpXmlMessage;
import me.chanjar.weixin.mp.bean.message.WxMpXmlOutMessage;
import me.chanjar.weixin.mp.bean.message.WxMpXmlOutTextMessage;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;

/**
 * Answers WeChat's pushes with WxJava, as the callback of several apps.
 *
 * <p>Nothing in here knows how an envelope is made, or what a push contains: that is WxJava's part.
 */
public final class Server {
  private JsonObject apps;
  private String reply;
  private List<Map<String, ?>> received = new ArrayList<>();

  public static void main(String[] arguments) throws Exception {
    var server = new Server();
    Peer.answer(
        Map.of(
            "identify", Peer::identify,
            "serve", server::serve,
            "received", server::received,
            "read", Server::read));
    // The threads of the HTTP server don't end by themselves.
    System.exit(0);
  }

  /** Listens for pushes to these apps, and tells where. */
  private Map<String, ?> serve(JsonObject request) throws IOException {
    apps = request.getAsJsonObject("apps");
    reply = text(request, "reply");
    var http = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    http.createContext("/", this::handle);
    http.start();
    return Map.of("base", "http://127.0.0.1:" + http.getAddress().getPort());
  }

  /** Tells which pushes arrived since the last request. */
  private synchronized Map<String, ?> received(JsonObject request) {
    var answer = Map.of("received", received);
    received = new ArrayList<>();
    return answer;
  }

  /** Reads a push without an envelope. */
  private static Map<String, ?> read(JsonObject request) {
    return Map.of("understood", understood(text(request, "kind"), text(request, "message")));
  }

  private void handle(HttpExchange exchange) throws IOException {
    String alias = exchange.getRequestURI().getPath().substring(1);
    String query = exchange.getRequestURI().getRawQuery();
    String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    var push = new Push(apps.getAsJsonObject(alias), parameters(query), body);
    String answer = "";
    JsonElement understood = new JsonObject();
    int status = 200;
    try {
      String message = push.message();
      understood = understood(text(push.app(), "kind"), message);
      answer = push.sealed(message.startsWith("{") ? replyInJson(message) : replyInXml(message));
    } catch (RuntimeException error) {
      status = 500;
      answer = error.toString();
    }
    synchronized (this) {
      received.add(
          Map.of("app", alias, "query", query, "body", body, "understood", understood));
    }
    byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  // WxJava's part for Official Accounts knows no JSON.
  private static JsonElement understood(String kind, String message) {
    if (message.startsWith("{")) {
      return Fields.of(WxMaMessage.fromJson(message));
    }
    return Fields.of(
        kind.equals("mini_program")
            ? WxMaMessage.fromXml(message)
            : WxMpXmlMessage.fromXml(message));
  }

  private WxMpXmlOutMessage replyTo(WxMpXmlMessage push) {
    return WxMpXmlOutMessage.TEXT()
        .content(reply)
        .fromUser(push.getToUser())
        .toUser(push.getFromUser())
        .build();
  }

  private String replyInXml(String message) {
    return replyTo(WxMpXmlMessage.fromXml(message)).toXml();
  }

  // WxJava has no text in JSON, so this is one in XML with the same fields.
  private String replyInJson(String message) {
    WxMaMessage push = WxMaMessage.fromJson(message);
    var text = new WxMpXmlOutTextMessage();
    text.setFromUserName(push.getToUser());
    text.setToUserName(push.getFromUser());
    text.setCreateTime(System.currentTimeMillis() / 1000);
    text.setContent(reply);
    return Peer.GSON.toJson(Fields.of(text));
  }

  private static Map<String, String> parameters(String query) {
    return Stream.of(query.split("&"))
        .map(pair -> pair.split("=", 2))
        .collect(
            Collectors.toMap(
                pair -> pair[0], pair -> URLDecoder.decode(pair[1], StandardCharsets.UTF_8)));
  }

  private static String text(JsonObject object, String name) {
    return object.get(name).getAsString();
  }

  /** A push as it came in, and what it takes to open it and to seal the reply. */
  private record Push(JsonObject app, Map<String, String> query, String body) {
    /** The message itself, if WeChat has signed it. */
    String message() {
      String timestamp = query.get("timestamp");
      String nonce = query.get("nonce");
      if (!isSealed()) {
        if (!SHA1.gen(text(app, "token"), timestamp, nonce).equals(query.get("signature"))) {
          throw new IllegalArgumentException("its signature is wrong");
        }
        return body;
      }
      String signature = query.get("msg_signature");
      if (body.startsWith("{")) {
        String encrypt = text(JsonParser.parseString(body).getAsJsonObject(), "Encrypt");
        return crypto().decryptContent(signature, timestamp, nonce, encrypt);
      }
      return crypto().decryptXml(signature, timestamp, nonce, body);
    }

    /** The reply, in an envelope if the push came in one. */
    String sealed(String reply) {
      if (!isSealed()) {
        return reply;
      }
      if (!body.startsWith("{")) {
        return crypto().encrypt(reply);
      }
      var context = crypto().encryptContext(reply);
      return Peer.GSON.toJson(
          Map.of(
              "Encrypt", context.getEncrypt(),
              "MsgSignature", context.getSignature(),
              "TimeStamp", Long.valueOf(context.getTimeStamp()),
              "Nonce", context.getNonce()));
    }

    private boolean isSealed() {
      return "aes".equals(query.get("encrypt_type"));
    }

    private WxMaCryptUtils crypto() {
      var config = new WxMaDefaultConfigImpl();
      config.setAppid(text(app, "app_id"));
      config.setToken(text(app, "token"));
      config.setAesKey(text(app, "aes_key"));
      return new WxMaCryptUtils(config);
    }
  }
}
