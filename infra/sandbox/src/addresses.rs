//! Where WeChat is.

use crate::api::Call;
use crate::refusal::Refusal;
use serde_json::{Value, json};

/// Answers `GET /cgi-bin/getcallbackip` and `GET /cgi-bin/get_api_domain_ip`: the
/// sandbox pushes from the address that it is called at.
///
/// Source: WeChat's documentation, "获取微信推送服务器IP" and "获取微信API服务器IP".
pub(crate) fn list(call: &mut Call<'_>, _: usize) -> Result<Value, Refusal> {
    Ok(json!({ "ip_list": [call.to] }))
}
