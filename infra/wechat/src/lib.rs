#![doc = include_str!("../README.md")]

mod app;
mod example;
mod message;
mod person;
mod running;
mod world;

mod api;
mod bizsend;
mod crowd;
mod custom;
mod fields;
mod legacy_template;
mod library;
mod login;
mod once;
mod phone;
mod quota;
mod refusal;
mod sending;
mod subscribe;
mod template;
mod token;
mod users;

mod event;
mod push;
mod reply;
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

mod clock;
pub mod connection;
mod file;
mod random;

pub use app::{App, Format, Kind, MenuItem, Mode, Template, TemplateKind};
pub use business::Business;
pub use example::example;
pub use feed::{Feed, Happening, Layer};
pub use message::{Jump, Message, SERVICE_NOTICES, Shown};
pub use person::{Follow, Person, Relation, Session};
pub use phone::PhoneNumber;
pub use running::{Error, Options, Sandbox};
pub use world::{Pushing, World};
