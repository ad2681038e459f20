//! The two industries of an Official Account, which its templates of before 2023
//! belong to.
//!
//! Source: WeChat's documentation, "设置所属行业" (`template/api_set_industry`, with the
//! table of numbers) and "获取行业信息" (`template/get_industry`).

use crate::api::Call;
use crate::clock;
use crate::refusal::{self, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// An account's industries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Industries {
    /// By number; none were chosen, if there are none.
    chosen: Vec<u8>,
    /// The month in which they were.
    month: i64,
}

impl Industries {
    /// Whether a template of this industry can be had.
    pub(crate) fn include(&self, industry: u8) -> bool {
        self.chosen.contains(&industry)
    }
}

/// Answers `POST /cgi-bin/template/api_set_industry`. The templates of an industry
/// that the account leaves are gone.
pub(crate) fn set(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let mut chosen = Vec::new();
    for name in ["industry_id1", "industry_id2"] {
        // A text, as documented, or a number.
        let given = call.body.get(name).map(|it| it.to_string().trim_matches('"').to_owned());
        let number = given.and_then(|it| it.parse::<u8>().ok());
        chosen.push(number.filter(|it| class(*it).is_some()).ok_or(refusal::INVALID_PARAMETER)?);
    }
    let month = clock::month(call.now);
    let app = &mut call.world.apps[at];
    if !app.industries.chosen.is_empty() && app.industries.month == month {
        return Err(refusal::INDUSTRY_TOO_OFTEN);
    }
    app.industries = Industries { chosen, month };
    app.templates.retain(|it| it.industry.is_none_or(|industry| app.industries.include(industry)));
    Ok(json!({ "errcode": 0, "errmsg": "ok" }))
}

/// Answers `GET /cgi-bin/template/get_industry`; with nothing, if none were chosen.
pub(crate) fn get(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let chosen = &call.world.apps[at].industries.chosen;
    let named = |at: usize| {
        let (first, second) = chosen.get(at).and_then(|it| class(*it)).unwrap_or_default();
        json!({ "first_class": first, "second_class": second })
    };
    Ok(json!({ "primary_industry": named(0), "secondary_industry": named(1) }))
}

/// An industry's two names.
pub(crate) fn class(number: u8) -> Option<(&'static str, &'static str)> {
    INDUSTRIES.get(usize::from(number).checked_sub(1)?).copied()
}

/// WeChat's table, from 1.
const INDUSTRIES: [(&str, &str); 41] = [
    ("IT科技", "互联网|电子商务"),
    ("IT科技", "IT软件与服务"),
    ("IT科技", "IT硬件与设备"),
    ("IT科技", "电子技术"),
    ("IT科技", "通信与运营商"),
    ("IT科技", "网络游戏"),
    ("金融业", "银行"),
    ("金融业", "基金|理财|信托"),
    ("金融业", "保险"),
    ("餐饮", "餐饮"),
    ("酒店旅游", "酒店"),
    ("酒店旅游", "旅游"),
    ("运输与仓储", "快递"),
    ("运输与仓储", "物流"),
    ("运输与仓储", "仓储"),
    ("教育", "培训"),
    ("教育", "院校"),
    ("政府与公共事业", "学术科研"),
    ("政府与公共事业", "交警"),
    ("政府与公共事业", "博物馆"),
    ("政府与公共事业", "公共事业|非盈利机构"),
    ("医药护理", "医药医疗"),
    ("医药护理", "护理美容"),
    ("医药护理", "保健与卫生"),
    ("交通工具", "汽车相关"),
    ("交通工具", "摩托车相关"),
    ("交通工具", "火车相关"),
    ("交通工具", "飞机相关"),
    ("房地产", "建筑"),
    ("房地产", "物业"),
    ("消费品", "消费品"),
    ("商业服务", "法律"),
    ("商业服务", "会展"),
    ("商业服务", "中介服务"),
    ("商业服务", "认证"),
    ("商业服务", "审计"),
    ("文体娱乐", "传媒"),
    ("文体娱乐", "体育"),
    ("文体娱乐", "娱乐休闲"),
    ("印刷", "印刷"),
    ("其它", "其它"),
];
