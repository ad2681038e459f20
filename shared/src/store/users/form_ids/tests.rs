//! The life of form ids, in a DynamoDB on this machine.

use super::*;
use crate::store::tables::tests::EmptyTables;
use crate::store::users::erase::UserItems;

const NOW: Timestamp = Timestamp(1_800_000_000);
const DAY: u64 = 24 * 3600;
const PERSON: &str = "0123456789abcdef";

/// A users table in which Ann has logged in to a mini program.
struct World {
    form_ids: FormIds,
    user_items: UserItems,
    app_id: AppId,
    ann: OpenId,
}

impl World {
    async fn start() -> Self {
        let users = EmptyTables::start().await.users;
        let world = Self {
            form_ids: FormIds::new(&users),
            user_items: UserItems::new(&users),
            app_id: AppId::parse("wx1").unwrap(),
            ann: OpenId::parse("oAnn").unwrap(),
        };
        world.profile(Some(PERSON)).await;
        world
    }

    /// Says who Ann is, or that she has gone.
    async fn profile(&self, id: Option<&str>) {
        let mut profile = profile_key(&self.app_id, &self.ann);
        profile.extend(id.map(|id| ("id".to_owned(), string(id))));
        let table = &self.form_ids.table;
        table.write("a test", Write::put(table, profile)).await.unwrap();
    }

    async fn keep(&self, form_ids: &[&str], at: Timestamp) -> Option<u32> {
        let form_ids: Vec<_> = form_ids.iter().map(|id| FormId::parse(*id).unwrap()).collect();
        self.form_ids.store(&self.app_id, &self.ann, PERSON, &form_ids, at).await.unwrap()
    }

    async fn open(&self, notification: &str, at: Timestamp) -> Vec<FormIdItem> {
        self.form_ids.open(&self.app_id, &self.ann, notification, at).await.unwrap()
    }

    async fn names(&self, notification: &str, at: Timestamp) -> Vec<String> {
        let open = self.open(notification, at).await;
        open.iter().map(|form| form.form_id().as_str().to_owned()).collect()
    }

    async fn write(&self, write: Write) -> bool {
        self.form_ids.table.transact("a test", [write]).await.unwrap()
    }

    async fn reserve(&self, form: &FormIdItem, notification: &str, at: Timestamp) -> bool {
        self.write(self.form_ids.reserve(form, notification, at)).await
    }

    async fn use_up(&self, form: &FormIdItem, notification: &str) -> bool {
        self.write(self.form_ids.consume(form, notification)).await
    }
}

#[tokio::test]
async fn form_id_is_stored_once_and_the_oldest_comes_first() {
    let world = World::start().await;
    assert_eq!(world.keep(&["z-oldest", "z-oldest"], NOW).await, Some(1));
    assert_eq!(world.keep(&["b", "z-oldest"], NOW.plus(1)).await, Some(1));
    assert_eq!(world.keep(&["b", "z-oldest"], NOW.plus(2)).await, Some(0));
    assert_eq!(world.keep(&["a"], NOW.plus(2)).await, Some(1));
    assert_eq!(world.names("n-1", NOW.plus(3)).await, ["z-oldest", "b", "a"]);
}

#[tokio::test]
async fn form_id_is_stored_once_when_submitted_twice_at_once() {
    let world = World::start().await;
    let ids: Vec<_> = (0..20).map(|id| format!("form-{id}")).collect();
    let ids: Vec<_> = ids.iter().map(String::as_str).collect();
    let (one, other) = tokio::join!(world.keep(&ids, NOW), world.keep(&ids, NOW.plus(1)));
    assert_eq!(one.unwrap() + other.unwrap(), 20);
    assert_eq!(world.open("n-1", NOW).await.len(), 20);
}

#[tokio::test]
async fn form_id_is_not_stored_when_the_user_is_another_person() {
    let world = World::start().await;
    for id in [None, Some("another user")] {
        world.profile(id).await;
        assert_eq!(world.keep(&["a"], NOW).await, None);
        assert!(world.open("n-1", NOW).await.is_empty());
    }
}

#[tokio::test]
async fn form_id_is_not_used_after_seven_days_nor_in_the_last_minute() {
    let world = World::start().await;
    world.keep(&["a"], NOW).await;
    let form = world.open("n-1", NOW).await.remove(0);
    let last = NOW.plus(7 * DAY - 61);
    assert_eq!(world.open("n-1", last).await.len(), 1);
    for late in [NOW.plus(7 * DAY - 60), NOW.plus(7 * DAY), NOW.plus(30 * DAY)] {
        assert!(world.open("n-1", late).await.is_empty(), "{late}");
        assert!(!world.reserve(&form, "n-1", late).await, "{late}");
    }
    assert!(world.reserve(&form, "n-1", last).await);
}

