//! By which id a session finds its user.

use super::*;
use crate::store::dynamodb::test_tables::rows;
use crate::store::identities::accounts::Accounts;
use crate::store::identities::close_account::ClosedAccounts;
use crate::store::sessions::family::SecretHash;
use crate::store::tables::tests::EmptyTables;

const NOW: Timestamp = Timestamp(1_800_000_000);

impl Logins {
    /// Logs a user in, and gives their internal id.
    pub(in crate::store) async fn log_in_once(
        &self,
        app_id: &str,
        open_id: &str,
        union_id: Option<&str>,
        account: Option<&str>,
        now: Timestamp,
    ) -> String {
        let union_id = union_id.map(|id| UnionId::parse(id).unwrap());
        let binding = Binding {
            app_id: &AppId::parse(app_id).unwrap(),
            open_id: &OpenId::parse(open_id).unwrap(),
            union_id: union_id.as_ref(),
            account,
            password_hash: None,
            session: &NewSession { id: "s1".to_owned(), first: SecretHash::digest(b"first") },
            exchange: None,
        };
        self.log_in(&binding, now).await.unwrap().user
    }
}

struct World {
    logins: Logins,
    accounts: Accounts,
    closed_accounts: ClosedAccounts,
    app_id: AppId,
    ann: OpenId,
}

impl World {
    async fn start() -> Self {
        let EmptyTables { users, mappings, .. } = EmptyTables::start().await;
        Self {
            logins: Logins::new(&users, &mappings),
            accounts: Accounts::new(&users, &mappings),
            closed_accounts: ClosedAccounts::new(&users, &mappings),
            app_id: AppId::parse("wxMini").unwrap(),
            ann: OpenId::parse("oAnn").unwrap(),
        }
    }

    /// Logs Ann in, and gives her internal id.
    async fn log_in(&self, app_id: &str, open_id: &str, union_id: Option<&str>) -> String {
        self.logins.log_in_once(app_id, open_id, union_id, None, NOW).await
    }

    /// Stores a login by what was read before. False if that has changed.
    async fn store(&self, binding: &Binding<'_>, read: &Read, now: Timestamp) -> bool {
        let writes = self.logins.writes(binding, read, now);
        self.logins.profiles.table.transact("a test", writes).await.unwrap()
    }

    async fn open_id_of(&self, person: &str, app_id: &str) -> Option<String> {
        let app_id = AppId::parse(app_id).unwrap();
        let found = self.logins.mappings.open_id_of(person, &app_id).await.unwrap();
        found.map(|id| id.as_str().to_owned())
    }

    /// Whether the user has a session.
    async fn has_session(&self, person: &str) -> bool {
        self.logins.sessions.get(person, "s1").await.unwrap().is_some()
    }

    async fn subjects(&self) -> Vec<String> {
        let rows = rows(&self.logins.mappings.table).await;
        let rows = rows.iter().filter_map(|row| get_string(row, "subject"));
        let mut subjects: Vec<_> = rows.map(str::to_owned).collect();
        subjects.sort();
        subjects
    }
}

#[tokio::test]
async fn internal_id_leads_to_the_openid_in_each_app() {
    let world = World::start().await;
    let person = world.log_in("wxMini", "oAnn", Some("uAnn")).await;
    assert_eq!(world.log_in("wxOther", "oAnnThere", Some("uAnn")).await, person);
    assert_eq!(world.open_id_of(&person, "wxMini").await.as_deref(), Some("oAnn"));
    assert_eq!(world.open_id_of(&person, "wxOther").await.as_deref(), Some("oAnnThere"));
    assert_eq!(world.open_id_of(&person, "wxThird").await, None);
    let bob = world.log_in("wxMini", "oBob", None).await;
    assert_eq!(world.open_id_of(&bob, "wxMini").await.as_deref(), Some("oBob"));
    assert_eq!(world.open_id_of(&bob, "wxOther").await, None);
}

