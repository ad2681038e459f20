//! Finding erasure jobs, saving their progress, and completing them.

use super::Erasure;
use super::job::{ErasureJob, JOB, TOMBSTONE_TTL, identity_key, job_subject};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::condition::attr;
use crate::store::dynamodb::item::{get_string, number, string};
use crate::store::dynamodb::transaction::MAX_ITEMS;
use crate::store::dynamodb::write::Write;
use crate::store::identities::people::{AppUser, PersonQuery};
use crate::store::keys::{mapping_key, profile_key};

impl Erasure {
    /// The jobs that earlier calls began and didn't complete, the oldest first.
    pub(super) async fn jobs(&self, query: &PersonQuery) -> Result<Vec<ErasureJob>, AwsError> {
        let mappings = &self.people.mappings;
        let mut jobs = Vec::new();
        for row in mappings.rows(&identity_key(query)).await? {
            let Some(name) = get_string(&row, "app_id") else { continue };
            let rows = mappings.rows(&job_subject(name)).await?;
            let json = rows.first().and_then(|row| get_string(row, "what"));
            jobs.extend(json.and_then(|json| serde_json::from_str::<ErasureJob>(json).ok()));
        }
        jobs.sort_by_key(|job| job.since);
        Ok(jobs)
    }

    /// Saves the progress of a job, unless another invocation has completed it.
    pub(super) async fn save_progress(&self, job: &ErasureJob) -> Result<(), AwsError> {
        let table = &self.people.mappings.table;
        let update = Write::update(table, mapping_key(job.subject(), JOB))
            .set("what", string(job.to_json()))
            .when(attr("subject").exists());
        table.write("saving the progress of an erasure", update).await.map(drop)
    }

    /// Lets the tombstones expire, and deletes the job.
    pub(super) async fn finish(&self, job: &ErasureJob, now: Timestamp) -> Result<(), AwsError> {
        const ACTION: &str = "completing an erasure";
        let users = &self.people.profiles.table;
        let tombstones = job.person.users.iter().map(async |AppUser { app_id, open_id }| {
            // A user who has returned has more than a tombstone, and it stays.
            let tombstone = Write::update(users, profile_key(app_id, open_id))
                .set("expires", number(now.plus(TOMBSTONE_TTL)))
                .when(attr("left_at").exists())
                .when(attr("id").not_exists())
                .when(attr("version").not_exists());
            users.write(ACTION, tombstone).await
        });
        futures_util::future::try_join_all(tombstones).await?;
        let mappings = &self.people.mappings.table;
        // The job's own row is deleted with the last of those that lead to it.
        let mut deletions = job.deletions(mappings);
        while deletions.len() > MAX_ITEMS {
            let some = deletions.split_off(deletions.len() - MAX_ITEMS);
            mappings.transact(ACTION, some).await?;
        }
        mappings.transact(ACTION, deletions).await.map(drop)
    }
}
