use crate::fixture::{
    Fixture, MINI_LONG_TERM, MINI_TEMPLATE, SHOP_NOTIFICATION, SHOP_TEMPLATE, errcode,
};
use serde_json::json;

#[tokio::test]
async fn account_lists_its_template_messages() {
    let fixture = Fixture::new().await;
    let token = fixture.token("shop").await;
    let path = "/cgi-bin/template/get_all_private_template?access_token=";
    assert_eq!(
        fixture.get(&format!("{path}{token}")).await,
        json!({"template_list": [{
            "template_id": SHOP_TEMPLATE, "title": "order_shipped",
            "primary_industry": "", "deputy_industry": "",
            "content": "商品名称:{{thing1.DATA}}\n发货时间:{{time2.DATA}}\n",
            "example": "商品名称:蓝色水壶\n发货时间:2026年11月20日 15:04\n",
        }]}),
        "without an errcode"
    );
    let token = fixture.token("shop-mini").await;
    assert_eq!(fixture.get(&format!("{path}{token}")).await["errcode"], 48001);
}

#[tokio::test]
async fn both_kinds_of_app_list_their_subscription_templates() {
    let fixture = Fixture::new().await;
    let list = async |app: &str| {
        let token = fixture.token(app).await;
        let answer =
            fixture.get(&format!("/wxaapi/newtmpl/gettemplate?access_token={token}")).await;
        assert_eq!(answer["errcode"], 0);
        answer["data"].as_array().unwrap().clone()
    };
    let of_shop = list("shop").await;
    assert_eq!(of_shop.len(), 1, "{of_shop:?}");
    assert_eq!(of_shop[0]["priTmplId"], SHOP_NOTIFICATION);
    assert_eq!(of_shop[0]["type"], 2);
    assert!(of_shop[0].get("keywordEnumValueList").is_none());
    let of_mini: Vec<_> = list("shop-mini")
        .await
        .into_iter()
        .map(|it| (it["priTmplId"].clone(), it["type"].clone()))
        .collect();
    assert_eq!(
        of_mini,
        [(json!(MINI_TEMPLATE), json!(2)), (json!(MINI_LONG_TERM), json!(3))],
        "without the template from before 2020"
    );

    let state = json!({
        "template_id": "x".repeat(43), "title": "washing", "kind": "one_time",
        "content": "所在位置:{{enum_string2.DATA}}\n", "example": "所在位置:客厅\n",
        "values": {"enum_string2": ["客厅", "厨房"]},
    });
    fixture.post("/sandbox/apps/shop-mini", json!({"templates": [state]})).await;
    assert_eq!(
        list("shop-mini").await,
        [json!({
            "priTmplId": "x".repeat(43), "title": "washing", "type": 2,
            "content": "所在位置:{{enum_string2.DATA}}\n", "example": "所在位置:客厅\n",
            "keywordEnumValueList": [
                {"keywordCode": "enum_string2.DATA", "enumValueList": ["客厅", "厨房"]},
            ],
        })]
    );
}

/// The account's own ids.
async fn own(fixture: &Fixture, app: &str) -> Vec<String> {
    fixture.app(app).templates.into_iter().map(|it| it.template_id).collect()
}

