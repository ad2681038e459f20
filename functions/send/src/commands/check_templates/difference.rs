//! What a comparison reports.

use serde::Serialize;
use shared::parameters::ChannelKind;

/// Something that keeps a template from being sent or shown as intended.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Difference {
    /// The template's code.
    pub(super) template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) channel: Option<ChannelKind>,
    /// The alias of the app concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) app: Option<String>,
    /// The account's own id of WeChat's template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) template_id: Option<String>,
    /// WeChat's key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) key: Option<String>,
    pub(super) problem: String,
    /// What to do about it.
    pub(super) advice: String,
}

/// A problem and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub(super) problem: String,
    pub(super) advice: String,
}

impl Obstacle {
    pub(super) fn new(problem: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { problem: problem.into(), advice: advice.into() }
    }

    /// A difference of the template as a whole.
    pub(super) fn difference(self, code: &str) -> Difference {
        Difference {
            template: code.to_owned(),
            channel: None,
            app: None,
            template_id: None,
            key: None,
            problem: self.problem,
            advice: self.advice,
        }
    }
}
