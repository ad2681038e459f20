//! Retired words do not come back: docs/GLOSSARY.md has the term to use instead.

use crate::{text_of, tracked_files};
use std::collections::{BTreeSet, HashMap};

/// Retired names of types, bare: as a part of a longer name they are fine.
const TYPES: &[(&str, &str)] = &[
    ("Door|Doors", "CallbackConfig, CallbackConfigs"),
    ("NoDoor", "ConfigError"),
    ("Heard", "VerifiedRequest"),
    ("Greeting", "UrlVerification"),
    ("Record|Recorded", "PutOutcome"),
    ("Refused", "an error's name, such as Rejection or LoginError"),
    ("NotWeChat", "VerificationFailed"),
    ("Opened", "DecryptedPush"),
    ("Seal", "ReplyCipher"),
    ("Fate", "DeliveryStatus"),
    ("Outgoing", "SendRequest"),
    ("Flaw", "RuleViolation"),
    ("Unfit", "InvalidValue"),
    ("Stray|Strays", "UnmatchedReceipt, an orphaned event"),
    ("Arrival", "NewEvent"),
    ("Taken", "ClaimResult"),
    ("Tried", "AttemptResult, ChannelResult"),
    ("Counted", "FailureRecord"),
    ("Settled", "Resolved"),
    ("Told", "FollowEvent"),
    ("Step", "Transition"),
    ("Explanation", "UserInfo"),
    ("NoPlace", "InvalidCursor"),
    ("Rests|Rest", "CircuitBreaker, OpenCircuit"),
    ("Standing", "NextAction"),
    ("Announced", "SendIntent"),
    ("Before", "Expected"),
    ("Change", "Transition"),
    ("Written", "WriteResult"),
    ("Ended", "AttemptEnd"),
    ("Place", "what it is, such as ScanCursor or StackLocation"),
    ("Card", "ChannelTemplate"),
    ("PassedOver", "SkippedChannel"),
    ("NotNeeded", "Fallback"),
    ("Why", "SkipReason"),
    ("Ready", "PreparedMessage"),
    ("Allowance", "Entitlement"),
    ("Permit", "Consent"),
    ("Window", "ReplyWindow"),
    ("Report|Reports", "NotificationResult, SendResponse"),
    ("Content", "NotificationSpec, FieldSource"),
    ("Kept", "Cached"),
    ("Web", "HttpClient"),
    ("Discreet", "RedactPanics"),
    ("Held", "what is held, such as TokenCache"),
    ("Forced", "TokenRefreshLease"),
    ("Repair|Theirs|Holder", "LeaseResult"),
    ("Pair|Try", "AttemptKey, RateLimit"),
    ("Exchange|Exchanged|CodeName", "LoginCodeRecord, LoginCodeHash"),
    ("HandOver", "submit_form_ids"),
    ("Answer|Known|Listed|Outcome", "the same with its noun, such as LoginResponse"),
    ("Lead", "IdentityKey"),
    ("Asked", "PersonQuery, Params, AuthorizationRequest"),
    ("Who", "PersonSelector"),
    ("Reached", "AppReachability"),
    ("Halt|NoTime|Lost", "Stop, Deadline, LeaseLost"),
    ("Witness|Passed", "TrafficObserver, Observed"),
    ("Befalling|Ordered|Senseless|Course", "FaultHandle, InvalidFault, FaultProgress"),
    ("Crowd", "synthetic followers"),
    ("Opener", "WindowTrigger"),
    ("Happening|Feed", "Activity, ActivityFeed"),
    ("Scene", "ChannelScenario"),
    ("Deeds", "Workload"),
    ("Sought", "SecretScan"),
];

