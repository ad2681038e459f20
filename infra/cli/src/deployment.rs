//! A deployment: one stage, in an account and region or on this machine.

mod callback_url;
mod connection;
mod functions;
mod parameters;

pub(crate) use callback_url::CallbackUrl;
pub(crate) use connection::{Deployment, DeploymentInfo};
pub(crate) use functions::parse_response;
pub(crate) use parameters::StoredParameter;
