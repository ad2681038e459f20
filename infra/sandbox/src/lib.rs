#![doc = include_str!("../README.md")]

mod app;
mod example;
mod message;
mod person;
mod running;
mod world;

mod addresses;
mod api;
mod bizsend;
mod crowd;
mod custom;
mod endpoint;
mod fields;
mod industry;
mod legacy_template;
mod library;
mod login;
mod media;
mod multipart;
mod once;
mod operations;
mod phone;
mod public_template;
mod quota;
mod refusal;
mod sending;
mod session;
mod subscribe;
mod template;
mod token;
mod typing;
mod users;
mod whitelist;

mod event;
mod held;
mod push;
mod reply;
mod rotation;
mod xml;

mod business;
mod calls;
mod console;
mod control;
mod faults;
mod feed;
mod live;
mod page;
mod people;
mod state;
mod watched;

mod clock;
pub mod connection;
mod file;
mod random;

pub use app::{Account, App, Format, Kind, MenuItem, Mode, Template, TemplateKind};
pub use business::Business;
pub use example::example;
pub use feed::{Feed, Happening, Layer};
pub use message::{Jump, Message, SERVICE_NOTICES, Shown};
pub use person::{Follow, Person, Relation, Session};
pub use phone::PhoneNumber;
pub use public_template::{Keyword, PublicTemplate};
pub use running::{Error, Options, Sandbox};
pub use world::{Pushing, World};
