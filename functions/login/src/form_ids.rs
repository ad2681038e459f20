//! A mini program hands over the form ids that its user's forms gave it.

use crate::app::App;
use crate::session::Claims;
use serde::Deserialize;
use shared::aws::AwsError;
use shared::clock::Timestamp;
use shared::parameters::ParameterError;
use shared::wechat::form_id::FormId;

/// What a mini program hands over.
#[derive(Debug, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct HandOver {
    /// The alias of the mini program whose user submitted the forms: a form id is
    /// good for that user in that app only.
    app: String,
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

/// Keeps the form ids for who has this session, and counts those that are new.
pub(crate) async fn keep(
    app: &App,
    claims: &Claims,
    request: &HandOver,
    now: Timestamp,
) -> Result<u32, Refused> {
    let person = claims.sub.as_str();
    let family = app.sessions.get(person, &claims.sid).await?;
    family.filter(|family| family.is_alive(now)).ok_or(Refused::Ended)?;
    let credentials = app.credentials(&request.app, now).await?;
    let mini_program = credentials.mini_program(&request.app).ok_or(Refused::UnknownApp)?;
    let app_id = &mini_program.app_id;
    let open_id = app.logins.mappings.open_id_of(person, app_id).await?;
    let open_id = open_id.ok_or(Refused::UnknownUser)?;
    let users = &app.logins.users;
    let kept = users.store_form_ids(app_id, &open_id, person, &request.form_ids.0, now).await?;
    let kept = kept.ok_or(Refused::UnknownUser)?;
    tracing::info!(app = request.app, user = person, kept, "keeps form ids");
    Ok(kept)
}

/// Form ids that aren't kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    /// It was revoked, is over, or went with its person.
    #[error("this session has ended; log in again")]
    Ended,
    #[error("app: there is no such mini program")]
    UnknownApp,
    /// They have never logged in to it, or before that was noted in the way that
    /// leads to them, or have been forgotten since.
    #[error("this session's user isn't known in this mini program: log in to it again")]
    UnknownUser,
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Refused {
    /// The HTTP status, and what the caller is told.
    pub(crate) fn answer(&self) -> (u16, String) {
        match self {
            Self::Ended => (401, self.to_string()),
            Self::UnknownApp => (404, self.to_string()),
            Self::UnknownUser => (403, self.to_string()),
            Self::Parameter(_) | Self::Aws(_) => (500, "internal error".to_owned()),
        }
    }
}
