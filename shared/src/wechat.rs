//! WeChat's protocol, for Official Accounts (公众号) and Mini Programs (小程序).
//!
//! Nothing in here knows AWS, a table or an environment variable.
//!
//! WeChat calls us: [`callback`] decides whether it is WeChat, with the help of
//! [`signature`], [`crypto`] and [`envelope`], which takes the ciphertext out of
//! a body; [`push`] says what happened, and [`reply`] what to answer. `wire` reads all that
//! WeChat sends.
//! We call WeChat: [`client`] is the only place where an answer becomes a value
//! or an error, [`refusal`] says what an error code means, and the verbs stand
//! in [`token`], [`login`], [`phone`], [`user`], [`message`], [`customer_service`]
//! and [`templates`]. What leaves is made of [`text`] and [`address`].

pub mod address;
pub mod answers;
pub mod api;
pub mod callback;
pub mod client;
pub mod crypto;
pub mod customer_service;
pub mod envelope;
pub mod field;
pub mod form_id;
mod hosts;
pub mod id;
pub mod login;
pub mod message;
pub mod phone;
pub mod push;
pub mod quota;
pub mod refusal;
pub mod reply;
pub mod signature;
pub mod templates;
pub mod text;
pub mod token;
pub mod user;
mod wire;
