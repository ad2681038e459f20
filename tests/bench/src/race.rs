//! Everybody answers the same deliveries, in turns, on one core. What counts is
//! the time that the core spends on them, not what it spends on other programs.

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
/// How many seconds of the core's time a turn lasts.
const TURN: f64 = 0.25;

/// Somebody who answers deliveries.
pub(crate) enum Racer {
    Ours,
    Peer(Peer),
}

/// What somebody made of a case.
pub(crate) struct Outcome {
    /// Messages per second in each round; none if they can't answer it.
    pub(crate) rates: Vec<f64>,
    /// Why they can't, or what is odd about their answers.
    pub(crate) remark: Option<String>,
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
    let mut able = Vec::new();
    for racer in racers.iter_mut() {
        let (can, remark) = racer.check(case)?;
        able.push(can);
        outcomes.push(Outcome { rates: Vec::new(), remark });
    }
    for round in 0..=ROUNDS {
        let everybody = racers.iter_mut().zip(&mut outcomes).zip(&able);
        for ((racer, outcome), _) in everybody.filter(|(_, can)| **can) {
            let rate = racer.rate(case, if round == 0 { WARM_UP } else { TURN })?;
            if round > 0 {
                outcome.rates.push(rate);
            }
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

    /// Checks the answers to all deliveries of a case: whether there are any,
    /// and a remark. Peers may be unable to read JSON; nothing else is excused.
    fn check(&mut self, case: &Case) -> Result<(bool, Option<String>), Failed> {
        #[derive(Deserialize)]
        struct Answers {
            answers: Vec<String>,
        }
        let answers = match self {
            Self::Ours => {
                let ours = Ours::of(case);
                case.deliveries.iter().map(|delivery| ours.answer(case, delivery)).collect()
            }
            Self::Peer(peer) => {
                match peer.ask::<Answers>("answers", json!({ "case": case.name })) {
                    Ok(Answers { answers }) => Ok(answers),
                    Err(PeerError::Raised(refusal)) if case.format == Format::Json => {
                        let first = refusal.lines().next().unwrap_or_default();
                        return Ok((false, Some(format!("raises {first}"))));
                    }
                    Err(PeerError::Raised(problem)) => Err(problem),
                    Err(error) => return Err(error.into()),
                }
            }
        };
        let wrong =
            |problem| Failed::Wrong { name: self.name().to_owned(), case: case.name, problem };
        let remark = case.check(&answers.map_err(wrong)?).map_err(wrong)?;
        Ok((true, remark.map(|remark| format!("the reply is read as: {remark}"))))
    }

    /// Messages per second, over so many seconds of the core's time.
    fn rate(&mut self, case: &Case, seconds: f64) -> Result<f64, Failed> {
        #[derive(Deserialize)]
        struct Rate {
            rate: f64,
        }
        match self {
            Self::Ours => Ok(Ours::of(case).rate(case, seconds)),
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
        self.rates.iter().copied().max_by(f64::total_cmp)
    }

    /// How many times as many as another: the ratio in the middle of those of each round,
    /// in which the machine was as fast for both.
    pub(crate) fn times(&self, other: &Self) -> Option<f64> {
        let rounds = self.rates.iter().zip(&other.rates);
        let ratios: Vec<_> = rounds.map(|(own, other)| own / other).collect();
        measuring::median(&ratios, f64::total_cmp)
    }

    /// The round in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        measuring::median(&self.rates, f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_compared_with_each_other() {
        let outcome = |rates: &[f64]| Outcome { rates: rates.to_vec(), remark: None };
        // The machine slowed down for both.
        let (ours, theirs) = (outcome(&[60.0, 31.0, 30.0]), outcome(&[20.0, 10.0, 10.0]));
        assert_eq!(ours.times(&theirs), Some(3.0));
        assert_eq!(ours.times(&outcome(&[])), None);
    }
}