#[tokio::test]
async fn template_message_is_added_sent_and_deleted() {
    let fixture = Fixture::new().await;
    let ann = fixture.open_id("ann", "shop");
    fixture.act("ann", "follow", json!({"app": "shop"})).await;
    let add = "/cgi-bin/template/api_add_template";
    let names = json!(["收货人", "商品名称"]);
    let with = |names: &serde_json::Value| json!({"template_id_short": "47123", "keyword_name_list": names});
    let added = fixture.call("shop", add, with(&names)).await;
    assert_eq!(added["errcode"], 0, "{added}");
    let id = added["template_id"].as_str().unwrap();
    assert_eq!(id.len(), 43);
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/template/get_all_private_template?access_token={token}");
    let listed = fixture.get(&path).await["template_list"][1].clone();
    assert_eq!(listed["title"], "订单发货通知");
    assert_eq!(listed["content"], "收货人:{{name4.DATA}}\n商品名称:{{thing1.DATA}}\n");
    assert_eq!(listed["example"], "收货人:张三\n商品名称:蓝色水壶\n");

    let data = json!({"template_id": id, "data": {"name4": {"value": "李四"}, "thing1": {"value": "Kettle"}}});
    assert_eq!(errcode(&fixture.send_template(&ann, data.clone()).await), 0);
    let wrong =
        json!({"template_id": id, "data": {"name4": {"value": "李四1"}, "thing1": {"value": "x"}}});
    assert_eq!(errcode(&fixture.send_template(&ann, wrong).await), 47003);
    for names in [json!([]), json!(["价格"]), json!(["收货人", "收货人"]), json!(null)] {
        assert_eq!(errcode(&fixture.call("shop", add, with(&names)).await), 40246, "{names}");
    }
    let delete = "/cgi-bin/template/del_private_template";
    assert_eq!(errcode(&fixture.call("shop", delete, json!({"template_id": id})).await), 0);
    assert_eq!(errcode(&fixture.send_template(&ann, data).await), 40037);
    assert_eq!(errcode(&fixture.call("shop", delete, json!({"template_id": id})).await), 40037);
    let notification = json!({"template_id": SHOP_NOTIFICATION});
    assert_eq!(
        errcode(&fixture.call("shop", delete, notification).await),
        40037,
        "of another kind"
    );

    for _ in own(&fixture, "shop").await.len() - 1..25 {
        assert_eq!(errcode(&fixture.call("shop", add, with(&names)).await), 0);
    }
    assert_eq!(errcode(&fixture.call("shop", add, with(&names)).await), 45026);
    assert_eq!(errcode(&fixture.call("shop-mini", add, with(&names)).await), 48001);
}

#[tokio::test]
async fn templates_of_before_2023_depend_on_the_industry() {
    let fixture = Fixture::new().await;
    let add = async || {
        let body = json!({"template_id_short": "TM00015"});
        fixture.call("shop", "/cgi-bin/template/api_add_template", body).await
    };
    let set = async |one: serde_json::Value, two: serde_json::Value| {
        let body = json!({"industry_id1": one, "industry_id2": two});
        errcode(&fixture.call("shop", "/cgi-bin/template/api_set_industry", body).await)
    };
    let token = fixture.token("shop").await;
    let path = format!("/cgi-bin/template/get_industry?access_token={token}");
    assert_eq!(errcode(&add().await), 40037, "the account has no industry");
    assert_eq!(fixture.get(&path).await["primary_industry"]["first_class"], "");
    assert_eq!(set(json!("1"), json!("42")).await, 40035);
    assert_eq!(set(json!("1"), json!(null)).await, 40035);
    assert_eq!(set(json!("1"), json!(13)).await, 0);
    assert_eq!(
        fixture.get(&path).await,
        json!({
            "primary_industry": {"first_class": "IT科技", "second_class": "互联网|电子商务"},
            "secondary_industry": {"first_class": "运输与仓储", "second_class": "快递"},
        }),
        "without an errcode"
    );
    let id = add().await["template_id"].as_str().unwrap().to_owned();
    let path = format!("/cgi-bin/template/get_all_private_template?access_token={token}");
    let listed = fixture.get(&path).await["template_list"][1].clone();
    assert_eq!(listed["deputy_industry"], "互联网|电子商务");
    let content = listed["content"].as_str().unwrap();
    assert!(content.starts_with("{{first.DATA}}\n订单编号:{{keyword1.DATA}}\n"), "{content}");
    assert!(content.ends_with("{{remark.DATA}}\n"), "{content}");
    assert_eq!(set(json!("2"), json!("13")).await, 43100, "once a month");
    fixture.advance(32 * 86_400).await;
    assert_eq!(set(json!("2"), json!("13")).await, 0);
    let left = own(&fixture, "shop").await;
    assert!(!left.contains(&id) && left.contains(&SHOP_TEMPLATE.to_owned()), "{left:?}");
}

