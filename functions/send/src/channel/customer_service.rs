//! A message from customer service, for whoever has been in touch lately.

use super::{Place, Prepared, Why};
use crate::app::App;
use shared::aws::AwsError;
use shared::parameters::{AppKind, fill, fill_address};
use shared::store::Entitlement;
use shared::wechat::customer_service::CustomerServiceMessage;

/// Does if a window is open.
pub(super) async fn prepare(
    app: &App,
    place: Place<'_>,
    message: &CustomerServiceMessage,
) -> Result<Prepared, AwsError> {
    let Place { app: wechat_app, route, .. } = place;
    // Who leaves an account takes every open window along.
    if wechat_app.kind == AppKind::OfficialAccount && !route.follows {
        return Ok(
            place.passed("the person does not follow this Official Account", Why::Unreachable)
        );
    }
    let filled =
        message.map(|text| fill(text, place.fields), |text| fill_address(text, place.fields));
    let message = match filled {
        Ok(message) => message,
        Err(unknown) => return Ok(place.unfillable(unknown.into())),
    };
    if let Some(problem) = message.problem() {
        return Ok(place.passed(format!("as filled, {problem}"), Why::Refused));
    }
    let users = &app.users;
    let open = users.find_slot(&wechat_app.app_id, &route.open_id, place.id, place.now).await?;
    let Some((window, _)) = open else {
        return Ok(place.passed(
            "the person has not been in touch lately: no customer-service window is open",
            Why::Unreachable,
        ));
    };
    let message = message.request(&route.open_id);
    Ok(place.ready(message, None, Some(Entitlement::WindowSlot(window))))
}
