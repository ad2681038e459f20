//! Who may call at all: an app's list of addresses.
//!
//! Source: WeChat's documentation, "IP白名单" (IP whitelist): of a Mini Program only
//! calls with the AppSecret are looked at, of an Official Account all.

use crate::api::Call;
use crate::app::{App, Kind};
use crate::control::Problem;
use crate::refusal::Refusal;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A Mini Program's list has so many entries at most.
const MOST: usize = 10;

/// Which addresses may call, and what for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whitelist {
    /// What is looked at; as is usual for this kind of app, if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// Addresses (`203.0.113.9`), ranges (`203.0.113.0/24`), and for a Mini Program
    /// also `203.0.113.*`.
    #[serde(default)]
    addresses: Vec<String>,
}

/// Which calls are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// None.
    Off,
    /// Those with the AppSecret.
    SecretApis,
    /// All.
    All,
}

impl Whitelist {
    /// Which calls of this kind of app are looked at. A list without addresses
    /// that nobody has said more of was never filled in.
    fn scope(&self, kind: Kind) -> Scope {
        self.scope.unwrap_or(match kind {
            _ if self.addresses.is_empty() => Scope::Off,
            Kind::OfficialAccount => Scope::All,
            Kind::MiniProgram => Scope::SecretApis,
        })
    }

    /// Says which entry the console would not take.
    pub(crate) fn check(&self, kind: Kind) -> Result<(), Problem> {
        if kind == Kind::MiniProgram && self.addresses.len() > MOST {
            return Err(Problem::bad(format!("addresses: a Mini Program has {MOST} at most")));
        }
        let bad = self.addresses.iter().find(|entry| {
            Range::read(entry).is_none() || (kind == Kind::OfficialAccount && entry.contains('*'))
        });
        bad.map_or(Ok(()), |entry| {
            Err(Problem::bad(format!(
                "addresses: {entry:?} is not an address or a range (203.0.113.9, 203.0.113.0/24; \
                 for a Mini Program also 203.0.113.*)"
            )))
        })
    }

    fn has(&self, address: IpAddr) -> bool {
        self.addresses.iter().filter_map(|entry| Range::read(entry)).any(|it| it.has(address))
    }
}

/// Whether this call may be made from where it comes.
///
/// # Errors
///
/// 40164, which names the address.
pub(crate) fn check(call: &Call<'_>, app: &App, with_secret: bool) -> Result<(), Refusal> {
    let looked_at = match app.whitelist.scope(app.kind) {
        Scope::Off => false,
        Scope::SecretApis => with_secret,
        Scope::All => true,
    };
    if !looked_at || app.whitelist.has(call.from) {
        return Ok(());
    }
    let mapped = match call.from {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    // WeChat writes the IPv4 address inside the IPv6 one with points.
    Err(Refusal::new(40164, format!("invalid ip {} ipv6 {mapped}, not in whitelist", call.from)))
}

/// The addresses that have their first bits in common with this one.
struct Range {
    address: Ipv6Addr,
    bits: u32,
}

impl Range {
    /// Reads an entry of the list.
    fn read(entry: &str) -> Option<Self> {
        if let Some(beginning) = entry.strip_suffix(".*") {
            let address: Ipv4Addr = format!("{beginning}.0").parse().ok()?;
            return Some(Self { address: address.to_ipv6_mapped(), bits: 96 + 24 });
        }
        let (address, bits) = match entry.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (entry, None),
        };
        let (address, before, all) = match address.parse().ok()? {
            IpAddr::V4(address) => (address.to_ipv6_mapped(), 96, 32),
            IpAddr::V6(address) => (address, 0, 128),
        };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { address, bits: before + bits })
    }

    fn has(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let differ = u128::from(address) ^ u128::from(self.address);
        differ.leading_zeros() >= self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_an_address_or_a_range() {
        let has = |entry: &str, address: &str| {
            Range::read(entry).map(|it| it.has(address.parse().unwrap()))
        };
        assert_eq!(has("203.0.113.9", "203.0.113.9"), Some(true));
        assert_eq!(has("203.0.113.9", "203.0.113.8"), Some(false));
        assert_eq!(has("203.0.113.9", "::ffff:203.0.113.9"), Some(true));
        assert_eq!(has("203.0.113.0/24", "203.0.113.200"), Some(true));
        assert_eq!(has("203.0.113.0/24", "203.0.114.1"), Some(false));
        assert_eq!(has("203.0.113.*", "203.0.113.200"), Some(true));
        assert_eq!(has("0.0.0.0/0", "8.8.8.8"), Some(true));
        assert_eq!(has("0.0.0.0/0", "::1"), Some(false));
        assert_eq!(has("2001:db8::/32", "2001:db8:1::1"), Some(true));
        for bad in ["", "shop", "203.0.113", "203.0.113.0/33", "203.*.*", "203.0.113.9:80"] {
            assert_eq!(has(bad, "203.0.113.9"), None, "{bad}");
        }
    }

    #[test]
    fn what_is_looked_at_goes_by_the_kind_of_app() {
        use Kind::{MiniProgram, OfficialAccount};
        let list = |scope, addresses: &[&str]| Whitelist {
            scope,
            addresses: addresses.iter().map(|&it| it.to_owned()).collect(),
        };
        let none = list(None, &[]);
        assert_eq!([none.scope(OfficialAccount), none.scope(MiniProgram)], [Scope::Off; 2]);
        let one = list(None, &["203.0.113.9"]);
        assert_eq!(
            [one.scope(OfficialAccount), one.scope(MiniProgram)],
            [Scope::All, Scope::SecretApis]
        );
        let nobody = list(Some(Scope::All), &[]);
        assert_eq!(nobody.scope(MiniProgram), Scope::All, "said, and so nobody may");
        assert!(list(None, &["203.0.113.*"]).check(OfficialAccount).is_err());
        assert!(list(None, &["203.0.113.*"]).check(MiniProgram).is_ok());
        assert!(list(None, &["1.2.3.4"; 11]).check(MiniProgram).is_err());
        assert!(list(None, &["1.2.3.4"; 11]).check(OfficialAccount).is_ok());
    }
}