/// Retired names of constants, bare.
const CONSTANTS: &[(&str, &str)] = &[
    ("PATIENCE", "TIMEOUT, MAX_ATTEMPTS or MAX_AGE, with its noun"),
    ("MOST|LONGEST|LARGEST|LOOKS|ROUNDS|TRIES", "MAX_ and a noun"),
    ("LIFE", "TTL"),
    ("KEPT", "RETENTION or MAX_ and a noun"),
    ("AT_ONCE", "MAX_CONCURRENCY"),
    ("WHAT", "ACTION"),
    ("UNWELL", "OUTAGE_BACKOFF"),
    ("REPAIR", "OPERATOR_BACKOFF"),
    ("CHINA", "CHINA_UTC_OFFSET"),
    ("FRESH|AGAIN", "TTL, MISS_TTL"),
    ("MARKED", "TOMBSTONE_TTL"),
    ("CONDEMNED", "INVALID_FOR"),
    ("TO_MEND", "PERMANENT_ERRORS"),
    ("ORDERS", "COMMANDS"),
    ("RECEIVED", "ACK"),
    ("AFTER_ENTERING", "ENTER_SESSION_WINDOW"),
    ("STREAM_HEAD_START", "SWEEP_DELAY"),
    ("NEEDS_OPERATOR|NOT_NOW", "AccessTokenUnavailable"),
    ("PUT_OFF", "POSTPONE_SECS"),
    ("STAYS", "RETAINED"),
    ("STRAYS", "orphaned events"),
];

/// Retired names of functions.
const FUNCTIONS: &[(&str, &str)] = &[
    ("look|in_order", "what is read, such as select_channel or reconcile"),
    ("take|take_up", "claim, handle_push, requeue"),
    ("ask|asked", "send_request, or what is requested"),
    ("tell|told|say|said", "report, print or return, with its object"),
    ("obey", "execute"),
    ("greet", "verify_url"),
    ("hears|hear", "verify, handle"),
    ("befall", "inject"),
    ("farewell|farewells|goodbye|take_away", "erasure_items, commit"),
    ("complain", "print_error"),
    ("note_several|store_several", "record_bulk_request, store_batch"),
    ("lead", "identity_key"),
    ("left_of", "remaining_rows"),
    ("finally", "classify"),
    ("caught", "catch_panic"),
    ("keep_place", "save_cursor"),
    ("resting|rest_of|rests|rest", "blocked_until, open, backoff"),
    ("counts_again", "closes_circuit"),
    ("announce|announced", "record_intent"),
    ("conclusion", "final_status"),
    ("worse", "most_severe"),
    ("unasked", "skipped_locally"),
    ("because", "with_reason"),
    ("distrust", "invalidate"),
    ("suffices", "is_sufficient"),
    ("hasty_ssm", "ssm_fail_fast"),
    ("patiently", "retry_throttled"),
    ("condemn", "mark_invalid"),
    ("turn|over", "advance, finish"),
    ("bring_in", "import_batch"),
    ("insists", "ignore_backoff"),
    ("acquaint", "link_people_to_apps"),
    ("settle|settled", "converge, resolve_ambiguous, drain"),
    ("was_dropped", "is_abandoned"),
    ("never_came_back", "last_attempt_crashed"),
    ("is_ours_to_mend", "needs_operator_action"),
    ("is_hopeless|is_lasting", "is_permanent"),
    ("is_passing", "is_transient"),
    ("still_here", "not_erased_condition"),
    ("still_follows", "still_following_condition"),
    ("hand_over", "submit_form_ids"),
    ("call_off", "cancel"),
    ("alone", "refresh_lock"),
    ("is_sound", "is_valid"),
    ("understand|understood", "parse"),
    ("of", "new, from_ and for_ with a noun"),
];

/// Beginnings of names of tests and functions that have no subject.
const FUNCTION_BEGINNINGS: &[(&str, &str)] = &[
    ("of_", "from_ and for_ with a noun"),
    ("what_", "<subject>_<does>_when_<condition>"),
    ("who_", "<subject>_<does>_when_<condition>"),
    ("whoever_", "<subject>_<does>_when_<condition>"),
    ("whose_", "<subject>_<does>_when_<condition>"),
    ("nobody_", "<subject>_<does>_when_<condition>"),
    ("somebody_", "<subject>_<does>_when_<condition>"),
    ("everybody_", "<subject>_<does>_when_<condition>"),
    ("everything_", "<subject>_<does>_when_<condition>"),
];

