//! Tests of the sandbox over HTTP, with a callback that records the pushes.

#[cfg(test)]
mod callback;
#[cfg(test)]
mod control;
#[cfg(test)]
mod customer_service;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod followers;
#[cfg(test)]
mod invalid_requests;
#[cfg(test)]
mod key_rotation;
#[cfg(test)]
mod legacy_templates;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod media;
#[cfg(test)]
mod page;
#[cfg(test)]
mod phones;
#[cfg(test)]
mod pushes;
#[cfg(test)]
mod quota_api;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod subscription_notifications;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod template_library;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod whitelist;
