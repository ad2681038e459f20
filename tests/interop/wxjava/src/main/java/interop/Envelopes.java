package interop;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.List;
import java.util.Map;
import me.chanjar.weixin.common.error.WxRuntimeException;
import me.chanjar.weixin.common.util.XmlUtils;
import me.chanjar.weixin.common.util.crypto.SHA1;
import me.chanjar.weixin.common.util.crypto.WxCryptUtil;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;
import me.chanjar.weixin.mp.util.crypto.WxMpCryptUtil;

/**
 * Seals and opens WeChat's envelopes with WxJava.
 *
 * <p>Nothing in here knows how an envelope is made: that is WxJava's part. It doesn't verify for
 * which app a message is, nor does it tell.
 */
public final class Envelopes {
  /** Sixteen bytes, which no reader looks at. */
  private static final String RANDOM = "0123456789abcdef";

  private Envelopes() {}

  public static void main(String[] arguments) throws Exception {
    Peer.answer(
        Map.of(
            "identify", Peer::identify,
            "encrypt", Envelopes::encrypt,
            "decrypt", Envelopes::decrypt,
            "deliver", Envelopes::deliver,
            "open", Envelopes::open));
  }

  private static WxCryptUtil crypto(JsonObject request) {
    JsonObject app = request.getAsJsonObject("app");
    var config = new WxMpDefaultConfigImpl();
    config.setAppId(text(app, "app_id"));
    config.setToken(text(app, "token"));
    config.setAesKey(text(app, "aes_key"));
    return new WxMpCryptUtil(config);
  }

  /** A bare text becomes a ciphertext. */
  private static Map<String, ?> encrypt(JsonObject request) {
    return Map.of("encrypt", crypto(request).encrypt(RANDOM, text(request, "message")));
  }

  /** A ciphertext becomes a bare text again. */
  private static Map<String, ?> decrypt(JsonObject request) {
    return Map.of("message", crypto(request).decrypt(text(request, "encrypt")));
  }

  /** A message becomes a push, as WeChat would send it: a query and a body. */
  private static Map<String, ?> deliver(JsonObject request) {
    String token = text(request.getAsJsonObject("app"), "token");
    String timestamp = text(request, "timestamp");
    String nonce = text(request, "nonce");
    String encrypt = crypto(request).encrypt(RANDOM, text(request, "message"));
    String body =
        switch (text(request, "format")) {
          case "json" -> Peer.GSON.toJson(Map.of("ToUserName", "gh_1", "Encrypt", encrypt));
          default -> """
              <xml>
                <ToUserName><![CDATA[gh_1]]></ToUserName>
                <Encrypt><![CDATA[%s]]></Encrypt>
              </xml>
              """.formatted(encrypt);
        };
    List<List<String>> query =
        List.of(
            List.of("signature", SHA1.gen(token, timestamp, nonce)),
            List.of("timestamp", timestamp),
            List.of("nonce", nonce),
            List.of("openid", "oAnn"),
            List.of("encrypt_type", "aes"),
            List.of("msg_signature", SHA1.gen(token, timestamp, nonce, encrypt)));
    return Map.of("query", query, "body", body);
  }

  /** A sealed passive reply is verified, decrypted and read. */
  private static Map<String, ?> open(JsonObject request) {
    JsonObject envelope = parse(request, text(request, "body"));
    String message;
    try {
      message =
          crypto(request)
              .decryptContent(
                  text(envelope, "MsgSignature"),
                  text(envelope, "TimeStamp"),
                  text(envelope, "Nonce"),
                  text(envelope, "Encrypt"));
    } catch (WxRuntimeException refusal) {
      return Map.of("refused", refusal.toString());
    }
    return Map.of("message", message, "fields", parse(request, message));
  }

  private static JsonObject parse(JsonObject request, String body) {
    JsonElement tree =
        switch (text(request, "format")) {
          case "json" -> JsonParser.parseString(body);
          default -> Peer.GSON.toJsonTree(XmlUtils.xml2Map(body));
        };
    return tree.getAsJsonObject();
  }

  private static String text(JsonObject object, String name) {
    return object.get(name).getAsString();
  }
}
