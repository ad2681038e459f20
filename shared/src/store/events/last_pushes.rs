//! When WeChat pushed something for each app last, so that an operator can be told when
//! nothing comes any more.
//!
//! One row in the users table holds the times of all apps.

use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{Item, get_time, number};
use crate::store::dynamodb::write::Write;
use crate::store::keys::item_key;
use crate::store::tables::{UsersTable, aggregate};
use crate::wechat::id::AppId;
use std::collections::HashMap;

aggregate! {
    /// The last push of each app.
    pub struct LastPushes { table: UsersTable }
}

impl LastPushes {
    /// Records a push of this app, unless a later one is recorded.
    pub async fn record(&self, app_id: &AppId, at: Timestamp) -> Result<(), AwsError> {
        let name = app_id.as_str();
        let update = Write::update(&self.table, key())
            .set(name, number(at))
            .when(attr(name).not_exists().or(attr(name).less_than(number(at))));
        self.table.write("recording a push", update).await.map(drop)
    }

    /// When the last push of each of these apps came. An app without one is missing, as is
    /// one whose last push is older than all stored events: it isn't in use any more.
    pub async fn times(
        &self,
        app_ids: impl IntoIterator<Item = &AppId>,
        now: Timestamp,
    ) -> Result<HashMap<AppId, Timestamp>, AwsError> {
        let item = self.table.read_eventually("reading the last pushes", key()).await?;
        let item = item.unwrap_or_default();
        let retention = self.table.retention();
        let last = app_ids.into_iter().filter_map(|app_id| {
            let at = get_time(&item, app_id.as_str())?;
            (now.seconds_since(at) <= retention).then(|| (app_id.clone(), at))
        });
        Ok(last.collect())
    }
}

/// No user's key has this form: an app's id begins with `wx`.
fn key() -> Item {
    item_key("last_pushes#", "last_pushes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tables::tests::EmptyTables;

    #[tokio::test]
    async fn latest_push_of_each_app_is_kept() {
        let tables = EmptyTables::start().await;
        let pushes = LastPushes::new(&tables.users);
        let [shop, mini, silent] =
            ["wx01", "wx02", "wx03"].map(|app_id| AppId::parse(app_id).unwrap());
        let all = [&shop, &mini, &silent];
        let of = async |now: u64| pushes.times(all, Timestamp(now)).await.unwrap();
        assert_eq!(of(0).await, HashMap::new());
        for (app_id, at) in [(&shop, 100), (&shop, 300), (&shop, 200), (&mini, 150)] {
            pushes.record(app_id, Timestamp(at)).await.unwrap();
        }
        let both = HashMap::from([(shop.clone(), Timestamp(300)), (mini.clone(), Timestamp(150))]);
        assert_eq!(of(1000).await, both);
        let long = 300 + tables.users.0.retention();
        assert_eq!(of(long).await.len(), 1, "the older one is expired");
        assert_eq!(of(long + 1).await, HashMap::new());
    }
}
