//! A thief has a copy of a session's tokens, or of a login request: it is worth nothing
//! beside its owner, and the session ends visibly.

use crate::sessions::{pass, post, rows, who};
use crate::world::World;
use serde_json::{Value, json};

const OWNER: &str = "owner-0123456789abcdef";
const THIEF: &str = "thief-0123456789abcdef";

/// A request with this retry key, if any.
fn keyed(mut request: Value, retry_key: Option<&str>) -> Value {
    if let Some(key) = retry_key {
        request["retry_key"] = json!(key);
    }
    request
}

async fn refresh(world: &World, token: &Value, retry_key: Option<&str>) -> (u16, Value) {
    post(world, "/session/refresh", &keyed(json!({ "refresh_token": token }), retry_key)).await
}

/// Logs bob in by a code: the status, and the answer as it came.
async fn log_in(world: &World, code: &str, retry_key: Option<&str>) -> (u16, Value) {
    world.log_in("shop-mini", &keyed(json!({ "code": code }), retry_key)).await
}

/// The thief sees each refresh of the owner's, and presents the same token within the
/// time for repeats. By then he has had no more than one answer, and none from an owner
/// with a retry key.
/// Fault 107.
#[tokio::test]
async fn stolen_refresh_token_cannot_be_used_beside_its_owner() {
    for (owner, thief) in
        [(None, None), (None, Some(THIEF)), (Some(OWNER), None), (Some(OWNER), Some(THIEF))]
    {
        let world = World::start().await;
        let mut token = world.phone("ann").log_in("shop-mini").await["refresh_token"].clone();
        let mut answered = 0;
        for _ in 0..6 {
            let (status, next) = refresh(&world, &token, owner).await;
            if status == 401 {
                break;
            }
            assert_eq!(status, 200, "{next}");
            answered += u32::from(refresh(&world, &token, thief).await.0 == 200);
            token = next["refresh_token"].clone();
        }
        let keyless = owner.is_none() && thief.is_none();
        assert!(answered <= u32::from(keyless), "{owner:?} {thief:?}: {answered} answers");
        // The owner notices, and so does the operator.
        assert_eq!(refresh(&world, &token, owner).await.0, 401, "{owner:?} {thief:?}");
        assert!(rows(&world).await[0]["revoked_at"].is_u64(), "{owner:?} {thief:?}");
        let told = |line: &&String| line.contains("came again") && line.contains("WARN");
        assert_eq!(world.lines().iter().filter(told).count(), 1, "{:#?}", world.lines());
    }
}

/// A thief who polls must not learn when it is time to repeat.
/// Fault 107.
#[tokio::test]
async fn session_info_is_the_same_after_a_refresh() {
    let world = World::start().await;
    let session = world.phone("ann").log_in("shop-mini").await;
    pass(&world, 3600, &["expires"]).await;
    let before = who(&world, &session["access_token"]).await;
    assert_eq!(before.0, 200, "{}", before.1);
    assert_eq!(refresh(&world, &session["refresh_token"], Some(OWNER)).await.0, 200);
    assert_eq!(who(&world, &session["access_token"]).await, before);
}

/// Fault 107.
#[tokio::test]
async fn login_code_gives_no_session_to_a_second_caller() {
    let world = World::start().await;
    let bob = world.phone("bob");
    // Without a key it is repeated once, as no one can tell who asks.
    let code = bob.code("shop-mini").await;
    let first = log_in(&world, &code, None).await;
    assert_eq!(first.0, 200, "{}", first.1);
    assert_eq!(log_in(&world, &code, None).await, first);
    assert_eq!(log_in(&world, &code, None).await.0, 401);

    // With one, to its holder only, and as often as it takes.
    let code = bob.code("shop-mini").await;
    let first = log_in(&world, &code, Some(OWNER)).await;
    assert_eq!(first.0, 200, "{}", first.1);
    for _ in 0..2 {
        for thief in [None, Some(THIEF)] {
            let (status, answer) = log_in(&world, &code, thief).await;
            assert_eq!(status, 401, "{answer}");
            assert!(!answer.to_string().contains("token\""), "{answer}");
        }
        assert_eq!(log_in(&world, &code, Some(OWNER)).await, first);
    }
    let told = |line: &&String| line.contains("another retry key") && line.contains("WARN");
    assert_eq!(world.lines().iter().filter(told).count(), 4, "{:#?}", world.lines());
}
