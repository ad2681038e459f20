//! The binding of accounts to users.

use super::*;
use crate::store::dynamodb::test_tables::rows;
use crate::store::identities::logins::Logins;
use crate::store::identities::people::{People, PersonQuery};
use crate::store::tables::tests::EmptyTables;

const NOW: Timestamp = Timestamp(1_800_000_000);
const HASH: &str = "$argon2id$a-hash";

struct World {
    accounts: Accounts,
    logins: Logins,
    people: People,
}

impl World {
    async fn start() -> Self {
        let EmptyTables { users, mappings, .. } = EmptyTables::start().await;
        Self {
            accounts: Accounts::new(&users, &mappings),
            logins: Logins::new(&users, &mappings),
            people: People::new(&users, &mappings),
        }
    }

    async fn account(&self, name: &str) {
        assert!(self.accounts.create(name, None, NOW).await.unwrap());
    }

    async fn log_in(
        &self,
        app_id: &str,
        open_id: &str,
        union_id: Option<&str>,
        account: Option<&str>,
    ) -> String {
        self.logins.log_in_once(app_id, open_id, union_id, account, NOW).await
    }

    /// Where an account leads, in the order of the apps.
    async fn reached(&self, account: &str) -> Vec<String> {
        let routes = self.people.mappings.by_account(account).await.unwrap();
        let mut reached: Vec<_> = routes
            .iter()
            .map(|route| format!("{} {}", route.app_id, route.open_id.as_str()))
            .collect();
        reached.sort();
        reached
    }

    async fn everything(&self) -> Vec<String> {
        let mut all = rows(&self.people.mappings.table).await;
        all.extend(rows(&self.people.profiles.table).await);
        let mut all: Vec<_> = all
            .into_iter()
            .map(|row| {
                format!("{:?}", row.into_iter().collect::<std::collections::BTreeMap<_, _>>())
            })
            .collect();
        all.sort();
        all
    }
}

#[tokio::test]
async fn account_is_created_once_with_a_password_or_without() {
    let world = World::start().await;
    let World { accounts, people: People { mappings, .. }, .. } = &world;
    let (hash, other) = (Secret::new(HASH), Secret::new("another"));
    assert!(accounts.create("ann", Some(&hash), NOW).await.unwrap());
    // The confirmation was lost, and the SDK asks again.
    assert!(accounts.create("ann", Some(&hash), NOW).await.unwrap());
    assert!(!accounts.create("ann", Some(&other), NOW).await.unwrap());
    assert!(!accounts.create("ann", None, NOW).await.unwrap());
    assert_eq!(mappings.password_hash("ann").await.unwrap(), Some(hash));

    assert!(accounts.create("bob", None, NOW).await.unwrap());
    assert_eq!(mappings.password_hash("bob").await.unwrap(), None);
    assert!(accounts.set_password("bob", Some(&other)).await.unwrap());
    assert_eq!(mappings.password_hash("bob").await.unwrap(), Some(other));
    assert!(accounts.set_password("bob", None).await.unwrap());
    assert!(mappings.has_account("bob").await.unwrap());
    assert_eq!(mappings.password_hash("bob").await.unwrap(), None);
    assert!(!accounts.set_password("carol", None).await.unwrap());
    assert!(!mappings.has_account("carol").await.unwrap());
}

#[tokio::test]
async fn account_is_bound_and_unbound_in_all_apps_of_a_person() {
    let world = World::start().await;
    world.account("ann").await;
    let ann = world.log_in("wxMini", "oAnn", Some("uAnn"), None).await;
    assert_eq!(world.log_in("wxOther", "oAnnThere", Some("uAnn"), None).await, ann);
    for _ in 0..2 {
        world.accounts.bind("ann", &ann).await.unwrap();
        assert_eq!(world.reached("ann").await, ["wxMini oAnn", "wxOther oAnnThere"]);
    }
    let found = world.people.find(&PersonQuery::Account("ann".to_owned())).await;
    let found = found.unwrap().unwrap();
    assert!(found.ids.len() == 1 && found.ids.contains(&ann), "{found:?}");

    assert!(world.accounts.unbind("ann", &ann).await.unwrap());
    assert_eq!(world.reached("ann").await, [""; 0]);
    assert!(!world.accounts.unbind("ann", &ann).await.unwrap());
    assert!(world.people.mappings.has_account("ann").await.unwrap());
}

#[tokio::test]
async fn refused_binding_changes_nothing() {
    let world = World::start().await;
    for account in ["ann", "bob", "carol"] {
        world.account(account).await;
    }
    let ann = world.log_in("wxMini", "oAnn", None, Some("ann")).await;
    let bob = world.log_in("wxMini", "oBob", None, None).await;
    let before = world.everything().await;
    let refused = async |account: &str, person: &str| {
        world.accounts.bind(account, person).await.unwrap_err().to_string()
    };
    assert!(refused("nobodys", &ann).await.contains("no account"));
    assert!(refused("ann", "unknown").await.contains("no user with this internal id"));
    assert!(refused("ann", &bob).await.contains("another WeChat user"));
    assert!(refused("carol", &ann).await.contains("another account"));
    assert!(matches!(world.accounts.unbind("nobodys", &ann).await, Err(BindError::NoAccount)));
    assert!(matches!(world.accounts.unbind("ann", "unknown").await, Err(BindError::NoPerson)));
    assert!(!world.accounts.unbind("ann", &bob).await.unwrap());
    assert_eq!(world.everything().await, before);
}

#[tokio::test]
async fn account_bound_before_the_person_was_known_finds_their_other_apps() {
    let world = World::start().await;
    world.account("ann").await;
    let ann = world.log_in("wxMini", "oAnn", None, Some("ann")).await;
    assert_eq!(world.reached("ann").await, ["wxMini oAnn"]);
    let person = world.log_in("wxOther", "oAnnThere", Some("uAnn"), None).await;
    assert_ne!(person, ann);
    // Without a word of the account.
    assert_eq!(world.log_in("wxMini", "oAnn", Some("uAnn"), None).await, person);
    assert_eq!(world.reached("ann").await, ["wxMini oAnn", "wxOther oAnnThere"]);
}
