//! WeChat's public templates. Accounts compose their own templates from them.
//!
//! Source: WeChat's documentation, "获取帐号所属类目下的公共模板标题"
//! (`newtmpl/getpubtemplatetitles`) and "获取模板标题下的关键词列表"
//! (`getpubtemplatekeywords`). The templates themselves are invented.

use crate::model::template::{Template, TemplateKind};
use crate::random;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A public template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PublicTemplate {
    /// Its number; `TM` and a number in the library of before 2023.
    pub id: String,
    /// The title on the card.
    pub title: String,
    /// The kind of messages that it is for. Template messages and subscription messages have
    /// separate APIs.
    pub kind: TemplateKind,
    /// Its category.
    #[serde(default)]
    pub category: u32,
    /// Its industry, in the library of before 2023.
    #[serde(default)]
    pub industry: Option<u8>,
    /// The keywords to choose from; a template from the library of before 2023 has all of them.
    pub keywords: Vec<Keyword>,
}

/// A line of a public template.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Keyword {
    /// Its number, which becomes part of the key.
    pub kid: u32,
    /// The label before the value.
    pub name: String,
    /// A sample value.
    pub example: String,
    /// The type of the value, `thing`.
    pub rule: String,
}

/// The categories of the invented templates.
const CATEGORIES: [(u32, &str); 2] = [(370, "电商平台"), (616, "公交")];

/// The name of a category.
pub(crate) fn category_name(id: u32) -> &'static str {
    CATEGORIES.iter().find(|(known, _)| *known == id).map_or("其他", |(_, name)| name)
}

impl PublicTemplate {
    /// An account's own template of these keywords, in this order.
    pub(crate) fn compose(&self, keywords: &[&Keyword]) -> Template {
        let mut content: Vec<_> = keywords
            .iter()
            .map(|it| format!("{}:{{{{{}{}.DATA}}}}", it.name, it.rule, it.kid))
            .collect();
        if self.industry.is_some() {
            content.insert(0, "{{first.DATA}}".to_owned());
            content.push("{{remark.DATA}}".to_owned());
        }
        let example: Vec<_> =
            keywords.iter().map(|it| format!("{}:{}\n", it.name, it.example)).collect();
        Template {
            template_id: random::text(43),
            title: self.title.clone(),
            kind: self.kind,
            content: content.join("\n") + "\n",
            example: example.concat(),
            values: BTreeMap::new(),
            industry: self.industry,
        }
    }
}

/// The public templates of a world that defines none.
pub(crate) fn example() -> Vec<PublicTemplate> {
    let template = |id: &str, title: &str, kind, category, industry, keywords: &[[&str; 3]]| {
        let keywords = (1..).zip(keywords).map(|(kid, [name, rule, example])| Keyword {
            kid,
            name: (*name).to_owned(),
            example: (*example).to_owned(),
            rule: (*rule).to_owned(),
        });
        PublicTemplate {
            id: id.to_owned(),
            title: title.to_owned(),
            kind,
            category,
            industry,
            keywords: keywords.collect(),
        }
    };
    let order = [
        ["商品名称", "thing", "蓝色水壶"],
        ["发货时间", "time", "2026年11月20日 15:04"],
        ["快递单号", "character_string", "SF1234567890"],
        ["收货人", "name", "张三"],
        ["订单金额", "amount", "￥199.00"],
    ];
    let meal = [
        ["门店名称", "thing", "南山店"],
        ["取餐码", "character_string", "A17"],
        ["温馨提示", "thing", "请尽快取餐"],
    ];
    let bus = [
        ["线路", "thing", "113路"],
        ["到站时间", "time", "15:04"],
        ["车牌号", "car_number", "粤B12345"],
    ];
    let paid = [["订单编号", "keyword", "20261120150400"], ["支付金额", "keyword", "199.00元"]];
    vec![
        template("1856", "订单发货通知", TemplateKind::OneTime, 370, None, &order),
        template("2210", "取餐提醒", TemplateKind::OneTime, 370, None, &meal),
        template("5040", "车辆到站提醒", TemplateKind::LongTerm, 616, None, &bus),
        template("47123", "订单发货通知", TemplateKind::Template, 370, None, &order),
        template("TM00015", "订单支付成功", TemplateKind::Template, 370, Some(1), &paid),
    ]
}
