#![doc = include_str!("../README.md")]

mod example;
mod running;
mod world;

mod api;
mod custom;
mod fields;
mod login;
mod quota;
mod refusal;
mod subscribe;
mod template;
mod token;
mod users;

mod event;
mod push;
mod reply;
mod xml;

mod calls;
mod control;
mod faults;
mod page;
mod people;
mod state;

mod clock;
mod connection;
mod file;
mod random;

pub use example::example;
pub use running::{Error, Options, Sandbox};
pub use world::{
    App, Follow, Format, Jump, Kind, Message, Mode, Person, Pushing, Relation, Shown, Template,
    TemplateKind, World,
};
