//! `hongyan notification`: what became of one.

mod history;
mod row;
mod several;
mod show;

use crate::answer::Answer;
use crate::deployment::Deployment;
use crate::error::Error;
use crate::send;
use clap::Subcommand;

/// What became of a notification.
#[derive(Debug, Subcommand)]
pub(crate) enum Notification {
    Show(show::Show),
}

impl Notification {
    pub(crate) async fn run(&self, deployment: &Deployment) -> Result<Answer, Error> {
        let Self::Show(command) = self;
        command.run(deployment).await
    }
}

/// A notification's id: that of its request, and of several recipients, # and the
/// place.
pub(crate) fn id(text: &str) -> Result<String, String> {
    let (id, place) = match text.split_once('#') {
        Some((id, place)) => (id, Some(place)),
        None => (text, None),
    };
    send::id(id)?;
    let is_place =
        |place: &str| (1..=3).contains(&place.len()) && place.bytes().all(|c| c.is_ascii_digit());
    if place.is_some_and(|place| !is_place(place)) {
        return Err("behind # stands the place of the recipient, from 0 to 999".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_have_a_place_and_no_other_row_can_be_named() {
        assert!(id("order-17").is_ok() && id("order-17#0").is_ok() && id("a:b/c#999").is_ok());
        for bad in
            ["", "#0", "a#", "a#1000", "a#x", "a#1#2", "message#wx1#3", "token_refresh#shop", "a b"]
        {
            assert!(id(bad).is_err(), "{bad}");
        }
    }
}
