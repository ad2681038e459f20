//! What an operator pastes into WeChat's console.

use super::settings::Settings;
use serde::Serialize;
use shared::parameters::AppKind;
use std::fmt;

/// What an operator pastes into WeChat's console. Token and key are shown here and
/// nowhere else: to be pasted is what they are for.
#[derive(Debug, Serialize)]
pub(crate) struct Console {
    #[serde(skip)]
    kind: AppKind,
    pub(crate) url: String,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_aes_key: Option<String>,
    /// As the console names it.
    mode: &'static str,
    /// What belongs on the IP list (IP白名单), if the deployment has fixed addresses.
    addresses: Vec<String>,
}

impl Console {
    pub(crate) fn new(
        kind: AppKind,
        url: String,
        settings: &Settings,
        addresses: &[String],
    ) -> Self {
        Self {
            kind,
            url,
            token: settings.token.expose().to_owned(),
            encoding_aes_key: settings.encoding_aes_key.as_ref().map(|it| it.expose().to_owned()),
            mode: settings.mode_in_console(),
            addresses: addresses.to_vec(),
        }
    }
}

impl fmt::Display for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Paste this into WeChat's console, https://mp.weixin.qq.com:")?;
        match self.kind {
            AppKind::OfficialAccount => writeln!(
                f,
                "  设置与开发 → 开发接口管理 → 基本配置 → 服务器配置 (server configuration) → 修改配置"
            )?,
            AppKind::MiniProgram => writeln!(
                f,
                "  管理 → 开发管理 → 开发设置 → 消息推送 (message push) → 启用 or 修改"
            )?,
        }
        writeln!(f)?;
        let (url, token, key, mode) = match self.kind {
            AppKind::OfficialAccount => (
                "服务器地址(URL)",
                "令牌(Token)",
                "消息加解密密钥(EncodingAESKey)",
                "消息加解密方式",
            ),
            AppKind::MiniProgram => {
                ("URL(服务器地址)", "Token(令牌)", "EncodingAESKey(消息加密密钥)", "消息加密方式")
            }
        };
        writeln!(f, "  {url}\n      {}", self.url)?;
        writeln!(f, "  {token}\n      {}", self.token)?;
        if let Some(value) = &self.encoding_aes_key {
            writeln!(f, "  {key}\n      {value}")?;
        }
        writeln!(f, "  {mode}\n      {}", self.mode)?;
        if self.kind == AppKind::MiniProgram {
            writeln!(f, "  数据格式 (data format)\n      JSON (XML works as well)")?;
        }
        writeln!(f)?;
        writeln!(f, "Then 提交 (submit): WeChat calls the URL, and saves only if it answers.")?;
        if self.kind == AppKind::OfficialAccount {
            writeln!(f, "Then 启用 (enable), if it says that it is 未启用.")?;
        }
        if !self.addresses.is_empty() {
            writeln!(f, "Under IP白名单 (IP list), add: {}", self.addresses.join(", "))?;
        }
        Ok(())
    }
}
