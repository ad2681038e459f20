//! A text from customer service, for whoever has been in touch lately.

use super::{Place, Tried, Why};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{Kind, fill};
use shared::wechat::customer_service::CustomerServiceMessage;

/// Sends it, if a window is open. A repeat could double it, so it's announced.
pub(super) async fn attempt(app: &App, place: Place<'_>, text: &str) -> Result<Tried, AwsError> {
    let Place { attempt, app: wechat_app, route, .. } = place;
    // Who leaves an account takes every open window along.
    if wechat_app.kind == Kind::OfficialAccount && !route.follows {
        return Ok(place.passed("the person does not follow this Official Account", Why::NoRoute));
    }
    let message = match fill(text, attempt.fields) {
        Ok(text) => CustomerServiceMessage::Text(text),
        Err(error) => return Ok(place.passed(error.to_string(), Why::Refused)),
    };
    if !app.users.take_from_window(&wechat_app.app_id, &route.open_id, attempt.now).await? {
        return Ok(place.passed(
            "the person has not been in touch lately: no customer-service window is open",
            Why::NoRoute,
        ));
    }
    if !place.announce(app).await? {
        return Ok(Tried::Lost);
    }
    let sent = app
        .tokens
        .call(wechat_app, attempt.now, async |token| {
            app.wechat.send_customer_service(token, &route.open_id, &message).await
        })
        .await;
    place.settle(app, place.of_call(sent)).await
}
