//! Applies one event. Applying it is idempotent.

use crate::app::App;
use crate::auto_reply::send_auto_reply;
use crate::error::ApplyError;
use crate::follow::{close_account, follow, unfollow};
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::metric;
use shared::parameters::WeChatApp;
use shared::store::{ConsentKey, Receipt, ReplyWindow, StoredEvent};
use shared::wechat::push::{
    ConsentAnswer, ConsentDecision, DeliveryReceipt, DeliveryStatus, Event, Push, PushKind,
};
use std::collections::BTreeSet;

/// WeChat's number of the permission for the phone number (WeChat's documentation,
/// "授权用户资料变更").
const PHONE_NUMBER: u32 = 8;
/// WeChat's number for all permissions.
const ALL_PERMISSIONS: u32 = 301;

/// Applies one event.
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
            unfollow(app, wechat_app, &push.from, push.create_time).await?;
        }
        PushKind::Message(_) => {
            open_window(app, event, &push, ReplyWindow::Message).await?;
            send_auto_reply(app, wechat_app, event, &push).await?;
        }
        PushKind::Event(
            Event::Click { .. } | Event::ScanCodePush { .. } | Event::ScanCodeWaitMessage { .. },
        ) => open_window(app, event, &push, ReplyWindow::MenuClick).await?,
        PushKind::Event(Event::Scan { .. }) => {
            open_window(app, event, &push, ReplyWindow::Scan).await?;
        }
        PushKind::Event(Event::UserEnterTempSession { .. }) => {
            open_window(app, event, &push, ReplyWindow::EnterSession).await?;
            send_auto_reply(app, wechat_app, event, &push).await?;
        }
        PushKind::Event(Event::SubscribeMessagePopup(decisions)) => {
            report_unknown_answers(wechat_app, &push, decisions);
            grant(app, event, &push, decisions).await?;
        }
        PushKind::Event(Event::SubscribeMessageChange(decisions)) => {
            report_unknown_answers(wechat_app, &push, decisions);
            for decision in decisions.iter().filter(|it| it.answer == ConsentAnswer::Refused) {
                app.consents
                    .withdraw(consent_key(event, &push, decision), push.create_time)
                    .await?;
            }
        }
        PushKind::Event(Event::SubscribeMessageSent(deliveries)) => {
            for delivery in deliveries {
                record_receipt(app, wechat_app, receipt(event, &push, delivery), now).await?;
            }
        }
        PushKind::Event(Event::TemplateSendJobFinish(delivery)) => {
            record_receipt(app, wechat_app, receipt(event, &push, delivery), now).await?;
        }
        PushKind::Event(Event::UserAuthorizationCancellation { .. }) => {
            close_account(app, wechat_app, &push.from, push.create_time).await?;
        }
        PushKind::Event(Event::UserAuthorizationRevoke { revoked })
            if revoked.iter().any(|it| [PHONE_NUMBER, ALL_PERMISSIONS].contains(it)) =>
        {
            app.phone_numbers.delete(&event.app_id, &push.from, push.create_time).await?;
        }
        // These two are about data that isn't stored: names, pictures, locations.
        PushKind::Event(Event::UserInfoModified { .. } | Event::UserAuthorizationRevoke { .. }) => {
        }
        PushKind::Malformed { problem, .. } => return Err(ApplyError::Malformed(problem)),
        PushKind::Event(_) | PushKind::Other { .. } => {}
    }
    tracing::info!(app = wechat_app.alias, kind = push.kind.name(), "applied an event");
    Ok(())
}

/// Stores each acceptance as one consent, with an id made of the event's key and its index.
async fn grant(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    decisions: &[ConsentDecision],
) -> Result<(), ApplyError> {
    let accepted = |(_, it): &(usize, &ConsentDecision)| it.answer == ConsentAnswer::Accepted;
    for (index, decision) in decisions.iter().enumerate().filter(accepted) {
        let grant = format!("{}#{index}", event.event);
        app.consents.grant(consent_key(event, push, decision), &grant, push.create_time).await?;
    }
    Ok(())
}

/// Logs and counts, once for the event, the words that WeChat documents nowhere. Each may
/// mean consent as well as its end, so it changes nothing.
fn report_unknown_answers(wechat_app: &WeChatApp, push: &Push, decisions: &[ConsentDecision]) {
    let word = |decision: &ConsentDecision| match &decision.answer {
        ConsentAnswer::Unknown(word) => Some(word.clone()),
        ConsentAnswer::Accepted | ConsentAnswer::Refused => None,
    };
    let words: BTreeSet<_> = decisions.iter().filter_map(word).collect();
    if !words.is_empty() {
        let (app, kind) = (wechat_app.alias.as_str(), push.kind.name());
        tracing::warn!(
            app,
            kind,
            "WeChat sent an unknown answer to a request for consent, which changes nothing: {words:?}"
        );
        metric::UNKNOWN_ANSWERS.record(1, [app]);
    }
}

async fn open_window(
    app: &App,
    event: &StoredEvent,
    push: &Push,
    window: ReplyWindow,
) -> Result<(), ApplyError> {
    app.reply_windows.open(&event.app_id, &push.from, window, push.create_time).await?;
    Ok(())
}

async fn record_receipt(
    app: &App,
    wechat_app: &WeChatApp,
    receipt: Receipt<'_>,
    now: Timestamp,
) -> Result<(), AwsError> {
    let outcome = match receipt.delivery {
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Blocked => "blocked",
        DeliveryStatus::Failed(_) => "failed",
        DeliveryStatus::Unknown(_) => "unknown",
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
        delivery: &delivery.status,
        at: push.create_time,
    }
}

fn consent_key<'a>(
    event: &'a StoredEvent,
    push: &'a Push,
    decision: &'a ConsentDecision,
) -> ConsentKey<'a> {
    ConsentKey { app_id: &event.app_id, open_id: &push.from, template_id: &decision.template_id }
}
