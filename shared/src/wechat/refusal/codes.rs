//! WeChat's error codes, as `codes.tsv` lists them.
//!
//! A code is looked up only when WeChat refuses a call, so the table is searched as the
//! text that it is: nothing is built at a cold start, and nothing is allocated.

use super::meaning::{ErrorClass, Meaning, Wait, WasSent};

/// Its head describes the columns, and names the sources.
const TABLE: &str = include_str!("codes.tsv");
/// The API of a row that counts for each API without a row of its own.
const ANY_API: &str = "*";

/// A line of the table: the same meaning of several codes, or of several APIs.
#[derive(Clone, Copy, Debug)]
struct Row {
    apis: &'static str,
    codes: &'static str,
    meaning: Meaning,
}

/// What a code means when this API answers with it. None if the table doesn't have it.
pub(super) fn find(api: &str, code: i64) -> Option<Meaning> {
    let mut general = None;
    for row in rows().filter(|row| row.codes().any(|one| one == code)) {
        if row.apis == ANY_API {
            general = Some(row.meaning);
        } else if row.apis.split(' ').any(|one| one == api) {
            return Some(row.meaning);
        }
    }
    general
}

fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter_map(Row::read)
}

impl Row {
    /// None for a comment or an empty line. A test holds that every other line is a row.
    fn read(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let mut next = || columns.next();
        let (apis, codes) = (next()?, next()?);
        let class = ErrorClass::parse(next()?)?;
        let sent = WasSent::parse(next()?)?;
        let wait = Wait::parse(next()?)?;
        let (_source, advice) = (next()?, next()?);
        Some(Self { apis, codes, meaning: Meaning { class, sent, wait, advice } })
    }

    fn codes(&self) -> impl Iterator<Item = i64> {
        self.codes.split(' ').filter_map(|code| code.parse().ok())
    }
}

impl ErrorClass {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "retry" => Self::Retry,
            "quota" => Self::Quota,
            "token" => Self::Token,
            "unreachable" => Self::Unreachable,
            "configuration" => Self::Configuration,
            "login" => Self::Login,
            "fault" => Self::Fault,
            _ => return None,
        })
    }
}

impl Wait {
    /// `-` is no time to wait for.
    fn parse(text: &str) -> Option<Option<Self>> {
        Some(match text {
            "-" => None,
            "minute" => Some(Self::Minute),
            "midnight" => Some(Self::Midnight),
            seconds => Some(Self::Seconds(seconds.parse().ok()?)),
        })
    }
}

impl WasSent {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "no" => Self::No,
            "perhaps" => Self::Perhaps,
            "yes" => Self::Yes,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests;
