//! Whom a restored table brings back is erased once more, and no one else.

use super::*;
use crate::store::dynamodb::table::Table;
use crate::store::dynamodb::write::Write;

const ALWAYS: Timestamp = Timestamp(u64::MAX);

/// All rows of the four tables that have backups.
type Backup = Vec<Vec<Item>>;

impl World {
    fn backed_up(&self) -> [&Table; 4] {
        let EmptyTables { users, mappings, events, notifications, .. } = &self.tables;
        [&users.0, &mappings.0, &events.0, &notifications.0]
    }

    async fn backup(&self) -> Backup {
        let mut backup = Vec::new();
        for table in self.backed_up() {
            backup.push(rows(table).await);
        }
        backup
    }

    /// Makes these tables, by their index, what they were.
    async fn restore(&self, backup: &Backup, which: &[usize]) {
        for index in which {
            let table = self.backed_up()[*index];
            let keys = [["user", "item"], ["subject", "app_id"], ["user", "event"], ["id", "id"]];
            for row in rows(table).await {
                let key = row.into_iter().filter(|(name, _)| keys[*index].contains(&&**name));
                table.write("a test", Write::delete(table, key.collect())).await.unwrap();
            }
            for row in &backup[*index] {
                table.write("a test", Write::put(table, row.clone())).await.unwrap();
            }
        }
    }

