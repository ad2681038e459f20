//! Erased people leave nothing, and one who returns is a new person.

mod again;
mod interrupted;

use super::*;
use crate::secret::Secret;
use crate::store::dynamodb::item::Item;
use crate::store::dynamodb::test_tables::rows;
use crate::store::events::put::{NewEvent, Unreadable};
use crate::store::identities::accounts::Accounts;
use crate::store::identities::logins::Logins;
use crate::store::tables::tests::EmptyTables;
use crate::store::users::consents::{ConsentKey, Consents};
use crate::store::users::followers::Followers;
use crate::store::users::followers::state::{FetchedProfile, FollowEvent, FollowTransition};
use crate::store::users::reply_windows::{ReplyWindow, ReplyWindows};
use crate::wechat::id::{AppId, OpenId, UnionId};
use crate::wechat::user::FollowerDetails;
use job::TOMBSTONE_TTL;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(1_800_000_000);

struct World {
    tables: EmptyTables,
    erasure: Erasure,
    accounts: Accounts,
    logins: Logins,
    followers: Followers,
    consents: Consents,
    reply_windows: ReplyWindows,
}

fn app(id: &str) -> AppId {
    AppId::parse(id).unwrap()
}

fn open(id: &str) -> OpenId {
    OpenId::parse(id).unwrap()
}

impl World {
    async fn start() -> Self {
        let tables = EmptyTables::start().await;
        let EmptyTables { users, mappings, events, notifications, erasures } = &tables;
        let list = ErasureList::new(erasures, Secret::new("a key"));
        Self {
            erasure: Erasure::new(users, mappings, events, notifications).with_list(list),
            accounts: Accounts::new(users, mappings),
            logins: Logins::new(users, mappings),
            followers: Followers::new(users, mappings),
            consents: Consents::new(users),
            reply_windows: ReplyWindows::new(users),
            tables,
        }
    }

    async fn log_in(
        &self,
        app_id: &str,
        open_id: &str,
        union_id: Option<&str>,
        now: Timestamp,
    ) -> String {
        let account = (open_id == "oAnn").then_some("ann");
        self.logins.log_in_once(app_id, open_id, union_id, account, now).await
    }

    async fn follow(&self, app_id: &str, open_id: &str, union_id: &str, at: Timestamp) {
        let (app_id, open_id) = (app(app_id), open(open_id));
        let known = self.followers.state(&app_id, &open_id).await.unwrap();
        let FollowTransition::To(next) = known.transition(FollowEvent::Followed, at) else {
            panic!("nothing moves")
        };
        let known = self.followers.store(&app_id, &open_id, &known, next).await.unwrap().unwrap();
        let explanation = FetchedProfile {
            follows: true,
            union_id: Some(UnionId::parse(union_id).unwrap()),
            details: FollowerDetails::default(),
        };
        let next = known.with_profile(FollowEvent::Followed, at, &explanation).unwrap();
        self.followers.store(&app_id, &open_id, &known, next).await.unwrap().unwrap();
    }

    /// A person with a row of every kind.
    async fn live(&self, name: &str) -> String {
        let (here, there) = (format!("o{name}"), format!("o{name}There"));
        let union_id = format!("u{name}");
        self.follow("wxShop", &there, &union_id, NOW).await;
        let person = self.log_in("wxMini", &here, Some(&union_id), NOW).await;
        let (app_id, open_id) = (app("wxMini"), open(&here));
        self.reply_windows.open(&app_id, &open_id, ReplyWindow::Message, NOW).await.unwrap();
        let key = ConsentKey { app_id: &app_id, open_id: &open_id, template_id: "T" };
        self.consents.grant(key, "g1", NOW).await.unwrap();
        self.consents.grant(key, "g2", NOW).await.unwrap();
        let body = format!("from {here}: hello");
        let event = NewEvent {
            app_id: &app_id,
            open_id: &open_id,
            create_time: NOW,
            dedup_key: "1",
            kind: "text",
            body: &body,
            reply: None,
            customer_service: None,
        };
        self.erasure.events.put(&event, NOW).await.unwrap();
        person
    }

