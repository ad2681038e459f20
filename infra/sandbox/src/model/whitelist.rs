//! An app's IP whitelist.
//!
//! Source: WeChat's documentation, "IP白名单" (IP whitelist): for a Mini Program it applies to
//! calls with the AppSecret only, for an Official Account to all calls.

use crate::model::app_settings::AppKind;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Maximum number of entries of a Mini Program.
const MAX_MINI_PROGRAM_ENTRIES: usize = 10;

/// Which addresses may call, and which calls are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whitelist {
    /// The calls that are checked; the default depends on the kind of app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    scope: Option<Scope>,
    /// Addresses (`203.0.113.9`), ranges (`203.0.113.0/24`), and for a Mini Program
    /// also `203.0.113.*`.
    #[serde(default)]
    addresses: Vec<String>,
}

/// The calls that are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// None.
    Off,
    /// Calls with the AppSecret.
    SecretApis,
    /// All calls.
    All,
}

impl Whitelist {
    /// The calls that are checked. An empty list without a scope was never set up.
    fn scope(&self, kind: AppKind) -> Scope {
        self.scope.unwrap_or(match kind {
            _ if self.addresses.is_empty() => Scope::Off,
            AppKind::OfficialAccount => Scope::All,
            AppKind::MiniProgram => Scope::SecretApis,
        })
    }

    /// Fails with the entry that WeChat's console rejects.
    pub(crate) fn check(&self, kind: AppKind) -> Result<(), String> {
        if kind == AppKind::MiniProgram && self.addresses.len() > MAX_MINI_PROGRAM_ENTRIES {
            return Err(format!(
                "addresses: a Mini Program has {MAX_MINI_PROGRAM_ENTRIES} at most"
            ));
        }
        let invalid = self.addresses.iter().find(|entry| {
            Range::parse(entry).is_none()
                || (kind == AppKind::OfficialAccount && entry.contains('*'))
        });
        invalid.map_or(Ok(()), |entry| {
            Err(format!(
                "addresses: {entry:?} is not an address or a range (203.0.113.9, 203.0.113.0/24; \
                 for a Mini Program also 203.0.113.*)"
            ))
        })
    }

    /// Whether this address may make a call, with the AppSecret or without.
    pub(crate) fn allows(&self, kind: AppKind, address: IpAddr, with_secret: bool) -> bool {
        let checked = match self.scope(kind) {
            Scope::Off => false,
            Scope::SecretApis => with_secret,
            Scope::All => true,
        };
        !checked
            || self
                .addresses
                .iter()
                .filter_map(|entry| Range::parse(entry))
                .any(|range| range.contains(address))
    }
}

/// An IPv6 address; an IPv4 address as the mapped one.
pub(crate) fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

/// The addresses that share their first bits with this one.
struct Range {
    address: Ipv6Addr,
    bits: u32,
}

impl Range {
    fn parse(entry: &str) -> Option<Self> {
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

    fn contains(&self, address: IpAddr) -> bool {
        let differ = u128::from(as_ipv6(address)) ^ u128::from(self.address);
        differ.leading_zeros() >= self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_is_an_address_or_a_range() {
        let has = |entry: &str, address: &str| {
            Range::parse(entry).map(|it| it.contains(address.parse().unwrap()))
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
    fn scope_depends_on_the_kind_of_app() {
        use AppKind::{MiniProgram, OfficialAccount};
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
        let empty = list(Some(Scope::All), &[]);
        assert_eq!(
            empty.scope(MiniProgram),
            Scope::All,
            "an explicit scope applies to an empty list"
        );
        assert!(list(None, &["203.0.113.*"]).check(OfficialAccount).is_err());
        assert!(list(None, &["203.0.113.*"]).check(MiniProgram).is_ok());
        assert!(list(None, &["1.2.3.4"; 11]).check(MiniProgram).is_err());
        assert!(list(None, &["1.2.3.4"; 11]).check(OfficialAccount).is_ok());
    }
}