/// Retired names that stand for themselves everywhere: attributes, metrics, keys,
/// resources, folders.
const NAMES: &[(&str, &str)] = &[
    ("unapplied", "pending"),
    ("set_aside|SetAside|EVENTS_SET_ASIDE|SetAsideAlarm", "quarantined"),
    ("events_twins|EVENTS_TWINS|note_twin", "events_key_collisions"),
    ("passed_over|PassedOver", "skipped"),
    ("not_needed|NotNeeded", "fallbacks"),
    ("no_route", "unreachable"),
    ("no_permit|permit_drift|permit#", "no_consent, consent_drift, consent#"),
    ("waiting_age", "retry_lag_seconds"),
    ("queue_age", "queue_message_age_seconds"),
    ("token_age", "token_age_seconds"),
    ("dead_generation", "rejected_generation"),
    ("token_forced", "token_forced_refreshes"),
    ("marked_until", "tombstone_expires_at"),
    ("brought_in", "imported"),
    ("befallen", "fired"),
    ("rests#", "circuit#"),
    ("forced#", "token_refresh#"),
    ("tries#", "password_attempts#"),
    ("forgetting#", "erasure#"),
    ("missed_leave", "undetected_unfollow"),
    ("in_its_name", "execution_role"),
    ("GreetingRoute", "UrlVerificationRoute"),
    ("WayOut", "EgressSecurityGroup"),
    ("TablesEndpoint", "DynamoDbEndpoint"),
    ("InNetwork|MakesNetwork", "UsesVpc, CreatesVpc"),
    ("HasZone", "HasHostedZone"),
    ("NotificationsDeadAlarm", "NotificationsDlqAlarm"),
    ("UnreadableAlarm", "UnreadableRecordsAlarm"),
    ("AddressAlarm", "IpWhitelistAlarm"),
    ("AccessTokenNotNow", "AccessTokenTemporarilyUnavailable"),
    ("notifications-dead|events-dead|stream-dead", "-dlq"),
    ("NoPlace|NotWeChat", "InvalidCursor, VerificationFailed"),
    ("SECRETS_SOUGHT", "SECRET_SCAN"),
    ("infra/hongyan|infra/wechat", "infra/cli, infra/sandbox"),
    (
        "tests/costs|tests/imports|tests/logins|tests/measuring|tests/sends|tests/soak",
        "tests/bench",
    ),
    ("tests/starts|tests/benchmarks", "tests/bench"),
    ("tests/tokens", "tests/test-tokens"),
];

/// Retired words and phrases of English sentences: for each word its forms.
const PHRASES: &[(&str, &str)] = &[
    ("somebody|nobody|whoever", "name it: the caller, another invocation, no one"),
    ("so many|often", "the number of, the maximum number of"),
    ("shall", "must, will"),
    ("go|goes|going|gone|went on", "continue, resume"),
    ("unwell", "unavailable, failing"),
    ("same breath", "as the passive reply"),
    ("write|writes|wrote|written|writing down", "store, record"),
    ("write|writes|wrote|written|writing it|them down", "store, record"),
    ("knock|knocks", "call the webhook"),
    ("take|takes|took|taken|taking effect", "apply"),
    ("patience|patient|patiently", "timeout, deadline, retries"),
    ("do|does|did|doesn't|didn't not|do its part", "an AWS call fails"),
    ("do its part", "an AWS call fails"),
    ("hopeless", "permanent"),
    ("call|calls|called|calling off", "cancel"),
    ("call|calls|called|calling it|them off", "cancel"),
    ("set|sets|setting aside", "quarantine"),
    ("set|sets|setting it|them aside", "quarantine"),
    ("twin|twins", "key collision, concurrent retry"),
    ("stray|strays", "orphaned event, unmatched receipt"),
    ("lane|lanes", "per user, in order"),
    ("speaker", "sender_app"),
    ("farewell|goodbye", "erasure"),
    ("befall|befalls|befell|befallen|befalling", "fire, inject"),
    ("permit|permits", "consent"),
    ("passed over", "skipped"),
    ("main job", "core flow"),
    ("main_job", "happy_path"),
    ("crowd|crowds", "synthetic followers"),
    ("witness|witnesses", "traffic observer"),
    ("telephone|telephones", "phone"),
    ("distrust|distrusts|distrusted", "invalidate"),
    ("condemn|condemns|condemned", "mark invalid"),
    ("moment|moments", "time, timestamp"),
    ("chance", "jitter, random"),
    ("forget|forgets|forgot|forgotten|forgetting", "erase, expire"),
    ("mend|mends|mended|mending", "fix"),
    ("dead token|tokens", "invalid token"),
    ("dead_token", "invalid token"),
    ("addressee|addressees", "receipt_key, recipient"),
    ("burn|burns|burnt|burned|burning", "invalidate"),
    ("greeting|greetings", "URL verification, welcome message"),
    ("persons", "people"),
    ("to be had", "available"),
    ("what came in", "stored events"),
    ("came|comes|become|becomes|became of", "outcome, result"),
    ("put|puts|putting off", "postpone"),
    ("announcement|announcements|announces|announce", "record the intent"),
    ("hasty|obey|obeys|insists", "fail fast, execute, ignore the backoff"),
    ("flaw|flaws", "rule violation"),
    ("come|comes|came to its end", "expire"),
    ("to its|their end", "completely"),
];

