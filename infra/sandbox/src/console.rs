//! WeChat's console: what an operator pastes there, and how WeChat checks it.
//!
//! Source: WeChat's documentation, "消息推送" (message push): the greeting has to be
//! answered with its `echostr`, or the settings aren't saved.

use crate::app::{Format, Mode};
use crate::control::Problem;
use crate::people::find_app;
use crate::push::reason;
use crate::running::Running;
use crate::{clock, random};
use serde::Deserialize;
use shared::secret::Secret;
use shared::wechat::crypto::EncodingAesKey;
use shared::wechat::signature;
use std::time::Duration;

/// What is pasted under 服务器配置 (server configuration), or 消息推送 of a mini
/// program. What isn't named stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pasted {
    url: String,
    token: Secret,
    encoding_aes_key: Secret,
    #[serde(default)]
    mode: Option<Mode>,
    #[serde(default)]
    format: Option<Format>,
}

/// Greets the URL, and saves what was pasted if it answers as it should.
pub(crate) async fn submit(running: &Running, alias: &str, it: Pasted) -> Result<(), Problem> {
    running.read(|state| find_app(&state.world, alias).map(|_| ()))?;
    let pushed_to = format!("{}/{alias}", running.callback_base);
    if it.url != pushed_to {
        return Err(Problem::bad(format!("url: this sandbox pushes to {pushed_to} only")));
    }
    let token = it.token.expose();
    if !(3..=32).contains(&token.len()) || !token.bytes().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Problem::bad("token: 3 to 32 letters or digits"));
    }
    EncodingAesKey::parse(it.encoding_aes_key.expose())
        .map_err(|error| Problem::bad(format!("encoding_aes_key: {error}")))?;
    greet(running, &it.url, token).await?;
    running.change(|state| {
        let at = find_app(&state.world, alias)?;
        let app = &mut state.world.apps[at];
        app.rotate(it.token, it.encoding_aes_key);
        app.mode = it.mode.unwrap_or(app.mode);
        app.format = it.format.unwrap_or(app.format);
        Ok(())
    })
}

/// What the console says when the URL doesn't answer as it should.
const REFUSED: &str = "token验证失败";

async fn greet(running: &Running, url: &str, token: &str) -> Result<(), Problem> {
    let timestamp = clock::wall_seconds().to_string();
    let number = || u64::from_le_bytes(random::bytes()).to_string();
    let (nonce, echo) = (number(), number());
    let signature = signature::sign(&[token, &timestamp, &nonce]);
    let query = format!("signature={signature}&echostr={echo}&timestamp={timestamp}&nonce={nonce}");
    let timeout = Duration::from_millis(running.read(|state| state.world.pushing.timeout_ms));
    let asked = running.http.get(format!("{url}?{query}")).timeout(timeout).send();
    let answer =
        asked.await.map_err(|error| Problem::bad(format!("{REFUSED}: {}", reason(&error))))?;
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap_or_default();
    if status == 200 && body == echo {
        return Ok(());
    }
    Err(Problem::bad(format!("{REFUSED}: answered with status {status}, and not with the echostr")))
}
