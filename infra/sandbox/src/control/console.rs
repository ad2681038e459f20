//! The server configuration in WeChat's console.
//!
//! Source: WeChat's documentation, "消息推送" (message push): the URL must answer the URL
//! verification with its `echostr`, or the console does not save the configuration.

use crate::context::{Context, SharedContext};
use crate::control::error::{Body, ControlError, ControlResponse};
use crate::control::lookup::{find_app, find_app_mut};
use crate::model::app_settings::{Format, Mode};
use crate::model::key_rotation::CallbackKeys;
use crate::model::world::is_callback_token;
use crate::push::deliver::describe_error;
use crate::{clock, random};
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;
use shared::secret::Secret;
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::signature;
use std::time::Duration;

/// The console's error when the URL verification fails.
const TOKEN_VERIFICATION_FAILED: &str = "token验证失败";

/// The configuration under 服务器配置 (server configuration), or under 消息推送 for a Mini
/// Program. Absent fields keep their values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerConfiguration {
    url: String,
    token: Secret,
    encoding_aes_key: Secret,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    format: Option<Format>,
}

/// Verifies the URL, and saves the configuration if that succeeds.
pub(super) async fn submit(
    State(context): State<SharedContext>,
    Path(alias): Path<String>,
    Body(submitted): Body<ServerConfiguration>,
) -> ControlResponse {
    context.read(|state| find_app(&state.world, &alias).map(|_| ()))?;
    let callback = format!("{}/{alias}", context.callback_base);
    let url_key = url_key(&submitted.url, &callback).ok_or_else(|| {
        ControlError::bad_request(format!(
            "url: this sandbox pushes to {callback} only, or to one more part after it"
        ))
    })?;
    let token = submitted.token.expose();
    if !is_callback_token(token) {
        return Err(ControlError::bad_request("token: 3 to 32 letters or digits"));
    }
    EncodingAesKey::parse(submitted.encoding_aes_key.expose())
        .map_err(|error| ControlError::bad_request(format!("encoding_aes_key: {error}")))?;
    verify_url(&context, &submitted.url, token).await?;
    context.change(|state| {
        let app = find_app_mut(&mut state.world, &alias)?;
        app.change_callback_keys(CallbackKeys {
            token: submitted.token,
            encoding_aes_key: submitted.encoding_aes_key,
            url_key,
        });
        app.mode = submitted.mode.unwrap_or(app.mode);
        app.format = submitted.format.unwrap_or(app.format);
        Ok(Json(json!({ "ok": true })))
    })
}

/// What a URL has after that of the callback: nothing or one part. None if it is another URL.
fn url_key(url: &str, callback: &str) -> Option<Option<Secret>> {
    match url.strip_prefix(callback)? {
        "" => Some(None),
        rest => {
            let part = rest.strip_prefix('/')?;
            let is_part = !part.is_empty() && !part.contains(['/', '?', '#']);
            is_part.then(|| Some(Secret::new(part)))
        }
    }
}

async fn verify_url(context: &Context, url: &str, token: &str) -> Result<(), ControlError> {
    let failed = |reason: String| {
        ControlError::bad_request(format!("{TOKEN_VERIFICATION_FAILED}: {reason}"))
    };
    let timestamp = clock::wall_seconds().to_string();
    let number = || u64::from_le_bytes(random::bytes()).to_string();
    let (nonce, echostr) = (number(), number());
    let signature = signature::sign(&[token, &timestamp, &nonce]);
    let query =
        format!("signature={signature}&echostr={echostr}&timestamp={timestamp}&nonce={nonce}");
    let timeout = Duration::from_millis(context.read(|state| state.world.pushing.timeout_ms));
    let request = context.http.get(format!("{url}?{query}")).timeout(timeout);
    let response = request.send().await.map_err(|error| failed(describe_error(&error)))?;
    let status = response.status().as_u16();
    let body = response.text().await.unwrap_or_default();
    if status == 200 && body == echostr {
        return Ok(());
    }
    Err(failed(format!("answered with status {status}, and not with the echostr")))
}
