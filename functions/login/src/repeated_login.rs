//! A login request that comes again because its response was lost.

use crate::app::App;
use crate::retries::CONCURRENT_LOGIN;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::retry::Retry;
use shared::store::{LoginCodeHash, LoginCodeRecord, LoginResult};
use shared::wechat::id::AppId;

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
    let lookup = async || {
        let Some(record) = app.login_codes.get(code, now).await? else {
            return Ok(None);
        };
        let family = app.sessions.get(&record.person, &record.exchange.session).await?;
        if !family.is_some_and(|family| family.is_alive(now)) {
            return Ok(Some(None));
        }
        let session = app.logins.replay(&record, app_id).await?;
        Ok::<_, AwsError>(Some(session.map(|session| (session, record))))
    };
    let max_attempts = if is_used { CONCURRENT_LOGIN.max_attempts } else { 1 };
    let found = Retry { max_attempts, ..CONCURRENT_LOGIN }.poll(lookup).await?;
    Ok(found.flatten())
}
