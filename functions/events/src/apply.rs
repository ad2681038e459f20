//! What one event does. Applying it twice does what applying it once does.

use crate::app::App;
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::App as WeChatApp;
use shared::store::{FollowState, PermitKey, StoredEvent, Window};
use shared::wechat::push::{Answer, Kind, Push, Unreadable};

/// Applies one event.
///
/// # Errors
///
/// When it has to be tried again, or can't be applied at all.
pub(crate) async fn apply(
    app: &App,
    event: &StoredEvent,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let apps = app.apps(now, Some(&event.app_id)).await;
    let wechat_app = apps.by_id(&event.app_id).ok_or(ApplyError::UnknownApp)?;
    let push = Push::read(&event.app_id, &event.body)?;
    match &push.kind {
        Kind::Subscribe => {
            follow(app, wechat_app, &push, now).await?;
            open_window(app, event, &push, Window::Follow).await?;
        }
        Kind::Unsubscribe => unfollow(app, event, &push).await?,
        Kind::Message { .. } => open_window(app, event, &push, Window::Message).await?,
        Kind::MenuClick => open_window(app, event, &push, Window::MenuClick).await?,
        Kind::Scan => open_window(app, event, &push, Window::Scan).await?,
        Kind::EnterSession => open_window(app, event, &push, Window::EnterSession).await?,
        Kind::SubscriptionAnswers(answers) => grant(app, event, &push, answers).await?,
        Kind::SubscriptionChanges(answers) => {
            for answer in answers.iter().filter(|answer| !answer.accepted) {
                app.users
                    .revoke_permits(permit_key(event, &push, answer), push.create_time)
                    .await?;
            }
        }
        Kind::SubscriptionResults(deliveries) => {
            for delivery in deliveries {
                app.notifications
                    .receipt(&event.app_id, &delivery.message_id, &delivery.fate, now)
                    .await?;
            }
        }
        Kind::TemplateResult(delivery) => {
            app.notifications
                .receipt(&event.app_id, &delivery.message_id, &delivery.fate, now)
                .await?;
        }
        Kind::Malformed { problem, .. } => return Err(ApplyError::Malformed(problem)),
        Kind::Other { .. } => {}
    }
    tracing::info!(app = wechat_app.alias, kind = push.kind.name(), "applied");
    Ok(())
}

/// That the user follows is stored first, whatever WeChat then answers. The
/// event doesn't say who the person is; `user/info` does.
async fn follow(
    app: &App,
    wechat_app: &WeChatApp,
    push: &Push,
    now: Timestamp,
) -> Result<(), ApplyError> {
    let app_id = &wechat_app.app_id;
    let mut state =
        FollowState { follows: true, at: push.create_time, union_id: None, scene: None };
    let known = app.users.set_follows(app_id, &push.from, &state).await?;
    let info = app
        .tokens
        .call(wechat_app, now, async |token| app.wechat.user_info(token, &push.from).await)
        .await?;
    let Some(union_id) = info.union_id.or(known) else {
        // Of someone who has left again WeChat tells nothing.
        if info.subscribe == 1 {
            tracing::warn!(
                app = wechat_app.alias,
                "a follower has no unionid: bind the account to an open-platform account, or mini-program users can't be found"
            );
        }
        return Ok(());
    };
    state.union_id = Some(&union_id);
    state.scene = info.subscribe_scene.as_deref();
    app.users.set_follows(app_id, &push.from, &state).await?;
    app.mappings.set_follows(&union_id, app_id, &push.from, true, push.create_time).await?;
    Ok(())
}

async fn unfollow(app: &App, event: &StoredEvent, push: &Push) -> Result<(), ApplyError> {
    let state = FollowState { follows: false, at: push.create_time, union_id: None, scene: None };
    if let Some(union_id) = app.users.set_follows(&event.app_id, &push.from, &state).await? {
        app.mappings
            .set_follows(&union_id, &event.app_id, &push.from, false, push.create_time)
            .await?;
    }
    Ok(())
}

/// Every yes is one permit, named after the event's key and its place in it.
async fn grant(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    answers: &[Answer],
) -> Result<(), ApplyError> {
    for (place, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.accepted) {
        let grant = format!("{}#{place}", event.event);
        app.users.grant_permit(permit_key(event, push, answer), &grant, push.create_time).await?;
    }
    Ok(())
}

async fn open_window(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    window: Window,
) -> Result<(), ApplyError> {
    app.users.open_window(&event.app_id, &push.from, window, push.create_time).await?;
    Ok(())
}

fn permit_key<'a>(event: &'a StoredEvent, push: &'a Push, answer: &'a Answer) -> PermitKey<'a> {
    PermitKey { app_id: &event.app_id, open_id: &push.from, template_id: &answer.template_id }
}

/// An event has not taken effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("its app is not under /apps")]
    UnknownApp,
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    #[error("{0}")]
    Malformed(&'static str),
    #[error(transparent)]
    WeChat(#[from] TokenError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}
