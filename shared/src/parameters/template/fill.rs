//! Puts the fields of a notification into the texts of a template.

use crate::wechat::address::{after_scheme, has_dot_segment, web_problem};
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

/// Checks an address of the web that isn't a field as a whole. A field must not stand in the
/// host: `https://shop.example.com{p}` is an address of the caller who fills it.
pub(super) fn check_web(all: &[Piece<'_>]) -> Result<(), String> {
    let begin = all.first().and_then(Piece::literal).unwrap_or_default();
    let host_is_open = after_scheme(begin).is_some_and(|rest| !rest.contains(['/', '?', '#']));
    match all.iter().find_map(Piece::name) {
        Some(field) if host_is_open => Err(format!(
            "the field {{{field}}} could change the host of its url; end the host before it, as in https://example.com/{{{field}}}"
        )),
        _ => problem(web_problem(&sample(all))),
    }
}

pub(super) fn sample(pieces: &[Piece<'_>]) -> String {
    let value = |piece: &Piece<'_>| piece.literal().unwrap_or(SAMPLE).to_owned();
    pieces.iter().map(value).collect()
}

pub(super) fn problem(problem: Option<&'static str>) -> Result<(), String> {
    problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
}

/// Puts the fields into an address. A field that is `..` in the path would take away what
/// stands before it.
pub(super) fn fill_address(all: &[Piece<'_>], fields: &Fields) -> Result<String, Unfillable> {
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
    let filled = filled.collect::<Result<String, UnknownField>>()?;
    if has_dot_segment(&filled) && !has_dot_segment(&sample(all)) {
        return Err(Unfillable::Invalid("a field makes a . or .. of a part of its path"));
    }
    Ok(filled)
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
}
