//! Foreign implementations of WeChat's protocol, and what they and we must
//! agree on.
//!
//! Our own tests can share our own misunderstandings. [`peer`] starts someone
//! else's code, which `make interop` brings along in a throw-away folder, and
//! talks to it; [`envelopes`] lets both sides seal what the other one opens, [`calls`] lets
//! both sides call the sandbox, which tells how, [`pushes`] lets both sides read what the
//! sandbox pushes, and [`recordings`] what their makers recorded.

pub mod calls;
pub mod envelopes;
mod known;
pub mod peer;
pub mod pushes;
pub mod recordings;
pub mod sandbox;
mod understood;
