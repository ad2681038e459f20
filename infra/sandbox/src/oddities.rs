//! Oddities of WeChat's wire: what WeChat sends that its documentation doesn't say, and what
//! its documentation says in passing.
//!
//! Each is switched on by name. Chaos draws from those that change no meaning.

pub(crate) mod answer;
pub(crate) mod catalog;
pub(crate) mod draw;
pub(crate) mod message;
mod profile;
pub(crate) mod switches;
pub(crate) mod text;
