//! Someone follows an Official Account, leaves it, or leaves WeChat.

use crate::app::App;
use crate::apply::ApplyError;
use shared::access_token::TokenError;
use shared::clock::Timestamp;
use shared::parameters::{AppKind, WeChatApp};
use shared::store::{FetchedProfile, FollowEvent, FollowState, FollowTransition, ReplyWindow};
use shared::wechat::client::CallError;
use shared::wechat::id::OpenId;
use shared::wechat::refusal::ErrorClass;

/// How often an event is thought over when others of the same user get in
/// between.
const TRIES: usize = 8;

/// The user follows since `at`. That is stored first, whatever WeChat then
/// answers: the event doesn't say who the person is, `user/info` does.
pub(crate) async fn follow(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    settle(app, wechat_app, open_id, FollowEvent::Followed, at).await?;
    app.users.open_window(&wechat_app.app_id, open_id, ReplyWindow::Follow, at).await?;
    Ok(())
}

/// The user has left at `at`. WeChat's rules ask to delete what is known of
/// them: what `user/info` told goes with the state, and with it their windows
/// and consents of this account.
pub(crate) async fn leave(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    let known = settle(app, wechat_app, open_id, FollowEvent::Unfollowed, at).await?;
    let follows = known.follows() && known.since() == Some(at);
    app.users.erase(&wechat_app.app_id, open_id, at, follows).await?;
    Ok(())
}

/// The user has closed their WeChat account, at `at`: WeChat asks to fulfil what
/// the law says about their data ("授权用户资料变更", "完成注销"), so it goes.
pub(crate) async fn close(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    at: Timestamp,
) -> Result<(), ApplyError> {
    match wechat_app.kind {
        AppKind::OfficialAccount => {
            let app_id = &wechat_app.app_id;
            let person = app.followers.union_id(app_id, open_id).await?;
            leave(app, wechat_app, open_id, at).await?;
            let persons = app.followers.unlink(app_id, open_id, person.as_ref(), at).await?;
            for person in &persons {
                app.logins.unlink_person(person).await?;
            }
            Ok(())
        }
        AppKind::MiniProgram => {
            app.logins.close_account(&wechat_app.app_id, open_id, at).await?;
            app.users.erase(&wechat_app.app_id, open_id, at, false).await?;
            Ok(())
        }
    }
}

/// Moves the user's state until the event adds nothing to it: the outcome is
/// the same in whichever order, and however often, events are applied.
async fn settle(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
    told: FollowEvent,
    at: Timestamp,
) -> Result<FollowState, ApplyError> {
    let app_id = &wechat_app.app_id;
    let mut known = app.followers.state(app_id, open_id).await?;
    for _ in 0..TRIES {
        let next = match known.transition(told, at) {
            FollowTransition::None => return Ok(known),
            FollowTransition::To(next) => next,
            FollowTransition::NeedsLookup => {
                let explanation = ask(app, wechat_app, open_id).await?;
                match known.with_user_info(told, at, &explanation) {
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

/// Asks WeChat who a user is; once more at once if the connection broke or
/// WeChat was busy.
async fn ask(
    app: &App,
    wechat_app: &WeChatApp,
    open_id: &OpenId,
) -> Result<FetchedProfile, ApplyError> {
    let ask = || {
        app.tokens.call(wechat_app, Timestamp::now(), async |token| {
            app.wechat.user_info(token, open_id).await
        })
    };
    let info = match ask().await {
        Err(error) if is_passing(&error) => ask().await?,
        other => other?,
    };
    if info.subscribe == 1 && info.union_id.is_none() {
        tracing::warn!(
            app = wechat_app.alias,
            "a follower has no unionid: bind the account to an open-platform account, or mini-program users can't be found"
        );
    }
    Ok(FetchedProfile {
        follows: info.subscribe == 1,
        union_id: info.union_id,
        scene: info.subscribe_scene,
    })
}

/// Whether the same question may well be answered the next moment.
fn is_passing(error: &TokenError) -> bool {
    match error {
        TokenError::Call(CallError::Refused { refusal, .. }) => {
            refusal.class() == ErrorClass::Retry
        }
        TokenError::Call(CallError::NotSent { .. } | CallError::Unknown { .. }) => true,
        TokenError::Unavailable { .. } => false,
    }
}
