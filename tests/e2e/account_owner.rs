//! An account has one owner, in all apps and whatever happens at the same time, unless the
//! operator says otherwise.

use crate::identity_merge::{bind, log_in, two_mini_programs};
use crate::phone::password;
use crate::world::World;
use local_aws::services::Fault;
use serde_json::{Value, json};

/// A login of a person with the account ann.
async fn with_ann(world: &World, name: &'static str, app: &str) -> (u16, Value) {
    let code = world.phone(name).code(app).await;
    with_code(world, &code, app).await
}

async fn with_code(world: &World, code: &str, app: &str) -> (u16, Value) {
    let login = json!({ "code": code, "username": "ann", "password": password("ann") });
    world.log_in(app, &login).await
}

/// The outcomes of the metric so far.
fn conflicts(world: &World) -> Vec<String> {
    let found = world.metrics("account_conflicts");
    found.iter().map(|it| format!("{} {}", it.dimension("app"), it.dimension("outcome"))).collect()
}

/// The lines from WARN on that have this in them.
fn warnings(world: &World, text: &str) -> Vec<String> {
    let is_one = |line: &&String| line.contains(" WARN ") && line.contains(text);
    world.lines().iter().filter(is_one).cloned().collect()
}

const REFUSED: &str = "refused to bind an account that is another person's";
const SECOND: &str = "an account is bound to more than one person";

/// Fault 110.
#[tokio::test]
async fn account_bound_at_the_same_time_in_two_apps_has_one_owner() {
    for has_unionid in [true, false] {
        let world = two_mini_programs().await;
        for app in ["shop-mini", "other-mini"] {
            bind(&world, app, has_unionid).await;
        }
        world.account("ann").await;
        let anns = world.phone("ann").code("shop-mini").await;
        let bobs = world.phone("bob").code("other-mini").await;
        let storing = Fault::new("dynamodb", "TransactWriteItems");
        let storing = storing.by(world.cloud.function("login")).hold().once();
        let held = world.cloud.aws.faults.inject(storing).unwrap();
        let meanwhile = async {
            held.holds(1).await;
            let bob = with_code(&world, &bobs, "other-mini").await;
            held.release();
            bob
        };
        let ((status, refused), (other, bob)) =
            tokio::join!(with_code(&world, &anns, "shop-mini"), meanwhile);
        assert_eq!((status, other), (409, 200), "{refused} {bob}");
        let found = world.ask_login(&json!({ "look_up": { "account": "ann" } })).await.unwrap();
        assert_eq!(found["user"], bob["user"]);
        assert_eq!(conflicts(&world), ["shop-mini refused"]);
        let [warning] = &warnings(&world, REFUSED)[..] else { panic!("one warning") };
        assert!(warning.contains(bob["user"].as_str().unwrap()), "{warning}");
    }
}

/// Fault 110.
#[tokio::test]
async fn account_of_another_is_refused_in_an_app_without_unionid() {
    for (first, second) in [("shop-mini", "other-mini"), ("other-mini", "shop-mini")] {
        let world = two_mini_programs().await;
        bind(&world, "other-mini", false).await;
        world.account("ann").await;
        let (status, ann) = with_ann(&world, "ann", first).await;
        assert_eq!(status, 200, "{ann}");
        let (status, answer) = with_ann(&world, "bob", second).await;
        assert_eq!(status, 409, "{answer}");
        // No one can tell that this is ann.
        assert_eq!(with_ann(&world, "ann", second).await.0, 409);
        assert_eq!(conflicts(&world), vec![format!("{second} refused"); 2]);
        assert_eq!(log_in(&world.phone("bob"), second).await["bound"], Value::Null);

        // The operator can.
        let there = log_in(&world.phone("ann"), second).await;
        let command = json!({ "bind": { "username": "ann", "user": there["user"] } });
        let bound = world.ask_login(&command).await.unwrap();
        assert_eq!(bound["also_bound_to"], json!([ann["user"]]));
        assert_eq!(conflicts(&world)[2..], ["none second"]);
        let [warning] = &warnings(&world, SECOND)[..] else { panic!("one warning") };
        for user in [&ann["user"], &there["user"]] {
            assert!(warning.contains(user.as_str().unwrap()), "{warning}");
        }
        assert_eq!(with_ann(&world, "ann", second).await.0, 200);
        assert_eq!(with_ann(&world, "ann", first).await.0, 200);
        assert_eq!(conflicts(&world).len(), 3, "nothing new was bound");
    }
}

/// Fault 110.
#[tokio::test]
async fn owner_of_an_account_from_an_earlier_version_is_kept() {
    let world = two_mini_programs().await;
    bind(&world, "other-mini", false).await;
    assert_eq!(world.phone("ann").log_in("shop-mini").await["bound"], "ann");
    let key = json!({ "subject": { "S": "account#ann" }, "app_id": { "S": "#password" } });
    let earlier = json!({
        "TableName": "hongyan-local-mappings", "Key": key, "UpdateExpression": "REMOVE #b",
        "ConditionExpression": "attribute_exists(#b)",
        "ExpressionAttributeNames": { "#b": "bindings" },
    });
    world.aws.call_service("DynamoDB_20120810.UpdateItem", &earlier).await;
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 409);
    assert_eq!(with_ann(&world, "bob", "shop-mini").await.0, 409);
    bind(&world, "other-mini", true).await;
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 409);
    assert_eq!(with_ann(&world, "ann", "other-mini").await.0, 200);
    assert_eq!(with_ann(&world, "ann", "shop-mini").await.0, 200);
}

/// Fault 110.
#[tokio::test]
async fn owner_follows_when_two_users_turn_out_to_be_one_person() {
    let world = two_mini_programs().await;
    let ann = world.phone("ann");
    bind(&world, "shop-mini", false).await;
    let here = ann.log_in("shop-mini").await;
    let person = log_in(&ann, "other-mini").await;
    assert_ne!(here["user"], person["user"]);
    assert_eq!(with_ann(&world, "ann", "other-mini").await.0, 409);
    bind(&world, "shop-mini", true).await;
    assert_eq!(log_in(&ann, "shop-mini").await["merged_from"], here["user"]);
    // The account came with her, and is no one else's.
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 409);
    assert_eq!(with_ann(&world, "ann", "other-mini").await.0, 200);

    let unbind = json!({ "unbind": { "username": "ann", "user": person["user"] } });
    assert_eq!(world.ask_login(&unbind).await.unwrap()["changed"], true);
    assert_eq!(with_ann(&world, "bob", "shop-mini").await.0, 200);
    assert_eq!(with_ann(&world, "ann", "other-mini").await.0, 409);
}

/// Fault 110.
#[tokio::test]
async fn owner_stays_when_the_password_changes_and_goes_with_an_erasure() {
    let world = two_mini_programs().await;
    bind(&world, "other-mini", false).await;
    let session = world.phone("ann").log_in("shop-mini").await;
    let set = json!({ "set_password": { "username": "ann", "password": password("ann") } });
    world.ask_login(&set).await.unwrap();
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 409);
    let erase = json!({ "erase": { "user": session["user"] } });
    assert_eq!(world.ask_login(&erase).await.unwrap()["complete"], true);
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 401, "there is no such account");
    world.account("ann").await;
    assert_eq!(with_ann(&world, "bob", "other-mini").await.0, 200);
    assert_eq!(with_ann(&world, "ann", "shop-mini").await.0, 409);
}
