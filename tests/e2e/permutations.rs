//! Follows and unfollows in every order in which they can come.

use crate::sandbox::CHANGE_SIDE_FIELDS;
use crate::world::World;
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const SHOP: &str = "wx0000000000005a01";
/// Later than anything that the sandbox's people did themselves.
const LATER: u64 = 4_000_000_000;

/// What happened to one person: follows and unfollows by turns, the last one
/// `follows_last`. `seconds` says which two share a second.
#[derive(Clone, Debug)]
struct History {
    seconds: Vec<u64>,
    follows_last: bool,
    /// What is true in the end: of two in the last second, either may be last.
    truth: bool,
}

impl History {
    /// All histories of `length` events in which at most two share a second.
    fn all(length: usize) -> Vec<Self> {
        let mut all = Vec::new();
        for seconds in seconds(length) {
            let tied = length > 1 && seconds[length - 1] == seconds[length - 2];
            for follows_last in [true, false] {
                for truth in [true, false] {
                    if tied || truth == follows_last {
                        all.push(Self { seconds: seconds.clone(), follows_last, truth });
                    }
                }
            }
        }
        all
    }

    fn events(&self) -> Vec<(bool, u64)> {
        let last = self.seconds.len() - 1;
        let follows = |at: usize| self.follows_last == ((last - at).is_multiple_of(2));
        self.seconds.iter().enumerate().map(|(at, second)| (follows(at), *second)).collect()
    }
}

/// The ways in which this many events fall into seconds, at most two into one.
fn seconds(length: usize) -> Vec<Vec<u64>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let then = |shorter: Vec<Vec<u64>>, times: usize| {
        shorter.into_iter().map(move |mut seconds| {
            let next = seconds.last().map_or(0, |last| last + 1);
            seconds.extend(std::iter::repeat_n(next, times));
            seconds
        })
    };
    let alone = then(seconds(length - 1), 1);
    if length == 1 { alone.collect() } else { alone.chain(then(seconds(length - 2), 2)).collect() }
}

/// Every permutation of this many things.
fn orders(length: usize) -> Vec<Vec<usize>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(length - 1);
    let places = shorter.into_iter().flat_map(|order| {
        (0..length).map(move |place| {
            let mut order = order.clone();
            order.insert(place, length - 1);
            order
        })
    });
    places.collect()
}

/// One person to whom one history comes in one order.
struct Case {
    open_id: String,
    union_id: String,
    history: History,
    order: Vec<usize>,
}

/// A person who follows the shop in WeChat, or not.
async fn person(world: &World, name: String, follows: bool) -> (String, String) {
    let joined = world.wechat.post("people", &json!({ "name": name })).await;
    if follows {
        world.wechat.post(&format!("people/{name}/follow"), &json!({ "app": "shop" })).await;
    }
    let union_id = joined["union_ids"].as_object().unwrap().values().next().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&joined["open_ids"]["shop"]), text(union_id))
}

/// How events reach the function that applies them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// WeChat pushes them, and each is applied before the next one.
    Pushed,
    /// WeChat pushes them, all at the same time.
    PushedAtOnce,
    /// As the table's stream tells of them, in batches. That is the same to the
    /// function, and quicker to play.
    Streamed,
}

/// What comes `nth` to each of them, and when.
fn nth(cases: &[Case], nth: usize) -> impl Iterator<Item = (&Case, &'static str, u64)> {
    cases.iter().filter_map(move |case| {
        let (follows, second) = case.history.events()[*case.order.get(nth)?];
        Some((case, if follows { "subscribe" } else { "unsubscribe" }, LATER + second))
    })
}

