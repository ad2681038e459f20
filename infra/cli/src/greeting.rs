//! WeChat's greeting, sent to our own callback: does it answer as WeChat wants?
//!
//! Source: WeChat's documentation, "消息推送" (message push).

use crate::deployment::Deployment;
use crate::error::{Error, Kind};
use crate::terminal::Terminal;
use shared::cache;
use shared::clock::Timestamp;
use shared::secret::Secret;
use shared::wechat::signature;
use std::error::Error as _;
use std::time::Duration;
use tokio::time::Instant;

/// WeChat hangs up after five seconds.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many seconds after a change, every running function looks at its settings again
/// when they refuse a call; before, one that has read them just now goes on refusing.
/// Two more, as moments are whole seconds here and there.
const KNOWN_AFTER: u64 = cache::MISS_TTL + 2;
/// A function that doesn't know the change then gets so much more time.
const PATIENCE_FOR_ALL: Duration = Duration::from_secs(15);
/// The pause between two greetings while that is waited for.
const PAUSE: Duration = Duration::from_millis(500);

/// Greets a callback URL as WeChat does when the URL is saved in its console.
///
/// # Errors
///
/// When the answer isn't what WeChat wants to hear, in words that help.
pub(crate) async fn greet(deployment: &Deployment, url: &str, token: &Secret) -> Result<(), Error> {
    let timestamp = Timestamp::now().to_string();
    let (nonce, echo) = (number()?, number()?);
    let signature = signature::sign(&[token.expose(), &timestamp, &nonce]);
    let query = format!("signature={signature}&timestamp={timestamp}&nonce={nonce}&echostr={echo}");
    let asked = deployment.web().get(format!("{url}?{query}")).timeout(PATIENCE).send();
    let answer = asked.await.map_err(|error| unreachable(url, error))?;
    let status = answer.status().as_u16();
    let body = answer.text().await.map_err(|error| unreachable(url, error))?;
    if status == 200 && body == echo {
        return Ok(());
    }
    let advice = match status {
        200 => "something else answers at this address; see where its domain leads",
        403 => {
            "the function knows another token: it has read its settings before they were changed \
             (it looks again within ten minutes), or this machine's clock is wrong"
        }
        404 => "the function doesn't know this app yet; ask again in half a minute",
        429 => "the API's throttle says no; ask again",
        500..=599 => "the function fails; its log says why, and so does `hongyan doctor`",
        _ => "something else than the callback function answers at this address",
    };
    let problem = format!("{url} answers a signed greeting with status {status}");
    let problem =
        if status == 200 { format!("{problem}, but not with its echostr") } else { problem };
    Err(Error::new(Kind::Unavailable, problem, advice))
}

/// As [`greet`], once every running function can know what was changed at that
/// moment: what is told to WeChat before may be refused by some of them.
///
/// # Errors
///
/// As [`greet`]'s, of the last try.
pub(crate) async fn greet_once_known(
    deployment: &Deployment,
    url: &str,
    token: &Secret,
    changed_at: Option<Timestamp>,
    terminal: &Terminal,
) -> Result<(), Error> {
    let bar = terminal.working("waiting until every running function can know it");
    let known_at = changed_at.map_or(Timestamp(0), |at| at.plus(KNOWN_AFTER));
    // A clock that is wrong must not make anybody wait for hours.
    let wait = known_at.seconds_since(Timestamp::now()).min(KNOWN_AFTER);
    tokio::time::sleep(Duration::from_secs(wait)).await;
    let until = Instant::now() + PATIENCE_FOR_ALL;
    let greeted = loop {
        let greeted = greet(deployment, url, token).await;
        if greeted.is_ok() || Instant::now() > until {
            break greeted;
        }
        tokio::time::sleep(PAUSE).await;
    };
    bar.finish_and_clear();
    greeted
}

/// Digits, as WeChat's nonces are.
fn number() -> Result<String, Error> {
    getrandom::u64().map(|number| number.to_string()).map_err(|_| {
        let problem = "this machine gives no random numbers";
        Error::new(Kind::Unavailable, problem, "use another machine")
    })
}

/// Nobody answered: why, as far as can be seen from here.
fn unreachable(url: &str, error: reqwest::Error) -> Error {
    // The URL has the signature in it.
    let error = error.without_url();
    let timeout = error.is_timeout();
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words = format!("{words}: {error}");
        cause = error.source();
    }
    let lower = words.to_lowercase();
    let advice = if timeout {
        "it took longer than WeChat waits, five seconds; ask again, and see the function's log"
    } else if lower.contains("dns") || lower.contains("lookup") || lower.contains("resolve") {
        "its name isn't known in the DNS: for a domain of your own, point its record at the API's \
         domain name; a new one needs some minutes"
    } else if lower.contains("certificate") || lower.contains("tls") {
        "its certificate isn't one that WeChat trusts: for a domain of your own, see the \
         certificate in ACM, its names and its end"
    } else {
        "nothing answers there; see whether the stage is deployed, and whether a firewall or proxy \
         stands between"
    };
    Error::new(Kind::Unavailable, format!("{url} doesn't answer: {words}"), advice)
}
