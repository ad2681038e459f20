//! Sessions in a real table.

use super::family::Verdict;
use super::*;
use crate::store::dynamodb::test_tables::rows;
use crate::store::tables::tests::EmptyTables;

const NOW: Timestamp = Timestamp(1_800_000_000);

async fn sessions() -> Sessions {
    Sessions::new(&EmptyTables::start().await.users)
}

async fn begin(sessions: &Sessions, person: &str, id: &str) -> Family {
    let session = NewSession { id: id.to_owned(), first: SecretHash::digest(id.as_bytes()) };
    let put = sessions.begin(person, "wxMini", &session, NOW);
    assert!(sessions.table.write("a test", put).await.unwrap());
    sessions.get(person, id).await.unwrap().unwrap()
}

#[tokio::test]
async fn session_is_read_as_it_was_written() {
    let sessions = sessions().await;
    let first = begin(&sessions, "ann", "s1").await;
    assert_eq!(first, Family::begin("wxMini", SecretHash::digest(b"s1"), NOW));
    assert_eq!(sessions.get("ann", "s2").await.unwrap(), None);
    assert_eq!(sessions.get("bob", "s1").await.unwrap(), None);

    let next = SecretHash::digest(b"next");
    let key = Some(SecretHash::digest(b"key"));
    let keyed = SessionRefresh { id: "r1", retry_key: key, successor: next };
    assert!(sessions.rotate("ann", "s1", &first, &keyed, NOW.plus(9)).await.unwrap());
    let second = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(Some(&second), first.rotated(next, key, NOW.plus(9)).as_ref());
    // A key of the refresh before is not this one's.
    let keyless = SessionRefresh { id: "r2", retry_key: None, successor: next };
    assert!(sessions.rotate("ann", "s1", &second, &keyless, NOW.plus(10)).await.unwrap());
    let second = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(second.former.unwrap().retry_key, None);

    assert!(!second.has_repeated);
    assert!(sessions.use_repeat("ann", "s1", "r3").await.unwrap());
    assert!(sessions.use_repeat("ann", "s1", "r3").await.unwrap(), "the very same again");
    assert!(!sessions.use_repeat("ann", "s1", "r4").await.unwrap());
    assert!(!sessions.use_repeat("ann", "s2", "r3").await.unwrap());
    let second = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert!(second.has_repeated);

    sessions.revoke("ann", "s1", NOW.plus(10)).await.unwrap();
    sessions.revoke("ann", "s1", NOW.plus(20)).await.unwrap();
    let revoked = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(revoked, Family { revoked_at: Some(NOW.plus(10)), ..second });
}

/// Fault 70.
#[tokio::test]
async fn one_of_two_concurrent_refreshes_replaces_the_token() {
    let sessions = sessions().await;
    let family = begin(&sessions, "ann", "s1").await;
    let successor = SecretHash::digest(b"one");
    let one = SessionRefresh { id: "r1", retry_key: None, successor };
    // Also if it has the same successor, and comes in the same second.
    let other = SessionRefresh { id: "r2", ..one };
    assert!(sessions.rotate("ann", "s1", &family, &one, NOW).await.unwrap());
    assert!(!sessions.rotate("ann", "s1", &family, &other, NOW).await.unwrap());
    // The very same write again, whose confirmation was lost.
    assert!(sessions.rotate("ann", "s1", &family, &one, NOW).await.unwrap());
    assert_eq!(sessions.get("ann", "s1").await.unwrap().unwrap().generation, 1);
}

#[tokio::test]
async fn revoked_or_deleted_session_is_not_refreshed() {
    let sessions = sessions().await;
    let next = SessionRefresh { id: "r1", retry_key: None, successor: SecretHash::digest(b"next") };
    let family = begin(&sessions, "ann", "s1").await;
    sessions.revoke("ann", "s1", NOW).await.unwrap();
    assert!(!sessions.rotate("ann", "s1", &family, &next, NOW).await.unwrap());
    assert!(!sessions.use_repeat("ann", "s1", "r1").await.unwrap());
    assert_eq!(sessions.end_all("ann").await.unwrap(), 1);
    assert!(!sessions.rotate("ann", "s1", &family, &next, NOW).await.unwrap());
    assert!(!sessions.use_repeat("ann", "s1", "r1").await.unwrap());
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
    assert_eq!(sessions.end_all("ann").await.unwrap(), 3);
    assert_eq!(sessions.end_all("ann").await.unwrap(), 0);
    assert_eq!(rows(&sessions.table).await.len(), 1);
    assert!(sessions.get("anna", "s4").await.unwrap().is_some());
}

