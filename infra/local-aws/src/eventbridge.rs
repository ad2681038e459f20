//! EventBridge: buses, and the rules whose functions they invoke.

pub mod buses;
pub(crate) mod rules;
