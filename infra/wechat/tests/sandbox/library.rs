use crate::stage::{MINI_LONG_TERM, MINI_TEMPLATE, SHOP_NOTIFICATION, SHOP_TEMPLATE, Stage};
use serde_json::json;

#[tokio::test]
async fn an_account_lists_its_template_messages() {
    let stage = Stage::new().await;
    let token = stage.token("shop").await;
    let path = "/cgi-bin/template/get_all_private_template?access_token=";
    assert_eq!(
        stage.get(&format!("{path}{token}")).await,
        json!({"template_list": [{
            "template_id": SHOP_TEMPLATE, "title": "order_shipped",
            "primary_industry": "", "deputy_industry": "",
            "content": "商品名称:{{thing1.DATA}}\n发货时间:{{time2.DATA}}\n",
            "example": "商品名称:蓝色水壶\n发货时间:2026年11月20日 15:04\n",
        }]}),
        "and says no errcode"
    );
    let token = stage.token("shop-mini").await;
    assert_eq!(stage.get(&format!("{path}{token}")).await["errcode"], 48001);
}

#[tokio::test]
async fn either_kind_of_app_lists_its_subscription_messages() {
    let stage = Stage::new().await;
    let list = async |app: &str| {
        let token = stage.token(app).await;
        let answer = stage.get(&format!("/wxaapi/newtmpl/gettemplate?access_token={token}")).await;
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
        "what was retired in 2020 isn't among them"
    );

    let state = json!({
        "template_id": "x".repeat(43), "title": "washing", "kind": "one_time",
        "content": "所在位置:{{enum_string2.DATA}}\n", "example": "所在位置:客厅\n",
        "values": {"enum_string2": ["客厅", "厨房"]},
    });
    stage.post("/sandbox/apps/shop-mini", json!({"templates": [state]})).await;
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
