//! One parameter and its versions.

use std::collections::VecDeque;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Put, name};
use crate::services::refusal::Refusal;

/// How many versions are kept (`PutParameter`: 100; the oldest goes).
const VERSIONS: usize = 100;

/// The largest value of the standard tier, and of the advanced one, in bytes.
const STANDARD_SIZE: usize = 4096;
const ADVANCED_SIZE: usize = 8192;

/// What a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A text.
    String,
    /// Texts, divided by commas.
    StringList,
    /// A secret: told only to those who ask for decryption.
    SecureString,
}

impl Kind {
    /// Its name in requests.
    pub(super) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "String" => Ok(Self::String),
            "StringList" => Ok(Self::StringList),
            "SecureString" => Ok(Self::SecureString),
            _ => {
                Err(Refusal::validation("a parameter's Type is String, StringList or SecureString"))
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::String => "String",
            Self::StringList => "StringList",
            Self::SecureString => "SecureString",
        })
    }
}

/// A parameter. Has no `Debug`: its values may be secrets.
#[derive(Serialize, Deserialize)]
pub(super) struct Parameter {
    pub(super) kind: Kind,
    /// The key that a `SecureString` names; nothing is encrypted with it here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    /// Oldest first, never empty.
    versions: VecDeque<Version>,
}

/// One value that a parameter has or had.
#[derive(Serialize, Deserialize)]
pub(super) struct Version {
    pub(super) version: u64,
    pub(super) value: String,
    /// What those see who don't ask for decryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    /// Milliseconds since 1970.
    modified: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(default)]
    advanced: bool,
}

impl Parameter {
    /// The first version.
    pub(super) fn new(put: &Put<'_>, now: u64) -> Result<Self, Refusal> {
        let kind = put.kind.ok_or_else(|| {
            Refusal::validation("A parameter type is required when you create a parameter.")
        })?;
        let key =
            (kind == Kind::SecureString).then(|| put.key.unwrap_or("alias/aws/ssm").to_owned());
        let version = Version::new(put, kind, 1, false, now)?;
        Ok(Self { kind, key, versions: VecDeque::from([version]) })
    }

    /// Another version; tells its number.
    pub(super) fn overwrite(&mut self, put: &Put<'_>, now: u64) -> Result<u64, Refusal> {
        if put.kind.is_some_and(|kind| kind != self.kind) {
            return Err(Refusal::new(
                "HierarchyTypeMismatch",
                format!(
                    "the parameter {} is a {} and cannot become another type: delete it first",
                    put.name, self.kind
                ),
            ));
        }
        let latest = self.latest();
        let number = latest.version + 1;
        let mut version = Version::new(put, self.kind, number, latest.advanced, now)?;
        version.description = version.description.or_else(|| latest.description.clone());
        if let (Kind::SecureString, Some(key)) = (self.kind, put.key) {
            self.key = Some(key.to_owned());
        }
        self.versions.push_back(version);
        if self.versions.len() > VERSIONS {
            self.versions.pop_front();
        }
        Ok(number)
    }

    /// The version that holds now.
    pub(super) fn latest(&self) -> &Version {
        self.versions
            .back()
            .expect("a parameter is made with a version, and the last is never removed")
    }

    /// The version that a reader selects, the latest if none.
    pub(super) fn select(&self, selector: Option<&str>) -> Option<&Version> {
        let Some(selector) = selector else { return Some(self.latest()) };
        let number: u64 = selector.strip_prefix(':')?.parse().ok()?;
        self.versions.iter().find(|version| version.version == number)
    }

    /// All versions, oldest first.
    pub(super) fn versions(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter()
    }

    /// The `Parameter` of answers.
    pub(super) fn shown(&self, name: &str, version: &Version, decrypt: bool) -> Value {
        json!({
            "Name": name,
            "Type": self.kind.to_string(),
            "Value": version.shown(decrypt),
            "Version": version.version,
            "LastModifiedDate": version.modified(),
            "ARN": name::arn(name),
            "DataType": "text",
        })
    }

    /// The `ParameterMetadata` of answers; with a value, the `ParameterHistory`.
    pub(super) fn described(&self, name: &str, version: &Version) -> Value {
        let mut described = json!({
            "Name": name,
            "Type": self.kind.to_string(),
            "Version": version.version,
            "LastModifiedDate": version.modified(),
            "LastModifiedUser": format!("arn:aws:iam::{}:root", crate::services::ACCOUNT),
            "Tier": version.tier(),
            "Policies": [],
            "DataType": "text",
        });
        if let Some(description) = &version.description {
            described["Description"] = json!(description);
        }
        if let Some(key) = &self.key {
            described["KeyId"] = json!(key);
        }
        described
    }
}

