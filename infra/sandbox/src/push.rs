//! Message push: what the callbacks receive, how it is signed, encrypted and delivered, and
//! how their answers are read.
//!
//! Source: WeChat's documentation, "消息推送" (message push).

pub(crate) mod deliver;
pub(crate) mod event;
pub(crate) mod outgoing;
mod passive_reply;
mod paused;
pub(crate) mod subscription_events;
mod xml;
