//! A deployment: one stage, in an account and region or on this machine.

mod connection;
mod functions;
mod parameters;

pub(crate) use connection::{Deployment, DeploymentInfo};
pub(crate) use functions::parse_response;
pub(crate) use parameters::StoredParameter;