/// Retired names of files.
const FILES: &[(&str, &str)] = &[
    ("look|in_order", "select_channel, reconcile"),
    ("rests", "circuit_breaker"),
    ("kept", "cache"),
    ("chance", "jitter"),
    ("moment", "timestamp"),
    ("defect|defects", "panic"),
    ("held", "what is held"),
    ("lanes", "per_user"),
    ("witness", "traffic observer"),
    ("several", "bulk, batch"),
    ("elsewhere", "ignored_resources"),
    ("in_its_name", "execution_role"),
    ("parts", "model"),
    ("saved|notified|meter", "persisted, notification_feed, usage"),
    ("beside", "extra_stacks"),
    ("crowd|custom|operations|once|running", "see docs/GLOSSARY.md"),
    ("persons|forget|ask|who|forced|tries|exchanges|permits|place", "see docs/GLOSSARY.md"),
    ("disguise|handed_out|deeds|scene|unwell|settled|cut_off|later", "see docs/GLOSSARY.md"),
    ("greeting|main_job|telling|asking|telephone|watching", "see docs/GLOSSARY.md"),
];

/// Where a retired word is the ordinary one: a path's beginning, a part of the line, and
/// the reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("tests/conventions/", "", "lists the retired words"),
    ("docs/GLOSSARY.md", "", "may explain a retired word"),
    ("LICENSE", "", "the licences' own words"),
    ("BENCHMARKS.md", "", "output of `make bench`, which replaces the page"),
];

/// The words of a phrase after its first, each in all its forms.
type Phrase = Vec<Vec<&'static str>>;

/// The retired words, by where they are searched.
struct Vocabulary {
    /// By the keyword that defines it.
    definitions: Vec<(&'static [&'static str], HashMap<&'static str, &'static str>)>,
    names: Vec<(&'static str, &'static str)>,
    /// By the first word: the forms of the others, and the term.
    phrases: HashMap<&'static str, Vec<(Phrase, &'static str)>>,
}

impl Vocabulary {
    fn new() -> Self {
        let each = |table: &'static [(&'static str, &'static str)]| {
            table.iter().flat_map(|(words, term)| words.split('|').map(|word| (word, *term)))
        };
        let mut phrases = HashMap::<_, Vec<_>>::new();
        for (phrase, term) in PHRASES {
            let mut words = phrase.split(' ').map(|forms| forms.split('|').collect::<Vec<_>>());
            let first = words.next().unwrap();
            let rest: Vec<_> = words.collect();
            for form in first {
                phrases.entry(form).or_default().push((rest.clone(), *term));
            }
        }
        let definitions: Vec<(&'static [&'static str], HashMap<_, _>)> = vec![
            (&["struct", "enum", "type", "trait"], each(TYPES).collect()),
            (&["const", "static"], each(CONSTANTS).collect()),
            (&["fn"], each(FUNCTIONS).collect()),
        ];
        Self { definitions, names: each(NAMES).collect(), phrases }
    }

    /// The retired words of a line, and the terms to use.
    fn find(&self, path: &str, line: &str) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        for (name, term) in &self.names {
            if contains_word(line, name) {
                found.push(((*name).to_owned(), *term));
            }
        }
        let lower = line.to_lowercase().replace('’', "'");
        let words = lower.split(|it: char| !(it.is_alphanumeric() || it == '_' || it == '\''));
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        for (at, word) in words.iter().enumerate().filter(|_| !path.ends_with(".zh-CN.md")) {
            for (rest, term) in self.phrases.get(word).into_iter().flatten() {
                let follow = |(next, forms): (usize, &Vec<&str>)| {
                    words.get(at + 1 + next).is_some_and(|word| forms.contains(word))
                };
                if rest.iter().enumerate().all(follow) {
                    found.push((words[at..=at + rest.len()].join(" "), *term));
                }
            }
        }
        if path.ends_with(".rs") {
            found.extend(self.definition(line));
        }
        found
    }

    /// A definition with a retired name.
    fn definition(&self, line: &str) -> Option<(String, &'static str)> {
        let identifiers = line.split(|it: char| !(it.is_alphanumeric() || it == '_'));
        let mut identifiers = identifiers.filter(|word| !word.is_empty());
        let keyword = identifiers
            .find(|word| self.definitions.iter().any(|(keywords, _)| keywords.contains(word)))?;
        let name = identifiers.next()?;
        let found = format!("{keyword} {name}");
        if keyword == "fn"
            && let Some((_, term)) = FUNCTION_BEGINNINGS.iter().find(|(it, _)| name.starts_with(it))
        {
            return Some((found, term));
        }
        let (_, names) = self.definitions.iter().find(|(it, _)| it.contains(&keyword))?;
        names.get(name).map(|term| (found, *term))
    }
}

