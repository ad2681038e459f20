use super::*;
use crate::wechat::id::AppId;
use crate::wechat::push::Push;
use serde_json::json;

fn list(rules: &Value) -> Vec<Json> {
    let Json::Array(rules) = Json::parse_with_repeats(&rules.to_string()).unwrap() else {
        panic!("{rules}");
    };
    rules
}

fn read(rules: &Value, kind: AppKind) -> Result<ReplyRules, String> {
    let (replies, mut problems) = ReplyRules::read(&list(rules), kind);
    assert_eq!(replies.0.len() + problems.len(), rules.as_array().unwrap().len());
    problems.pop().map_or(Ok(replies), Err)
}

fn rules() -> ReplyRules {
    let rules = json!([
        { "on": { "scene": "poster" }, "reply": { "text": "by the poster" } },
        { "on": "follow", "reply": { "text": "welcome" } },
        { "on": { "keyword": "订单" }, "reply": { "text": "orders" } },
        { "on": { "contains": "退款" }, "reply": { "customer_service": {} } },
        { "on": { "pattern": "^[0-9]{8}$" }, "reply": { "text": "an order" } },
        { "on": { "menu": "ORDERS" }, "reply": { "text": "your orders" } },
        { "on": "message", "reply": { "text": "pardon?" } },
    ]);
    read(&rules, AppKind::OfficialAccount).unwrap()
}

/// What is answered to a push with these fields.
fn answer(replies: &ReplyRules, fields: &Value) -> Option<String> {
    let mut push = json!({
        "ToUserName": "gh_1", "FromUserName": "oAnn", "CreateTime": 1_700_000_000, "MsgId": 1,
    });
    push.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let push = Push::read(&AppId::parse("wx1").unwrap(), &push.to_string()).unwrap();
    replies.reply_to(&push.kind).map(|answer| match answer {
        AutoReply::Passive(Reply::Text(text))
        | AutoReply::Message(CustomerServiceMessage::Text(text)) => text.clone(),
        AutoReply::Passive(Reply::CustomerService { .. }) => "(handed over)".to_owned(),
        other => panic!("{other:?}"),
    })
}

fn text(content: &str) -> Value {
    json!({ "MsgType": "text", "Content": content })
}

fn event(event: &str, key: &str) -> Value {
    json!({ "MsgType": "event", "Event": event, "EventKey": key })
}

#[test]
fn the_first_rule_that_fits_answers() {
    let replies = rules();
    let answer = |fields: Value| answer(&replies, &fields);
    assert_eq!(answer(text(" 订单\n")).as_deref(), Some("orders"));
    assert_eq!(answer(text("我的订单")).as_deref(), Some("pardon?"));
    assert_eq!(answer(text("我要退款！")).as_deref(), Some("(handed over)"));
    assert_eq!(answer(text("20261120")).as_deref(), Some("an order"));
    assert_eq!(answer(text("2026112")).as_deref(), Some("pardon?"));
    let recording = json!({ "MsgType": "voice", "MediaId": "M", "Recognition": "订单 " });
    assert_eq!(answer(recording).as_deref(), Some("orders"));
    let file = json!({ "MsgType": "file", "Title": "订单" });
    assert_eq!(answer(file).as_deref(), Some("pardon?"));
    let picture = json!({ "MsgType": "image", "PicUrl": "", "MediaId": "M" });
    assert_eq!(answer(picture).as_deref(), Some("pardon?"));
    assert_eq!(answer(event("CLICK", "ORDERS")).as_deref(), Some("your orders"));
    assert_eq!(answer(event("CLICK", "OTHER")), None);
    assert_eq!(answer(event("subscribe", "")).as_deref(), Some("welcome"));
    assert_eq!(answer(event("subscribe", "qrscene_other")).as_deref(), Some("welcome"));
    assert_eq!(answer(event("subscribe", "qrscene_poster")).as_deref(), Some("by the poster"));
    assert_eq!(answer(event("SCAN", "poster")).as_deref(), Some("by the poster"));
    assert_eq!(answer(event("SCAN", "other")), None);
    assert_eq!(answer(event("unsubscribe", "")), None);
    assert_eq!(answer(event("VIEW", "https://example.test/")), None);
}