#[tokio::test]
async fn form_id_is_used_once() {
    let world = World::start().await;
    world.keep(&["a", "b"], NOW).await;
    let form = world.open("n-1", NOW).await.remove(0);
    assert!(!world.use_up(&form, "n-1").await, "it isn't reserved");
    // Again, as AWS may have lost the confirmation.
    for _ in 0..2 {
        assert!(world.reserve(&form, "n-1", NOW).await);
    }
    assert!(!world.reserve(&form, "n-2", NOW).await);
    assert_eq!(world.names("n-1", NOW).await, ["a", "b"], "its own comes first");
    assert_eq!(world.names("n-2", NOW).await, ["b"]);
    assert!(!world.use_up(&form, "n-2").await, "it is another's");
    for _ in 0..2 {
        assert!(world.use_up(&form, "n-1").await);
    }
    world.form_ids.release(&form, "n-1").await.unwrap();
    assert!(!world.reserve(&form, "n-1", NOW).await);
    assert_eq!(world.names("n-1", NOW).await, ["b"]);
    assert_eq!(world.keep(&["a"], NOW.plus(DAY)).await, Some(0), "it stays used");
    assert_eq!(world.names("n-1", NOW.plus(DAY)).await, ["b"]);
}

#[tokio::test]
async fn reserved_form_id_comes_first_however_young() {
    let world = World::start().await;
    world.keep(&["old"], NOW).await;
    world.keep(&["young"], NOW.plus(9)).await;
    let young = world.open("n-1", NOW).await.remove(1);
    assert!(world.reserve(&young, "n-1", NOW.plus(9)).await);
    assert_eq!(world.names("n-1", NOW.plus(9)).await, ["young", "old"]);
}

#[tokio::test]
async fn released_form_id_is_free_for_any_notification() {
    let world = World::start().await;
    world.keep(&["a"], NOW).await;
    let form = world.open("n-1", NOW).await.remove(0);
    assert!(world.reserve(&form, "n-1", NOW).await);
    world.form_ids.release(&form, "n-2").await.unwrap();
    assert!(world.names("n-2", NOW).await.is_empty(), "it wasn't n-2's to give");
    for _ in 0..2 {
        world.form_ids.release(&form, "n-1").await.unwrap();
        assert_eq!(world.names("n-2", NOW).await, ["a"]);
    }
    assert!(world.reserve(&form, "n-2", NOW).await);
    world.form_ids.release(&form, "n-1").await.unwrap();
    assert!(world.names("n-1", NOW).await.is_empty(), "it is n-2's by now");
}

#[tokio::test]
async fn invalid_form_id_is_not_used_again() {
    let world = World::start().await;
    world.keep(&["a"], NOW).await;
    let form = world.open("n-1", NOW).await.remove(0);
    assert!(world.reserve(&form, "n-1", NOW).await);
    for _ in 0..2 {
        world.form_ids.invalidate(&form, "n-1").await.unwrap();
        world.form_ids.release(&form, "n-1").await.unwrap();
        assert!(world.open("n-1", NOW).await.is_empty());
    }
    assert!(!world.use_up(&form, "n-1").await);
}

#[tokio::test]
async fn form_ids_are_erased_with_their_user() {
    let world = World::start().await;
    world.keep(&["a", "b"], NOW).await;
    world.keep(&["later"], NOW.plus(9)).await;
    let form = world.open("n-1", NOW).await.remove(0);
    assert!(world.reserve(&form, "n-1", NOW).await);
    world.user_items.erase(&world.app_id, &world.ann, NOW.plus(8), false).await.unwrap();
    assert_eq!(world.names("n-1", NOW).await, ["later"]);
    assert!(!world.use_up(&form, "n-1").await, "a step of one that has gone makes none");
    world.form_ids.release(&form, "n-1").await.unwrap();
    world.form_ids.invalidate(&form, "n-1").await.unwrap();
    assert_eq!(world.names("n-1", NOW).await, ["later"]);
}

/// Fault 113.
#[tokio::test]
async fn user_has_a_hundred_free_form_ids_at_most() {
    let world = World::start().await;
    let form_ids = |from: usize, number: usize| {
        (from..from + number)
            .map(|at| FormId::parse(format!("form-{at:03}")).unwrap())
            .collect::<Vec<_>>()
    };
    let store = async |form_ids: &[FormId], at: Timestamp| {
        world.form_ids.store(&world.app_id, &world.ann, PERSON, form_ids, at).await
    };
    for at in 0..5 {
        assert_eq!(store(&form_ids(at * 20, 20), NOW).await.unwrap(), Some(20));
    }
    let refused = store(&form_ids(100, 1), NOW).await.unwrap_err();
    assert!(matches!(refused, FormIdError::TooMany), "{refused}");
    assert_eq!(store(&form_ids(80, 20), NOW).await.unwrap(), Some(0), "a lost response");
    assert!(store(&form_ids(95, 6), NOW).await.is_err());

    // Room comes with a message that uses one, and with time.
    let open = world.open("n-1", NOW).await;
    assert_eq!(open.len(), 100);
    assert!(world.reserve(&open[0], "n-1", NOW).await && world.use_up(&open[0], "n-1").await);
    assert_eq!(store(&form_ids(100, 1), NOW).await.unwrap(), Some(1));
    assert!(store(&form_ids(101, 1), NOW).await.is_err());
    assert_eq!(store(&form_ids(101, 20), NOW.plus(8 * DAY)).await.unwrap(), Some(20));
}
