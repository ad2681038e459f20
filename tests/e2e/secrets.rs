//! No secret is where it doesn't belong: in a log, a metric, an answer, a table, a queue,
//! or what one function tells another.
//!
//! Each world collects all that its functions print, answer and ask of AWS, at their
//! most talkative level, and which secrets they came to know. When it ends, every secret
//! is looked for in everything, in every disguise ([`disguise`]), and what is found fails
//! its scenario. A panic is a line of a log and an answer.
//!
//! That something was there to be found, only all scenarios together can show. They
//! append what they handed out and where they looked to the file that
//! `SECRET_SCAN` names; `make test` starts with no such file and runs the ignored
//! test here at the end.

mod encodings;
mod issued;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use encodings::Search;
use issued::Secrets;
use local_aws::Observed;
use local_aws::logs::Line;
use serde_json::json;
use shared::config::optional;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::sync::{Arc, Mutex};

/// Of which kind a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    AppSecret,
    CallbackToken,
    EncodingAesKey,
    /// The secret that makes the keys of callback URLs.
    UrlSecret,
    /// The key in a callback URL.
    UrlKey,
    AccessToken,
    SessionKey,
    /// Of a login, or of a phone number.
    Code,
    /// The private key that signs sessions.
    SigningKey,
    /// The key that refresh tokens are sealed with.
    RefreshKey,
    /// What signs one session's access token.
    Session,
    RefreshToken,
    /// By which a client proves that a repeated request is its own.
    RetryKey,
    Password,
    OpenId,
    UnionId,
    PhoneNumber,
}

const KINDS: [Kind; 17] = [
    Kind::AppSecret,
    Kind::CallbackToken,
    Kind::EncodingAesKey,
    Kind::UrlSecret,
    Kind::UrlKey,
    Kind::AccessToken,
    Kind::SessionKey,
    Kind::Code,
    Kind::SigningKey,
    Kind::RefreshKey,
    Kind::Session,
    Kind::RefreshToken,
    Kind::RetryKey,
    Kind::Password,
    Kind::OpenId,
    Kind::UnionId,
    Kind::PhoneNumber,
];

/// Where something may be that shouldn't.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Location {
    Log,
    Metric,
    /// The response to an invocation.
    Answer,
    /// What a function writes to a table, or asks it for.
    Table,
    Queue,
    /// What a function tells another.
    Invocation,
    /// The Parameter Store.
    Parameter,
}

impl Kind {
    /// Whether it must not be there. Whom a row, an answer or an order is about, these
    /// have to contain; logs and metrics name no person.
    fn is_secret_in(self, place: Location) -> bool {
        let is_of_a_log = matches!(place, Location::Log | Location::Metric);
        match self {
            Self::OpenId | Self::UnionId => is_of_a_log,
            Self::PhoneNumber => is_of_a_log || place != Location::Table,
            _ => true,
        }
    }
}

/// Where a secret is meant to be: its kind, the place, the function, and the reason.
const MEANT: [(Kind, Location, &str, &str); 5] = [
    (Kind::Session, Location::Answer, "login", "a login is answered with the session"),
    (Kind::RefreshToken, Location::Answer, "login", "and with what refreshes it"),
    (Kind::AccessToken, Location::Parameter, "token", "all others read it there"),
    (Kind::SigningKey, Location::Parameter, "login", "what signs sessions is kept there"),
    (Kind::RefreshKey, Location::Parameter, "login", "and so is what seals refresh tokens"),
];

/// All functions of Hongyan's.
const FUNCTIONS: [&str; 6] = ["callback", "events", "followers", "login", "send", "token"];

/// What one world's functions came to know, and what was seen of them. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct SecretScan(Arc<Mutex<Collected>>);

#[derive(Default)]
struct Collected {
    secrets: Secrets,
    seen: Vec<Seen>,
}

/// Something that was seen.
struct Seen {
    place: Location,
    function: String,
    text: Vec<u8>,
}

/// What one world has to say to the last test. Of a secret of this kind a function came
/// to know; this was looked at; this exception was needed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Note<'a> {
    HandedOut(Kind),
    LookedAt(Location, &'a str),
    Needed(&'a str),
}

impl fmt::Display for Note<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandedOut(kind) => write!(to, "handed out: {kind:?}"),
            Self::LookedAt(place, function) => write!(to, "looked at: {place:?} of {function}"),
            Self::Needed(reason) => write!(to, "needed: {reason}"),
        }
    }
}

