//! The state of the sandbox: apps, people, templates, tokens, quotas, and the rules that
//! WeChat applies to them. Nothing here handles a request.

pub(crate) mod api_limits;
pub(crate) mod app;
pub(crate) mod app_settings;
pub(crate) mod call_log;
pub(crate) mod client_msg_id;
pub(crate) mod example_world;
pub(crate) mod faults;
pub(crate) mod fields;
pub(crate) mod followers;
pub(crate) mod forms;
pub(crate) mod industries;
pub(crate) mod key_rotation;
pub(crate) mod media;
pub(crate) mod message;
pub(crate) mod one_time_code;
pub(crate) mod person;
pub(crate) mod phone_number;
pub(crate) mod public_template;
pub(crate) mod quota;
pub(crate) mod reply_window;
pub(crate) mod secret_serde;
pub(crate) mod synthetic_followers;
pub(crate) mod template;
pub(crate) mod tokens;
pub(crate) mod whitelist;
pub(crate) mod world;
