//! A million forgeries, none of which may be believed.
//!
//! They are made from genuine deliveries in the ways that are open to someone
//! who has seen some, but doesn't know the token. Where a refusal must not hang
//! on the signature alone, the forger is even given the token.

mod account;
mod body;
mod insider;
mod resplit;
mod stranger;

use crate::random::SeededRandom;
use account::{Account, Delivery, Take};
use shared::wechat::callback::Query;
use std::collections::BTreeMap;
use std::thread;

/// The minimum number of forgeries.
const FORGERIES: usize = 1_000_000;
/// The genuine deliveries of each account.
const GENUINE: usize = 24;

/// Makes one forgery of a delivery to an account, if this one lends itself to it.
type Forge = fn(&mut SeededRandom, &ForgeryInput<'_>) -> Option<Delivery>;

/// What a forger begins with.
struct ForgeryInput<'w> {
    /// Whom the forgery is for.
    account: &'w Account,
    /// What it is made from.
    genuine: &'w Delivery,
    /// What the account has got, too.
    beside: &'w Delivery,
    /// The deliveries of another account.
    foreign: &'w Delivery,
    /// Another account.
    stranger: &'w Account,
}

struct World {
    accounts: Vec<Account>,
    deliveries: Vec<Vec<Delivery>>,
}

impl World {
    fn new(random: &mut SeededRandom) -> Self {
        let accounts = Account::several(random);
        let deliveries = accounts
            .iter()
            .map(|account| (0..GENUINE).map(|_| account.deliver(random)).collect())
            .collect();
        Self { accounts, deliveries }
    }

    fn scene(&self, random: &mut SeededRandom) -> ForgeryInput<'_> {
        let place = random.below(self.accounts.len());
        let other = (place + 1 + random.below(self.accounts.len() - 1)) % self.accounts.len();
        ForgeryInput {
            account: &self.accounts[place],
            genuine: random.pick(&self.deliveries[place]),
            beside: random.pick(&self.deliveries[place]),
            foreign: random.pick(&self.deliveries[other]),
            stranger: &self.accounts[other],
        }
    }
}

/// What was tried of one kind.
#[derive(Clone, Copy, Default)]
struct Tally {
    made: usize,
    /// Those with a signature that holds: only the grammar, the window, the mode
    /// or what is inside of the envelope speaks against them. Counted for
    /// [`SIGNED`].
    signed: usize,
}

const KINDS: [(&str, Forge); 38] = [
    ("parts cut elsewhere", resplit::anywhere),
    ("digits moved between timestamp and nonce", resplit::digits),
    ("timestamp and nonce swapped", resplit::swapped),
    ("whole blocks cut off Encrypt into nonce", resplit::blocks),
    ("Encrypt taken out of timestamp and nonce", resplit::out_of_nothing),
    ("signature extended", stranger::extended),
    ("signature for msg_signature and back", stranger::exchanged_signatures),
    ("signature left out", stranger::without_signature),
    ("signature in capitals", stranger::capitals),
    ("signature cut short or drawn out", stranger::other_length),
    ("random signature", stranger::guessed),
    ("query key twice", stranger::twice),
    ("query key renamed", stranger::renamed),
    ("percent-encoded once more", stranger::encoded),
    ("white space in the query", stranger::spaced),
    ("digits of another script", stranger::other_digits),
    ("bit flipped in timestamp or nonce", stranger::flipped_query),
    ("bit flipped in the signature", stranger::flipped_signature),
    ("bit flipped in Encrypt", body::flipped_encrypt),
    ("Encrypt truncated or extended", body::cut_encrypt),
    ("Encrypt in another alphabet", body::other_alphabet),
    ("Encrypt of another delivery", body::mixed),
    ("Encrypt twice", body::two_encrypts),
    ("Encrypt hidden further down", body::hidden_encrypt),
    ("Encrypt where it is not alone", body::broken_body),
    ("plaintext to an encrypting app", body::downgraded),
    ("another app's delivery", stranger::foreign),
    ("signed with a known token", stranger::usual_tokens),
    ("replayed outside of the window", stranger::late),
    ("URL verification for a push and back", stranger::url_verification),
    ("signed, bad padding", insider::padding),
    ("signed, bad block length", insider::block_length),
    ("signed, another app id inside", insider::app_id),
    ("signed, wrong length inside", insider::length),
    ("signed, under another key", insider::key),
    ("signed, sealed for another app", insider::foreign_seal),
    ("signed, not canonical base64", insider::base64),
    ("signed, nothing inside", insider::empty),
];