/// Whether a line contains a name that is no part of a longer one.
fn contains_word(line: &str, name: &str) -> bool {
    let is_part = |it: Option<char>| it.is_some_and(|it| it.is_alphanumeric() || it == '_');
    line.match_indices(name).any(|(at, _)| {
        let ends = name.ends_with('#') || !is_part(line[at + name.len()..].chars().next());
        ends && !is_part(line[..at].chars().next_back())
    })
}

/// The retired name of a file.
fn retired_file(path: &str) -> Option<&'static str> {
    let stem = path.rsplit('/').next()?.strip_suffix(".rs")?;
    FILES.iter().find(|(names, _)| names.split('|').any(|name| name == stem)).map(|(_, term)| *term)
}

/// The position of the exception that applies to a line of a file.
fn exception(path: &str, line: &str) -> Option<usize> {
    EXCEPTIONS.iter().position(|(file, part, _)| path.starts_with(file) && line.contains(part))
}

#[test]
fn no_retired_word_is_used() {
    let vocabulary = Vocabulary::new();
    let (mut problems, mut used) = (Vec::new(), BTreeSet::new());
    for path in tracked_files() {
        if let Some(term) = retired_file(&path) {
            match exception(&path, "") {
                Some(at) => drop(used.insert(at)),
                None => problems.push(format!("{path}: the file's name; use: {term}")),
            }
        }
        let Some(text) = text_of(&path) else { continue };
        for (number, line) in text.lines().enumerate() {
            for (word, term) in vocabulary.find(&path, line) {
                match exception(&path, line) {
                    Some(at) => drop(used.insert(at)),
                    None => problems.push(format!("{path}:{}: {word:?}; use: {term}", number + 1)),
                }
            }
        }
    }
    assert!(problems.is_empty(), "{} retired words:\n{}", problems.len(), problems.join("\n"));
    let unused: Vec<_> = (0..EXCEPTIONS.len()).filter(|at| !used.contains(at)).collect();
    let unused: Vec<_> = unused.into_iter().map(|at| EXCEPTIONS[at]).collect();
    assert!(unused.is_empty(), "exceptions that nothing needs: {unused:?}");
}

#[test]
fn retired_words_are_found_where_they_are_retired() {
    let vocabulary = Vocabulary::new();
    let words = |path, line| {
        let found = vocabulary.find(path, line).into_iter();
        found.map(|(word, _)| word).collect::<Vec<_>>()
    };
    assert_eq!(words("a.rs", "pub(crate) enum Place {"), ["enum Place"]);
    assert_eq!(words("a.rs", "pub struct ScanPlace; const MAX_TRIES: u8"), [""; 0]);
    assert_eq!(words("a.rs", "async fn who_asks_is_answered() {"), ["fn who_asks_is_answered"]);
    assert_eq!(
        words("a.md", "Somebody knocks, and it went on."),
        ["somebody", "knocks", "went on"]
    );
    assert_eq!(words("a.zh-CN.md", "`brought_in`, somebody"), ["brought_in"]);
    assert_eq!(words("a.yaml", "not_brought_in: forced#1"), ["forced#"]);
    assert_eq!(retired_file("functions/send/src/look.rs"), Some("select_channel, reconcile"));
    assert_eq!(retired_file("functions/send/src/outlook.rs"), None);
}