impl SecretScan {
    /// Something that was printed.
    pub(crate) fn line(&self, line: &Line) {
        let place = if line.text.contains("\"_aws\":") { Location::Metric } else { Location::Log };
        let function = if line.platform { "Lambda" } else { &line.function };
        self.see(place, function, line.text.as_bytes());
    }

    /// Something that went by.
    pub(crate) fn passed(&self, passed: &Observed<'_>) {
        issued::by_what_passed(&mut self.0.lock().unwrap().secrets, passed);
        match *passed {
            Observed::Invocation { function, answer, .. } => {
                self.see(Location::Answer, function, answer);
            }
            Observed::Call { function: Some(function), service, operation, request, .. } => {
                let place = match service {
                    "dynamodb" => Location::Table,
                    "sqs" => Location::Queue,
                    "lambda" => Location::Invocation,
                    "ssm" if operation.starts_with("Put") => Location::Parameter,
                    _ => return,
                };
                self.see(place, function, request);
            }
            _ => {}
        }
    }

    fn see(&self, place: Location, function: &str, text: &[u8]) {
        let function = function.split_once("-local-").map_or(function, |(_, name)| name).to_owned();
        self.0.lock().unwrap().seen.push(Seen { place, function, text: text.to_vec() });
    }

    /// The credentials of logins until now are random, parts of them more than
    /// once: it may stand anywhere.
    pub(crate) fn forget_logins(&self) {
        let made_up = [Kind::Code, Kind::Password, Kind::RefreshToken, Kind::RetryKey];
        self.0.lock().unwrap().secrets.retain(|_, kind| !made_up.contains(kind));
    }

    /// Looks for every secret everywhere, those that WeChat has included: says which one
    /// is where it doesn't belong, and notes for the last test what there was.
    pub(crate) fn find(&self, wechat: Option<&wechat_sandbox::World>) -> Vec<String> {
        let (found, notes) = self.scan(wechat);
        if let Some(file) = optional("SECRET_SCAN") {
            // In one write, because other processes write to it as well.
            let mut file = OpenOptions::new().append(true).create(true).open(file).unwrap();
            file.write_all(notes.as_bytes()).unwrap();
        }
        found
    }

    /// What was found where it doesn't belong, and the notes.
    fn scan(&self, wechat: Option<&wechat_sandbox::World>) -> (Vec<String>, String) {
        let mut collected = self.0.lock().unwrap();
        let mut handed_out: BTreeSet<Kind> = collected.secrets.values().copied().collect();
        if let Some(wechat) = wechat {
            issued::by_wechat(&mut collected.secrets, wechat);
        }
        let Collected { secrets, seen } = &*collected;
        // It comes to be when a function asks for it.
        handed_out.extend(secrets.values().filter(|it| **it == Kind::SessionKey));
        let secrets: Vec<_> = secrets.iter().collect();
        let search = Search::new(secrets.iter().map(|(secret, _)| secret.as_str()));
        let mut notes = BTreeSet::new();
        let mut found = Vec::new();
        for Seen { place, function, text } in seen {
            notes.insert(Note::LookedAt(*place, function));
            for (number, how) in search.find(text) {
                let (secret, kind) = secrets[number];
                handed_out.insert(*kind);
                if !kind.is_secret_in(*place) {
                    continue;
                }
                let is_this = |it: &&(Kind, Location, &str, &str)| {
                    (it.0, it.1, it.2) == (*kind, *place, function.as_str())
                };
                if let Some((.., reason)) = MEANT.iter().find(is_this) {
                    notes.insert(Note::Needed(reason));
                    continue;
                }
                let text = String::from_utf8_lossy(text);
                found.push(format!("{kind:?} {secret:?}, {how}, {place:?} of {function}: {text}"));
            }
        }
        notes.extend(handed_out.into_iter().map(Note::HandedOut));
        (found, notes.iter().map(|note| format!("{note}\n")).collect())
    }
}

/// What these notes should have, and have not.
fn missing(notes: &str) -> Vec<String> {
    let kinds = KINDS.map(Note::HandedOut);
    let needed = MEANT.map(|(.., reason)| Note::Needed(reason));
    let everywhere = [Location::Log, Location::Answer, Location::Table];
    let of_all = FUNCTIONS
        .iter()
        .flat_map(|function| everywhere.map(|place| Note::LookedAt(place, function)));
    let of_some = [
        Note::LookedAt(Location::Metric, "send"),
        Note::LookedAt(Location::Invocation, "send"),
        Note::LookedAt(Location::Parameter, "token"),
        Note::LookedAt(Location::Log, "Lambda"),
    ];
    let wanted = kinds.into_iter().chain(needed).chain(of_all).chain(of_some);
    let notes: BTreeSet<_> = notes.lines().collect();
    wanted.map(|note| note.to_string()).filter(|note| !notes.contains(note.as_str())).collect()
}

