//! Where a recipient is known.

use crate::app::App;
use crate::notification::Recipient;
use shared::aws::AwsError;
use shared::parameters::Apps;
use shared::store::AppIdentity;
use shared::wechat::id::AppId;

/// Where a recipient is known: what was looked up so far.
#[derive(Debug)]
pub(crate) struct RecipientRoutes<'a> {
    recipient: &'a Recipient,
    found: Vec<AppIdentity>,
    /// Whether all there is was looked up.
    complete: bool,
}

impl<'a> RecipientRoutes<'a> {
    /// Looks up nothing yet. A recipient who is named by an openid is known in
    /// that app; of whom nothing else is known is taken to be reachable there:
    /// WeChat is the judge.
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

    /// The recipient in one app, if known there.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
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

    /// All that is known.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub(crate) async fn all(&mut self, app: &App) -> Result<&[AppIdentity], AwsError> {
        if !self.complete {
            self.look_up(app).await?;
        }
        Ok(&self.found)
    }

    /// Whether the recipient is known anywhere, as far as was looked up.
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
        // Where somebody was named, whoever else the tables know there isn't meant.
        let others = known
            .into_iter()
            .filter(|route| self.found.iter().all(|found| found.app_id != route.app_id))
            .collect::<Vec<_>>();
        self.found.extend(others);
        self.complete = true;
        Ok(())
    }
}
