//! Which of WeChat's addresses is called.
//!
//! Source: WeChat's page "API 域名" (API hosts): the hosts answer alike, and
//! `api2.weixin.qq.com` is there for the day that `api.weixin.qq.com` isn't.

use reqwest::Url;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// After this long away from the first host, one call looks whether it is back.
/// That call may lose the time of a connection that isn't made.
const AWAY: Duration = Duration::from_secs(300);

/// The addresses of WeChat, in order of preference.
#[derive(Debug)]
pub(super) struct Hosts {
    bases: Vec<Url>,
    away: Mutex<Option<Away>>,
}

/// The first host could not be connected to.
#[derive(Clone, Copy, Debug)]
struct Away {
    /// Where calls go instead.
    at: usize,
    since: Instant,
}

impl Hosts {
    /// Reads one address or several, separated by commas.
    pub(super) fn read(bases: &str) -> Result<Self, InvalidBase> {
        let bases = bases.split(',').map(|base| read(base.trim()));
        Ok(Self { bases: bases.collect::<Result<_, _>>()?, away: Mutex::default() })
    }

    /// The addresses for one call: first the one to call, then those to go on
    /// with as long as none can be connected to, each once.
    pub(super) fn candidates(&self, now: Instant) -> impl Iterator<Item = (usize, &Url)> {
        let mut away = self.away();
        let first = match away.as_mut() {
            None => 0,
            Some(away) if now.duration_since(away.since) < AWAY => away.at,
            Some(away) => {
                // The others stay where they are until this one has been there.
                away.since = now;
                0
            }
        };
        let all = self.bases.iter().enumerate();
        all.clone().skip(first).chain(all.take(first))
    }

    /// Notes that a host could be connected to.
    pub(super) fn mark_reachable(&self, at: usize) {
        if at == 0 {
            *self.away() = None;
        }
    }

    /// Notes that a host could not be connected to: if calls go there, they go
    /// to the next from now on.
    pub(super) fn mark_unreachable(&self, at: usize, now: Instant) {
        let mut away = self.away();
        let next = (at + 1) % self.bases.len();
        match away.as_mut() {
            None if at == 0 && next != 0 => *away = Some(Away { at: next, since: now }),
            Some(_) if next == 0 => *away = None,
            Some(away) if away.at == at => away.at = next,
            _ => {}
        }
    }

    fn away(&self) -> std::sync::MutexGuard<'_, Option<Away>> {
        self.away.lock().expect("nothing panics under this lock")
    }
}

fn read(base: &str) -> Result<Url, InvalidBase> {
    let base = Url::parse(base).map_err(|_| InvalidBase)?;
    let plain = base.path() == "/"
        && base.query().is_none()
        && base.fragment().is_none()
        && base.username().is_empty()
        && base.password().is_none();
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() || !plain {
        return Err(InvalidBase);
    }
    Ok(base)
}

/// The address of WeChat is not usable.
#[derive(Debug, thiserror::Error)]
#[error(
    "WeChat's address must be like https://api.weixin.qq.com: http or https, a host, no path; several are separated by commas"
)]
pub struct InvalidBase;

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Hosts {
        Hosts::read("https://api.example,https://api2.example, http://127.0.0.1:8090").unwrap()
    }

    fn order(hosts: &Hosts, now: Instant) -> Vec<usize> {
        hosts.candidates(now).map(|(at, _)| at).collect()
    }

    #[test]
    fn an_address_is_a_scheme_and_a_host() {
        for bad in [
            "",
            "api.weixin.qq.com",
            "ftp://api.example",
            "https://api.example/cgi-bin",
            "https://api.example?x=1",
            "https://me:secret@api.example",
            "https://api.example,",
            "https://api.example,,https://api2.example",
            "https://api.example https://api2.example",
            "https://接口.example", // in ASCII it is xn--6orp08a.example
        ] {
            assert!(Hosts::read(bad).is_err(), "{bad}");
        }
        let hosts = three();
        let named: Vec<_> = hosts.bases.iter().map(Url::as_str).collect();
        assert_eq!(
            named,
            ["https://api.example/", "https://api2.example/", "http://127.0.0.1:8090/"]
        );
    }

    #[test]
    fn calls_stay_with_the_host_that_can_be_connected_to() {
        let (hosts, now) = (three(), Instant::now());
        assert_eq!(order(&hosts, now), [0, 1, 2]);
        hosts.mark_unreachable(0, now);
        hosts.mark_reachable(1);
        assert_eq!(order(&hosts, now), [1, 2, 0]);
        // Calls that had begun before say nothing new.
        hosts.mark_unreachable(0, now);
        assert_eq!(order(&hosts, now), [1, 2, 0]);
        hosts.mark_unreachable(1, now);
        assert_eq!(order(&hosts, now), [2, 0, 1]);
        hosts.mark_unreachable(2, now);
        assert_eq!(order(&hosts, now), [0, 1, 2]);
    }

    #[test]
    fn one_call_in_five_minutes_looks_whether_the_first_is_back() {
        let (hosts, start) = (three(), Instant::now());
        hosts.mark_unreachable(0, start);
        assert_eq!(order(&hosts, start + AWAY - Duration::from_secs(1)), [1, 2, 0]);
        assert_eq!(order(&hosts, start + AWAY), [0, 1, 2]);
        assert_eq!(order(&hosts, start + AWAY), [1, 2, 0], "the others needn't wait for it");
        hosts.mark_unreachable(0, start + AWAY);
        assert_eq!(order(&hosts, start + AWAY * 2 - Duration::from_secs(1)), [1, 2, 0]);
        assert_eq!(order(&hosts, start + AWAY * 2), [0, 1, 2]);
        hosts.mark_reachable(0);
        assert_eq!(order(&hosts, start + AWAY * 2), [0, 1, 2], "it is back for all");
    }

    #[test]
    fn a_host_alone_is_all_there_is() {
        let (hosts, now) = (Hosts::read("https://api.example").unwrap(), Instant::now());
        hosts.mark_unreachable(0, now);
        assert_eq!(order(&hosts, now), [0]);
    }
}
