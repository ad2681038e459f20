//! A text from customer service, for whoever has been in touch lately.

use super::{Place, Tried, Why};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{Kind, fill};
use shared::wechat::customer_service::CustomerServiceMessage;

/// Sends it, if a window is open. A repeat could double it, so it's announced.
pub(super) async fn attempt(
    app: &App,
    place: Place<'_>,
    text: &CustomerServiceMessage,
) -> Result<Tried, AwsError> {
    let Place { attempt, app: wechat_app, route, .. } = place;
    // Who leaves an account takes every open window along.
    if wechat_app.kind == Kind::OfficialAccount && !route.follows {
        return Ok(place.passed("the person does not follow this Official Account", Why::NoRoute));
    }
    let message = match text.map(|text| fill(text, attempt.fields)) {
        Ok(message) => message,
        Err(error) => return Ok(place.passed(error.to_string(), Why::Refused)),
    };
    let taker = format!("{}#{}", attempt.id, attempt.number);
    let users = &app.users;
    if !users.take_from_window(&wechat_app.app_id, &route.open_id, &taker, attempt.now).await? {
        return Ok(place.passed(
            "the person has not been in touch lately: no customer-service window is open",
            Why::NoRoute,
        ));
    }
    let give_back = async || {
        let given = users.give_back_to_window(&wechat_app.app_id, &route.open_id, &taker).await;
        // What becomes of the message is worth more than a place in a window.
        if let Err(error) = given {
            tracing::error!(id = attempt.id, "a place in a window stays taken: {error}");
        }
    };
    let announced = place.announce(app).await;
    if !matches!(announced, Ok(true)) {
        give_back().await;
        return announced.map(|_| Tried::Lost);
    }
    let sent = app
        .tokens
        .call(wechat_app, attempt.now, async |token| {
            app.wechat.send_customer_service(token, &route.open_id, &message).await
        })
        .await;
    let tried = place.of_call(sent);
    if is_uncounted(&tried) {
        give_back().await;
    }
    place.settle(app, tried).await
}

/// Whether WeChat has certainly not counted the message. Where it says that a
/// window is used up or closed, it knows better than our count, and none of it
/// is given back.
fn is_uncounted(tried: &Tried) -> bool {
    match tried {
        Tried::PassedOver(refused, _) => !matches!(refused.code, Some(45015 | 45047)),
        Tried::Later { .. } => true,
        Tried::Sent { .. } | Tried::Unknown { .. } | Tried::Lost => false,
    }
}
