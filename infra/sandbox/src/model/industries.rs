//! The two industries of an Official Account. They decide which templates from the library of
//! before 2023 the account may use.
//!
//! Source: the table in WeChat's documentation, "设置所属行业" (`template/api_set_industry`).

use serde::{Deserialize, Serialize};

/// An account's industries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Industries {
    /// Their numbers; empty until the account chooses.
    chosen: Vec<u8>,
    /// The month of the choice.
    month: i64,
}

impl Industries {
    /// Chooses industries, unless the account has already done so this month.
    pub(crate) fn choose(&mut self, chosen: Vec<u8>, month: i64) -> bool {
        let allowed = self.chosen.is_empty() || self.month != month;
        if allowed {
            *self = Self { chosen, month };
        }
        allowed
    }

    /// Whether the account may use templates of this industry.
    pub(crate) fn include(&self, industry: u8) -> bool {
        self.chosen.contains(&industry)
    }

    /// The two names of the first or the second industry; empty if none was chosen.
    pub(crate) fn names(&self, at: usize) -> (&'static str, &'static str) {
        self.chosen.get(at).and_then(|it| names(*it)).unwrap_or_default()
    }
}

/// The two names of an industry.
pub(crate) fn names(number: u8) -> Option<(&'static str, &'static str)> {
    INDUSTRIES.get(usize::from(number).checked_sub(1)?).copied()
}

/// WeChat's table; numbers start at 1.
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