#[test]
fn a_mini_program_answers_by_customer_service() {
    let rules = json!([
        { "on": "enter_session", "reply": { "text": "what can we do for you?" } },
        { "on": { "contains": "人工" }, "reply": { "customer_service": {} } },
        { "on": "message", "reply": { "link": { "title": "T", "url": "https://example.test/" } } },
    ]);
    let replies = read(&rules, AppKind::MiniProgram).unwrap();
    let enter = event("user_enter_tempsession", "");
    assert_eq!(answer(&replies, &enter).as_deref(), Some("what can we do for you?"));
    assert_eq!(answer(&replies, &text("转人工")).as_deref(), Some("(handed over)"));
}

#[test]
fn a_bad_rule_names_itself() {
    let good = json!({ "on": "follow", "reply": { "text": "welcome" } });
    let bad = [
        (json!({ "on": "follows", "reply": { "text": "x" } }), "follows"),
        (json!({ "on": "follow" }), "reply"),
        (json!({ "on": { "keyword": " " }, "reply": { "text": "x" } }), "empty"),
        (json!({ "on": { "pattern": "(" }, "reply": { "text": "x" } }), "pattern"),
        (json!({ "on": { "pattern": "a{1000}{1000}" }, "reply": { "text": "x" } }), "pattern"),
        (json!({ "on": { "menu": "A" }, "reply": { "text": "" } }), "empty"),
        (json!({ "on": { "menu": "A" }, "reply": { "poem": "x" } }), "poem"),
        (json!({ "on": { "menu": "A" }, "reply": { "text": "x" }, "when": 1 }), "when"),
        (json!({ "on": { "menu": "A" }, "reply": { "customer_service": {} } }), "only messages"),
        (json!({ "on": "enter_session", "reply": { "text": "x" } }), "mini program only"),
        (json!({ "on": "follow", "reply": { "text": "x" } }), "the rule on follow before it"),
        (
            json!({ "on": { "menu": "A" }, "reply": { "text": "a\u{b}b" } }),
            "reply.text: it has the control character U+000B",
        ),
        (
            json!({ "on": { "keyword": "a\u{0}" }, "reply": { "text": "x" } }),
            "on.keyword: it has the control",
        ),
        (
            json!({ "on": { "menu": "A" }, "reply": { "news": { "title": "a\u{ffff}", "url": "https://a.test" } } }),
            "reply.news.title: it has the control character U+FFFF",
        ),
        (
            json!({ "on": { "menu": "A" }, "reply": { "image": { "media_id": "M " } } }),
            "white space",
        ),
        (
            json!({ "on": { "menu": "A" }, "reply": { "news": { "title": "T", "url": "https://a b" } } }),
            "white space",
        ),
    ];
    for (rule, said) in bad {
        let problem = read(&json!([good, rule]), AppKind::OfficialAccount).unwrap_err();
        assert!(problem.starts_with("rule 2 of its replies"), "{problem}");
        assert!(problem.contains(said), "{problem}");
    }
    let rules = json!([{ "on": "follows" }, good]);
    let (replies, problems) = ReplyRules::read(&list(&rules), AppKind::OfficialAccount);
    assert_eq!(problems.len(), 1);
    let follow = event("subscribe", "");
    assert_eq!(answer(&replies, &follow).as_deref(), Some("welcome"), "the others answer");
    for rule in [
        json!({ "on": "follow", "reply": { "text": "x" } }),
        json!({ "on": "message", "reply": { "voice": { "media_id": "M" } } }),
        json!({ "on": "message", "reply": { "news": { "title": "T", "url": "https://x.test" } } }),
    ] {
        assert!(read(&json!([rule]), AppKind::MiniProgram).is_err(), "{rule}");
    }
}

#[test]
fn rule_that_can_never_answer_is_rejected() {
    let rule = |on: Value| json!({ "on": on, "reply": { "text": "x" } });
    for (first, second) in [
        (json!("message"), json!({ "keyword": "a" })),
        (json!({ "contains": "a" }), json!({ "keyword": "cat" })),
        (json!({ "keyword": "a" }), json!({ "keyword": "a " })),
        (json!({ "scene": "a" }), json!({ "scene": "a" })),
    ] {
        let both = json!([rule(first.clone()), rule(second.clone())]);
        assert!(read(&both, AppKind::OfficialAccount).is_err(), "{first} {second}");
        let turned = json!([rule(second.clone()), rule(first.clone())]);
        let one_way = first != second && second != json!({ "keyword": "a " });
        assert_eq!(read(&turned, AppKind::OfficialAccount).is_ok(), one_way, "{second} {first}");
    }
}

