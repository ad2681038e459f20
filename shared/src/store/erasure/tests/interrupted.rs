//! A call breaks off, or another write comes in between.

use super::*;
use crate::store::dynamodb::item::{item_of, number, string};
use crate::store::dynamodb::write::Write;
use crate::store::identities::people::Person;
use crate::store::keys::profile_key;

fn user(app_id: &str, open_id: &str) -> PersonQuery {
    PersonQuery::User(AppUser { app_id: app(app_id), open_id: open(open_id) })
}

impl World {
    /// The first call breaks off at once after its transaction.
    async fn break_off(&self, asked: &PersonQuery) {
        self.erasure.unlink(asked, NOW.plus(9)).await.unwrap().unwrap();
    }

    async fn person(&self, asked: &PersonQuery) -> Person {
        self.erasure.people.find(asked).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn interrupted_erasure_resumes_by_any_id_of_the_person() {
    let world = World::start().await;
    let names = ["oAnn", "uAnn", "\"ann\"", "account#ann", "erasure#"];
    for asked in [
        PersonQuery::Account("ann".to_owned()),
        user("wxMini", "oAnn"),
        user("wxShop", "oAnnThere"),
    ] {
        world.accounts.create("ann", None, NOW).await.unwrap();
        let ann = world.live("Ann").await;
        world.break_off(&PersonQuery::Person(ann.clone())).await;
        assert!(!world.traces(&names).await.is_empty());
        let done = world.erase(asked.clone(), NOW.plus(10)).await;
        assert_eq!((done.complete, done.person.as_ref()), (true, Some(&ann)));
        assert_eq!(done.deleted.get("sessions"), Some(&1), "{done:?}");
        assert_eq!(world.traces(&names).await, [""; 0]);
        assert_eq!(world.traces(&[&ann]).await, [""; 0]);
        // As if a day were over: the next one begins anew.
        let table = &world.tables.users.0;
        for row in rows(table).await {
            let key = ["user", "item"].map(|name| (name.to_owned(), row[name].clone()));
            table.write("a test", Write::delete(table, key.into())).await.unwrap();
        }
    }
}

#[tokio::test]
async fn either_id_of_a_person_with_two_resumes_the_erasure() {
    for second in [false, true] {
        let world = World::start().await;
        let one = world.log_in("wxShop", "oBobThere", None, NOW).await;
        world.follow("wxShop", "oBobThere", "uBob", NOW).await;
        let two = world.log_in("wxMini", "oBob", Some("uBob"), NOW).await;
        assert_ne!(one, two);
        let ids = [one.clone(), two.clone()];
        world.break_off(&user("wxMini", "oBob")).await;
        let asked = ids[usize::from(second)].clone();
        let done = world.erase(PersonQuery::Person(asked), NOW.plus(10)).await;
        assert_eq!(done.deleted.get("sessions"), Some(&2), "{done:?}");
        assert_eq!(world.traces(&["oBob", "uBob", &one, &two, "erasure#"]).await, [""; 0]);
    }
}

#[tokio::test]
async fn follower_without_a_login_is_erased_again() {
    let world = World::start().await;
    let bob = user("wxShop", "oBob");
    world.follow("wxShop", "oBob", "uBob", NOW).await;
    world.break_off(&bob).await;
    // Until all is done the mark has no end.
    let profile = world.erasure.people.profiles.read(&app("wxShop"), &open("oBob")).await.unwrap();
    assert!(!profile.contains_key("expires"), "{profile:?}");
    // It goes nevertheless, and the person returns.
    let table = &world.tables.users.0;
    let tombstone = profile_key(&app("wxShop"), &open("oBob"));
    table.write("a test", Write::delete(table, tombstone)).await.unwrap();
    world.follow("wxShop", "oBob", "uBob", NOW.plus(20)).await;
    for _ in 0..2 {
        let done = world.erase(bob.clone(), NOW.plus(30)).await;
        assert!(done.complete, "{done:?}");
        assert_eq!(world.traces(&["oBob", "uBob", "erasure#"]).await, [""; 0]);
    }
    let profile = world.erasure.people.profiles.read(&app("wxShop"), &open("oBob")).await.unwrap();
    let expires = crate::store::dynamodb::item::get_time(&profile, "expires");
    assert_eq!(expires, Some(NOW.plus(30 + TOMBSTONE_TTL)));
}

#[tokio::test]
async fn returned_person_is_erased_together_with_the_previous_one() {
    let world = World::start().await;
    let before = world.live("Bob").await;
    world.break_off(&PersonQuery::Person(before.clone())).await;
    let after = world.log_in("wxMini", "oBob", Some("uBob"), NOW.plus(20)).await;
    let done = world.erase(user("wxMini", "oBob"), NOW.plus(30)).await;
    assert!(done.complete, "{done:?}");
    assert_eq!((done.person.as_ref(), &done.previous_users), (Some(&after), &vec![before.clone()]));
    assert_eq!((done.deleted["sessions"], done.deleted["profiles"]), (2, 3), "{done:?}");
    let names = ["oBob", "uBob", &before, &after, "erasure#"];
    assert_eq!(world.traces(&names).await, [""; 0]);
}

/// Between the search and the transaction they log in, and follow, elsewhere.
#[tokio::test]
async fn login_or_follow_in_another_app_in_between_is_erased_too() {
    let world = World::start().await;
    let bob = world.live("Bob").await;
    let carol = world.live("Carol").await;
    let carols = world.traces(&["Carol", &carol]).await;
    let found = world.person(&PersonQuery::Person(bob.clone())).await;
    world.log_in("wxOther", "oBobElse", Some("uBob"), NOW.plus(9)).await;
    world.follow("wxNews", "oBobNews", "uBob", NOW.plus(9)).await;
    let erasure = &world.erasure;
    let (pending, items) =
        erasure.erasure_items(ErasureJob::new(), found, NOW.plus(9)).await.unwrap();
    assert!(erasure.commit(items).await.unwrap());
    let (_, complete) = erasure.resume(pending, NOW.plus(9), Timestamp(u64::MAX)).await.unwrap();
    assert!(complete);
    assert_eq!(world.traces(&["Bob", &bob, "erasure#"]).await, [""; 0]);
    assert_eq!(world.traces(&["Carol", &carol]).await, carols);
}

#[tokio::test]
async fn binding_in_between_fails_the_erasure_transaction() {
    let world = World::start().await;
    world.accounts.create("bob", None, NOW).await.unwrap();
    let bob = world.live("Bob").await;
    let found = world.person(&PersonQuery::Person(bob.clone())).await;
    let begun =
        world.erasure.erasure_items(ErasureJob::new(), found.clone(), NOW.plus(9)).await.unwrap();
    world.accounts.bind("bob", &bob).await.unwrap();
    assert!(!world.erasure.commit(begun.1).await.unwrap(), "their account would stay");
    // It goes also if only the search didn't see it.
    let (_, items) =
        world.erasure.erasure_items(ErasureJob::new(), found, NOW.plus(9)).await.unwrap();
    assert!(world.erasure.commit(items).await.unwrap());
    assert!(!world.erasure.people.mappings.has_account("bob").await.unwrap());
    assert!(world.erasure.people.mappings.by_account("bob").await.unwrap().is_empty());
    world.erase(PersonQuery::Account("bob".to_owned()), NOW.plus(9)).await;
    assert_eq!(world.traces(&["account#bob"]).await, [""; 0]);
}

#[tokio::test]
async fn event_received_during_the_request_is_deleted_too() {
    let world = World::start().await;
    let began = Timestamp(Timestamp::now().0 - 100);
    let bob = world.log_in("wxMini", "oBob", None, began).await;
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    let now = Timestamp::now();
    let event = NewEvent {
        app_id: &app_id,
        open_id: &open_id,
        create_time: now,
        dedup_key: "1",
        kind: "text",
        body: "hello",
        reply: None,
        customer_service: None,
    };
    world.erasure.events.put(&event, now).await.unwrap();
    let done = world.erase(PersonQuery::Person(bob), began).await;
    assert_eq!(done.deleted.get("events"), Some(&1), "{done:?}");
    assert_eq!(rows(&world.tables.events.0).await, []);
}

#[tokio::test]
async fn deletion_stops_at_the_deadline() {
    let world = World::start().await;
    let bob = world.live("Bob").await;
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    let Erasure { user_items, sessions, .. } = &world.erasure;
    let (ended, all) = sessions.end_all_by(&bob, Timestamp(0)).await.unwrap();
    assert_eq!((ended, all), (0, false));
    let deleted = user_items.erase_by(&app_id, &open_id, NOW, false, Timestamp(0)).await.unwrap();
    assert_eq!(deleted, ([].into(), false));
    let later = Timestamp(u64::MAX);
    assert_eq!(sessions.end_all_by(&bob, later).await.unwrap(), (1, true));
    let deleted = user_items.erase_by(&app_id, &open_id, NOW, false, later).await.unwrap();
    assert_eq!(deleted, ([("consents", 2), ("windows", 1)].into(), true));
}

#[tokio::test]
async fn due_notification_stays_for_another_holder_of_the_account() {
    let world = World::start().await;
    let notifications = &world.erasure.notifications;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let ann = world.log_in("wxMini", "oAnn", None, NOW).await;
    let carol = world.log_in("wxOther", "oCarol", None, NOW).await;
    world.accounts.bind("ann", &carol).await.unwrap();
    let table = &world.tables.notifications.0;
    let put = async |id: &str, to: &str| {
        let content = format!(r#"{{"to":{to},"template":"t","data":{{}}}}"#);
        let row = item_of([
            ("id", string(id)),
            ("status", string("scheduled")),
            ("lease_owner", string("c")),
            ("due_shard", string("0")),
            ("content", string(content)),
            ("due_at", number(NOW)),
            ("request_hash", string("h")),
        ]);
        table.write("a test", Write::put(table, row)).await
    };
    put("account", r#"{"account":"ann"}"#).await.unwrap();
    put("open", r#"{"app":"mini","open_id":"oAnn"}"#).await.unwrap();
    let done = world.erase(PersonQuery::Person(ann), NOW.plus(9)).await;
    assert_eq!(done.deleted.get("notifications"), Some(&1), "{done:?}");
    assert!(notifications.get("account").await.unwrap().unwrap().content.is_some());
    let done = world.erase(PersonQuery::Person(carol), NOW.plus(9)).await;
    assert_eq!(done.deleted.get("notifications"), Some(&1), "{done:?}");
}
