//! A login that is asked once more, as its answer was lost on the way.

use crate::app::App;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::store::{LoginCodeHash, LoginCodeRecord, LoginResult};
use shared::wechat::id::AppId;
use std::time::Duration;

/// The twin that used the code may still be writing: WeChat has answered it, and
/// two or three calls of DynamoDB follow. A second in all, as somebody is waiting.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(350),
];

/// What became of a code that WeChat has refused: the session, and what it was made
/// of. None if it wasn't used here within the last minute, for the same account;
/// or if the session has been revoked since, or the person forgotten. Of a code
/// that WeChat calls used, a twin is waited for.
pub(crate) async fn find(
    app: &App,
    app_id: &AppId,
    code: &LoginCodeHash,
    is_used: bool,
    now: Timestamp,
) -> Result<Option<(LoginResult, LoginCodeRecord)>, AwsError> {
    let mut pauses = if is_used { PAUSES.iter() } else { [].iter() };
    loop {
        if let Some(exchanged) = app.logins.users.login_code(code, now).await? {
            let id = &exchanged.exchange.session;
            let family = app.sessions.get(&exchanged.person, id).await?;
            if !family.is_some_and(|family| family.is_alive(now)) {
                return Ok(None);
            }
            let session = app.logins.replay(&exchanged, app_id).await?;
            return Ok(session.map(|session| (session, exchanged)));
        }
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return Ok(None),
        }
    }
}
