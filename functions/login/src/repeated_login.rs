//! A login request that comes again because its response was lost.

use crate::app::App;
use crate::retries::CONCURRENT_LOGIN;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::retry::Retry;
use shared::store::{LoginCodeHash, LoginCodeRecord, LoginResult, SecretHash};
use shared::wechat::id::AppId;
use uuid::Uuid;

/// Finds the session that a login with this code has created within the last minute, for
/// the same account and retry key. None if there is none, if it has been revoked, if the
/// person was erased since, or if neither login has a retry key and the session's one repeat
/// without was used. If WeChat says that the code `is_used`, this waits for a concurrent
/// retry to store the session.
pub(crate) async fn find_session(
    app: &App,
    app_id: &AppId,
    code: &LoginCodeHash,
    retry_key: Option<SecretHash>,
    is_used: bool,
    now: Timestamp,
) -> Result<Option<(LoginResult, LoginCodeRecord)>, AwsError> {
    let request = Uuid::new_v4().simple().to_string();
    let lookup = async || {
        let Some(record) = app.login_codes.get(code, now).await? else {
            return Ok(None);
        };
        let (person, id) = (&record.person, &record.exchange.session);
        if record.exchange.retry_key != retry_key {
            tracing::warn!(
                user = person,
                session = id,
                "a login code came again with another retry key, and gets no session"
            );
            return Ok(Some(None));
        }
        let family = app.sessions.get(person, id).await?;
        if !family.is_some_and(|family| family.is_alive(now)) {
            return Ok(Some(None));
        }
        let Some(session) = app.logins.replay(&record, app_id).await? else {
            return Ok(Some(None));
        };
        if retry_key.is_none() && !app.sessions.use_repeat(person, id, &request).await? {
            tracing::warn!(
                user = person,
                session = id,
                "a login code without a retry key came again too often, and gets no session"
            );
            return Ok(Some(None));
        }
        Ok::<_, AwsError>(Some(Some((session, record))))
    };
    let max_attempts = if is_used { CONCURRENT_LOGIN.max_attempts } else { 1 };
    let found = Retry { max_attempts, ..CONCURRENT_LOGIN }.poll(lookup).await?;
    Ok(found.flatten())
}