#[test]
#[ignore = "`make test` runs it after all scenarios"]
fn secrets_of_every_kind_were_issued_and_searched_everywhere() {
    let file = optional("SECRET_SCAN").expect("SECRET_SCAN isn't set: run `make test`");
    let notes = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let missing = missing(&notes);
    assert!(missing.is_empty(), "no scenario has said: {missing:#?}");
}

#[test]
fn scan_without_secrets_or_places_fails() {
    let all = missing("");
    assert_eq!(all.len(), KINDS.len() + MEANT.len() + 3 * FUNCTIONS.len() + 4);
    assert_eq!(missing(&all.join("\n")), [""; 0]);
    assert_eq!(missing(&all[1..].join("\n")), ["handed out: AppSecret"]);
}

/// A call of login's.
fn call(sought: &SecretScan, service: &str, operation: &str, request: &str, answer: &str) {
    let (request, answer) = (request.as_bytes(), answer.as_bytes());
    let (function, status) = (Some("hongyan-local-login"), 200);
    sought.passed(&Observed::Call { function, service, operation, request, status, answer });
}

/// An answer of a function's.
fn answer(sought: &SecretScan, function: &str, answer: &str) {
    let (event, answer) = (b"{}".as_slice(), answer.as_bytes());
    sought.passed(&Observed::Invocation { function, event, answer });
}

/// A line of login's.
fn print(sought: &SecretScan, text: &str) {
    let (function, text) = ("login".to_owned(), text.to_owned());
    sought.line(&Line { function, text, platform: false, took: None });
}

/// Has login betray something.
fn plant(sought: &SecretScan, place: Location, text: &str) {
    match place {
        Location::Log => print(sought, text),
        Location::Metric => print(sought, &json!({ "_aws": {}, "app": text }).to_string()),
        Location::Answer => answer(sought, "hongyan-local-login", text),
        Location::Table => call(sought, "dynamodb", "PutItem", text, ""),
        Location::Queue => call(sought, "sqs", "SendMessage", text, ""),
        Location::Invocation => call(sought, "lambda", "Invoke", text, ""),
        Location::Parameter => call(sought, "ssm", "PutParameter", text, ""),
    }
}

/// Fault 75.
#[test]
fn planted_secret_is_found_where_it_is_not_allowed() {
    let base64 = STANDARD.encode("and top/secret it is");
    for place in [
        Location::Log,
        Location::Metric,
        Location::Answer,
        Location::Table,
        Location::Queue,
        Location::Invocation,
        Location::Parameter,
    ] {
        for text in ["a top/secret.", "a top%2Fsecret.", "a 746f702f736563726574.", &base64] {
            let sought = SecretScan::default();
            let stored =
                json!({ "Name": "/secrets/a", "Type": "SecureString", "Value": "top/secret" });
            call(&sought, "ssm", "GetParameter", "{}", &stored.to_string());
            plant(&sought, place, "nothing of it");
            assert_eq!(sought.scan(None).0, [""; 0]);
            plant(&sought, place, text);
            let (found, _) = sought.scan(None);
            let [found] = found.as_slice() else { panic!("{place:?}, {text}: {found:?}") };
            assert!(found.starts_with("AppSecret \"top/secret\""), "{found}");
            assert!(found.contains(&format!("{place:?} of login")), "{found}");
        }
    }
}

/// Fault 75.
#[test]
fn secret_is_accepted_where_it_is_allowed() {
    let world = wechat_sandbox::example();
    let ann = &world.people[0];
    let open_id = ann.relations["shop"].open_id.as_str();
    let session = json!({ "access_token": "a.b.signature", "refresh_token": "refreshing" });
    let sought = SecretScan::default();
    answer(&sought, "hongyan-local-login", &session.to_string());
    answer(&sought, "hongyan-local-send", open_id);
    plant(&sought, Location::Table, &format!("{open_id} {}", ann.phone.number));
    let (found, notes) = sought.scan(Some(&world));
    assert_eq!(found, [""; 0]);
    assert!(notes.contains("handed out: OpenId\n") && notes.contains("handed out: Session\n"));
    assert!(!notes.contains("handed out: AppSecret\n"), "no function came to know it");
    answer(&sought, "hongyan-local-send", &session.to_string());
    assert_eq!(sought.scan(Some(&world)).0.len(), 2, "they are login's to give");
    plant(&sought, Location::Log, open_id);
    assert_eq!(sought.scan(Some(&world)).0.len(), 3, "a log names no person");
}
