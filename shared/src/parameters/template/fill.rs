//! Puts the fields of a notification into the texts of a template.

use super::link;
use crate::wechat::address::{after_scheme, page_problem, trim_page, web_problem};
use crate::wechat::text::{TextKind, clean, id_problem};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use std::collections::BTreeMap;

/// What stands for itself in a part of an address (RFC 3986, "Unreserved
/// Characters").
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What stands for the fields where a template is checked before there are any.
const SAMPLE: &str = "x";

/// Fields by their names.
pub type Fields = BTreeMap<String, String>;

/// Puts the fields into a text with `{field}` in it. `{{` stands for a brace.
///
/// # Errors
///
/// When the text names a field that isn't there.
pub fn fill(text: &str, fields: &Fields) -> Result<String, UnknownField> {
    pieces(text).map(|piece| piece.value(fields)).collect()
}

/// Puts the fields into a text as its use demands.
///
/// A field in an address is percent-encoded, so that `?name={product}` has one parameter
/// whatever the product is called; only a field that is the whole address is taken as it is.
/// Control characters are left out.
///
/// # Errors
///
/// When the text names a field that isn't there, or WeChat would refuse what it becomes.
pub fn fill_as(kind: TextKind, text: &str, fields: &Fields) -> Result<String, Unfillable> {
    let invalid = |problem: Option<&'static str>, filled: String| match problem {
        Some(problem) => Err(Unfillable::Invalid(problem)),
        None => Ok(filled),
    };
    match kind {
        TextKind::Plain => Ok(clean(&fill(text, fields)?).into_owned()),
        TextKind::Linked => link::fill(text, fields),
        TextKind::Id => {
            let filled = fill(text, fields)?;
            invalid(id_problem(&filled), filled)
        }
        TextKind::Web if text.is_empty() => Ok(String::new()),
        TextKind::Web => {
            let filled = fill_address(&pieces(text).collect::<Vec<_>>(), fields)?;
            invalid(web_problem(&filled), filled)
        }
        TextKind::Page => {
            let filled = fill_address(&pieces(text).collect::<Vec<_>>(), fields)?;
            invalid(page_problem(&filled), trim_page(&filled).into_owned())
        }
    }
}

/// Why no notification could fill this text, if none could: checked before there is any.
///
/// # Errors
///
/// What is wrong with the text.
pub(super) fn check(kind: TextKind, text: &str) -> Result<(), String> {
    let all: Vec<_> = pieces(text).collect();
    match (kind, all.as_slice()) {
        // What the whole is, only the notification says.
        (TextKind::Web | TextKind::Page | TextKind::Id, [Piece::Field(_)]) => Ok(()),
        (TextKind::Web, []) => Ok(()),
        (TextKind::Web, all) => check_web(all),
        (TextKind::Page, all) => problem(page_problem(&sample(all))),
        (TextKind::Id, all) => problem(id_problem(&sample(all))),
        (TextKind::Linked, _) => link::check(text),
        (TextKind::Plain, _) => Ok(()),
    }
}

/// Checks an address of the web that isn't a field as a whole. A field must not stand in the
/// host: `https://shop.example.com{p}` is an address of whoever fills it.
pub(super) fn check_web(all: &[Piece<'_>]) -> Result<(), String> {
    problem(web_problem(&sample(all)))?;
    let begin = match all.first() {
        Some(Piece::Literal(text)) => text,
        _ => "",
    };
    let host_ends = after_scheme(begin).is_some_and(|rest| rest.contains(['/', '?', '#']));
    match all.iter().find_map(Piece::name) {
        Some(field) if !host_ends => Err(format!(
            "the field {{{field}}} could change the host of its url; end the host before it, as in https://example.com/{{{field}}}"
        )),
        _ => Ok(()),
    }
}

fn sample(pieces: &[Piece<'_>]) -> String {
    let value = |piece: &Piece<'_>| piece.literal().unwrap_or(SAMPLE).to_owned();
    pieces.iter().map(value).collect()
}

fn problem(problem: Option<&'static str>) -> Result<(), String> {
    problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
}

/// Puts the fields into an address.
pub(super) fn fill_address(all: &[Piece<'_>], fields: &Fields) -> Result<String, UnknownField> {
    if let [whole @ Piece::Field(_)] = all {
        return Ok(whole.value(fields)?.trim().to_owned());
    }
    let filled = all.iter().map(|piece| {
        let value = piece.value(fields)?;
        Ok(match piece {
            Piece::Literal(_) => value.to_owned(),
            Piece::Field(_) => utf8_percent_encode(value, UNRESERVED).to_string(),
        })
    });
    filled.collect()
}

/// The fields that a text names, each once.
pub(super) fn fields_of(text: &str) -> impl Iterator<Item = &str> {
    let mut seen = Vec::new();
    pieces(text).filter_map(move |piece| {
        let name = piece.name().filter(|name| !seen.contains(name))?;
        seen.push(name);
        Some(name)
    })
}

/// A piece of a text with `{field}` in it.
#[derive(Clone, Copy)]
pub(super) enum Piece<'a> {
    Literal(&'a str),
    Field(&'a str),
}

impl<'a> Piece<'a> {
    pub(super) fn name(&self) -> Option<&'a str> {
        if let Self::Field(name) = self { Some(name) } else { None }
    }

    pub(super) fn literal(&self) -> Option<&'a str> {
        if let Self::Literal(text) = self { Some(text) } else { None }
    }

    /// The literal itself, or the field's value.
    pub(super) fn value<'v>(&self, fields: &'v Fields) -> Result<&'v str, UnknownField>
    where
        'a: 'v,
    {
        match self {
            Self::Literal(text) => Ok(text),
            Self::Field(name) => {
                let value = fields.get(*name).map(String::as_str);
                value.ok_or_else(|| UnknownField((*name).to_owned()))
            }
        }
    }
}

pub(super) fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, after) = match rest.strip_prefix('{') {
            None if rest.is_empty() => return None,
            None => {
                let (literal, after) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
                (Piece::Literal(literal), after)
            }
            Some(after) if after.starts_with('{') => {
                let (brace, after) = after.split_at(1);
                (Piece::Literal(brace), after)
            }
            // An unclosed one is an unknown field.
            Some(after) => {
                let (name, after) = after.split_once('}').unwrap_or((after, ""));
                (Piece::Field(name), after)
            }
        };
        rest = after;
        Some(piece)
    })
}

