//! Finds what makes a channel of a template impossible to send, before anything is.

use super::channel::{Channel, CustomerService};
use super::field_source::FieldSource;
use super::fill::{Fields, fill};
use super::text_use;
use crate::wechat::field::MessageKind;
use crate::wechat::text::{TextKind, id_problem};

impl Channel {
    /// Checks what doesn't depend on the values of the fields. `empty` has their names.
    pub(super) fn check(&self, empty: &Fields) -> Result<(), String> {
        let target = self.target();
        let ids = [
            ("app", Some(self.app())),
            ("template_id", self.template_id()),
            ("mini_program.app", target.map(|target| target.app.as_str())),
            ("emphasis_keyword", self.emphasis_keyword()),
        ];
        for (name, id) in ids {
            if let Some(problem) = id.and_then(id_problem) {
                return Err(format!("{name}: {problem}"));
            }
        }
        for (name, kind, text) in self.texts() {
            let place = |problem: String| {
                if name.is_empty() { problem } else { format!("{name}: {problem}") }
            };
            fill(text, empty).map_err(|error| error.to_string())?;
            text_use::check(kind, text).map_err(place)?;
        }
        for (key, source, message) in self.keys() {
            if let Some(problem) = id_problem(key) {
                return Err(format!("the key {key:?}: {problem}"));
            }
            fill(source.text(), empty).map_err(|error| error.to_string())?;
            source.check(key, message)?;
        }
        match self {
            Self::CustomerService(CustomerService { message, .. }) => {
                // A field may be the whole of an address, or of an id.
                let sample = |kind, text: &str| {
                    let whole = match kind {
                        TextKind::Web => "https://example.com/",
                        _ => "x",
                    };
                    let samples = empty.keys().map(|name| (name.clone(), whole.to_owned()));
                    fill(text, &samples.collect())
                };
                let problem = message.map(sample).ok().and_then(|message| message.problem());
                problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn emphasis_keyword(&self) -> Option<&str> {
        match self {
            Self::LegacyTemplate { emphasis_keyword, .. } => emphasis_keyword.as_deref(),
            _ => None,
        }
    }

    fn keys(&self) -> impl Iterator<Item = (&str, &FieldSource, MessageKind)> {
        self.data().into_iter().flat_map(|(data, message)| {
            data.iter().map(move |(key, source)| (key.as_str(), source, message))
        })
    }

    /// Every text of it that may have `{field}` in it, except for WeChat's keys, with its name.
    fn texts(&self) -> Vec<(&'static str, TextKind, &str)> {
        const TARGET: &str = "mini_program.page";
        let target = || self.target().and_then(|target| target.page.as_deref());
        let texts = match self {
            Self::Template { url, .. } => {
                [("url", TextKind::Web, url.as_deref()), (TARGET, TextKind::Page, target())]
            }
            Self::Bizsend { page, .. } => {
                [("page", TextKind::Web, page.as_deref()), (TARGET, TextKind::Page, target())]
            }
            Self::Subscribe { page, .. } | Self::LegacyTemplate { page, .. } => {
                [("page", TextKind::Page, page.as_deref()), (TARGET, TextKind::Page, None)]
            }
            Self::CustomerService(CustomerService { message, .. }) => {
                return message.texts().into_iter().map(|(kind, text)| ("", kind, text)).collect();
            }
        };
        let given = |(name, kind, text): (_, _, Option<_>)| Some((name, kind, text?));
        texts.into_iter().filter_map(given).collect()
    }
}
