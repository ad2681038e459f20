//! What an app is, and how its pushes are encrypted and written.

use serde::{Deserialize, Serialize};

/// The kind of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppKind {
    /// An Official Account (公众号).
    OfficialAccount,
    /// A Mini Program (小程序).
    MiniProgram,
}

/// The type of an Official Account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// 服务号 (service account), certified: has every permission.
    #[default]
    Service,
    /// 订阅号 (subscription account): cannot send template messages or subscription
    /// notifications.
    Subscription,
    /// 测试号 (test account): cannot send subscription notifications, and has smaller quotas.
    Test,
}

/// The encryption mode of pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// 明文模式: plaintext only.
    Plaintext,
    /// 兼容模式: plaintext and ciphertext.
    Compatible,
    /// 安全模式: ciphertext only.
    Safe,
}

/// The format of pushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// An `<xml>` document.
    Xml,
    /// A JSON object.
    Json,
}