impl Version {
    fn new(
        put: &Put<'_>,
        kind: Kind,
        version: u64,
        was_advanced: bool,
        now: u64,
    ) -> Result<Self, Refusal> {
        let invalid = |reason: String| Refusal::validation(reason);
        let size = put.value.len();
        let advanced = match put.tier {
            None => was_advanced,
            Some("Standard") if was_advanced => {
                return Err(invalid(
                    "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier.".to_owned(),
                ));
            }
            Some("Standard") => false,
            Some("Advanced") => true,
            Some("Intelligent-Tiering") => was_advanced || size > STANDARD_SIZE,
            Some(_) => {
                return Err(invalid(
                    "a parameter's Tier is Standard, Advanced or Intelligent-Tiering".to_owned(),
                ));
            }
        };
        if size == 0 {
            return Err(invalid("a parameter's Value has at least one character".to_owned()));
        }
        if !advanced && size > STANDARD_SIZE {
            return Err(invalid(format!(
                "Standard tier parameters support a maximum parameter value of {STANDARD_SIZE} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier."
            )));
        }
        if size > ADVANCED_SIZE {
            return Err(invalid(format!(
                "Advanced tier parameters support a maximum parameter value of {ADVANCED_SIZE} characters."
            )));
        }
        let sealed = (kind == Kind::SecureString).then(|| seal(size)).transpose()?;
        Ok(Self {
            version,
            value: put.value.to_owned(),
            sealed,
            modified: now,
            description: put.description.map(str::to_owned),
            advanced,
        })
    }

    /// The value, or for a secret that is not to be decrypted something else.
    pub(super) fn shown(&self, decrypt: bool) -> &str {
        match &self.sealed {
            Some(sealed) if !decrypt => sealed,
            _ => &self.value,
        }
    }

    pub(super) fn tier(&self) -> &'static str {
        if self.advanced { "Advanced" } else { "Standard" }
    }

    /// Seconds since 1970, as AWS JSON has times.
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 200,000 years")]
    fn modified(&self) -> f64 {
        self.modified as f64 / 1000.0
    }
}

/// A stand-in for a ciphertext: as long as one, and with nothing of the secret in it.
fn seal(size: usize) -> Result<String, Refusal> {
    // What KMS adds to a plaintext: the key's name, the data key, nonce and tag.
    const ADDED: usize = 160;
    let mut bytes = vec![0; size + ADDED];
    getrandom::fill(&mut bytes)
        .map_err(|error| Refusal::internal(format!("the system has no random bytes: {error}")))?;
    Ok(STANDARD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: &str) -> Put<'_> {
        Put { name: "a", kind: Some(Kind::String), value, overwrite: true, ..Put::default() }
    }

    #[test]
    fn a_hundred_versions_are_kept() {
        let mut parameter = Parameter::new(&put("1"), 0).unwrap();
        for number in 2..=105 {
            assert_eq!(parameter.overwrite(&put(&number.to_string()), 0).unwrap(), number);
        }
        let kept: Vec<u64> = parameter.versions().map(|version| version.version).collect();
        assert_eq!(kept, (6..=105).collect::<Vec<_>>());
        assert!(parameter.select(Some(":5")).is_none());
        assert_eq!(parameter.select(Some(":6")).unwrap().value, "6");
        assert_eq!(parameter.select(None).unwrap().value, "105");
    }

    #[test]
    fn an_advanced_parameter_may_be_larger_and_stays_advanced() {
        let long = "x".repeat(4097);
        assert!(Parameter::new(&put(&long), 0).is_err());
        let tier = |tier| Put { tier: Some(tier), ..put(&long) };
        let mut parameter = Parameter::new(&tier("Intelligent-Tiering"), 0).unwrap();
        assert_eq!(parameter.latest().tier(), "Advanced");
        parameter.overwrite(&put(&long), 0).unwrap();
        assert!(parameter.overwrite(&Put { tier: Some("Standard"), ..put("short") }, 0).is_err());
        let longer = "x".repeat(8193);
        assert!(parameter.overwrite(&put(&longer), 0).is_err());
    }

    #[test]
    fn a_secret_is_not_in_what_it_is_sealed_into() {
        let secret = "a secret of some length";
        let put = Put { kind: Some(Kind::SecureString), ..put(secret) };
        let parameter = Parameter::new(&put, 0).unwrap();
        let sealed = parameter.latest().shown(false);
        assert!(!sealed.contains(secret));
        let bytes = STANDARD.decode(sealed).unwrap();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
        assert_eq!(parameter.latest().shown(true), secret);
    }
}
