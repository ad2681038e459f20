//! Applies follow events, and closed WeChat accounts.

use crate::app::App;
use crate::error::ApplyError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};
use shared::store::{FetchedProfile, FollowEvent, FollowState, FollowTransition, ReplyWindow};
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::refusal::ErrorClass;
use shared::wechat::user::UserInfo;

/// Maximum number of attempts when concurrent events of the same user interfere.
const MAX_ATTEMPTS: usize = 8;

/// The user has followed the account at `at`. This is stored before WeChat is called: the
/// event has no unionid, so `user/info` has to be read.
pub(crate) async fn follow(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    converge(app, wechat_app, open_id, FollowEvent::Followed, at).await?;
    app.reply_windows.open(&wechat_app.app_id, open_id, ReplyWindow::Follow, at).await?;
    Ok(())
}

/// The user has unfollowed the account at `at`. WeChat's rules require that their data is
/// deleted: the profile from `user/info`, reply windows and consents of this account.
pub(crate) async fn unfollow(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    let known = converge(app, wechat_app, open_id, FollowEvent::Unfollowed, at).await?;
    let follows = known.follows() && known.since() == Some(at);
    app.user_items.erase(&wechat_app.app_id, open_id, at, follows).await?;
    Ok(())
}

/// The user has closed their WeChat account at `at`. WeChat requires that their data is
/// erased as the law demands ("授权用户资料变更", "完成注销").
pub(crate) async fn close_account(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    match wechat_app.kind {
        AppKind::OfficialAccount => {
            let app_id = &wechat_app.app_id;
            let person = app.followers.union_id(app_id, open_id).await?;
            unfollow(app, wechat_app, open_id, at).await?;
            let people = app.followers.unlink(app_id, open_id, person.as_ref(), at).await?;
            for person in &people {
                app.closed_accounts.unlink_person(person).await?;
            }
            Ok(())
        }
        AppKind::MiniProgram => {
            app.closed_accounts.unlink_user(&wechat_app.app_id, open_id, at).await?;
            app.user_items.erase(&wechat_app.app_id, open_id, at, false).await?;
            Ok(())
        }
    }
}

/// Moves the user's state until the event changes nothing more. The final state does not
/// depend on the order in which events are applied, or on how often.
async fn converge(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    event: FollowEvent,
    at: Timestamp,
) -> Result<FollowState, ApplyError> {
    let app_id = &wechat_app.app_id;
    let mut known = app.followers.state(app_id, open_id).await?;
    for _ in 0..MAX_ATTEMPTS {
        let next = match known.transition(event, at) {
            FollowTransition::None => return Ok(known),
            FollowTransition::To(next) => next,
            FollowTransition::NeedsLookup => {
                let profile = fetch_profile(app, wechat_app, open_id, event).await?;
                match known.with_profile(event, at, &profile) {
                    Some(next) => next,
                    None => return Ok(known),
                }
            }
        };
        known = match app.followers.store(app_id, open_id, &known, next).await? {
            Some(stored) => stored,
            None => app.followers.state(app_id, open_id).await?,
        };
    }
    Err(ApplyError::Contended)
}

/// Fetches a user's profile from WeChat, with one immediate retry after a transient error.
/// If WeChat can't tell whether they follow, the event does.
async fn fetch_profile(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    event: FollowEvent,
) -> Result<FetchedProfile, ApplyError> {
    let fetch = || {
        app.tokens.call(wechat_app, Timestamp::now(), async |token| {
            app.wechat.user_info(token, open_id).await
        })
    };
    let fetched = match fetch().await {
        Err(error) if is_transient(&error) => fetch().await,
        other => other,
    };
    let info = if let Some(code) = fetched.as_ref().err().and_then(refusal_for_good) {
        if app.is_first_without_profiles(&wechat_app.app_id) {
            tracing::warn!(
                app = wechat_app.alias,
                "WeChat gives this account no profiles ({code}), so follows are applied without them; certify it (微信认证) or see WeChat's console, then import its followers"
            );
        }
        UserInfo::default()
    } else {
        fetched?
    };
    if info.follows == Some(true) && info.union_id.is_none() {
        tracing::warn!(
            app = wechat_app.alias,
            "a follower has no unionid: bind the account to an open-platform account, or mini-program users can't be found"
        );
    }
    Ok(FetchedProfile {
        follows: info.follows.unwrap_or(event == FollowEvent::Followed),
        union_id: info.union_id,
        details: info.details,
    })
}

/// The code of a permanent refusal to return profiles: the account lacks the permission, as an
/// uncertified one does.
fn refusal_for_good(error: &TokenError) -> Option<i64> {
    let TokenError::Call(error) = error else { return None };
    let refusal = error.refusal()?;
    let is_for_good = matches!(refusal.code, 48001 | 48004 | 50001 | 61007);
    is_for_good.then_some(refusal.code)
}

/// Whether an immediate retry may succeed.
fn is_transient(error: &TokenError) -> bool {
    match error {
        TokenError::Call(CallError::Refused { refusal }) => refusal.class() == ErrorClass::Retry,
        TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }) => true,
        TokenError::Unavailable { .. } => false,
    }
}
