//! Which paths an app may call, and how often a day.

use crate::model::app::App;
use crate::model::app_settings::{AccountType, AppKind};
use crate::model::tokens::LEGACY_PATH;

/// The path that takes uploads.
pub(crate) const UPLOAD_PATH: &str = "/cgi-bin/media/upload";

impl App {
    /// The app's daily quota of a path whose usual quota is `usual`.
    pub(crate) fn daily_limit(&self, path: &str, usual: u64) -> u64 {
        let set = self.limits.get(path).copied();
        set.unwrap_or_else(|| match self.account {
            AccountType::Test if self.kind == AppKind::OfficialAccount => {
                test_account_quota(path).unwrap_or(usual)
            }
            _ => usual,
        })
    }

    /// Whether the app may call a path that requires `kind`.
    pub(crate) fn may_call(&self, path: &str, kind: Option<AppKind>) -> bool {
        let notification = path == "/cgi-bin/message/subscribe/bizsend";
        let template = path.starts_with("/cgi-bin/template/")
            || path.starts_with("/cgi-bin/message/template/");
        let lacks = match self.account {
            AccountType::Service => false,
            AccountType::Subscription => notification || template,
            AccountType::Test => notification,
        };
        kind.is_none_or(|kind| kind == self.kind)
            && !(self.kind == AppKind::OfficialAccount && lacks)
    }
}

/// A test account's quota, where WeChat's table has a different one for it.
fn test_account_quota(path: &str) -> Option<u64> {
    Some(match path {
        LEGACY_PATH => 200,
        "/cgi-bin/user/get" => 100,
        "/cgi-bin/user/info" => 500_000,
        "/cgi-bin/message/custom/send" => 50_000,
        UPLOAD_PATH => 500,
        "/cgi-bin/media/get" => 1000,
        _ => return None,
    })
}