/// A text has a `{field}` that isn't one of the template's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no field {{{0}}}")]
pub struct UnknownField(pub(super) String);

/// A text can't be filled with these fields.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    /// It names a field that isn't there.
    #[error(transparent)]
    Field(#[from] UnknownField),
    /// WeChat would refuse what it becomes.
    #[error("as filled, {0}")]
    Invalid(&'static str),
}

impl Unfillable {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self {
            Self::Field(_) => "correct the name, or add the field to the template",
            Self::Invalid(_) => "correct the field that is the whole of it, or the template",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(fields: &[(&str, &str)]) -> Fields {
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn text_may_have_literals_and_several_fields() {
        let fields = fields(&[("product", "kettle"), ("time", "15:04")]);
        for (text, filled) in [
            ("{product} at {time}!", "kettle at 15:04!"),
            ("plain", "plain"),
            ("{{x} {time}", "{x} 15:04"),
            ("{{{time}", "{15:04"),
            ("", ""),
        ] {
            assert_eq!(fill(text, &fields).unwrap(), filled);
        }
        assert_eq!(fill("{prodct}", &fields), Err(UnknownField("prodct".to_owned())));
        assert_eq!(fill("at {time", &Fields::new()), Err(UnknownField("time".to_owned())));
        assert_eq!(fields_of("{b} {{x} {a}{b}").collect::<Vec<_>>(), ["b", "a"]);
    }

    /// Fault 77.
    #[test]
    fn field_cannot_change_the_address_around_it() {
        let fields = fields(&[
            ("name", "茶 & milk?a=b/c#~"),
            ("url", " https://a.example/?q=%20\n"),
            ("script", "javascript:alert(1)"),
            ("page", "/pages/order.html?id=17"),
            ("empty", ""),
        ]);
        let web = |text: &str| fill_as(TextKind::Web, text, &fields).map_err(|it| it.to_string());
        assert_eq!(
            web("https://example.com/?name={name}&x=1").unwrap(),
            "https://example.com/?name=%E8%8C%B6%20%26%20milk%3Fa%3Db%2Fc%23~&x=1"
        );
        assert_eq!(web("{url}").unwrap(), "https://a.example/?q=%20");
        assert_eq!(web("").unwrap(), "");
        for refused in ["{script}", "{name}", "{page}", "{empty}"] {
            assert!(web(refused).unwrap_err().starts_with("as filled, its url"), "{refused}");
        }
        let page = |text: &str| fill_as(TextKind::Page, text, &fields).map_err(|it| it.to_string());
        assert_eq!(page("pages/index").unwrap(), "pages/index");
        assert_eq!(page("{page}").unwrap(), "pages/order?id=17");
        assert_eq!(
            page("/p/{empty}x.html?n={page}").unwrap(),
            "p/x?n=%2Fpages%2Forder.html%3Fid%3D17"
        );
        for refused in ["{url}", "{script}", "{empty}"] {
            assert!(page(refused).unwrap_err().starts_with("as filled, its page"), "{refused}");
        }
    }

    /// Fault 77.
    #[test]
    fn field_in_the_host_is_refused_before_anything_is_sent() {
        for good in [
            "https://shop.example.com/{p}",
            "https://shop.example.com?p={p}",
            "https://shop.example.com:8443/#{p}",
            "https://shop.example.com/",
            "{p}",
            "",
        ] {
            assert_eq!(check(TextKind::Web, good), Ok(()), "{good}");
        }
        for (bad, words) in [
            ("https://shop.example.com{p}", "{p} could change the host"),
            ("https://{p}.example.com/", "{p} could change the host"),
            ("https://shop.example.com:{p}/", "{p} could change the host"),
            ("https://{{x{p}/", "{p} could change the host"),
            ("{p}/orders", "must begin with"),
            ("{p}{q}", "must begin with"),
            ("example.com/a b", "must begin with"),
            ("https://example.com/a b", "white space"),
        ] {
            let problem = check(TextKind::Web, bad).unwrap_err();
            assert!(problem.contains(words), "{bad}: {problem}");
        }
        for bad in ["https://example.com/{p}", "pages/a b", "pages/index ", " "] {
            assert!(check(TextKind::Page, bad).is_err(), "{bad}");
        }
        for good in ["pages/{p}", "{p}?id={q}", "/pages/index.html"] {
            assert_eq!(check(TextKind::Page, good), Ok(()), "{good}");
        }
        assert!(check(TextKind::Id, "M ").is_err());
    }
}
