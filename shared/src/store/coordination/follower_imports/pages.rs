//! Who was on a page of the list, as hashes.

use super::row::FollowerImport;
use super::{FollowerImports, import_id};
use crate::aws::AwsError;
use crate::clock::Timestamp;
use crate::store::dynamodb::item::{Item, binary, number};
use crate::store::dynamodb::write::Write;
use crate::store::keys::id_key;
use crate::wechat::id::{AppId, OpenId};
use sha2::{Digest as _, Sha256};

/// How long a page's hashes are kept, in seconds: 7 days, longer than any import takes.
const RETENTION: u64 = 7 * 24 * 3600;

impl FollowerImport {
    /// The hash of a user among those who were on this list. Another import's hashes are
    /// others, so no user is mistaken for the same one twice.
    pub fn hash(&self, open_id: &OpenId) -> u64 {
        let hash = Sha256::new().chain_update(&self.run).chain_update(open_id.as_str());
        let hash: [u8; 32] = hash.finalize().into();
        u64::from_be_bytes(*hash.first_chunk().expect("32 bytes begin with 8"))
    }
}

impl FollowerImports {
    /// Stores the hashes of one page, from 0.
    pub async fn store_page(
        &self,
        app_id: &AppId,
        import: &FollowerImport,
        page: u64,
        hashes: &[u64],
        now: Timestamp,
    ) -> Result<(), AwsError> {
        let all: Vec<_> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
        let update = Write::update(&self.table, page_key(app_id, import, page))
            .set("hashes", binary(all))
            .set("expires", number(now.plus(RETENTION)));
        self.table.write("storing a page of the list", update).await.map(drop)
    }

    /// The hashes of one page. None if it isn't stored any more.
    pub async fn page(
        &self,
        app_id: &AppId,
        import: &FollowerImport,
        page: u64,
    ) -> Result<Option<Vec<u64>>, AwsError> {
        let key = page_key(app_id, import, page);
        let found = self.table.read("reading a page of the list", key).await?;
        let hashes = found.as_ref().and_then(|item| item.get("hashes")?.as_b().ok());
        Ok(hashes.map(|all| {
            let (hashes, _) = all.as_ref().as_chunks();
            hashes.iter().map(|hash| u64::from_be_bytes(*hash)).collect()
        }))
    }
}

fn page_key(app_id: &AppId, import: &FollowerImport, page: u64) -> Item {
    id_key(format!("{}#{}#{page}", import_id(app_id), import.run))
}
