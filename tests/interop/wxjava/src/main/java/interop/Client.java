package interop;

import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.api.impl.WxMaServiceImpl;
import cn.binarywang.wx.miniapp.bean.WxMaKefuMessage;
import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage;
import cn.binarywang.wx.miniapp.config.impl.WxMaDefaultConfigImpl;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.mp.api.WxMpService;
import me.chanjar.weixin.mp.api.impl.WxMpServiceImpl;
import me.chanjar.weixin.mp.bean.kefu.WxMpKefuMessage;
import me.chanjar.weixin.mp.bean.template.WxMpTemplateData;
import me.chanjar.weixin.mp.bean.template.WxMpTemplateMessage;
import me.chanjar.weixin.mp.config.WxMpHostConfig;
import me.chanjar.weixin.mp.config.impl.WxMpDefaultConfigImpl;

/**
 * Calls WeChat with WxJava.
 *
 * <p>Nothing in here knows how a call looks on the wire: that is WxJava's part.
 */
public final class Client {
  // One for each app, which keeps its token.
  private final Map<String, WxMpService> accounts = new HashMap<>();
  private final Map<String, WxMaService> programs = new HashMap<>();

  public static void main(String[] arguments) throws Exception {
    var client = new Client();
    Peer.answer(
        Map.of(
            "identify", Peer::identify,
            "token", client::token,
            "followers", client::followers,
            "profile", client::profile,
            "login", client::login,
            "template", client::template,
            "subscribe", client::subscribe,
            "customer_service", client::customerService));
  }

  private WxMpService account(JsonObject request) {
    JsonObject app = request.getAsJsonObject("app");
    return accounts.computeIfAbsent(
        text(app, "app_id"),
        appId -> {
          var config = new WxMpDefaultConfigImpl();
          config.setAppId(appId);
          config.setSecret(text(app, "secret"));
          config.useStableAccessToken(true);
          config.setHostConfig(WxMpHostConfig.builder().apiHost(text(app, "base")).build());
          var service = new WxMpServiceImpl();
          service.setWxMpConfigStorage(config);
          return service;
        });
  }

  private WxMaService program(JsonObject request) {
    JsonObject app = request.getAsJsonObject("app");
    return programs.computeIfAbsent(
        text(app, "app_id"),
        appId -> {
          var config = new WxMaDefaultConfigImpl();
          config.setAppid(appId);
          config.setSecret(text(app, "secret"));
          config.useStableAccessToken(true);
          config.setApiHostUrl(text(app, "base"));
          var service = new WxMaServiceImpl();
          service.setWxMaConfig(config);
          return service;
        });
  }

  private Map<String, ?> token(JsonObject request) throws WxErrorException {
    return Map.of("token", program(request).getAccessToken());
  }

  private Map<String, ?> followers(JsonObject request) throws WxErrorException {
    return Map.of("open_ids", account(request).getUserService().userList(null).getOpenids());
  }

  private Map<String, ?> profile(JsonObject request) throws WxErrorException {
    var user = account(request).getUserService().userInfo(text(request, "open_id"), "zh_CN");
    return Map.of("open_id", user.getOpenId(), "union_id", user.getUnionId());
  }

  private Map<String, ?> login(JsonObject request) throws WxErrorException {
    var session = program(request).getUserService().getSessionInfo(text(request, "code"));
    return Map.of("open_id", session.getOpenid(), "union_id", session.getUnionid());
  }

  private Map<String, ?> template(JsonObject request) throws WxErrorException {
    var message =
        WxMpTemplateMessage.builder()
            .toUser(text(request, "open_id"))
            .templateId(text(request, "template_id"))
            .url(text(request, "url"))
            .data(fields(request, WxMpTemplateData::new))
            .build();
    if (request.get("program") instanceof JsonObject program) {
      message.setMiniProgram(
          new WxMpTemplateMessage.MiniProgram(
              text(program, "app_id"), text(program, "page"), false));
    }
    String id = account(request).getTemplateMsgService().sendTemplateMsg(message);
    return Map.of("message_id", id);
  }

  // WxJava doesn't tell the message's id.
  private Map<String, ?> subscribe(JsonObject request) throws WxErrorException {
    var message =
        WxMaSubscribeMessage.builder()
            .toUser(text(request, "open_id"))
            .templateId(text(request, "template_id"))
            .page(text(request, "page"))
            .data(fields(request, WxMaSubscribeMessage.MsgData::new))
            .build();
    program(request).getSubscribeService().sendSubscribeMsg(message);
    return Map.of();
  }

  private Map<String, ?> customerService(JsonObject request) throws WxErrorException {
    String openId = text(request, "open_id");
    String text = text(request, "text");
    if (text(request.getAsJsonObject("app"), "kind").equals("official_account")) {
      account(request)
          .getKefuService()
          .sendKefuMessage(WxMpKefuMessage.TEXT().toUser(openId).content(text).build());
    } else {
      program(request)
          .getMsgService()
          .sendKefuMsg(WxMaKefuMessage.newTextBuilder().toUser(openId).content(text).build());
    }
    return Map.of();
  }

  private static String text(JsonObject object, String name) {
    return object.get(name).getAsString();
  }

  private static <T> List<T> fields(JsonObject request, BiFunction<String, String, T> field) {
    Map<String, JsonElement> fields = request.getAsJsonObject("fields").asMap();
    return fields.entrySet().stream()
        .map(entry -> field.apply(entry.getKey(), entry.getValue().getAsString()))
        .toList();
  }
}
