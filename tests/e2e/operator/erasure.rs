//! An operator erases a person.

use crate::world::World;
use local_aws::services::Fault;
use serde_json::json;
use std::time::Duration;

/// The rows in which somebody's name stands, but for the marks that stay.
async fn traces(world: &World, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["users", "mappings", "events", "notifications"] {
        let rows = world.aws.rows(table).await;
        let rows =
            rows.iter().filter(|row| row["left_at"].is_null() || row["follows"].is_boolean());
        found.extend(rows.map(ToString::to_string).filter(|row| row.contains(name)));
    }
    found
}

#[tokio::test]
async fn erasure_requires_a_confirmation_and_is_complete() {
    let (world, _) = World::with_ann().await;
    let ann = world.phone("ann");
    let open_id = ann.open_id("shop").await;
    let before = traces(&world, &open_id).await.len();
    assert!(before > 3);
    let said = world.hongyan(&["erase", "account=ann"], "").await;
    let (kind, words) = said.error();
    assert_eq!((said.status, kind.as_str()), (1, "cancelled"), "{words}");
    assert!(words.contains("accounts        ann") && words.contains("--yes"), "{words}");
    assert!(!words.contains(&open_id), "{words}");
    assert_eq!(traces(&world, &open_id).await.len(), before, "nothing has gone");

    let told = world.hongyan(&["erase", "account=ann", "--yes"], "").await.json();
    assert_eq!(
        (&told["deleted"]["accounts"], &told["deleted"]["profiles"]),
        (&json!(1), &json!(2))
    );
    assert!(
        told["tombstone_expires_at"].is_number() && told["retained"].as_array().unwrap().len() > 3
    );
    assert_eq!(traces(&world, &open_id).await, [""; 0]);
    let (kind, words) = world.hongyan(&["erase", "account=ann", "--yes"], "").await.error();
    assert!(kind == "not_found" && words.contains("the account ann"), "{kind} {words}");
    // A person can be selected by openid at any time.
    let who = format!("app=shop,open_id={open_id}");
    let words = world.hongyan_in_words(&["erase", &who, "--yes"], "").await;
    assert!(words.status == 0 && words.out.contains("Retained:"), "{words:?}");
    assert!(!words.out.contains(&open_id), "{words:?}");
}

#[tokio::test]
async fn erasure_invokes_the_function_until_it_is_complete() {
    let world = World::changed(&[("Timeout: 29", "Timeout: 6")]).await;
    world.token_round().await;
    let ann = world.phone("ann");
    ann.follow("shop").await;
    for at in 0..60 {
        ann.message("shop", &format!("hello {at}")).await;
    }
    let open_id = ann.open_id("shop").await;
    let slow = Fault::new("dynamodb", "DeleteItem").by(world.cloud.function("login"));
    let slow = slow.delay(Duration::from_millis(700));
    let slow = world.cloud.aws.faults.inject(slow).unwrap();
    let who = format!("app=shop,open_id={open_id}");
    let told = world.hongyan(&["erase", &who, "--yes"], "").await.json();
    slow.cancel();
    assert!(told["calls"].as_u64().unwrap() > 1, "{told}");
    assert_eq!(told["deleted"]["events"], 61, "{told}");
    assert_eq!(traces(&world, &open_id).await, [""; 0]);
}
