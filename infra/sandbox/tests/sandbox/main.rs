//! Tests of the sandbox over HTTP, with a callback that records the pushes.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod callback;
mod control;
mod customer_service;
mod faults;
mod fixture;
mod followers;
mod invalid_requests;
mod key_rotation;
mod legacy_templates;
mod logins;
mod media;
mod oddities;
mod page;
mod phones;
mod pushes;
mod quota_api;
mod replies;
mod restart;
mod subscription_notifications;
mod subscriptions;
mod template_library;
mod templates;
mod tokens;
mod whitelist;
