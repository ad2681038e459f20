//! A follower has closed their WeChat account: the rows by which they were found are
//! deleted. One who merely leaves stays in them, as a user who doesn't follow.

use super::Followers;
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{boolean, get_string, number, string};
use crate::store::dynamodb::query::Query;
use crate::store::dynamodb::write::Write;
use crate::store::keys::{mapping_key, union_subject};
use crate::wechat::id::{AppId, OpenId, UnionId};

impl Followers {
    /// The person that the profile of a user names. The profile of a user who has left
    /// already names none.
    pub async fn union_id(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
    ) -> Result<Option<UnionId>, AwsError> {
        Ok(self.state(app_id, open_id).await?.union_id)
    }

    /// Deletes the rows by which a user of this app was found until `at`, and returns
    /// the people that they belonged to. If `person` isn't known, the whole table is
    /// scanned, as no index leads there: that happens once for an account that is
    /// closed, and takes some seconds for a million rows.
    pub async fn unlink(
        &self,
        app_id: &AppId,
        open_id: &OpenId,
        person: Option<&UnionId>,
        at: Timestamp,
    ) -> Result<Vec<UnionId>, AwsError> {
        let subjects = match person {
            Some(person) => vec![union_subject(person)],
            None => self.subjects(app_id, open_id).await?,
        };
        for subject in &subjects {
            let is_older =
                attr("follows").equals(boolean(false)).or(attr("state_time").at_most(number(at)));
            let delete = Write::delete(&self.mappings, mapping_key(subject, app_id.as_str()))
                .when(attr("open_id").equals(string(open_id.as_str())))
                .when(is_older);
            self.mappings.write("unlinking a follower", delete).await?;
        }
        let people = subjects.iter().filter_map(|subject| subject.strip_prefix("union#"));
        Ok(people.filter_map(|id| UnionId::parse(id).ok()).collect())
    }

    /// All subjects that lead to a user of an app.
    async fn subjects(&self, app_id: &AppId, open_id: &OpenId) -> Result<Vec<String>, AwsError> {
        let leads_there = attr("app_id")
            .equals(string(app_id.as_str()))
            .and(attr("open_id").equals(string(open_id.as_str())));
        let scan = Query::scan().filter(leads_there).attributes(&["subject"]);
        let found = self.mappings.read_all("scanning for a follower", scan).await?;
        let subjects = found.iter().filter_map(|row| get_string(row, "subject"));
        Ok(subjects.map(str::to_owned).collect())
    }
}
