//! Message push: what the callbacks receive, how it is signed, encrypted and delivered, and
//! how their answers are read.
//!
//! Source: WeChat's documentation, "消息推送" (message push,
//! <https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html>).

pub(crate) mod deliver;
mod document;
pub(crate) mod event;
pub(crate) mod outgoing;
mod passive_reply;
mod paused;
pub(crate) mod subscription_events;
mod wire;
mod xml;
