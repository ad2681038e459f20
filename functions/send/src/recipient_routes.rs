//! A recipient's identities in the apps.

use crate::app::App;
use crate::recipient::Recipient;
use shared::aws::AwsError;
use shared::parameters::Apps;
use shared::store::AppIdentity;
use shared::wechat::id::AppId;

/// The identities of a recipient that were looked up so far.
#[derive(Clone, Debug)]
pub(crate) struct RecipientRoutes<'a> {
    recipient: &'a Recipient,
    found: Vec<AppIdentity>,
    /// Whether all of them were looked up.
    complete: bool,
}

impl<'a> RecipientRoutes<'a> {
    /// Looks up nothing yet. A recipient that is named by an openid has an identity in that
    /// app, and follows it unless the tables say otherwise: WeChat decides.
    pub(crate) fn new(recipient: &'a Recipient, apps: &Apps) -> Self {
        let named = match recipient {
            Recipient::User { app, open_id } => apps.by_alias(app).map(|app| AppIdentity {
                app_id: app.app_id.clone(),
                open_id: open_id.clone(),
                follows: true,
            }),
            Recipient::Account { .. } | Recipient::Union { .. } => None,
        };
        let complete = named.is_none() && matches!(recipient, Recipient::User { .. });
        Self { recipient, found: named.into_iter().collect(), complete }
    }

    /// The recipient's identity in one app, if it is known.
    pub(crate) async fn get(
        &mut self,
        app: &App,
        app_id: &AppId,
    ) -> Result<Option<AppIdentity>, AwsError> {
        if !self.complete && !self.found.iter().any(|route| route.app_id == *app_id) {
            self.look_up(app).await?;
        }
        Ok(self.found.iter().find(|route| route.app_id == *app_id).cloned())
    }

    /// All identities.
    pub(crate) async fn all(&mut self, app: &App) -> Result<&[AppIdentity], AwsError> {
        if !self.complete {
            self.look_up(app).await?;
        }
        Ok(&self.found)
    }

    /// Whether no identity was found by what was looked up so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    async fn look_up(&mut self, app: &App) -> Result<(), AwsError> {
        let known = match self.recipient {
            Recipient::Account { account } => app.mappings.by_account(account).await?,
            Recipient::Union { union_id } => app.mappings.by_union_id(union_id).await?,
            Recipient::User { .. } => {
                let Some(named) = self.found.first_mut() else { return Ok(()) };
                let (union_id, follows) =
                    app.profiles.identity(&named.app_id, &named.open_id).await?;
                named.follows = follows.unwrap_or(named.follows);
                // Other apps know the person by the unionid.
                match union_id {
                    Some(union_id) => app.mappings.by_union_id(&union_id).await?,
                    None => Vec::new(),
                }
            }
        };
        // An openid that the caller named wins over what the tables have for that app.
        let others = known
            .into_iter()
            .filter(|route| self.found.iter().all(|found| found.app_id != route.app_id))
            .collect::<Vec<_>>();
        self.found.extend(others);
        self.complete = true;
        Ok(())
    }
}