/// Of these many must have a signature that holds, so that it is really one other
/// thing that speaks against them.
const SIGNED: [&str; 12] = [
    "parts cut elsewhere",
    "digits moved between timestamp and nonce",
    "timestamp and nonce swapped",
    "whole blocks cut off Encrypt into nonce",
    "query key twice",
    "Encrypt twice",
    "plaintext to an encrypting app",
    "replayed outside of the window",
    "signed, bad padding",
    "signed, another app id inside",
    "signed, wrong length inside",
    "signed, under another key",
];

/// Faults 11, 12, 13, 19.
#[test]
fn a_million_forgeries_and_none_believed() {
    let world = World::new(&mut SeededRandom::new(1));
    let genuine = all_genuine(&world);
    assert_eq!(genuine, world.accounts.len() * GENUINE);

    let threads = thread::available_parallelism().map_or(1, usize::from);
    let rounds = FORGERIES.div_ceil(KINDS.len() * threads);
    let mut tallies = BTreeMap::<&str, Tally>::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                let world = &world;
                scope.spawn(move || {
                    let mut random = SeededRandom::new(2 + worker as u64);
                    KINDS.map(|(kind, forge)| {
                        (kind, attack(&mut random, world, kind, forge, rounds))
                    })
                })
            })
            .collect();
        for worker in workers {
            for (kind, tally) in worker.join().expect("what it panicked with is above") {
                let sum = tallies.entry(kind).or_default();
                sum.made += tally.made;
                sum.signed += tally.signed;
            }
        }
    });

    let made: usize = tallies.values().map(|tally| tally.made).sum();
    assert!(made >= FORGERIES, "only {made}");
    for kind in SIGNED {
        assert!(tallies[kind].signed > rounds / 4, "{kind}: only {} signed", tallies[kind].signed);
    }
    // It has cost the genuine ones nothing.
    assert_eq!(all_genuine(&world), genuine);
}

/// How many genuine deliveries are believed, however their queries are ordered.
fn all_genuine(world: &World) -> usize {
    let mut believed = 0;
    for (account, deliveries) in world.accounts.iter().zip(&world.deliveries) {
        for delivery in deliveries {
            let mut reordered = delivery.clone();
            reordered.pairs.reverse();
            believed += usize::from(account.believes(delivery) && account.believes(&reordered));
        }
    }
    believed
}

fn attack(
    random: &mut SeededRandom,
    world: &World,
    kind: &str,
    forge: Forge,
    rounds: usize,
) -> Tally {
    let counts = SIGNED.contains(&kind);
    let mut tally = Tally::default();
    let mut tries = 0;
    while tally.made < rounds {
        tries += 1;
        assert!(tries < rounds * 200, "{kind}: nothing lends itself to it");
        let scene = world.scene(random);
        let Some(forgery) = forge(random, &scene) else { continue };
        assert!(
            !scene.account.believes(&forgery),
            "{kind} was believed:\n{forgery:?}\nmade from\n{:?}",
            scene.genuine
        );
        tally.made += 1;
        tally.signed += usize::from(counts && scene.account.holds(&forgery));
    }
    tally
}

impl Account {
    /// Whether the account takes a delivery for WeChat's.
    fn believes(&self, delivery: &Delivery) -> bool {
        self.takes(delivery).is_some()
    }

    /// What the account takes out of a delivery, if it believes it.
    fn takes(&self, delivery: &Delivery) -> Option<String> {
        let pairs = delivery.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query = Query::read(pairs).ok()?;
        match &delivery.take {
            Take::UrlVerification => {
                self.callback.verify_url(&query, delivery.now).ok().map(str::to_owned)
            }
            Take::Push(body) => {
                self.callback.decrypt(&query, body, delivery.now).ok().map(|opened| opened.message)
            }
        }
    }
}

/// An operator may turn the window off. Then what was said can be said again, at
/// another time; but nothing else can be.
/// Fault 15.
#[test]
fn without_a_window_there_are_replays_and_nothing_else() {
    let mut random = SeededRandom::new(3);
    let mut world = World::new(&mut random);
    for account in &mut world.accounts {
        account.callback.window = 0;
    }
    let forges: [Forge; 6] = [
        resplit::anywhere,
        resplit::digits,
        resplit::swapped,
        resplit::blocks,
        resplit::out_of_nothing,
        stranger::late,
    ];
    let mut replays = 0;
    for forge in forges {
        for _ in 0..5_000 {
            let scene = world.scene(&mut random);
            let Some(forgery) = forge(&mut random, &scene) else { continue };
            let Some(taken) = scene.account.takes(&forgery) else { continue };
            assert_eq!(Some(taken), scene.account.takes(scene.genuine), "{forgery:?}");
            replays += 1;
        }
    }
    assert!(replays > 5_000, "only {replays}");
}
