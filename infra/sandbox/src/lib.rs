#![doc = include_str!("../README.md")]

mod activity_feed;
mod api_error;
mod business;
mod clock;
mod context;
mod control;
mod endpoints;
mod error;
mod model;
mod oddities;
mod page;
mod push;
mod random;
mod server;
mod strict_json;

pub use activity_feed::{Activity, ActivityFeed, ActivityKind};
pub use business::Business;
pub use error::Error;
pub use model::app::{App, MenuItem};
pub use model::app_settings::{AccountType, AppKind, Format, Mode};
pub use model::example_world::example;
pub use model::message::{Jump, Message, SERVICE_NOTICES, ShownField};
pub use model::person::{Follow, Person, Relation, Session};
pub use model::phone_number::PhoneNumber;
pub use model::public_template::{Keyword, PublicTemplate};
pub use model::template::{Template, TemplateKind};
pub use model::world::{Pushing, World};
pub use server::{Options, Sandbox};