/// What the login function does with a genuine token, in the request with this id: its
/// successor, or none if the session has ended. The secret of a successor follows from the
/// token.
async fn refresh(
    sessions: &Sessions,
    token: (u32, u64),
    (id, retry_key): (&str, Option<SecretHash>),
    now: Timestamp,
) -> Option<(u32, u64)> {
    let hash = |secret: u64| SecretHash::digest(&secret.to_be_bytes());
    let successor = (token.0 + 1, token.1.wrapping_mul(31) + 1);
    let next = SessionRefresh { id, retry_key, successor: hash(successor.1) };
    loop {
        let family = sessions.get("ann", "s1").await.unwrap().unwrap();
        match family.judge(token.0, hash(token.1), retry_key, now) {
            Verdict::Rotate => {
                if sessions.rotate("ann", "s1", &family, &next, now).await.unwrap() {
                    return Some(successor);
                }
            }
            Verdict::Repeat => return Some(successor),
            Verdict::RepeatOnce => {
                if sessions.use_repeat("ann", "s1", id).await.unwrap() {
                    return Some(successor);
                }
            }
            Verdict::Reused => {
                sessions.revoke("ann", "s1", now).await.unwrap();
                return None;
            }
            Verdict::Ended => return None,
        }
    }
}

/// Fault 70.
#[tokio::test]
async fn concurrent_retries_get_the_same_successor_and_a_late_one_revokes() {
    let sessions = sessions().await;
    let session =
        NewSession { id: "s1".to_owned(), first: SecretHash::digest(&7_u64.to_be_bytes()) };
    let put = sessions.begin("ann", "wxMini", &session, NOW);
    assert!(sessions.table.write("a test", put).await.unwrap());
    let key = Some(SecretHash::digest(b"key"));
    let (mut token, mut now) = ((0, 7), NOW);
    for round in 0..40 {
        now = now.plus(900);
        // Clocks of several environments differ, and some answers are slow.
        let ids: Vec<_> = (0..6).map(|at| format!("{round}-{at}")).collect();
        let asked = ids
            .iter()
            .zip(0..)
            .map(|(id, at)| refresh(&sessions, token, (id, key), now.plus(at * 5)));
        let answers = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(Option::is_some), "round {round}: {answers:?}");
        assert!(answers.iter().all(|answer| *answer == answers[0]), "round {round}: {answers:?}");
        let used = token;
        token = answers[0].unwrap();
        if round == 39 {
            assert_eq!(refresh(&sessions, used, ("late", key), now.plus(61)).await, None);
            assert_eq!(refresh(&sessions, token, ("late", key), now.plus(61)).await, None);
        }
    }
    let family = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!((family.generation, family.revoked_at), (40, Some(now.plus(61))));
}

/// Fault 107.
#[tokio::test]
async fn concurrent_refreshes_without_a_retry_key_get_two_answers_at_most() {
    let sessions = sessions().await;
    let session =
        NewSession { id: "s1".to_owned(), first: SecretHash::digest(&7_u64.to_be_bytes()) };
    let put = sessions.begin("ann", "wxMini", &session, NOW);
    assert!(sessions.table.write("a test", put).await.unwrap());
    let ids: Vec<_> = (0..6).map(|at| format!("request {at}")).collect();
    let asked = ids.iter().map(|id| refresh(&sessions, (0, 7), (id, None), NOW));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().flatten().count() <= 2, "{answers:?}");
    let family = sessions.get("ann", "s1").await.unwrap().unwrap();
    assert_eq!(family.revoked_at, Some(NOW));
}
