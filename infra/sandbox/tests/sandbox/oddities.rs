//! Each oddity, switched on by its name; and chaos.

use crate::callback::ReceivedPush;
use crate::fixture::{Fixture, MINI_TEMPLATE, SHOP_TEMPLATE, errcode};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// An answer as it came over the wire.
struct WireAnswer {
    content_type: String,
    bytes: Vec<u8>,
}

impl WireAnswer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

type AnswerCase = (&'static str, &'static str, fn(&WireAnswer) -> bool);

/// Oddities of answers: the call, and what is odd about its answer.
const ANSWERS: &[AnswerCase] = &[
    ("numbers_as_strings", "profile", |it| {
        let it = it.json();
        it["subscribe"] == "1" && it["subscribe_time"].is_string() && it["openid"].is_string()
    }),
    ("strings_as_numbers", "phone", |it| {
        let phone = &it.json()["phone_info"];
        phone["countryCode"] == 86 && phone["purePhoneNumber"].is_u64()
    }),
    ("null_fields", "profile", |it| it.json()["remark"].is_null() && it.json()["subscribe"] == 1),
    ("null_fields", "send", |it| it.json()["errmsg"].is_null() && it.json()["errcode"] == 0),
    ("missing_fields", "profile", |it| {
        it.json().get("remark").is_none() && it.json()["subscribe"] == 1
    }),
    ("empty_fields", "profile", |it| it.json()["groupid"] == "" && it.json()["unionid"] != ""),
    ("empty_fields", "unbound", |it| it.json()["unionid"] == ""),
    ("unknown_fields", "send", |it| it.json()["sandbox_object"]["errcode"] == 1),
    ("raw_control_characters", "profile", |it| it.text().contains("\"remark\":\"\u{8}\"")),
    ("raw_control_characters", "session", |it| it.text().contains("雁\u{8}\"")),
    ("half_surrogates", "profile", |it| it.text().contains(r#""remark":"\ud83d""#)),
    ("invalid_utf8", "profile", |it| it.bytes.windows(2).any(|it| it == b"\xff\"")),
    ("byte_order_mark", "send", |it| it.bytes.starts_with(b"\xef\xbb\xbf{")),
    ("white_space", "send", |it| it.text().starts_with("\r\n {\n") && it.json()["errcode"] == 0),
    ("plain_content_type", "send", |it| it.content_type == "text/plain"),
    ("null_profiles", "profiles", |it| {
        let it = it.json();
        let list = it["user_info_list"].as_array().unwrap();
        list.len() == 3 && list.iter().filter(|it| it.is_null()).count() == 1
    }),
    ("null_openids", "followers", |it| {
        let it = it.json();
        let list = it["data"]["openid"].as_array().unwrap();
        it["count"] == 2 && list.len() == 3 && list.contains(&Value::Null)
    }),
    ("profile_without_subscribe", "profiles", |it| {
        odd_profiles(it, |it| it.get("subscribe").is_none())
    }),
    ("profile_without_subscribe", "profile", |it| it.json().get("subscribe").is_none()),
    ("profile_without_time", "profiles", |it| odd_profiles(it, |it| it["subscribe_time"] == "")),
    ("profile_without_openid", "profiles", |it| odd_profiles(it, |it| it["openid"].is_null())),
    ("phone_without_pure_number", "phone", |it| {
        let phone = &it.json()["phone_info"];
        phone.get("purePhoneNumber").is_none() && phone["phoneNumber"].is_string()
    }),
    ("send_without_msgid", "send", |it| it.json() == json!({"errcode": 0, "errmsg": "ok"})),
    ("repeat_without_msgid", "repeat", |it| {
        it.json()["errcode"] == 45065 && it.json().get("msgid").is_none()
    }),
    ("unknown_error_before", "send", |it| it.json()["errcode"] != 0),
    ("unknown_error_after", "send", |it| it.json()["errcode"] != 0),
];

/// Whether one of two profiles is odd.
fn odd_profiles(answer: &WireAnswer, is_odd: fn(&Value) -> bool) -> bool {
    let answer = answer.json();
    let list = answer["user_info_list"].as_array().unwrap();
    list.len() == 2 && list.iter().filter(|it| is_odd(it)).count() == 1
}

/// Oddities of pushes: what happens, the format, and what is odd about the push.
type PushCase = (&'static str, &'static str, &'static str, fn(&ReceivedPush) -> bool);

const PUSHES: &[PushCase] = &[
    ("numbers_as_strings", "message", "xml", |it| it.body.contains("<CreateTime><![CDATA[")),
    ("numbers_as_strings", "message", "json", |it| it.body.contains("\"CreateTime\":\"")),
    ("strings_as_numbers", "consent", "json", |it| it.body.contains("\"PopupScene\":0")),
    ("strings_as_numbers", "click", "xml", |it| it.body.contains("<EventKey>17</EventKey>")),
    ("null_fields", "unfollow", "xml", |it| it.body.contains("<EventKey></EventKey>")),
    ("null_fields", "unfollow", "json", |it| it.body.contains("\"EventKey\":null")),
    ("missing_fields", "unfollow", "xml", |it| !it.body.contains("EventKey")),
    ("unknown_fields", "message", "xml", |it| {
        it.body.contains("<Event><![CDATA[sandbox]]></Event>")
    }),
    ("raw_control_characters", "message", "xml", |it| it.body.contains("<![CDATA[雁\u{b}]]>")),
    ("raw_control_characters", "control", "json", |it| {
        it.body.contains("雁\u{b}\"") && it.body.contains("\"Content\":\"a\u{8}b\"")
    }),
    ("half_surrogates", "message", "xml", |it| it.bytes.windows(3).any(|it| it == b"\xed\xa0\xbd")),
    ("half_surrogates", "message", "json", |it| it.body.contains(r"雁\ud83d")),
    ("invalid_utf8", "message", "json", |it| it.bytes.windows(2).any(|it| it == b"\xff\"")),
    ("byte_order_mark", "message", "xml", |it| it.bytes.starts_with(b"\xef\xbb\xbf<xml>")),
    ("white_space", "click", "xml", |it| {
        it.body.contains("<EventKey><![CDATA[17]]>\n  </EventKey>")
    }),
    ("white_space", "click", "json", |it| it.body.starts_with("{\n\t\"ToUserName\": ")),
    ("accept_words", "consent", "json", |it| it.body.contains("\":\"acceptWith")),
    ("unknown_consent_word", "consent", "json", |it| !it.body.contains("\":\"accept\"")),
    ("nested_cdata", "markup", "xml", |it| {
        it.body.contains("<Content><![CDATA[<a><![CDATA[b]]></a> c]]></Content>")
    }),
    ("query_without_openid", "message", "xml", |it| !it.query.contains_key("openid")),
    ("shuffled_query", "message", "xml", |it| it.query["sandbox"] == "雁"),
    ("wrapped_list", "consent", "json", |it| it.body.contains("\"SubscribeMsgPopupEvent\":")),
    ("one_item_list", "consent", "json", |it| it.body.contains("\"List\":[{")),
    ("popup_wrapper", "withdraw", "xml", |it| {
        it.body.contains("<SubscribeMsgPopupEvent><List>") && it.body.contains("_change_event")
    }),
    ("file_message", "message", "xml", |it| {
        it.body.contains("<MsgType><![CDATA[file]]>") && !it.body.contains("<Content>")
    }),
    ("unknown_message_type", "message", "xml", |it| !it.body.contains("[text]")),
    ("unknown_event", "click", "xml", |it| !it.body.contains("[CLICK]")),
    ("event_without_sender", "click", "xml", |it| {
        !it.body.contains("FromUserName") && !it.query.contains_key("openid")
    }),
];

/// Tested on their own below.
const OTHERS: [&str; 10] = [
    "shuffled_fields",
    "pushed_twice",
    "receipt_late",
    "receipt_twice",
    "receipt_early",
    "receipt_freq_limit",
    "receipt_system_failed",
    "receipt_unknown_word",
    "accepting_change",
    "unknown_error_after",
];

impl Fixture {
    async fn turn_on(&self, oddity: &str) {
        self.post("/sandbox/oddities", json!({ "on": [oddity] })).await;
    }

    async fn all_normal(&self) {
        self.http.delete(self.url("/sandbox/oddities")).send().await.unwrap();
    }

    async fn drawn(&self) -> Value {
        self.get("/sandbox/oddities").await["drawn"].take()
    }

    async fn wire(&self, path: &str, body: Option<Value>) -> WireAnswer {
        let url = self.url(path);
        let request = match body {
            Some(body) => self.http.post(url).body(body.to_string()),
            None => self.http.get(url),
        };
        let answer = request.send().await.unwrap();
        let content_type = answer.headers()["content-type"].to_str().unwrap().to_owned();
        WireAnswer { content_type, bytes: answer.bytes().await.unwrap().to_vec() }
    }

    /// The answer to a call while an oddity is on.
    async fn odd_answer(&self, oddity: &str, call: &str) -> WireAnswer {
        let (shop, mini) = (self.token("shop").await, self.token("shop-mini").await);
        let (ann, bob) = (self.open_id("ann", "shop"), self.open_id("bob", "shop"));
        let send = json!({
            "touser": ann, "template_id": SHOP_TEMPLATE, "client_msg_id": if call == "repeat" { "1" } else { "" },
            "data": {"thing1": {"value": "Blue kettle"}, "time2": {"value": "15:04"}},
        });
        let users = json!({"user_list": [{"openid": ann}, {"openid": bob}]});
        let template = format!("/cgi-bin/message/template/send?access_token={shop}");
        let (path, body) = match call {
            "profile" => (format!("/cgi-bin/user/info?access_token={shop}&openid={ann}"), None),
            "profiles" => (format!("/cgi-bin/user/info/batchget?access_token={shop}"), Some(users)),
            "followers" => (format!("/cgi-bin/user/get?access_token={shop}"), None),
            "send" => (template, Some(send)),
            "repeat" => {
                self.wire(&template, Some(send.clone())).await;
                (template, Some(send))
            }
            "session" | "unbound" => {
                if call == "unbound" {
                    self.post("/sandbox/apps/shop-mini", json!({"open_platform": null})).await;
                }
                let code = self.act("ann", "login", json!({"app": "shop-mini"})).await;
                let app = self.app("shop-mini");
                let query = format!(
                    "appid={}&secret={}&js_code={}&grant_type=authorization_code",
                    app.app_id,
                    app.secret.expose(),
                    code["code"].as_str().unwrap()
                );
                (format!("/sns/jscode2session?{query}"), None)
            }
            "phone" => {
                let code = self.act("ann", "phone", json!({"app": "shop-mini"})).await;
                let path = format!("/wxa/business/getuserphonenumber?access_token={mini}");
                (path, Some(json!({ "code": code["code"] })))
            }
            other => panic!("{other}"),
        };
        // The receipt of a send would be odd as well.
        self.post("/sandbox/pushing", json!({ "paused": true })).await;
        self.turn_on(oddity).await;
        self.wire(&path, body).await
    }

    /// The push of what a person does while an oddity is on.
    async fn odd_push(&self, oddity: &str, action: &str) -> ReceivedPush {
        let mini = json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": true});
        let (action, with) = match action {
            "message" => ("message", json!({"app": "shop", "text": "hi"})),
            "markup" => ("message", json!({"app": "shop", "text": "<a><![CDATA[b]]></a> c"})),
            "control" => ("message", json!({"app": "shop", "text": "a\u{8}b"})),
            "click" => ("click", json!({"app": "shop", "key": "17"})),
            "withdraw" => {
                self.act("ann", "consent", mini).await;
                ("withdraw", json!({"app": "shop-mini", "template_id": MINI_TEMPLATE}))
            }
            "consent" => ("consent", mini),
            other => (other, json!({"app": "shop"})),
        };
        self.callback.take_all();
        self.turn_on(oddity).await;
        let done = self.act("ann", action, with).await;
        assert_eq!(done["pushes"][0]["oddities"], json!([oddity]), "{done}");
        self.callback.take_single()
    }
}

/// ann and bob follow.
async fn followed() -> Fixture {
    let fixture = Fixture::new().await;
    for name in ["ann", "bob"] {
        fixture.act(name, "follow", json!({"app": "shop"})).await;
    }
    fixture
}

#[tokio::test]
async fn answer_has_the_oddity_that_is_on() {
    for (oddity, call, is_odd) in ANSWERS {
        let fixture = followed().await;
        let answer = fixture.odd_answer(oddity, call).await;
        assert!(is_odd(&answer), "{oddity} {call}: {}", answer.text());
        assert_eq!(fixture.drawn().await, json!({ *oddity: 1 }), "{call}");
        let calls = fixture.get("/sandbox/calls").await;
        let logged = calls["calls"].as_array().unwrap().last().unwrap();
        assert_eq!(logged["oddities"], json!([oddity]), "{logged}");
    }
}

#[tokio::test]
async fn push_has_the_oddity_that_is_on() {
    for (oddity, action, format, is_odd) in PUSHES {
        let fixture = followed().await;
        for app in ["shop", "shop-mini"] {
            let settings = json!({"mode": "plaintext", "format": format});
            fixture.post(&format!("/sandbox/apps/{app}"), settings).await;
        }
        let received = fixture.odd_push(oddity, action).await;
        assert!(is_odd(&received), "{oddity} {format}: {:?} {}", received.query, received.body);
        assert_eq!(fixture.drawn().await, json!({ *oddity: 1 }));
        let app = received.app.clone();
        assert!(received.is_signed(&fixture.app(&app)));
    }
}

#[tokio::test]
async fn odd_push_is_encrypted_as_any_other() {
    let fixture = followed().await;
    for mode in ["safe", "compatible"] {
        fixture.post("/sandbox/apps/shop", json!({"mode": mode})).await;
        let received = fixture.odd_push("numbers_as_strings", "message").await;
        let inner = received.decrypted(&fixture.app("shop"));
        assert!(inner.contains("<CreateTime><![CDATA["), "{inner}");
        assert_eq!(mode == "compatible", received.body.contains("<CreateTime><![CDATA["));
    }
}

#[tokio::test]
async fn fields_come_in_another_order() {
    let fixture = followed().await;
    let settings = json!({"mode": "plaintext", "format": "json"});
    fixture.post("/sandbox/apps/shop", settings).await;
    let mut orders = BTreeSet::new();
    for _ in 0..8 {
        let received = fixture.odd_push("shuffled_fields", "message").await;
        let starts = |name: &str| received.body.find(name).unwrap();
        let mut names = ["ToUserName", "FromUserName", "CreateTime", "MsgType", "Content"];
        names.sort_by_key(|name| starts(name));
        orders.insert(names);
    }
    assert!(orders.len() > 1, "{orders:?}");
}

#[tokio::test]
async fn acknowledged_push_comes_again() {
    let fixture = followed().await;
    fixture.callback.take_all();
    fixture.turn_on("pushed_twice").await;
    fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    let shop = fixture.app("shop");
    let received: Vec<_> =
        fixture.callback.take_all().iter().map(|it| it.decrypted(&shop)).collect();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0], received[1]);
}

#[tokio::test]
async fn receipt_comes_as_the_switch_says() {
    for (oddity, status, times) in [
        ("receipt_late", "success", 1),
        ("receipt_twice", "success", 2),
        ("receipt_early", "success", 1),
        ("receipt_freq_limit", "failed:freq limit", 1),
        ("receipt_system_failed", "failed: system failed", 1),
        ("receipt_unknown_word", "failed:sandbox reason", 1),
    ] {
        let fixture = followed().await;
        fixture
            .act(
                "ann",
                "consent",
                json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": true}),
            )
            .await;
        fixture.callback.take_all();
        fixture.turn_on(oddity).await;
        for (app, send) in [
            ("shop", fixture.send_template(&fixture.open_id("ann", "shop"), json!({})).await),
            (
                "shop-mini",
                fixture.send_subscribe(&fixture.open_id("ann", "shop-mini"), json!({})).await,
            ),
        ] {
            assert_eq!(errcode(&send), 0, "{oddity}");
            let early = fixture.callback.received().iter().any(|it| it.app == app);
            assert_eq!(early, oddity == "receipt_early", "{oddity}");
        }
        fixture.idle().await;
        let received = fixture.callback.take_all();
        assert_eq!(received.len(), 2 * times, "{oddity}");
        for push in received {
            let receipt = push.decrypted(&fixture.app(&push.app));
            assert!(receipt.contains(status), "{oddity}: {receipt}");
        }
        let shown = if status == "success" { 2 } else { 0 };
        assert_eq!(fixture.screen("ann").await.len(), shown, "{oddity}");
    }
}

#[tokio::test]
async fn unknown_error_comes_before_the_effect_or_after_it() {
    for (oddity, shown) in [("unknown_error_before", 0), ("unknown_error_after", 1)] {
        let fixture = followed().await;
        fixture.odd_answer(oddity, "send").await;
        assert_eq!(fixture.screen("ann").await.len(), shown, "{oddity}");
    }
}

#[tokio::test]
async fn consent_is_confirmed_by_a_change_event() {
    let fixture = Fixture::new().await;
    fixture.turn_on("accepting_change").await;
    let consent =
        |accept| json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": accept});
    fixture.act("ann", "consent", consent(false)).await;
    assert_eq!(fixture.callback.take_all().len(), 1, "no consent, nothing to confirm");
    let done = fixture.act("ann", "consent", consent(true)).await;
    assert_eq!(done["left"], 1);
    let mini = fixture.app("shop-mini");
    let received: Vec<_> =
        fixture.callback.take_all().iter().map(|it| it.decrypted(&mini)).collect();
    assert!(received[0].contains("popup_event"), "{received:?}");
    assert!(received[1].contains("change_event") && received[1].contains("acceptWithAudio"));
}

#[tokio::test]
async fn each_oddity_is_tested() {
    let state = Fixture::new().await.get("/sandbox/oddities").await;
    let known: BTreeSet<_> = state["known"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap().to_owned())
        .collect();
    let answers = ANSWERS.iter().map(|(name, ..)| *name);
    let pushes = PUSHES.iter().map(|(name, ..)| *name);
    let tested: BTreeSet<_> = answers.chain(pushes).chain(OTHERS).map(str::to_owned).collect();
    assert_eq!(tested, known);
}

#[tokio::test]
async fn switch_is_limited_to_its_app_its_path_and_its_times() {
    let fixture = followed().await;
    let on = json!({"on": ["send_without_msgid"], "app": "shop", "of": "/cgi-bin/message/template/send", "times": 1});
    fixture.post("/sandbox/oddities", on.clone()).await;
    let state = fixture.get("/sandbox/oddities").await;
    let mut switch = on;
    switch["name"] = switch["on"][0].take();
    switch.as_object_mut().unwrap().remove("on");
    assert_eq!(state["on"], json!([switch]));
    let ann = fixture.open_id("ann", "shop");
    fixture
        .act(
            "ann",
            "consent",
            json!({"app": "shop-mini", "template_id": MINI_TEMPLATE, "accept": true}),
        )
        .await;
    let other = fixture.send_subscribe(&fixture.open_id("ann", "shop-mini"), json!({})).await;
    assert!(other["msgid"].is_i64(), "another app: {other}");
    assert!(fixture.send_template(&ann, json!({})).await["msgid"].is_null());
    assert!(fixture.send_template(&ann, json!({})).await["msgid"].is_i64());
    assert_eq!(fixture.get("/sandbox/oddities").await["on"], json!([]));

    for (body, reason) in [
        (json!({}), "nothing to change"),
        (
            json!({"on": ["nonsense"]}),
            "unknown variant `nonsense`, expected one of `numbers_as_strings`",
        ),
        (json!({"on": ["white_space"], "app": "other"}), "no app \"other\""),
        (json!({"on": ["white_space"], "times": 0}), "times must be 1 or more"),
        (json!({"off": ["white_space"], "app": "shop"}), "app, of and times go with on"),
    ] {
        let (_, error) = fixture.control_error("/sandbox/oddities", body).await;
        assert!(error.contains(reason), "{error}");
    }
}

/// The bytes of ten answers, and which oddities the sandbox counted.
async fn chaotic_answers(seed: u64) -> (Vec<Vec<u8>>, Value) {
    let fixture = Fixture::new().await;
    fixture.post("/sandbox/oddities", json!({"chaos": {"seed": seed}})).await;
    let mut answers = Vec::new();
    for _ in 0..10 {
        answers.push(fixture.wire("/cgi-bin/user/get", None).await.bytes);
    }
    let drawn = fixture.drawn().await;
    fixture.post("/sandbox/oddities", json!({ "chaos": null })).await;
    assert_eq!(errcode(&fixture.get("/cgi-bin/user/get").await), 41001, "all is as before");
    assert_eq!(fixture.get("/sandbox/oddities").await["chaos"], Value::Null);
    (answers, drawn)
}

#[tokio::test]
async fn chaos_follows_from_its_seed() {
    // Each error has a rid of its own, so the counts are compared.
    let (answers, drawn) = chaotic_answers(1).await;
    assert_eq!(chaotic_answers(1).await.1, drawn);
    assert_ne!(chaotic_answers(2).await.1, drawn);
    let plain =
        answers.iter().filter(|it| it.starts_with(b"{\"errcode\":41001,\"errmsg\":\"")).count();
    assert!(plain < answers.len() && drawn.as_object().unwrap().len() > 2, "{drawn}");
}

#[tokio::test]
async fn invalid_body_is_refused_and_the_log_says_why() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/message/template/send?access_token={token}");
    for (body, reason) in [
        ("{\"touser\":\"a\",\"touser\":\"b\"}", "the name \"touser\" occurs twice"),
        ("{\"touser\":\"a\u{b}\"}", "control character"),
        ("[]", "not a JSON object"),
    ] {
        let answer = fixture.http.post(fixture.url(&path)).body(body).send().await.unwrap();
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        assert_eq!(errcode(&answer), 47001, "{body}");
        let calls = fixture.get("/sandbox/calls").await;
        let refused = calls["calls"].as_array().unwrap().last().unwrap()["refused"].clone();
        assert!(refused.as_str().unwrap().contains(reason), "{refused}");
    }
}

#[tokio::test]
async fn reply_with_a_control_character_is_invalid() {
    let fixture = followed().await;
    fixture.post("/sandbox/apps/shop", json!({"mode": "plaintext"})).await;
    let reply = format!(
        "<xml><ToUserName>{}</ToUserName><FromUserName>gh_000000005a01</FromUserName>\
         <CreateTime>1700000001</CreateTime><MsgType>text</MsgType><Content><![CDATA[a\u{b}b]]></Content></xml>",
        fixture.open_id("ann", "shop")
    );
    fixture.callback.answer_next(200, &reply);
    let done = fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(done["pushes"][0]["reply_valid"], false, "{done}");
    assert!(done["pushes"][0]["error"].as_str().unwrap().contains("XML"), "{done}");
    assert_eq!(fixture.screen("ann").await.last().unwrap()["kind"], "system");

    fixture.callback.answer_next(200, &reply.replace('\u{b}', " "));
    let done = fixture.act("ann", "message", json!({"app": "shop", "text": "hi"})).await;
    assert_eq!(done["pushes"][0]["reply"], "a b", "{done}");
    fixture.all_normal().await;
}
