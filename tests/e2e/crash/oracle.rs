//! What must be true in the end, whatever crashed: the tables beside what people
//! see on their phones.

use crate::crash::workload::{Pushed, RequestedNotification, Workload, request_until_answered};
use crate::world::World;
use serde_json::Value;
use std::collections::BTreeMap;

const TEXT: &str = "text";
const CONSENT: &str = "subscribe_msg_popup_event";
/// With this many, crashes can't be the reason why none was shown.
const ENOUGH: usize = 5;
const ENTRY: &str = "user_enter_tempsession";

/// Nothing acknowledged is lost, nothing was applied twice, no message was shown twice,
/// and nothing is left unfinished.
pub(crate) async fn judge(world: &World, workload: &Workload) {
    let events = world.aws.rows("events").await;
    for event in &events {
        assert!(event["applied_at"].is_number(), "an event was left pending: {event}");
    }
    stored(&events, TEXT, &workload.messages.borrow());
    stored(&events, ENTRY, &workload.entries.borrow());
    followers(world, &workload.follows.take()).await;
    let consents = number_of(&events, CONSENT, &workload.consents.borrow());
    let (mut sent, mut ambiguous) = (0, 0);
    let mut shown = BTreeMap::<_, (usize, usize)>::new();
    for asked in &workload.asked.take() {
        let status = notification(world, asked).await;
        let (all, some) = shown.entry(asked.kind).or_default();
        let is_sent = ["sent", "delivered"].contains(&&*status);
        *all += 1;
        *some += usize::from(is_sent);
        if asked.kind == "subscribe" {
            sent += usize::from(is_sent);
            ambiguous += usize::from(status == "ambiguous");
        }
    }
    for (kind, (all, some)) in shown {
        assert!(some > 0 || all < ENOUGH, "none of {all} notifications by {kind} was shown");
    }
    check_consents(world, consents, sent, ambiguous).await;
    welcomes(world, events.iter().filter(|event| event["kind"] == ENTRY).count()).await;
    for token in &workload.sessions.take() {
        Workload::next(world, token).await;
    }
}

/// What was acknowledged is stored, and everything is once.
fn stored(events: &[Value], kind: &str, pushed: &[Pushed]) {
    number_of(events, kind, pushed);
    for Pushed { what, acknowledged } in pushed {
        let is_it = |event: &&Value| event["body"].as_str().is_some_and(|it| it.contains(what));
        let times = events.iter().filter(is_it).count();
        assert!(times <= 1, "{what:?} is stored {times} times");
        assert!(times == 1 || !acknowledged, "{what:?} was acknowledged and is lost");
    }
}

/// How many events of a kind there are: all that were acknowledged, at least.
fn number_of(events: &[Value], kind: &str, pushed: &[Pushed]) -> usize {
    let number = events.iter().filter(|event| event["kind"] == kind).count();
    let acknowledged = pushed.iter().filter(|it| it.acknowledged).count();
    assert!((acknowledged..=pushed.len()).contains(&number), "{acknowledged} {kind}: {number}");
    number
}

/// Carol's state is that of the last thing she did, if that was acknowledged.
async fn followers(world: &World, follows: &[Pushed]) {
    let Some(last) = follows.last().filter(|last| last.acknowledged) else { return };
    let carol = world.phone("carol").open_id("shop").await;
    let rows = world.aws.rows("users").await;
    let profile = rows.iter().find(|row| {
        row["item"] == "profile" && row["user"].as_str().unwrap().ends_with(carol.as_str())
    });
    let profile = profile.unwrap_or_else(|| panic!("carol isn't known: {rows:#?}"));
    assert_eq!(profile["follows"].to_string(), last.what, "{profile}");
}

/// How it stands with a notification; what its person sees has to agree.
async fn notification(world: &World, asked: &RequestedNotification) -> String {
    let RequestedNotification { id, request, text, person, kind } = asked;
    let row = world.aws.row("notifications", "id", id).await;
    let status = row["status"].as_str().unwrap().to_owned();
    let screen = world.phone(person).screen().await;
    let seen = screen.iter().filter(|message| message.to_string().contains(text)).count();
    assert!(seen <= 1, "{person} sees {id} {seen} times: {row}");
    match status.as_str() {
        "sent" | "delivered" => assert_eq!(seen, 1, "{id} is lost: {row}"),
        // Of a template message this can always be found out in time.
        "ambiguous" => assert_ne!(*kind, "template", "{row}"),
        // There may be fewer consents, and no window: what opens one may be lost.
        "no_consent" | "unreachable" => {
            assert_ne!(*kind, "template", "{row}");
            assert_eq!(seen, 0, "{id} is shown: {row}");
        }
        _ => panic!("{id} is not in a final state: {row}"),
    }
    // A duplicate request gets the same report, and nothing is done.
    assert_eq!(request_until_answered(world, request).await["outcome"], status, "{row}");
    status
}

/// Each consent that is stored gave one consent, and each notification that was sent took
/// one. An ambiguous one took one at most: an attempt that crashed after WeChat's refusal may
/// have given its consent back, and not have told any more.
async fn check_consents(world: &World, granted: usize, sent: usize, ambiguous: usize) {
    let rows = world.aws.rows("users").await;
    let consents = rows.iter().filter(|row| row["item"].as_str().unwrap().starts_with("consent#"));
    let states: Vec<_> = consents.map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states.len(), granted, "{states:?}");
    let taken = states.iter().filter(|state| **state != "free").count();
    assert!(
        (sent..=sent + ambiguous).contains(&taken),
        "{sent} sent, {ambiguous} ambiguous: {states:?}"
    );
}

/// Fred is greeted once at most for each time he entered, and mostly is.
async fn welcomes(world: &World, entries: usize) {
    let screen = world.phone("fred").screen().await;
    let welcomes = screen.iter().filter(|message| message.to_string().contains("Welcome!"));
    let welcomes = welcomes.count();
    assert!(welcomes <= entries, "{entries} entries and {welcomes} welcomes");
    assert!(welcomes > 0, "no welcome message after {entries} entries");
}