#[tokio::test]
async fn merged_id_leads_nowhere_when_the_person_had_another() {
    let world = World::start().await;
    let second = world.log_in("wxMini", "oAnn", None).await;
    let person = world.log_in("wxOther", "oAnnThere", Some("uAnn")).await;
    assert_ne!(second, person);
    assert_eq!(world.log_in("wxMini", "oAnn", Some("uAnn")).await, person);
    assert_eq!(world.open_id_of(&second, "wxMini").await, None);
    assert!(!world.has_session(&second).await && world.has_session(&person).await);
    assert_eq!(world.open_id_of(&person, "wxMini").await.as_deref(), Some("oAnn"));
    // One that was first stays.
    let first = world.log_in("wxMini", "oBob", None).await;
    assert_eq!(world.log_in("wxMini", "oBob", Some("uBob")).await, first);
    assert_eq!(world.open_id_of(&first, "wxMini").await.as_deref(), Some("oBob"));
}

#[tokio::test]
async fn unlinked_user_is_not_found_in_the_app_any_more() {
    let world = World::start().await;
    let person = world.log_in("wxMini", "oAnn", Some("uAnn")).await;
    world.log_in("wxOther", "oAnnThere", Some("uAnn")).await;
    assert!(world.has_session(&person).await);
    world.closed_accounts.unlink_user(&world.app_id, &world.ann, NOW.plus(5)).await.unwrap();
    assert!(!world.has_session(&person).await);
    assert_eq!(world.open_id_of(&person, "wxMini").await, None);
    let rows = rows(&world.logins.profiles.table).await;
    assert!(rows.iter().all(|row| get_string(row, "item") == Some("profile")), "{rows:?}");
    assert_eq!(world.open_id_of(&person, "wxOther").await.as_deref(), Some("oAnnThere"));
    let other = AppId::parse("wxOther").unwrap();
    let there = OpenId::parse("oAnnThere").unwrap();
    world.closed_accounts.unlink_user(&other, &there, NOW.plus(5)).await.unwrap();
    assert_eq!(world.subjects().await, [""; 0]);
}

#[tokio::test]
async fn person_is_new_when_unlinked_during_a_login() {
    let world = World::start().await;
    let before = world.log_in("wxMini", "oAnn", Some("uAnn")).await;
    let union_id = UnionId::parse("uAnn").unwrap();
    let (app_id, open_id) = (AppId::parse("wxOther").unwrap(), OpenId::parse("oThere").unwrap());
    let binding = Binding {
        app_id: &app_id,
        open_id: &open_id,
        union_id: Some(&union_id),
        account: None,
        password_hash: None,
        session: &NewSession { id: "s2".to_owned(), first: SecretHash::digest(b"first") },
        exchange: None,
    };
    let read = world.logins.read(&binding).await.unwrap();
    assert_eq!(read.result.user, before);
    world.closed_accounts.unlink_user(&world.app_id, &world.ann, NOW.plus(5)).await.unwrap();
    assert!(!world.store(&binding, &read, NOW.plus(6)).await);
    assert_ne!(world.logins.log_in(&binding, NOW.plus(6)).await.unwrap().user, before);
}

#[tokio::test]
async fn account_is_not_bound_when_it_changes_during_a_login() {
    let world = World::start().await;
    let mappings = &world.logins.mappings;
    let (old, new) = (Secret::new("old"), Secret::new("new"));
    assert!(world.accounts.create("ann", Some(&old), NOW).await.unwrap());
    let binding = Binding {
        app_id: &world.app_id,
        open_id: &world.ann,
        union_id: None,
        account: Some("ann"),
        password_hash: Some(&old),
        session: &NewSession { id: "s3".to_owned(), first: SecretHash::digest(b"first") },
        exchange: None,
    };
    let read = world.logins.read(&binding).await.unwrap();
    assert!(world.accounts.set_password("ann", Some(&new)).await.unwrap());
    assert!(!world.store(&binding, &read, NOW).await);
    let changed = world.logins.log_in(&binding, NOW).await.unwrap_err();
    assert!(matches!(changed, LoginError::AccountChanged), "{changed}");
    assert!(mappings.by_account("ann").await.unwrap().is_empty());

    // And what was only read is not written back when it was taken away.
    let binding = Binding { password_hash: Some(&new), ..binding };
    let user = world.logins.log_in(&binding, NOW).await.unwrap().user;
    let binding = Binding { account: None, password_hash: None, ..binding };
    let read = world.logins.read(&binding).await.unwrap();
    assert_eq!(read.result.account.as_deref(), Some("ann"));
    assert!(world.accounts.unbind("ann", &user).await.unwrap());
    assert!(!world.store(&binding, &read, NOW).await);
    assert_eq!(world.logins.log_in(&binding, NOW).await.unwrap().account, None);
}
