//! Failover between WeChat's API hosts.
//!
//! Source: WeChat's page "API 域名" (API hosts): the hosts are equivalent, and
//! `api2.weixin.qq.com` is the fallback for `api.weixin.qq.com`.

use reqwest::Url;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// After this time on another host, one call tries the first one again. That call may lose
/// the time of a failed connection.
const FAILBACK_INTERVAL: Duration = Duration::from_secs(300);

/// WeChat's addresses, in order of preference.
#[derive(Debug)]
pub(super) struct Hosts {
    bases: Vec<Url>,
    failover: Mutex<Option<Failover>>,
}

/// The first host is unreachable.
#[derive(Clone, Copy, Debug)]
struct Failover {
    /// The host that calls begin with.
    at: usize,
    since: Instant,
}

impl Hosts {
    /// Reads one address or several, separated by commas.
    pub(super) fn read(bases: &str) -> Result<Self, InvalidBase> {
        let bases = bases.split(',').map(|base| read(base.trim()));
        Ok(Self { bases: bases.collect::<Result<_, _>>()?, failover: Mutex::default() })
    }

    /// The addresses for one call, in the order in which to try them.
    pub(super) fn candidates(&self, now: Instant) -> impl Iterator<Item = (usize, &Url)> {
        let mut failover = self.failover();
        let first = match failover.as_mut() {
            None => 0,
            Some(failover) if now.duration_since(failover.since) < FAILBACK_INTERVAL => failover.at,
            Some(failover) => {
                // Other calls stay on the other host until this one has succeeded.
                failover.since = now;
                0
            }
        };
        let all = self.bases.iter().enumerate();
        all.clone().skip(first).chain(all.take(first))
    }

    /// Records that a connection to a host succeeded.
    pub(super) fn mark_reachable(&self, at: usize) {
        if at == 0 {
            *self.failover() = None;
        }
    }

    /// Records that a connection to a host failed. If calls begin there, they begin with the
    /// next one from now on.
    pub(super) fn mark_unreachable(&self, at: usize, now: Instant) {
        let mut failover = self.failover();
        let next = (at + 1) % self.bases.len();
        match failover.as_mut() {
            None if at == 0 && next != 0 => *failover = Some(Failover { at: next, since: now }),
            Some(_) if next == 0 => *failover = None,
            Some(failover) if failover.at == at => failover.at = next,
            _ => {}
        }
    }

    fn failover(&self) -> std::sync::MutexGuard<'_, Option<Failover>> {
        self.failover.lock().expect("nothing panics under this lock")
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
    fn address_is_a_scheme_and_a_host() {
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
    fn calls_stay_with_the_reachable_host() {
        let (hosts, now) = (three(), Instant::now());
        assert_eq!(order(&hosts, now), [0, 1, 2]);
        hosts.mark_unreachable(0, now);
        hosts.mark_reachable(1);
        assert_eq!(order(&hosts, now), [1, 2, 0]);
        // The result of a call that began earlier changes nothing.
        hosts.mark_unreachable(0, now);
        assert_eq!(order(&hosts, now), [1, 2, 0]);
        hosts.mark_unreachable(1, now);
        assert_eq!(order(&hosts, now), [2, 0, 1]);
        hosts.mark_unreachable(2, now);
        assert_eq!(order(&hosts, now), [0, 1, 2]);
    }

    #[test]
    fn one_call_in_five_minutes_tries_the_first_host_again() {
        let (hosts, start) = (three(), Instant::now());
        hosts.mark_unreachable(0, start);
        assert_eq!(order(&hosts, start + FAILBACK_INTERVAL - Duration::from_secs(1)), [1, 2, 0]);
        assert_eq!(order(&hosts, start + FAILBACK_INTERVAL), [0, 1, 2]);
        assert_eq!(
            order(&hosts, start + FAILBACK_INTERVAL),
            [1, 2, 0],
            "the others needn't wait for it"
        );
        hosts.mark_unreachable(0, start + FAILBACK_INTERVAL);
        assert_eq!(
            order(&hosts, start + FAILBACK_INTERVAL * 2 - Duration::from_secs(1)),
            [1, 2, 0]
        );
        assert_eq!(order(&hosts, start + FAILBACK_INTERVAL * 2), [0, 1, 2]);
        hosts.mark_reachable(0);
        assert_eq!(order(&hosts, start + FAILBACK_INTERVAL * 2), [0, 1, 2], "it is back for all");
    }

    #[test]
    fn single_host_is_always_tried() {
        let (hosts, now) = (Hosts::read("https://api.example").unwrap(), Instant::now());
        hosts.mark_unreachable(0, now);
        assert_eq!(order(&hosts, now), [0]);
    }
}