/// Waits until all pushes are applied.
async fn push(world: &World, events: impl Iterator<Item = (&Case, &'static str, u64)>) {
    let pushes = events.map(|(case, event, create_time)| {
        let message =
            json!({ "from": case.open_id, "MsgType": "event", "Event": event, "EventKey": "" });
        json!({ "app": "shop", "message": message, "create_time": create_time })
    });
    let pushed = stream::iter(pushes).map(async |push| world.wechat.push(push).await.remove(0));
    // WeChat waits five seconds for each: what is in flight at once is answered in time on
    // a busy machine too.
    let answers: Vec<_> = pushed.buffer_unordered(8).collect().await;
    assert!(answers.iter().all(|answer| answer["body"] == "success"), "{answers:?}");
    world.idle().await;
}

/// Invokes the function with batches of the stream, few and small enough that a busy
/// machine applies each before the function's deadline.
async fn push_all(world: &World, events: impl Iterator<Item = (&Case, &'static str, u64)>) {
    let records: Vec<_> = events.map(record).collect();
    let batches = records.chunks(25).map(async |batch| {
        let answer = world.invoke("events", &json!({ "Records": batch })).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    });
    stream::iter(batches).buffer_unordered(4).collect::<()>().await;
}

fn record((case, event, create_time): (&Case, &'static str, u64)) -> Value {
    let open_id = &case.open_id;
    let body = json!({
        "ToUserName": "gh_1", "FromUserName": open_id, "CreateTime": create_time,
        "MsgType": "event", "Event": event, "EventKey": "",
    });
    let image = json!({
        "user": { "S": format!("{SHOP}#{open_id}") },
        "event": { "S": format!("{create_time}#{event}") },
        "app_id": { "S": SHOP }, "pending": { "S": SHOP }, "kind": { "S": event },
        "received_at": { "N": create_time.to_string() }, "body": { "S": body.to_string() },
    });
    let change = json!({ "NewImage": image, "SequenceNumber": "1" });
    json!({ "eventName": "INSERT", "dynamodb": change })
}

/// Rows by what `key` names in them.
async fn rows_by(world: &World, table: &str, key: &str) -> BTreeMap<String, Vec<Value>> {
    let mut by_key = BTreeMap::<_, Vec<_>>::new();
    for row in world.aws.rows(table).await {
        by_key.entry(row[key].as_str().unwrap().to_owned()).or_default().push(row);
    }
    by_key
}

/// All orders of these histories.
async fn play(histories: impl IntoIterator<Item = History>, way: Way) {
    let world = World::start().await;
    world.wechat.chaos_without(CHANGE_SIDE_FIELDS).await;
    let plans = histories.into_iter().flat_map(|history| {
        orders(history.seconds.len()).into_iter().map(move |order| (history.clone(), order))
    });
    let cases = stream::iter(plans.enumerate()).map(async |(at, (history, order))| {
        let (open_id, union_id) = person(&world, format!("person-{at}"), history.truth).await;
        Case { open_id, union_id, history, order }
    });
    let cases: Vec<_> = cases.buffer_unordered(16).collect().await;
    world.idle().await;
    match way {
        Way::PushedAtOnce => push(&world, (0..5).flat_map(|place| nth(&cases, place))).await,
        Way::Pushed => {
            for place in 0..5 {
                push(&world, nth(&cases, place)).await;
            }
        }
        Way::Streamed => {
            for place in 0..5 {
                push_all(&world, nth(&cases, place)).await;
            }
        }
    }

    let users = rows_by(&world, "users", "user").await;
    let mappings = rows_by(&world, "mappings", "subject").await;
    let mut ends = BTreeMap::new();
    for case in &cases {
        let Case { open_id, union_id, history, order } = case;
        let told = || format!("{history:?} in the order {order:?}");
        let rows = &users[&format!("{SHOP}#{open_id}")];
        let item = |name: &str| rows.iter().find(|row| row["item"] == name);
        let profile = item("profile").unwrap();
        assert_eq!(profile["follows"], history.truth, "{}: {profile}", told());
        assert_eq!(profile["union_id"].is_string(), history.truth, "{}: {profile}", told());
        assert_eq!(profile["scene"].is_string(), history.truth, "{}: {profile}", told());
        let mapping = mappings.get(&format!("union#{union_id}")).map(|rows| &rows[0]);
        let mapped = mapping.is_some_and(|row| row["follows"] == true);
        assert_eq!(mapped, history.truth, "{}: {mapping:?}", told());
        if mapped {
            assert_eq!(mapping.unwrap()["state_time"], profile["state_time"], "{}", told());
        }
        // Whatever the order, the same is left: but for who it is about, and
        // for how many steps it took.
        let mut end: Vec<_> = rows.clone();
        for row in &mut end {
            for personal in ["user", "union_id", "version"] {
                row[personal].take();
            }
        }
        end.sort_by_key(|row| row["item"].to_string());
        let first = ends.entry(format!("{history:?}")).or_insert_with(|| end.clone());
        assert_eq!(&end, first, "{}", told());
    }
}

#[tokio::test]
async fn up_to_three_sequential_events_converge_in_any_order() {
    play((1..=3).flat_map(History::all), Way::Pushed).await;
}

/// Fault 8.
#[tokio::test]
async fn up_to_three_concurrent_events_converge_in_any_order() {
    play((1..=3).flat_map(History::all), Way::PushedAtOnce).await;
}

#[tokio::test]
async fn four_events_converge_in_any_order() {
    play(History::all(4), Way::Streamed).await;
}

/// The orders of all histories of five events are played in
/// `shared::store::Followers`' own tests; these are those that differ most.
/// Fault 8.
#[tokio::test]
async fn five_events_converge_in_any_order() {
    let all = History::all(5);
    let most = |wanted: &[u64]| {
        all.iter().filter(move |history| history.seconds == wanted).cloned().collect::<Vec<_>>()
    };
    let apart = most(&[0, 1, 2, 3, 4]).into_iter().filter(|history| history.truth);
    let tied = most(&[0, 0, 1, 2, 2]).into_iter().filter(|history| history.follows_last);
    play(apart.chain(tied), Way::Streamed).await;
}
