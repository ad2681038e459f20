//! The addresses of WeChat's servers.
//!
//! Source: WeChat's documentation, "获取微信推送服务器IP" and "获取微信API服务器IP".

use crate::api_error::ApiError;
use crate::endpoints::call::Call;
use serde_json::{Value, json};

/// `GET /cgi-bin/getcallbackip` and `GET /cgi-bin/get_api_domain_ip`: the sandbox pushes from
/// the address that was called.
pub(super) fn list(call: &mut Call<'_>, _: usize) -> Result<Value, ApiError> {
    Ok(json!({ "ip_list": [call.to] }))
}
