//! `POST /form-ids`: stores the form ids that a mini program got for its user's forms.

use crate::app::App;
use crate::error::LoginError;
use crate::session::access_token::Claims;
use serde::Deserialize;
use shared::clock::Timestamp;
use shared::parameters::AppAlias;
use shared::wechat::form_id::FormId;

/// The body of `POST /form-ids`.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct FormIdsRequest {
    /// The alias of the mini program in which the user submitted the forms: a form id is
    /// valid for that user in that app only.
    app: AppAlias,
    form_ids: FormIds,
}

/// 1 to 20 form ids.
#[derive(Debug, Deserialize)]
#[cfg_attr(
    test,
    derive(schemars::JsonSchema),
    schemars(extend("minItems" = 1, "maxItems" = 20))
)]
#[serde(try_from = "Vec<FormId>")]
struct FormIds(Vec<FormId>);

impl TryFrom<Vec<FormId>> for FormIds {
    type Error = &'static str;

    fn try_from(form_ids: Vec<FormId>) -> Result<Self, Self::Error> {
        if (1..=20).contains(&form_ids.len()) {
            Ok(Self(form_ids))
        } else {
            Err("1 to 20 form ids go into one request")
        }
    }
}

/// Stores the form ids of the session's user, and counts those that are new.
pub(crate) async fn submit_form_ids(
    app: &App,
    claims: &Claims,
    request: &FormIdsRequest,
    now: Timestamp,
) -> Result<u32, LoginError> {
    let person = claims.sub.as_str();
    let family = app.sessions.get(person, &claims.sid).await?;
    family.filter(|family| family.is_alive(now)).ok_or(LoginError::SessionEnded)?;
    let credentials = app.credentials(&request.app, now).await?;
    let mini_program =
        credentials.mini_program(&request.app).ok_or(LoginError::UnknownMiniProgram)?;
    let app_id = &mini_program.app_id;
    let open_id = app.mappings.open_id_of(person, app_id).await?;
    let open_id = open_id.ok_or(LoginError::UnknownUser)?;
    let new = app.form_ids.store(app_id, &open_id, person, &request.form_ids.0, now).await?;
    let new = new.ok_or(LoginError::UnknownUser)?;
    tracing::info!(app = &*request.app, user = person, new, "stored form ids");
    Ok(new)
}