    /// Everything that names a person in any of the tables.
    async fn traces(&self, names: &[&str]) -> Vec<String> {
        let EmptyTables { users, mappings, events, notifications, .. } = &self.tables;
        let mut found = Vec::new();
        for table in [&users.0, &mappings.0, &events.0, &notifications.0] {
            for row in rows(table).await {
                let mark = is_tombstone(&row);
                let row: BTreeMap<_, _> = row.into_iter().collect();
                let text = format!("{} {row:?}", table.name());
                if names.iter().any(|name| text.contains(name)) && !mark {
                    found.push(text);
                }
            }
        }
        found
    }

    async fn has_window(&self, app_id: &AppId, open_id: &OpenId, now: Timestamp) -> bool {
        self.reply_windows.find_slot(app_id, open_id, "n", now).await.unwrap().is_some()
    }

    async fn erase(&self, asked: PersonQuery, now: Timestamp) -> ErasureResult {
        self.erasure.run(&asked, now, Timestamp(u64::MAX)).await.unwrap()
    }
}

/// What stays for a day says since when, and nothing else.
fn is_tombstone(row: &Item) -> bool {
    let mut attributes: Vec<_> = row.keys().map(String::as_str).collect();
    attributes.sort_unstable();
    attributes == ["expires", "item", "left_at", "user"]
}

#[tokio::test]
async fn erased_person_leaves_a_tombstone_and_nothing_else() {
    let world = World::start().await;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let ann = world.live("Ann").await;
    let bob = world.live("Bob").await;
    let bobs = world.traces(&["oBob", "uBob", &bob]).await;
    let names = ["oAnn", "uAnn", "\"ann\"", "account#ann", &ann];
    assert!(world.traces(&names).await.len() > 8);

    let erased = world.erase(PersonQuery::Account("ann".to_owned()), NOW.plus(9)).await;
    assert!(erased.complete);
    assert_eq!(erased.person.as_ref(), Some(&ann));
    let deleted = [
        ("accounts", 1),
        ("events", 1),
        ("mappings", 5),
        ("consents", 2),
        ("profiles", 2),
        ("sessions", 1),
        ("windows", 1),
    ];
    assert_eq!(erased.deleted, deleted.map(|(kind, number)| (kind.to_owned(), number)).into());
    assert_eq!(world.traces(&names).await, [""; 0]);
    assert_eq!(world.traces(&["oBob", "uBob", &bob]).await, bobs);

    // Repeated, there is nothing left, by any selector.
    for asked in [
        PersonQuery::Person(ann.clone()),
        PersonQuery::Account("ann".to_owned()),
        PersonQuery::User(AppUser { app_id: app("wxMini"), open_id: open("oAnn") }),
    ] {
        let again = world.erase(asked, NOW.plus(10)).await;
        assert!(again.complete && again.deleted.is_empty(), "{again:?}");
        assert_eq!(world.traces(&names).await, [""; 0]);
    }
}

#[tokio::test]
async fn returning_person_is_a_new_one() {
    let world = World::start().await;
    let before = world.live("Bob").await;
    world.erase(PersonQuery::Person(before.clone()), NOW.plus(9)).await;
    let after = world.log_in("wxMini", "oBob", Some("uBob"), NOW.plus(20)).await;
    assert_ne!(after, before);
    // What was on its way at that time comes too late, what is new doesn't.
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    world.reply_windows.open(&app_id, &open_id, ReplyWindow::Message, NOW.plus(9)).await.unwrap();
    assert!(!world.has_window(&app_id, &open_id, NOW.plus(21)).await);
    world.reply_windows.open(&app_id, &open_id, ReplyWindow::Message, NOW.plus(20)).await.unwrap();
    assert!(world.has_window(&app_id, &open_id, NOW.plus(21)).await);
    // The mark's end isn't that of the person.
    let profile = world.erasure.people.profiles.read(&app_id, &open_id).await.unwrap();
    assert!(!profile.contains_key("expires"), "{profile:?}");

    let there = (app("wxShop"), open("oBobThere"));
    let known = world.followers.state(&there.0, &there.1).await.unwrap();
    assert_eq!(known.transition(FollowEvent::Followed, NOW.plus(9)), FollowTransition::None);
    world.follow("wxShop", "oBobThere", "uBob", NOW.plus(30)).await;
    let profile = world.erasure.people.profiles.read(&there.0, &there.1).await.unwrap();
    assert!(!profile.contains_key("expires"), "{profile:?}");
}

