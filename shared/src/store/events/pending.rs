//! The keys of the index of pending events.
//!
//! Every event is written into the index when it is stored and out of it when it is
//! applied. DynamoDB takes 1,000 writes a second of each partition key value, and an index
//! that is throttled throttles the table's writes, so one key for each app would limit its
//! pushes to 500 a second. The events of one app are spread over [`SHARDS`] keys.

use crate::store::shard::shard;
use crate::wechat::id::AppId;
use std::iter::once;

/// Number of keys for each app: 32,000 events a second that are applied, and 20,000 of
/// which each fails first.
const SHARDS: u32 = 64;

/// The key under which an event is in the index while it is pending.
pub(super) fn pending_key(app_id: &AppId, user: &str, event: &str) -> String {
    format!("{app_id}#{}", shard([user, event], SHARDS))
}

/// All keys under which events of an app are in the index. Its id alone is the key of
/// events that versions before [`SHARDS`] stored.
pub(super) fn pending_keys(app_id: &AppId) -> impl Iterator<Item = String> {
    let shards = (0..SHARDS).map(move |shard| format!("{app_id}#{shard}"));
    once(app_id.to_string()).chain(shards)
}

/// The id of the app that a key belongs to.
pub(super) fn app_of(pending_key: &str) -> &str {
    pending_key.split_once('#').map_or(pending_key, |(app_id, _)| app_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn events_of_an_app_are_spread_evenly_over_keys_that_the_sweep_reads() {
        let app_id = AppId::parse("wx1").unwrap();
        let mut counts: HashMap<String, u32> = pending_keys(&app_id).map(|key| (key, 0)).collect();
        // A campaign's receipts: one second, successive users and message ids.
        for at in 0..64_000 {
            let (user, event) = (format!("wx1#oUser{at:06}"), format!("1795186923#{at}"));
            *counts.get_mut(&pending_key(&app_id, &user, &event)).unwrap() += 1;
        }
        // One user alone, as the one who stands for unnamed ones.
        for at in 0..64_000 {
            let event = format!("0000000000#unreadable-{at}");
            *counts.get_mut(&pending_key(&app_id, "wx1#unknown", &event)).unwrap() += 1;
        }
        assert_eq!(counts.remove("wx1"), Some(0), "only read");
        assert_eq!(counts.len(), SHARDS as usize);
        assert!(counts.values().all(|count| (1700..2300).contains(count)), "{counts:?}");
    }

    #[test]
    fn key_of_either_form_names_its_app() {
        let app_id = AppId::parse("wx1").unwrap();
        assert!(pending_keys(&app_id).all(|key| app_of(&key) == "wx1"));
    }
}
