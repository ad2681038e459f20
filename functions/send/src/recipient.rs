//! Who gets a notification.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::parameters::AppAlias;
use shared::wechat::id::{OpenId, UnionId};

/// The recipient, named in one of three ways.
#[derive(Clone, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Recipient {
    /// The owner of an account.
    Account {
        /// The account's name.
        #[cfg_attr(test, schemars(extend("pattern" = "^[^#]{1,64}$")))]
        account: String,
    },
    /// A person.
    Union { union_id: UnionId },
    /// A user of one app.
    User {
        /// The app's alias, as under `/apps`.
        #[cfg_attr(test, schemars(extend("pattern" = "^[^#]{1,64}$")))]
        app: String,
        open_id: OpenId,
    },
}

impl Recipient {
    /// The alias of the app that it names.
    pub(crate) fn alias(&self) -> Option<&str> {
        if let Self::User { app, .. } = self { Some(app) } else { None }
    }

    /// Reads what a caller sent; none if it is no valid recipient.
    pub(crate) fn from_json(value: Value) -> Option<Self> {
        // serde would take a list for the members in their order.
        let value = Some(value).filter(Value::is_object)?;
        serde_json::from_value(value).ok().filter(|recipient| match recipient {
            // An account's name has the same limits.
            Self::Account { account: name } | Self::User { app: name, .. } => {
                AppAlias::is_valid(name)
            }
            Self::Union { .. } => true,
        })
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient(…)")
    }
}