    async fn scheduled(&self, id: &str, to: &str, requested_at: Timestamp) {
        let mut row = crate::store::keys::id_key(id);
        let content = format!(r#"{{"to":{to},"template":"t","data":{{}}}}"#);
        for (name, value) in [
            ("status", "scheduled"),
            ("request_hash", "h"),
            ("lease_owner", "o"),
            ("due_shard", "0"),
            ("content", content.as_str()),
        ] {
            row.insert(name.to_owned(), crate::store::dynamodb::item::string(value));
        }
        let number = crate::store::dynamodb::item::number;
        row.insert("due_at".to_owned(), number(NOW.plus(9_000)));
        row.insert("requested_at".to_owned(), number(requested_at));
        let table = &self.tables.notifications.0;
        table.write("a test", Write::put(table, row)).await.unwrap();
    }

    async fn again(&self, now: Timestamp) -> ErasedAgain {
        self.erasure.again(now, ALWAYS).await.unwrap()
    }
}

/// Ann and Bob, each with an account, events that can't be read and a notification.
async fn two_people() -> (World, String) {
    let world = World::start().await;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let ann = world.live("Ann").await;
    world.live("Bob").await;
    for (body, at) in
        [("by oAnn: &nbsp;", NOW), (r"by \u006fAnn: &nbsp;", NOW), ("oBob, not oAnnabel", NOW)]
    {
        let app_id = app("wxMini");
        let event = Unreadable::new(&app_id, None, body);
        world.erasure.events.put(&event.as_new(), at).await.unwrap();
    }
    world.scheduled("to-ann", r#"{"account":"ann"}"#, NOW).await;
    world.scheduled("to-ann-2", r#"{"union_id":"uAnn"}"#, NOW).await;
    world.scheduled("to-ann-3", r#"{"app":"shop","open_id":"oAnnThere"}"#, NOW).await;
    world.scheduled("to-bob", r#"{"union_id":"uBob"}"#, NOW).await;
    (world, ann)
}

const NAMES: [&str; 6] = ["\"oAnn\"", "oAnnThere", "\"uAnn", "#oAnn\"", "account#ann", r"u006fAnn"];

/// Fault 114.
#[tokio::test]
async fn person_whom_any_restored_table_brings_back_is_erased_again() {
    let (world, ann) = two_people().await;
    let names = [&NAMES[..], &[ann.as_str(), "by oAnn"]].concat();
    let backup = world.backup().await;
    assert!(world.traces(&names).await.len() > 12);
    world.erase(PersonQuery::Person(ann.clone()), NOW.plus(60)).await;
    assert_eq!(world.traces(&names).await, [""; 0]);
    let bobs = world.traces(&["Bob"]).await;
    for which in [&[0, 1, 2, 3][..], &[0], &[1], &[2], &[3], &[0, 1], &[2, 3]] {
        world.restore(&backup, which).await;
        assert!(!world.traces(&names).await.is_empty(), "{which:?}");
        let again = world.again(NOW.plus(7_200)).await;
        assert!(again.complete, "{which:?}: {again:?}");
        assert_eq!(world.traces(&names).await, [""; 0], "{which:?}: {again:?}");
        assert!(again.deleted.values().sum::<u64>() > 0, "{which:?}");
    }
    let mut left = world.traces(&["Bob"]).await;
    let mut before = bobs;
    left.sort();
    before.sort();
    assert_eq!(left, before, "Bob is as he was");
    let nothing = world.again(NOW.plus(9_000)).await;
    assert!(nothing.complete && nothing.people == 0 && nothing.deleted.is_empty(), "{nothing:?}");
}

/// Fault 114.
#[tokio::test]
async fn person_who_has_returned_is_not_erased_again() {
    let (world, ann) = two_people().await;
    world.erase(PersonQuery::Person(ann.clone()), NOW.plus(60)).await;
    let back = NOW.plus(600);
    world.accounts.create("ann", None, back).await.unwrap();
    world.follow("wxShop", "oAnnThere", "uAnn", back).await;
    let returned = world.log_in("wxMini", "oAnn", Some("uAnn"), back).await;
    assert_ne!(returned, ann);
    let app_id = app("wxMini");
    let event = Unreadable::new(&app_id, None, "oAnn is back: &nbsp;");
    world.erasure.events.put(&event.as_new(), back).await.unwrap();
    world.scheduled("new", r#"{"account":"ann"}"#, back).await;
    let before = world.backup().await;
    let again = world.again(NOW.plus(7_200)).await;
    assert!(again.complete && again.people == 0, "{again:?}");
    let sorted = |backup: Backup| {
        let tables = backup.into_iter().map(|rows| {
            let mut texts: Vec<_> = rows
                .into_iter()
                .map(|row| format!("{:?}", row.into_iter().collect::<BTreeMap<_, _>>()))
                .collect();
            texts.sort();
            texts
        });
        tables.collect::<Vec<_>>()
    };
    assert_eq!(sorted(world.backup().await), sorted(before));
}

/// Fault 114.
#[tokio::test]
async fn list_of_erased_people_names_no_one_and_ends() {
    let (world, ann) = two_people().await;
    let backup = world.backup().await;
    world.erase(PersonQuery::Person(ann), NOW.plus(60)).await;
    let list = rows(&world.tables.erasures.0).await;
    assert_eq!(list.len(), 5, "an id, an account, a unionid and two openids: {list:?}");
    for row in &list {
        let mut attributes: Vec<_> = row.keys().map(String::as_str).collect();
        attributes.sort_unstable();
        assert_eq!(attributes, ["erased_at", "expires", "id"]);
        let id = row["id"].as_s().unwrap();
        assert!(id.len() == 64 && id.bytes().all(|c| c.is_ascii_hexdigit()), "{id}");
        let expires: u64 = row["expires"].as_n().unwrap().parse().unwrap();
        let days = Timestamp(expires).seconds_since(NOW) / (24 * 3600);
        assert!((35..=37).contains(&days), "{days}");
    }
    // With another stage's key it leads to no one.
    let other = ErasureList::new(&world.tables.erasures, Secret::new("another key"));
    let other = world.erasure.clone().with_list(other);
    world.restore(&backup, &[0, 1, 2, 3]).await;
    assert_eq!(other.again(NOW.plus(90), ALWAYS).await.unwrap().people, 0);
    assert!(!world.traces(&["\"oAnn\""]).await.is_empty());
    assert_eq!(world.again(NOW.plus(90)).await.people, 1);
}

/// Fault 114.
#[tokio::test]
async fn erasing_again_resumes_after_its_time_ran_out() {
    let (world, ann) = two_people().await;
    let backup = world.backup().await;
    world.erase(PersonQuery::Person(ann.clone()), NOW.plus(60)).await;
    world.restore(&backup, &[0, 1, 2, 3]).await;
    let first = world.erasure.again(NOW.plus(7_200), Timestamp(0)).await.unwrap();
    assert!(!first.complete, "{first:?}");
    let mut last = world.again(NOW.plus(7_200)).await;
    while !last.complete {
        last = world.again(NOW.plus(7_200)).await;
    }
    assert_eq!(last.people, 1, "{last:?}");
    assert_eq!(world.traces(&[&ann, "by oAnn"]).await, [""; 0]);
    let list = rows(&world.tables.erasures.0).await;
    assert!(list.iter().all(|row| row["id"].as_s().unwrap().len() == 64), "no progress is left");
}
