//! What one event does. Applying it twice does what applying it once does.

use crate::answer::answer;
use crate::app::App;
use crate::follow::{close, follow, leave};
use shared::access_token::TokenError;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::WeChatApp;
use shared::store::{ConsentKey, Receipt, ReplyWindow, StoredEvent};
use shared::wechat::push::{
    ConsentDecision, DeliveryReceipt, DeliveryStatus, Event, InvalidPush, Push, PushKind,
};

/// WeChat's number for the telephone number, among what a user may revoke.
///
/// Source: WeChat's documentation, "授权用户资料变更".
const PHONE_NUMBER: u32 = 8;
/// The number for all that may be revoked.
const EVERYTHING: u32 = 301;

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
        PushKind::Event(Event::Subscribe { .. }) => {
            follow(app, wechat_app, &push.from, push.create_time).await?;
        }
        PushKind::Event(Event::Unsubscribe) => {
            leave(app, wechat_app, &push.from, push.create_time).await?;
        }
        PushKind::Message(_) => {
            open_window(app, event, &push, ReplyWindow::Message).await?;
            answer(app, wechat_app, event, &push).await?;
        }
        PushKind::Event(
            Event::Click { .. } | Event::ScanCodePush { .. } | Event::ScanCodeWaitMessage { .. },
        ) => open_window(app, event, &push, ReplyWindow::MenuClick).await?,
        PushKind::Event(Event::Scan { .. }) => {
            open_window(app, event, &push, ReplyWindow::Scan).await?
        }
        PushKind::Event(Event::UserEnterTempSession { .. }) => {
            open_window(app, event, &push, ReplyWindow::EnterSession).await?;
            answer(app, wechat_app, event, &push).await?;
        }
        PushKind::Event(Event::SubscribeMessagePopup(answers)) => {
            grant(app, event, &push, answers).await?;
        }
        PushKind::Event(Event::SubscribeMessageChange(answers)) => {
            for answer in answers.iter().filter(|answer| !answer.accepted) {
                app.users.withdraw(consent_key(event, &push, answer), push.create_time).await?;
            }
        }
        PushKind::Event(Event::SubscribeMessageSent(deliveries)) => {
            for delivery in deliveries {
                take_receipt(app, wechat_app, receipt(event, &push, delivery), now).await?;
            }
        }
        PushKind::Event(Event::TemplateSendJobFinish(delivery)) => {
            take_receipt(app, wechat_app, receipt(event, &push, delivery), now).await?;
        }
        PushKind::Event(Event::UserAuthorizationCancellation { .. }) => {
            close(app, wechat_app, &push.from, push.create_time).await?;
        }
        PushKind::Event(Event::UserAuthorizationRevoke { revoked })
            if revoked.iter().any(|what| [PHONE_NUMBER, EVERYTHING].contains(what)) =>
        {
            app.users.delete_phone(&event.app_id, &push.from, push.create_time).await?;
        }
        // What these two are about isn't kept otherwise: names, pictures, places.
        // They stay on the event's row for whoever keeps it.
        PushKind::Event(Event::UserInfoModified { .. } | Event::UserAuthorizationRevoke { .. }) => {
        }
        PushKind::Malformed { problem, .. } => return Err(ApplyError::Malformed(problem)),
        PushKind::Event(_) | PushKind::Other { .. } => {}
    }
    tracing::info!(app = wechat_app.alias, kind = push.kind.name(), "applied");
    Ok(())
}

/// Every yes is one consent, named after the event's key and its place in it.
async fn grant(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    answers: &[ConsentDecision],
) -> Result<(), ApplyError> {
    for (place, answer) in answers.iter().enumerate().filter(|(_, answer)| answer.accepted) {
        let grant = format!("{}#{place}", event.event);
        app.users.grant_consent(consent_key(event, push, answer), &grant, push.create_time).await?;
    }
    Ok(())
}

async fn open_window(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    window: ReplyWindow,
) -> Result<(), ApplyError> {
    app.users.open_window(&event.app_id, &push.from, window, push.create_time).await?;
    Ok(())
}

async fn take_receipt(
    app: &App,
    wechat_app: &WeChatApp,
    receipt: Receipt<'_>,
    now: Timestamp,
) -> Result<(), AwsError> {
    let outcome = match receipt.fate {
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Blocked => "blocked",
        DeliveryStatus::Failed(_) => "failed",
    };
    app.notifications.store_receipt(receipt, now).await?;
    metric::RECEIPTS.record(1, [&wechat_app.alias, outcome]);
    Ok(())
}

fn receipt<'a>(
    event: &'a StoredEvent,
    push: &'a Push,
    delivery: &'a DeliveryReceipt,
) -> Receipt<'a> {
    Receipt {
        app_id: &event.app_id,
        open_id: &push.from,
        template_id: delivery.template_id.as_deref(),
        message_id: &delivery.message_id,
        fate: &delivery.status,
        at: push.create_time,
    }
}

fn consent_key<'a>(
    event: &'a StoredEvent,
    push: &'a Push,
    answer: &'a ConsentDecision,
) -> ConsentKey<'a> {
    ConsentKey { app_id: &event.app_id, open_id: &push.from, template_id: &answer.template_id }
}

/// An event has not taken effect.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    #[error("its app is not under /apps; put it back, or let the event be set aside")]
    UnknownApp,
    #[error(transparent)]
    InvalidPush(#[from] InvalidPush),
    #[error("{0}")]
    Malformed(&'static str),
    #[error("it was not done in the time that one event is given")]
    TooLong,
    /// The log says where.
    #[error("it met with a defect; the log says where, and another version may do better")]
    Panicked,
    /// Somebody else is sending the answer, or was ended in the middle.
    #[error("its answer is being sent by somebody else")]
    Answering,
    #[error("other events of this user kept getting in between")]
    Contended,
    #[error(transparent)]
    WeChat(#[from] TokenError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl ApplyError {
    /// Whether trying again can't help: the event itself would have to be
    /// another.
    pub(crate) fn is_hopeless(&self) -> bool {
        matches!(self, Self::InvalidPush(_) | Self::Malformed(_))
    }
}