#[tokio::test]
async fn next_call_completes_an_erasure_that_ran_out_of_time() {
    let world = World::start().await;
    let before = world.live("Bob").await;
    let asked = PersonQuery::Person(before.clone());
    let began = world.erasure.run(&asked, NOW.plus(9), Timestamp(0)).await.unwrap();
    assert!(!began.complete);
    // From now on no lookup finds them; a person who returns in between is a new user ...
    assert_eq!(world.erasure.people.find(&asked).await.unwrap(), None);
    let after = world.log_in("wxMini", "oBob", Some("uBob"), NOW.plus(20)).await;
    assert_ne!(after, before);
    let (app_id, open_id) = (app("wxMini"), open("oBob"));
    world.reply_windows.open(&app_id, &open_id, ReplyWindow::Scan, NOW.plus(21)).await.unwrap();
    // ... and stays, where it is the one of before who is asked for.
    let done = world.erase(asked, NOW.plus(30)).await;
    assert!(done.complete, "{done:?}");
    assert_eq!((done.person.as_ref(), done.previous_users.len()), (Some(&before), 0));
    let number = |kind: &str| done.deleted.get(kind).copied().unwrap_or_default();
    assert_eq!((number("events"), number("consents"), number("windows")), (1, 2, 1), "{done:?}");
    assert_eq!((number("profiles"), number("mappings")), (2, 4), "{done:?}");
    assert_eq!(world.log_in("wxMini", "oBob", Some("uBob"), NOW.plus(40)).await, after);
    assert!(world.has_window(&app_id, &open_id, NOW.plus(40)).await);
    let traces = world.traces(&[&before, "erasure#"]).await;
    assert_eq!(traces, [""; 0]);
}

