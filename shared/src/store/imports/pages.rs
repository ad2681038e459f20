//! Who was on a page of the list, as hashes.

use super::{FollowerImport, FollowerImports, bytes, id};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::conflict::retry_on_conflict;
use crate::store::{item_of, number, string};
use crate::wechat::id::{AppId, OpenId};
use sha2::{Digest as _, Sha256};

/// A page's hashes are kept this many seconds: 7 days, longer than any import.
const RETENTION: u64 = 7 * 24 * 3600;

impl FollowerImport {
    /// What stands for somebody among those who were on this list. Another import's
    /// hashes are others, so nobody is mistaken for the same one twice.
    pub fn hash(&self, open_id: &OpenId) -> u64 {
        let hash = Sha256::new().chain_update(&self.run).chain_update(open_id.as_str());
        let hash: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(*hash.first_chunk().expect("32 bytes begin with 8"))
    }
}

impl FollowerImports {
    /// Keeps who was on one page, from 0.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't confirm.
    pub async fn store_page(
        &self,
        app_id: &AppId,
        import: &FollowerImport,
        page: u64,
        hashes: &[u64],
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let all = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
        let update = self
            .update(&page_id(app_id, import, page))
            .update_expression("SET hashes = :hashes, expires = :expires")
            .expression_attribute_values(":hashes", bytes(all))
            .expression_attribute_values(":expires", number(now.plus(RETENTION)));
        let what = self.table.action("storing who was on a page of the list");
        retry_on_conflict(|| update.clone().send())
            .await
            .map_err(|error| AwsError::new(what, &error))?;
        Ok(())
    }

    /// Who was on one page. None if that isn't known any more.
    ///
    /// # Errors
    ///
    /// When DynamoDB doesn't answer.
    pub async fn page(
        &self,
        app_id: &AppId,
        import: &FollowerImport,
        page: u64,
    ) -> Result<Option<Vec<u64>>, AwsError> {
        let key = item_of([("id", string(page_id(app_id, import, page)))]);
        let found = self.table.read("reading who was on a page of the list", key).await?;
        let hashes = found.as_ref().and_then(|item| item.get("hashes")?.as_b().ok());
        Ok(hashes.map(|all| {
            let (hashes, _) = all.as_ref().as_chunks();
            hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect()
        }))
    }
}

fn page_id(app_id: &AppId, import: &FollowerImport, page: u64) -> String {
    format!("{}#{}#{page}", id(app_id), import.run)
}
