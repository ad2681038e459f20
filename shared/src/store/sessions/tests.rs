//! Sessions in a real table.

use super::*;
use crate::store::engine::{Engine, rows};

const NOW: Timestamp = Timestamp(1_800_000_000);

async fn sessions() -> Sessions {
    Sessions { table: Engine::start().await.table("users", ["user", "item"]) }
}

async fn begin(sessions: &Sessions, person: &str, id: &str) -> Family {
    let session = NewSession { id: id.to_owned(), first: SecretHash::of(id.as_bytes()) };
    let put = super::begin(&sessions.table.name, person, "wxMini", &session, NOW);
    let items = vec![crate::store::transaction::put(put)];
    assert!(
        crate::store::transaction::write(&sessions.table.dynamodb, "a test", items).await.unwrap()
    );
    sessions.get(person, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_written_can_be_read() {
    let sessions = sessions().await;
    let first = begin(&sessions, "ann", "s1").await;
    assert_eq!(first, Family::begin("wxMini", SecretHash::of(b"s1"), NOW));
    assert_eq!(sessions.get("ann", "s2").await.unwrap(), None);
    assert_eq!(sessions.get("bob", "s1").await.unwrap(), None);

    let next = SecretHash::of(b"next");
    assert!(sessions.rotate("ann", "s1", &first, next, NOW.plus(9)).await.unwrap());
    let second = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(Some(&second), first.rotated(next, NOW.plus(9)).as_ref());

    sessions.revoke("ann", "s1", NOW.plus(10)).await.unwrap();
    sessions.revoke("ann", "s1", NOW.plus(20)).await.unwrap();
    let revoked = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(revoked, Family { revoked_at: Some(NOW.plus(10)), ..second });
}

#[tokio::test]
async fn one_of_two_who_refresh_at_once_replaces_the_token() {
    let sessions = sessions().await;
    let family = begin(&sessions, "ann", "s1").await;
    let (one, other) = (SecretHash::of(b"one"), SecretHash::of(b"other"));
    assert!(sessions.rotate("ann", "s1", &family, one, NOW).await.unwrap());
    assert!(!sessions.rotate("ann", "s1", &family, other, NOW).await.unwrap());
    // The very same write again, whose confirmation was lost.
    assert!(sessions.rotate("ann", "s1", &family, one, NOW).await.unwrap());
    assert_eq!(sessions.get("ann", "s1").await.unwrap().unwrap().generation, 1);
}

#[tokio::test]
async fn what_is_revoked_or_forgotten_is_not_refreshed() {
    let sessions = sessions().await;
    let next = SecretHash::of(b"next");
    let family = begin(&sessions, "ann", "s1").await;
    sessions.revoke("ann", "s1", NOW).await.unwrap();
    assert!(!sessions.rotate("ann", "s1", &family, next, NOW).await.unwrap());
    assert_eq!(sessions.end_sessions("ann").await.unwrap(), 1);
    assert!(!sessions.rotate("ann", "s1", &family, next, NOW).await.unwrap());
    sessions.revoke("ann", "s1", NOW).await.unwrap();
    assert_eq!(sessions.get("ann", "s1").await.unwrap(), None, "nothing brings it back");
}

#[tokio::test]
async fn all_of_a_persons_sessions_end_and_no_others() {
    let sessions = sessions().await;
    for id in ["s1", "s2", "s3"] {
        begin(&sessions, "ann", id).await;
    }
    begin(&sessions, "anna", "s4").await;
    assert_eq!(sessions.end_sessions("ann").await.unwrap(), 3);
    assert_eq!(sessions.end_sessions("ann").await.unwrap(), 0);
    assert_eq!(rows(&sessions.table).await.len(), 1);
    assert!(sessions.get("anna", "s4").await.unwrap().is_some());
}
