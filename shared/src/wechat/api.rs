//! The paths of the APIs of which an error code means something of its own.

/// Template messages of an Official Account.
pub const TEMPLATE: &str = "/cgi-bin/message/template/send";
/// Subscription messages of a mini program.
pub const SUBSCRIBE: &str = "/cgi-bin/message/subscribe/send";
/// Subscription notifications of an Official Account.
pub const BIZSEND: &str = "/cgi-bin/message/subscribe/bizsend";
/// Customer-service messages.
pub const CUSTOMER_SERVICE: &str = "/cgi-bin/message/custom/send";
/// Template messages of a mini program, by a form id.
pub const LEGACY_TEMPLATE: &str = "/cgi-bin/message/wxopen/template/send";
/// Access tokens.
pub const STABLE_TOKEN: &str = "/cgi-bin/stable_token";
