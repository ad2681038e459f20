//! Implementations answer the same deliveries, in turns, on one core. Their processor time
//! counts, so that other programs do not.

use crate::corpus::Case;
use crate::ours::Ours;
use interop::peer::{Peer, PeerError};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::wechat::push::Format;
use std::path::Path;

/// Unmeasured seconds in which caches fill and just-in-time compilers compile.
const WARM_UP_SECS: f64 = 1.0;
/// Measured rounds. Every implementation has a turn in each, so that other work of the machine affects
/// all of them.
const TURNS_EACH: usize = 12;
/// The processor time of a turn.
const TURN_SECS: f64 = 0.25;

/// An implementation.
pub(crate) enum Racer {
    Ours,
    Peer(Peer),
}

/// The result of an implementation in a case.
pub(crate) struct RaceResult {
    /// Messages per second in each round; empty if it can't answer the case.
    pub(crate) rates: Vec<f64>,
    /// Why it can't, or what is odd about its answers.
    pub(crate) remark: Option<String>,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RaceError {
    #[error("a peer does not answer: {0}")]
    Peer(#[from] PeerError),
    #[error("{name} answers {case} wrongly: {problem}")]
    Wrong { name: String, case: &'static str, problem: String },
}

/// Measures the implementations in one case, after checking their answers.
pub(crate) fn race(racers: &mut [Racer], case: &Case) -> Result<Vec<RaceResult>, RaceError> {
    let mut results = Vec::new();
    let mut able = Vec::new();
    for racer in racers.iter_mut() {
        let (can, remark) = racer.check(case)?;
        able.push(can);
        results.push(RaceResult { rates: Vec::new(), remark });
    }
    for round in 0..=TURNS_EACH {
        let turns = racers.iter_mut().zip(&mut results).zip(&able);
        for ((racer, result), _) in turns.filter(|(_, can)| **can) {
            let rate = racer.rate(case, if round == 0 { WARM_UP_SECS } else { TURN_SECS })?;
            if round > 0 {
                result.rates.push(rate);
            }
        }
    }
    Ok(results)
}

impl Racer {
    /// Has a peer read the cases from a file.
    pub(crate) fn peer(mut peer: Peer, corpus: &Path) -> Result<Self, RaceError> {
        peer.request::<Value>("read", json!({ "corpus": corpus }))?;
        Ok(Self::Peer(peer))
    }

    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Ours => "ours",
            Self::Peer(peer) => &peer.name,
        }
    }

    /// Checks the answers to all deliveries of a case. Returns whether there are any, and a
    /// remark. Peers may be unable to read JSON; any other failure is an error.
    fn check(&mut self, case: &Case) -> Result<(bool, Option<String>), RaceError> {
        #[derive(Deserialize)]
        struct Answers {
            answers: Vec<String>,
        }
        let answers = match self {
            Self::Ours => {
                let ours = Ours::for_case(case);
                case.deliveries.iter().map(|delivery| ours.answer(case, delivery)).collect()
            }
            Self::Peer(peer) => {
                match peer.request::<Answers>("answers", json!({ "case": case.name })) {
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
            |problem| RaceError::Wrong { name: self.name().to_owned(), case: case.name, problem };
        let remark = case.check(&answers.map_err(wrong)?).map_err(wrong)?;
        Ok((true, remark.map(|remark| format!("the reply is read as: {remark}"))))
    }

    /// Messages per second, over this many seconds of processor time.
    fn rate(&mut self, case: &Case, seconds: f64) -> Result<f64, RaceError> {
        #[derive(Deserialize)]
        struct Rate {
            rate: f64,
        }
        match self {
            Self::Ours => Ok(Ours::for_case(case).rate(case, seconds)),
            Self::Peer(peer) => {
                let request = json!({ "case": case.name, "seconds": seconds });
                Ok(peer.request::<Rate>("rate", request)?.rate)
            }
        }
    }
}

impl RaceResult {
    /// The best round: other work of the machine only slows a round down.
    pub(crate) fn best(&self) -> Option<f64> {
        self.rates.iter().copied().max_by(f64::total_cmp)
    }

    /// The median of the rounds' ratios to another implementation: within a round the
    /// machine is equally fast for both.
    pub(crate) fn ratio_to(&self, other: &Self) -> Option<f64> {
        let rounds = self.rates.iter().zip(&other.rates);
        let ratios: Vec<_> = rounds.map(|(own, other)| own / other).collect();
        bench::median(&ratios, f64::total_cmp)
    }

    /// The median of the rounds.
    pub(crate) fn median(&self) -> Option<f64> {
        bench::median(&self.rates, f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_compares_round_by_round() {
        let result = |rates: &[f64]| RaceResult { rates: rates.to_vec(), remark: None };
        // The machine slowed down for both.
        let (ours, theirs) = (result(&[60.0, 31.0, 30.0]), result(&[20.0, 10.0, 10.0]));
        assert_eq!(ours.ratio_to(&theirs), Some(3.0));
        assert_eq!(ours.ratio_to(&result(&[])), None);
    }
}
