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
    serde_json::from_str(include_str!("public_templates.json"))
        .expect("the test of the example world reads this file")
}
