//! The sandbox from outside: over HTTP, with a callback that writes down what
//! it is told.

#[cfg(test)]
mod bizsend;
#[cfg(test)]
mod callback;
#[cfg(test)]
mod control;
#[cfg(test)]
mod customer_service;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod followers;
#[cfg(test)]
mod legacy_templates;
#[cfg(test)]
mod library;
#[cfg(test)]
mod logins;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod media;
#[cfg(test)]
mod operations;
#[cfg(test)]
mod page;
#[cfg(test)]
mod phones;
#[cfg(test)]
mod pushes;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod stage;
#[cfg(test)]
mod subscriptions;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod tokens;
#[cfg(test)]
mod whitelist;
