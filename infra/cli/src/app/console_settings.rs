//! The settings that an operator pastes into WeChat's console.

use super::callback_settings::CallbackSettings;
use crate::deployment::CallbackUrl;
use serde::Serialize;
use shared::parameters::AppKind;
use std::fmt;

/// The settings that an operator pastes into WeChat's console. The only output with a
/// token and key, because they are needed there.
#[derive(Debug, Serialize)]
pub(super) struct ConsoleSettings {
    #[serde(skip)]
    kind: AppKind,
    url: String,
    token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding_aes_key: Option<String>,
    /// The console's name of it.
    mode: &'static str,
    /// For the IP list (IP白名单), if the deployment has fixed addresses.
    addresses: Vec<String>,
}

impl ConsoleSettings {
    pub(super) fn new(
        kind: AppKind,
        url: &CallbackUrl,
        settings: &CallbackSettings,
        addresses: &[String],
    ) -> Self {
        Self {
            kind,
            url: url.expose(),
            token: settings.token.expose().to_owned(),
            encoding_aes_key: settings.encoding_aes_key.as_ref().map(|it| it.expose().to_owned()),
            mode: settings.mode_in_console(),
            addresses: addresses.to_vec(),
        }
    }
}

impl fmt::Display for ConsoleSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (page, [url, token, key, mode]) = match self.kind {
            AppKind::OfficialAccount => (
                "设置与开发 → 开发接口管理 → 基本配置 → 服务器配置 (server configuration) → 修改配置",
                [
                    "服务器地址(URL)",
                    "令牌(Token)",
                    "消息加解密密钥(EncodingAESKey)",
                    "消息加解密方式",
                ],
            ),
            AppKind::MiniProgram => (
                "管理 → 开发管理 → 开发设置 → 消息推送 (message push) → 启用 or 修改",
                ["URL(服务器地址)", "Token(令牌)", "EncodingAESKey(消息加密密钥)", "消息加密方式"],
            ),
        };
        writeln!(f, "Paste this into WeChat's console, https://mp.weixin.qq.com:")?;
        writeln!(f, "  {page}")?;
        writeln!(f)?;
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
            writeln!(f, "Then 启用 (enable), if the page shows 未启用.")?;
        }
        if !self.addresses.is_empty() {
            writeln!(f, "Under IP白名单 (IP list), add: {}", self.addresses.join(", "))?;
        }
        Ok(())
    }
}
