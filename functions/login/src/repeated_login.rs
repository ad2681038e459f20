//! A login request that comes again because its response was lost.

use crate::app::App;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::store::{LoginCodeHash, LoginCodeRecord, LoginResult};
use shared::wechat::id::AppId;
use std::time::Duration;

/// Pauses between the lookups while a concurrent retry, which has used the code, may
/// still be storing its session: two or three DynamoDB calls. One second in all, as the
/// user waits.
const PAUSES: [Duration; 5] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(350),
];

/// Finds the session that a login with this code has created within the last minute, for
/// the same account. None if there is none, if it has been revoked, or if the person was
/// erased since. If WeChat says that the code `is_used`, this waits for a concurrent
/// retry to store the session.
pub(crate) async fn find_session(
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