#[tokio::test]
async fn subscription_template_is_found_composed_sent_and_deleted() {
    let fixture = Fixture::new().await;
    let bob = fixture.open_id("bob", "shop-mini");
    let token = fixture.token("shop-mini").await;
    let get = async |path: &str| {
        let joint = if path.contains('?') { '&' } else { '?' };
        fixture.get(&format!("/wxaapi/newtmpl/{path}{joint}access_token={token}")).await
    };
    assert_eq!(
        get("getcategory").await["data"],
        json!([{"id": 370, "name": "电商平台"}, {"id": 616, "name": "公交"}])
    );
    let titles = get("getpubtemplatetitles?ids=370,616&start=1&limit=1").await;
    assert_eq!(titles["count"], 3, "of all, not of the page");
    assert_eq!(
        titles["data"],
        json!([{"tid": 2210, "title": "取餐提醒", "type": 2, "categoryId": "370"}])
    );
    for (query, code) in [
        ("start=0&limit=1", 200_018),
        ("ids=2&start=0&limit=1", 200_019),
        ("ids=370,x&start=0&limit=1", 200_019),
        ("ids=370&limit=1", 200_016),
        ("ids=370&start=0", 200_017),
        ("ids=370&start=0&limit=31", 200_017),
    ] {
        let answer = get(&format!("getpubtemplatetitles?{query}")).await;
        assert_eq!(errcode(&answer), code, "{query}");
    }
    let keywords = get("getpubtemplatekeywords?tid=5040").await;
    assert_eq!(keywords["count"], 3);
    assert_eq!(
        keywords["data"][2],
        json!({"kid": 3, "name": "车牌号", "example": "粤B12345", "rule": "car_number"})
    );
    assert_eq!(errcode(&get("getpubtemplatekeywords?tid=47123").await), 200_014);

    let add = "/wxaapi/newtmpl/addtemplate";
    let composed = |tid: &str, kids: serde_json::Value, scene: &str| json!({"tid": tid, "kidList": kids, "sceneDesc": scene});
    for (body, code) in [
        (composed("1", json!([1, 2]), ""), 200_014),
        (composed("2210", json!([1]), ""), 200_020),
        (composed("2210", json!([1, 9]), ""), 200_020),
        (composed("2210", json!([1, 1]), ""), 200_020),
        (composed("2210", json!([1, 2]), &"字".repeat(16)), 200_021),
    ] {
        assert_eq!(errcode(&fixture.call("shop-mini", add, body.clone()).await), code, "{body}");
    }
    let added = fixture.call("shop-mini", add, composed("2210", json!([2, 1]), "取餐")).await;
    let id = added["priTmplId"].as_str().unwrap();
    let data = json!({"template_id": id, "data": {
        "character_string2": {"value": "B42"}, "thing1": {"value": "南山店"},
    }});
    assert_eq!(errcode(&fixture.send_subscribe(&bob, data.clone()).await), 43101);
    let consent = json!({"app": "shop-mini", "template_id": id, "accept": true});
    fixture.act("bob", "consent", consent.clone()).await;
    fixture.act("bob", "consent", consent).await;
    assert_eq!(errcode(&fixture.send_subscribe(&bob, data.clone()).await), 0);
    let screen = fixture.screen("bob").await;
    assert_eq!(screen[0]["fields"][0]["label"], "取餐码", "in the order of the list");

    let delete = "/wxaapi/newtmpl/deltemplate";
    assert_eq!(errcode(&fixture.call("shop-mini", delete, json!({"priTmplId": id})).await), 0);
    assert_eq!(errcode(&fixture.send_subscribe(&bob, data).await), 40037);
    assert_eq!(errcode(&fixture.call("shop-mini", delete, json!({"priTmplId": id})).await), 20002);
    let wrong = fixture.get(&format!("{delete}?access_token={token}")).await;
    assert_eq!(wrong["errcode"], 404, "newtmpl's code for a wrong method");
}

#[tokio::test]
async fn long_term_template_of_an_account_needs_one_consent() {
    let fixture = Fixture::new().await;
    let body = json!({"tid": 5040, "kidList": [1, 2]});
    let added = fixture.call("shop", "/wxaapi/newtmpl/addtemplate", body).await;
    let id = added["priTmplId"].clone();
    let consent = json!({"app": "shop", "template_id": id, "accept": true});
    fixture.act("ann", "consent", consent).await;
    let body = json!({"touser": fixture.open_id("ann", "shop"), "template_id": id, "data": {
        "thing1": {"value": "113路"}, "time2": {"value": "15:04"},
    }});
    for _ in 0..2 {
        let sent = fixture.call("shop", "/cgi-bin/message/subscribe/bizsend", body.clone()).await;
        assert_eq!(sent["errcode"], 0, "{sent}");
    }
}
