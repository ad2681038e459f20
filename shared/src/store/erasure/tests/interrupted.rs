//! A call breaks off, or somebody gets in between.

use super::*;
use crate::store::persons::Person;

fn user(app_id: &str, open_id: &str) -> PersonQuery {
    PersonQuery::User(AppUser { app_id: app(app_id), open_id: open(open_id) })
}

impl World {
    /// The first call breaks off at once after its transaction.
    async fn break_off(&self, asked: &PersonQuery) {
        self.erasure.unlink(asked, NOW.plus(9)).await.unwrap().unwrap();
    }

    async fn person(&self, asked: &PersonQuery) -> Person {
        self.erasure.logins.person(asked).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn what_broke_off_goes_on_by_whatever_name_is_asked_for() {
    let world = World::start().await;
    let names = ["oAnn", "uAnn", "\"ann\"", "account#ann", "forgetting"];
    for asked in [
        PersonQuery::Account("ann".to_owned()),
        user("wxMini", "oAnn"),
        user("wxShop", "oAnnThere"),
    ] {
        let logins = &world.erasure.logins;
        logins.mappings.create_account("ann", None, NOW).await.unwrap();
        let ann = world.live("Ann").await;
        world.break_off(&PersonQuery::Person(ann.clone())).await;
        assert!(!world.traces(&names).await.is_empty());
        let done = world.forget(asked.clone(), NOW.plus(10)).await;
        assert_eq!((done.complete, done.person.as_ref()), (true, Some(&ann)));
        assert_eq!(done.deleted.get("sessions"), Some(&1), "{done:?}");
        assert_eq!(world.traces(&names).await, [""; 0]);
        assert_eq!(world.traces(&[&ann]).await, [""; 0]);
        // As if a day were over: the next one begins anew.
        for row in rows(&logins.users.table).await {
            let table = &logins.users.table;
            let key = ["user", "item"].map(|name| (name.to_owned(), row[name].clone()));
            let delete = table.dynamodb.delete_item().table_name(&table.name);
            delete.set_key(Some(key.into())).send().await.unwrap();
        }
    }
}

#[tokio::test]
async fn either_id_of_somebody_who_had_two_leads_on() {
    for second in [false, true] {
        let world = World::start().await;
        let one = world.log_in("wxShop", "oBobThere", None, NOW).await;
        world.follow("wxShop", "oBobThere", "uBob", NOW).await;
        let two = world.log_in("wxMini", "oBob", Some("uBob"), NOW).await;
        assert_ne!(one, two);
        let ids = [one.clone(), two.clone()];
        world.break_off(&user("wxMini", "oBob")).await;
        let asked = ids[usize::from(second)].clone();
        let done = world.forget(PersonQuery::Person(asked), NOW.plus(10)).await;
        assert_eq!(done.deleted.get("sessions"), Some(&2), "{done:?}");
        assert_eq!(world.traces(&["oBob", "uBob", &one, &two, "forgetting"]).await, [""; 0]);
    }
}

#[tokio::test]
async fn who_never_logged_in_is_found_again_and_forgotten_again() {
    let world = World::start().await;
    let bob = user("wxShop", "oBob");
    world.follow("wxShop", "oBob", "uBob", NOW).await;
    world.break_off(&bob).await;
    // Until all is done the mark has no end.
    let users = &world.erasure.logins.users;
    let profile = users.profile(&app("wxShop"), &open("oBob")).await.unwrap().unwrap();
    assert!(!profile.contains_key("expires"), "{profile:?}");
    // It goes nevertheless, and the person returns.
    let table = &users.table;
    let delete = table.dynamodb.delete_item().table_name(&table.name);
    let key = Users::profile_key(&app("wxShop"), &open("oBob"));
    delete.set_key(Some(key)).send().await.unwrap();
    world.follow("wxShop", "oBob", "uBob", NOW.plus(20)).await;
    for _ in 0..2 {
        let done = world.forget(bob.clone(), NOW.plus(30)).await;
        assert!(done.complete, "{done:?}");
        assert_eq!(world.traces(&["oBob", "uBob", "forgetting"]).await, [""; 0]);
    }
    let profile = users.profile(&app("wxShop"), &open("oBob")).await.unwrap().unwrap();
    let expires = crate::store::get_time(&profile, "expires");
    assert_eq!(expires, Some(NOW.plus(30 + TOMBSTONE_TTL)));
}

#[tokio::test]
async fn who_has_returned_is_forgotten_with_who_they_were() {
    let world = World::start().await;
    let before = world.live("Bob").await;
    world.break_off(&PersonQuery::Person(before.clone())).await;
    let after = world.log_in("wxMini", "oBob", Some("uBob"), NOW.plus(20)).await;
    let done = world.forget(user("wxMini", "oBob"), NOW.plus(30)).await;
    assert!(done.complete, "{done:?}");
    assert_eq!((done.person.as_ref(), &done.previous_users), (Some(&after), &vec![before.clone()]));
    assert_eq!((done.deleted["sessions"], done.deleted["profiles"]), (2, 3), "{done:?}");
    let names = ["oBob", "uBob", &before, &after, "forgetting"];
    assert_eq!(world.traces(&names).await, [""; 0]);
}

/// Between the search and the transaction they log in, and follow, elsewhere.
#[tokio::test]
async fn who_comes_in_between_in_another_app_goes_too() {
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
    assert_eq!(world.traces(&["Bob", &bob, "forgetting"]).await, [""; 0]);
    assert_eq!(world.traces(&["Carol", &carol]).await, carols);
}

#[tokio::test]
async fn an_account_that_is_bound_in_between_is_seen() {
    let world = World::start().await;
    let logins = &world.erasure.logins;
    logins.mappings.create_account("bob", None, NOW).await.unwrap();
    let bob = world.live("Bob").await;
    let found = world.person(&PersonQuery::Person(bob.clone())).await;
    let begun =
        world.erasure.erasure_items(ErasureJob::new(), found.clone(), NOW.plus(9)).await.unwrap();
    logins.bind("bob", &bob).await.unwrap();
    assert!(!world.erasure.commit(begun.1).await.unwrap(), "their account would stay");
    // It goes also if only the search didn't see it.
    let (_, items) =
        world.erasure.erasure_items(ErasureJob::new(), found, NOW.plus(9)).await.unwrap();
    assert!(world.erasure.commit(items).await.unwrap());
    assert!(!logins.mappings.has_account("bob").await.unwrap());
    assert!(logins.mappings.by_account("bob").await.unwrap().is_empty());
    world.forget(PersonQuery::Account("bob".to_owned()), NOW.plus(9)).await;
    assert_eq!(world.traces(&["account#bob"]).await, [""; 0]);
}

#[tokio::test]
async fn what_comes_while_the_request_is_under_way_goes_too() {
    let world = World::start().await;
    let began = Timestamp(Timestamp::now().0 - 100);
    let bob = world.log_in("wxMini", "oBob", None, began).await;
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    let now = Timestamp::now();
    let event = NewEvent {
        app_id: &app_id,
        open_id: &open_id,
        create_time: now,
        identity: "1",
        kind: "text",
        body: "hello",
        reply: None,
        customer_service: None,
    };
    world.erasure.events.put(&event, now).await.unwrap();
    let done = world.forget(PersonQuery::Person(bob), began).await;
    assert_eq!(done.deleted.get("events"), Some(&1), "{done:?}");
    assert_eq!(rows(&world.erasure.events.table).await, []);
}

#[tokio::test]
async fn what_many_have_goes_until_the_time_is_over() {
    let world = World::start().await;
    let bob = world.live("Bob").await;
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    let Erasure { logins: Logins { users, .. }, sessions, .. } = &world.erasure;
    let (ended, all) = sessions.end_sessions_until(&bob, Timestamp(0)).await.unwrap();
    assert_eq!((ended, all), (0, false));
    let deleted = users.erase_by(&app_id, &open_id, NOW, false, Timestamp(0)).await.unwrap();
    assert_eq!(deleted, ([].into(), false));
    let later = Timestamp(u64::MAX);
    assert_eq!(sessions.end_sessions_until(&bob, later).await.unwrap(), (1, true));
    let deleted = users.erase_by(&app_id, &open_id, NOW, false, later).await.unwrap();
    assert_eq!(deleted, ([("consents", 2), ("windows", 1)].into(), true));
}

#[tokio::test]
async fn another_holder_of_the_account_gets_what_waits() {
    let world = World::start().await;
    let Erasure { logins, notifications, .. } = &world.erasure;
    logins.mappings.create_account("ann", None, NOW).await.unwrap();
    let ann = world.log_in("wxMini", "oAnn", None, NOW).await;
    let carol = world.log_in("wxOther", "oCarol", None, NOW).await;
    logins.bind("ann", &carol).await.unwrap();
    let put = |id: &str, to: &str| {
        let table = &notifications.table;
        let content = format!(r#"{{"to":{to},"template":"t","data":{{}}}}"#);
        let put = table.dynamodb.put_item().table_name(&table.name);
        let put = [("id", id), ("status", "scheduled"), ("lease_owner", "c"), ("due_shard", "0")]
            .into_iter()
            .fold(put, |put, (name, value)| put.item(name, crate::store::string(value)));
        put.item("content", crate::store::string(content))
            .item("due_at", crate::store::number(NOW))
            .item("request_hash", crate::store::string("h"))
            .send()
    };
    put("account", r#"{"account":"ann"}"#).await.unwrap();
    put("open", r#"{"app":"mini","open_id":"oAnn"}"#).await.unwrap();
    let done = world.forget(PersonQuery::Person(ann), NOW.plus(9)).await;
    assert_eq!(done.deleted.get("notifications"), Some(&1), "{done:?}");
    assert!(notifications.get("account").await.unwrap().unwrap().content.is_some());
    let done = world.forget(PersonQuery::Person(carol), NOW.plus(9)).await;
    assert_eq!(done.deleted.get("notifications"), Some(&1), "{done:?}");
}