/// Whatever could not be read is stored under its user, or under none if no sender was found.
#[tokio::test]
async fn unreadable_events_that_name_the_person_are_deleted() {
    let world = World::start().await;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let person = world.log_in("wxMini", "oAnn", None, NOW).await;
    let app_id = app("wxMini");
    let put = async |open_id: Option<&str>, body: &str, at: Timestamp| {
        let event = Unreadable::new(&app_id, open_id.map(open), body);
        world.erasure.events.put(&event.as_new(), at).await.unwrap();
    };
    put(Some("oAnn"), "<xml> diary one", NOW).await;
    put(None, "<xml><Content>diary two</Content><FromUserName>oAnn</FromUserName>", NOW).await;
    put(None, r#"{"FromUserName":"oAnn","Content":"diary three"#, NOW).await;
    put(None, r#"{"FromUserName":"oAnnabel","Content":"hers"#, NOW).await;
    put(None, "<xml> by oBob, not oAnna or-oAnn", NOW).await;
    put(None, "oAnn is back", NOW.plus(500)).await;
    put(None, "<xml><FromUserName>o&#65;nn</FromUserName>diary four", NOW).await;
    put(None, r#"{"FromUserName":"\u006fAn\u006e","Content":"diary five"#, NOW).await;
    put(Some("gh_1"), "<xml><OpenID>%6FAnn</OpenID> by the account, not Ann's", NOW).await;
    let erased = world.erase(PersonQuery::Person(person), NOW.plus(60)).await;
    assert_eq!(erased.deleted.get("events"), Some(&5), "{erased:?}");
    let left = rows(&world.tables.events.0).await;
    let mut left: Vec<_> = left.iter().filter_map(|row| row["body"].as_s().ok()).collect();
    left.sort();
    assert_eq!(left.len(), 4, "{left:?}");
    assert!(!left.iter().any(|body| body.contains("diary")), "{left:?}");
}

/// An event that can't be read and names one user is that user's, no matter who sent it.
#[tokio::test]
async fn unreadable_event_belongs_to_the_only_user_that_it_names() {
    const ANN: &str = "oAnn_-3456789012345678901234";
    let world = World::start().await;
    let app_id = app("wxMini");
    for (sender, body) in [
        (None, format!("<xml><OpenID>{ANN}</OpenID>&nbsp;")),
        (Some("gh_1"), format!("<xml><OpenID>&#111;{}</OpenID>&nbsp;", &ANN[1..])),
        (Some(ANN), "<xml>&nbsp;".to_owned()),
    ] {
        let event = Unreadable::new(&app_id, sender.map(open), &body);
        world.erasure.events.put(&event.as_new(), NOW).await.unwrap();
    }
    let all = rows(&world.tables.events.0).await;
    assert!(all.iter().all(|row| row["user"].as_s().unwrap() == &format!("wxMini#{ANN}")));
    let user = AppUser { app_id, open_id: open(ANN) };
    let erased = world.erase(PersonQuery::User(user), NOW.plus(60)).await;
    assert_eq!(erased.deleted.get("events"), Some(&3), "{erased:?}");
}

/// The events of no known user are searched page by page, over several calls.
#[tokio::test]
async fn search_among_many_unreadable_events_resumes_where_it_was() {
    let world = World::start().await;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let person = world.log_in("wxMini", "oAnn", None, NOW).await;
    let app_id = app("wxMini");
    for at in 0..1200 {
        let name = if at % 100 == 0 { "oAnn" } else { "oBob" };
        let body = format!("{at} {name}");
        let event = Unreadable::new(&app_id, None, &body);
        world.erasure.events.put(&event.as_new(), NOW).await.unwrap();
    }
    let user = AppUser { app_id, open_id: open("oAnn") };
    let (mut cursor, mut pages, mut found) = (UnknownCursor::default(), 0, 0);
    loop {
        let step = world.erasure.events.delete_naming(&user, NOW, &cursor, Timestamp(u64::MAX));
        let (deleted, next) = step.await.unwrap();
        (pages, found) = (pages + 1, found + deleted);
        let Some(next) = next else { break };
        assert_ne!(next.event, cursor.event);
        cursor = next;
    }
    assert_eq!((pages, found), (3, 12));
    let erased = world.erase(PersonQuery::Person(person), NOW.plus(60)).await;
    assert!(erased.complete && rows(&world.tables.events.0).await.len() == 1188);
}

#[tokio::test]
async fn account_of_two_people_erases_neither() {
    let world = World::start().await;
    world.accounts.create("ann", None, NOW).await.unwrap();
    let ann = world.log_in("wxMini", "oAnn", None, NOW).await;
    let binding = world.log_in("wxOther", "oCarol", None, NOW).await;
    world.accounts.bind("ann", &binding).await.unwrap();
    let refused =
        world.erasure.run(&PersonQuery::Account("ann".to_owned()), NOW, NOW.plus(60)).await;
    assert!(matches!(refused, Err(PersonError::AmbiguousAccount)));
    // Of one of them, the account stays for the other.
    let erased = world.erase(PersonQuery::Person(ann), NOW.plus(60)).await;
    assert_eq!(erased.deleted.get("accounts"), None);
    assert_eq!(world.erasure.people.mappings.by_account("ann").await.unwrap().len(), 1);
    assert!(world.erasure.people.mappings.has_account("ann").await.unwrap());
}