/// The rules that the documentation shows are rules.
#[test]
fn the_rules_of_the_documentation_are_read() {
    let pages = [
        include_str!("../../../../docs/receiving.md"),
        include_str!("../../../../docs/receiving.zh-CN.md"),
    ];
    for page in pages {
        let block = page.split("```json\n").find(|block| block.contains("\"replies\"")).unwrap();
        let app: Value = serde_json::from_str(block.split("```").next().unwrap()).unwrap();
        let replies = read(&app["replies"], AppKind::OfficialAccount).unwrap();
        assert_eq!(replies.0.len(), 7);
        assert_eq!(
            answer(&replies, &event("SCAN", "poster")).as_deref(),
            Some("您扫了我们的海报！")
        );
    }
}

/// Fault 93.
#[test]
fn rule_with_a_name_twice_is_refused_and_the_others_answer() {
    let value = r#"{"app_id":"wx0000000000000001","kind":"official_account","replies":[
        {"on":{"keyword":"a"},"reply":{"text":"x"},"reply":{"text":"y"}},
        {"on":"follow","reply":{"text":"welcome"}}]}"#;
    let value = crate::secret::Secret::new(value);
    let (app, problems) = crate::parameters::read_app("apps/shop", "shop", &value).unwrap();
    assert_eq!(problems, [r#"rule 1 of its replies is invalid: the name "reply" stands twice"#]);
    assert_eq!(answer(&app.replies, &event("subscribe", "")).as_deref(), Some("welcome"));
}

#[test]
fn keyword_is_recognised_as_people_write_it() {
    let rules = json!([
        { "on": { "keyword": "Help" }, "reply": { "text": "help" } },
        { "on": { "keyword": "？" }, "reply": { "text": "question" } },
        { "on": { "contains": "ＶＩＰ" }, "reply": { "text": "vip" } },
    ]);
    let replies = read(&rules, AppKind::OfficialAccount).unwrap();
    for (written, expected) in [
        ("help", Some("help")),
        (" HELP。", Some("help")),
        ("ｈｅｌｐ！", Some("help")),
        ("Help ...", Some("help")),
        ("help me", None),
        ("?", Some("question")),
        ("??", None),
        ("my vip card", Some("vip")),
    ] {
        assert_eq!(answer(&replies, &text(written)).as_deref(), expected, "{written}");
    }
    let voice =
        json!({ "MsgType": "voice", "MediaId": "M", "Format": "amr", "Recognition": "Help。" });
    assert_eq!(answer(&replies, &voice).as_deref(), Some("help"));
    let same = json!([rules[0], { "on": { "keyword": "help!" }, "reply": { "text": "x" } }]);
    assert!(read(&same, AppKind::OfficialAccount).is_err());
}

#[test]
fn scenes_and_menu_keys_may_have_a_prefix_or_be_any() {
    let rule = |on: Value, text: &str| json!({ "on": on, "reply": { "text": text } });
    let rules = json!([
        rule(json!({ "scene": "poster_1" }), "the first"),
        rule(json!({ "scene_prefix": "poster_" }), "a poster"),
        rule(json!("any_scene"), "a scan"),
        rule(json!({ "menu_prefix": "ORDER" }), "orders"),
        rule(json!("any_menu"), "the menu"),
        rule(json!("follow"), "welcome"),
    ]);
    let replies = read(&rules, AppKind::OfficialAccount).unwrap();
    for (name, key, expected) in [
        ("SCAN", "poster_1", "the first"),
        ("SCAN", "poster_2", "a poster"),
        ("SCAN", "desk", "a scan"),
        ("subscribe", "qrscene_poster_3", "a poster"),
        ("subscribe", "", "welcome"),
        ("CLICK", "ORDERS", "orders"),
        ("CLICK", " OTHER\n", "the menu"),
    ] {
        assert_eq!(answer(&replies, &event(name, key)).as_deref(), Some(expected), "{name} {key}");
    }
    for (first, second) in [
        (json!("any_scene"), json!({ "scene": "a" })),
        (json!({ "scene_prefix": "a" }), json!({ "scene_prefix": "ab" })),
        (json!({ "menu_prefix": "a" }), json!({ "menu": "ab" })),
    ] {
        let rules = json!([rule(first.clone(), "x"), rule(second.clone(), "y")]);
        assert!(read(&rules, AppKind::OfficialAccount).is_err(), "{first} {second}");
        assert!(
            read(&json!([rule(second, "y"), rule(first, "x")]), AppKind::OfficialAccount).is_ok()
        );
    }
    assert!(read(&json!([rule(json!("any_menu"), "x")]), AppKind::MiniProgram).is_err());
}
