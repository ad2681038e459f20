//! Scenarios: people with phones, functions that want to reach them, and the
//! real function binaries in between, run from `infra/aws/template.yaml`.
//!
//! Each scenario has a cloud and a WeChat of its own, in memory and on free
//! ports, so all of them run side by side. The binaries have to be there:
//!
//! ```console
//! $ cargo build --workspace --all-targets && cargo test -p tests
//! $ cargo test -p tests -- --exact happy_path::follower_becomes_a_user
//! ```
//!
//! With `CHAOS_SEED=1` WeChat's wire is odd in every way that changes no meaning
//! (infra/sandbox/README.md, "Oddities"); the seed and a scenario's name decide how.
//!
//! What the functions logged is shown when a scenario fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod binaries;
mod browser;
mod channel_scenario;
mod contract;
mod metrics;
mod phone;
mod sandbox;
mod secrets;
mod tables;
mod world;

mod account_owner;
mod accounts;
mod alarm_conditions;
mod api;
mod automatic_answers;
mod callback;
mod callback_key;
mod calling;
mod channels;
mod circuit_breaker;
mod consent;
mod cost;
mod crash;
mod customer_service;
mod deployed;
mod documentation;
mod documented_metrics;
mod dry_run;
mod erasure;
mod event_forwarding;
mod events;
mod exactly_once;
mod examples;
mod faults;
mod features;
mod flood;
mod follow;
mod follower_paging;
mod followers;
mod form_ids;
mod happy_path;
mod host_failover;
mod idempotency;
mod identity_merge;
mod import_recovery;
mod intake;
mod keys;
mod lints;
mod login;
mod login_retries;
mod logs;
mod lost_responses;
mod network_outage;
mod observability;
mod odd_answers;
mod odd_events;
mod operator;
mod outage;
mod own_function;
mod packaged;
mod panics;
mod passwords;
mod permissions;
mod permutations;
mod phone_numbers;
mod privacy;
mod queue;
mod receipt_resolution;
mod refusals;
mod rejected_token;
mod remaining;
mod replay;
mod replies;
mod runner;
mod sandbox_page;
mod scheduling;
mod send;
mod send_commands;
mod session_keys;
mod session_theft;
mod sessions;
mod stages;
mod startup;
mod sweeps;
mod template;
mod template_check;
mod template_fields;
mod token;
mod undetected_unfollows;
mod wechat_outage;
