//! Everybody answers the same deliveries, in turns, on one core.

use crate::corpus::Case;
use crate::ours::Ours;
use interop::peer::{Peer, PeerError};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::wechat::push::Format;
use std::path::Path;

/// Seconds before anything counts: caches fill, and what is compiled while it
/// runs, is.
const WARM_UP: f64 = 1.0;
/// Rounds that count. Everybody has a turn in each, so that whatever else the
/// machine does befalls all of them.
const ROUNDS: usize = 12;
/// How many seconds a turn lasts.
const TURN: f64 = 0.25;

/// Somebody who answers deliveries.
pub(crate) enum Racer {
    Ours,
    Peer(Peer),
}

/// What somebody made of a case.
pub(crate) enum Outcome {
    /// Messages per second in each round, the lowest first.
    Rates(Vec<f64>),
    /// They can't answer it, and this is what they say.
    Cannot(String),
}

/// Nothing was measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failed {
    #[error("a peer can't be asked: {0}")]
    Peer(#[from] PeerError),
    #[error("{name} doesn't do the work of {case}: {problem}")]
    Wrong { name: String, case: &'static str, problem: String },
}

/// Lets everybody answer the deliveries of one case. That they are the right
/// answers is checked before any of them is timed.
pub(crate) fn race(racers: &mut [Racer], case: &Case) -> Result<Vec<Outcome>, Failed> {
    let mut outcomes = Vec::new();
    for racer in racers.iter_mut() {
        outcomes.push(match racer.check(case)? {
            Some(refusal) => Outcome::Cannot(refusal),
            None => Outcome::Rates(Vec::with_capacity(ROUNDS)),
        });
    }
    for round in 0..=ROUNDS {
        for (racer, outcome) in racers.iter_mut().zip(&mut outcomes) {
            let Outcome::Rates(rates) = outcome else { continue };
            let rate = racer.rate(case, if round == 0 { WARM_UP } else { TURN })?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    for outcome in &mut outcomes {
        if let Outcome::Rates(rates) = outcome {
            rates.sort_unstable_by(f64::total_cmp);
        }
    }
    Ok(outcomes)
}

impl Racer {
    /// A peer that has read the cases from a file.
    pub(crate) fn peer(mut peer: Peer, corpus: &Path) -> Result<Self, Failed> {
        peer.ask::<Value>("read", json!({ "corpus": corpus }))?;
        Ok(Self::Peer(peer))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ours => "ours",
            Self::Peer(peer) => &peer.name,
        }
    }

    /// Checks the answers to all deliveries of a case. Peers may be unable to
    /// read JSON; what they raise then is given back. Nothing else is excused.
    fn check(&mut self, case: &Case) -> Result<Option<String>, Failed> {
        #[derive(Deserialize)]
        struct Answers {
            answers: Vec<String>,
        }
        let answers = match self {
            Self::Ours => {
                let ours = Ours::new(case);
                case.deliveries.iter().map(|delivery| ours.answer(delivery)).collect()
            }
            Self::Peer(peer) => {
                match peer.ask::<Answers>("answers", json!({ "case": case.name })) {
                    Ok(Answers { answers }) => Ok(answers),
                    Err(PeerError::Raised(refusal)) if case.format == Format::Json => {
                        return Ok(Some(refusal));
                    }
                    Err(PeerError::Raised(problem)) => Err(problem),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let wrong =
            |problem| Failed::Wrong { name: self.name().to_owned(), case: case.name, problem };
        case.check(&answers.map_err(wrong)?).map_err(wrong)?;
        Ok(None)
    }

    /// Messages per second, over so many seconds.
    fn rate(&mut self, case: &Case, seconds: f64) -> Result<f64, Failed> {
        #[derive(Deserialize)]
        struct Rate {
            rate: f64,
        }
        match self {
            Self::Ours => Ok(Ours::new(case).rate(seconds)),
            Self::Peer(peer) => {
                let request = json!({ "case": case.name, "seconds": seconds });
                Ok(peer.ask::<Rate>("rate", request)?.rate)
            }
        }
    }
}

impl Outcome {
    /// The best round: other work of the machine only ever takes away.
    pub(crate) fn best(&self) -> Option<f64> {
        self.rates()?.last().copied()
    }

    /// The round in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        let rates = self.rates()?;
        rates.get(rates.len() / 2).copied()
    }

    fn rates(&self) -> Option<&[f64]> {
        match self {
            Self::Rates(rates) => Some(rates),
            Self::Cannot(_) => None,
        }
    }
}
