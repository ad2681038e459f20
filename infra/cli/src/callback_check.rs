//! Checks a callback URL like WeChat does when the URL is saved in its console.
//!
//! Source: WeChat, "消息推送",
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html>.

use crate::deployment::{CallbackUrl, Deployment};
use crate::error::{Error, ErrorKind};
use crate::random;
use crate::terminal::Terminal;
use shared::cache;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::signature;
use std::error::Error as _;
use std::time::Duration;
use tokio::time::Instant;

/// WeChat's timeout.
const CHECK_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds after a change in which an execution environment may still use the previous
/// settings: when a check fails, it reads them again only if they are older than the
/// cache's minimum age. Two more, because timestamps are whole seconds.
const PROPAGATION_SECS: u64 = cache::MISS_TTL + 2;
/// How long to retry the check after that.
const RETRY_TIMEOUT: Duration = Duration::from_secs(15);
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Sends WeChat's URL verification, signed with `token`.
pub(crate) async fn check_callback(
    deployment: &Deployment,
    url: &CallbackUrl,
    token: &Secret,
) -> Result<(), Error> {
    let timestamp = Timestamp::now().to_string();
    let (nonce, echo) = (random::nonce()?, random::nonce()?);
    let signature = signature::sign(&[token.expose(), &timestamp, &nonce]);
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={echo}");
    let request =
        deployment.http_client().get(format!("{}?{query}", url.expose())).timeout(CHECK_TIMEOUT);
    let response = request.send().await.map_err(|error| unreachable(url, error))?;
    let status = response.status().as_u16();
    let body = response.text().await.map_err(|error| unreachable(url, error))?;
    if status == 200 && body == echo {
        return Ok(());
    }
    let advice = match status {
        200 => "another server answers at this address; check where its domain points",
        403 => {
            "the function has another token: it read its settings before they changed (it reads \
             them again within ten minutes), or this machine's clock is wrong"
        }
        404 => "the function doesn't know this app or its key yet; try again in half a minute",
        429 => "the API throttles; try again",
        500..=599 => "the function fails; see its log, and run `hongyan doctor`",
        _ => "another server than the callback function answers at this address",
    };
    let wrong_body = if status == 200 { ", but not with its echostr" } else { "" };
    let problem = format!("{url} answers URL verification with status {status}{wrong_body}");
    Err(Error::new(ErrorKind::Unavailable, problem, advice))
}

/// Like [`check_callback`], after a change of the settings: waits until every execution
/// environment uses them, because until then some reject what WeChat sends.
pub(crate) async fn wait_for_callback(
    deployment: &Deployment,
    url: &CallbackUrl,
    token: &Secret,
    changed_at: Option<Timestamp>,
    terminal: &Terminal,
) -> Result<(), Error> {
    let bar = terminal.spinner("waiting until the functions use the settings");
    let effective_at = changed_at.map_or(Timestamp(0), |at| at.plus(PROPAGATION_SECS));
    // The limit is for a wrong clock.
    let wait = effective_at.seconds_since(Timestamp::now()).min(PROPAGATION_SECS);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let deadline = Instant::now() + RETRY_TIMEOUT;
    let result = loop {
        let result = check_callback(deployment, url, token).await;
        if result.is_ok() || Instant::now() > deadline {
            break result;
        }
        tokio::time::sleep(RETRY_INTERVAL).await;
    };
    bar.finish_and_clear();
    result
}

/// Why there was no response, as far as the client can tell.
fn unreachable(url: &CallbackUrl, error: reqwest::Error) -> Error {
    // The URL contains its key and the signature.
    let error = error.without_url();
    let timeout = error.is_timeout();
    let mut causes = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        causes = format!("{causes}: {error}");
        cause = error.source();
    }
    let lower = causes.to_lowercase();
    let advice = if timeout {
        "the response took longer than WeChat's timeout of five seconds; try again, and see the \
         function's log"
    } else if lower.contains("dns") || lower.contains("lookup") || lower.contains("resolve") {
        "the DNS doesn't know its name: for a domain of your own, point its record at the API's \
         domain name; a new record needs some minutes"
    } else if lower.contains("certificate") || lower.contains("tls") {
        "WeChat wouldn't trust its certificate: for a domain of your own, check the certificate's \
         names and expiry in ACM"
    } else {
        "check that the stage is deployed, and that no firewall or proxy is in between"
    };
    Error::new(ErrorKind::Unavailable, format!("{url} doesn't answer: {causes}"), advice)
}
