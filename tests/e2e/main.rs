//! Scenarios: people with phones, functions that want to reach them, and the
//! real function binaries in between, run from `infra/aws/template.yaml`.
//!
//! Each scenario has a cloud and a WeChat of its own, in memory and on free
//! ports, so all of them run side by side. The binaries have to be there:
//!
//! ```console
//! $ cargo build --workspace --all-targets && cargo test -p tests
//! $ cargo test -p tests -- --exact main_job::ann_follows_and_is_known
//! ```
//!
//! What the functions logged is shown when a scenario fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod binaries;
mod browser;
mod contract;
mod metrics;
mod phone;
mod sandbox;
mod scene;
mod secrets;
mod tables;
mod world;

mod accounts;
mod again;
mod answers;
mod api;
mod asking;
mod callback;
mod calling;
mod channels;
mod consent;
mod cost;
mod crash;
mod customer_service;
mod cut_off;
mod dead_token;
mod defects;
mod deployed;
mod documentation;
mod dry_run;
mod erasure;
mod events;
mod examples;
mod faults;
mod features;
mod follow;
mod followers;
mod followers_away;
mod followers_killed;
mod followers_list;
mod form_ids;
mod forward;
mod hosts;
mod keys;
mod later;
mod lints;
mod login;
mod login_again;
mod logs;
mod lost_answers;
mod main_job;
mod once;
mod one_person;
mod operator;
mod orders;
mod outage;
mod own_function;
mod packaged;
mod page;
mod passwords;
mod permissions;
mod privacy;
mod queue;
mod remaining;
mod replay;
mod replies;
mod rests;
mod send;
mod sessions;
mod settled;
mod startup;
mod telephone;
mod telling;
mod template;
mod template_check;
mod template_fields;
mod token;
mod unwell;
mod watching;
