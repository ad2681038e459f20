//! Texts with links, as customer-service messages show them:
//! `<a href="https://example.com/?id={id}">{product}</a>`. A field is encoded for where it
//! stands, so that it can neither leave its address nor open an element of its own.

use super::fill::{Fields, Piece, Unfillable, check_web, fill_address, pieces};
use crate::wechat::address::{page_problem, trim_page, web_problem};
use crate::wechat::text::clean;
use std::fmt::Write as _;

/// The attribute with a page of a mini program.
const PAGE: &str = "data-miniprogram-path";

/// A part of a text with links.
enum Part<'a> {
    /// Between tags.
    Text(Vec<Piece<'a>>),
    /// A tag, except for the quoted values in it.
    Tag(Vec<Piece<'a>>),
    /// A quoted value in a tag: the name of its attribute, in lower case, and what it is.
    Value(String, Vec<Piece<'a>>),
}

/// Puts the fields into a text with links.
pub(super) fn fill(text: &str, fields: &Fields) -> Result<String, Unfillable> {
    let mut filled = String::new();
    for part in parts(text) {
        match part {
            Part::Tag(all) => {
                for piece in all {
                    filled.push_str(piece.value(fields)?);
                }
            }
            Part::Text(all) => {
                for piece in all {
                    let value = piece.value(fields)?;
                    match piece {
                        Piece::Literal(_) => filled.push_str(value),
                        Piece::Field(_) => push_text(&mut filled, value),
                    }
                }
            }
            Part::Value(name, all) => {
                let address = fill_address(&all, fields)?;
                if let [Piece::Field(_)] = all.as_slice() {
                    let problem = match name.as_str() {
                        "href" => web_problem(&address),
                        "data-miniprogram-path" => page_problem(&address),
                        _ => None,
                    };
                    if let Some(problem) = problem {
                        return Err(Unfillable::Invalid(problem));
                    }
                }
                let address = if name == PAGE { trim_page(&address) } else { address.into() };
                push_value(&mut filled, &all, &address);
            }
        }
    }
    Ok(clean(&filled).into_owned())
}

/// Why no notification could fill it.
pub(super) fn check(text: &str) -> Result<(), String> {
    for part in parts(text) {
        match part {
            Part::Text(_) => {}
            Part::Tag(all) => {
                if let Some(field) = all.iter().find_map(Piece::name) {
                    return Err(format!(
                        r#"the field {{{field}}} stands in a tag outside of a quoted value; write it as in <a href="https://example.com/{{{field}}}">, or ＜ for a < that begins no tag"#
                    ));
                }
            }
            Part::Value(_, all) if matches!(all.as_slice(), [Piece::Field(_)]) => {}
            Part::Value(name, all) if name == "href" => {
                let begin = all.first().and_then(Piece::literal).unwrap_or_default();
                // WeChat's own addresses, as `weixin://bizmsgmenu?…`, and `tel:` stay possible.
                let other_scheme =
                    begin.split_once(':').is_some_and(|(scheme, _)| is_other_scheme(scheme));
                // A link to a mini program may have an empty one.
                if !all.is_empty() && !other_scheme {
                    check_web(&all)?;
                }
            }
            Part::Value(name, all) if name == PAGE => {
                let sample: String =
                    all.iter().map(|piece| piece.literal().unwrap_or("x")).collect();
                if let Some(problem) = page_problem(&sample) {
                    return Err(problem.to_owned());
                }
            }
            Part::Value(..) => {}
        }
    }
    Ok(())
}

fn is_other_scheme(scheme: &str) -> bool {
    matches!(scheme, "weixin" | "tel" | "mailto" | "sms")
}

/// A field between tags: its `<` becomes a wide one where it could begin a tag. WeChat is not
/// known to decode `&lt;`.
fn push_text(filled: &mut String, value: &str) {
    let mut chars = value.chars().peekable();
    while let Some(c) = chars.next() {
        let begins_tag = c == '<'
            && chars.peek().is_none_or(|next| {
                next.is_ascii_alphabetic() || matches!(next, '/' | '!' | '?') || next.is_control()
            });
        filled.push(if begins_tag { '＜' } else { c });
    }
}

/// An address between quotes. What is a field as a whole is not encoded yet.
fn push_value(filled: &mut String, all: &[Piece<'_>], address: &str) {
    if !matches!(all, [Piece::Field(_)]) {
        filled.push_str(address);
        return;
    }
    for c in address.chars() {
        match c {
            '"' | '\'' | '<' | '>' | '`' => {
                let _ = write!(filled, "%{:02X}", u32::from(c));
            }
            c if c.is_whitespace() || c.is_control() => filled.push_str("%20"),
            c => filled.push(c),
        }
    }
}

/// Where the reader is.
enum Context {
    Text,
    Tag,
    Value(char),
}

/// Takes a text apart.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut reader =
        Reader { context: Context::Text, name: String::new(), open: vec![], parts: vec![] };
    for piece in pieces(text) {
        match piece {
            Piece::Field(_) => reader.open.push(piece),
            Piece::Literal(text) => reader.literal(text),
        }
    }
    reader.close();
    reader.parts
}

struct Reader<'a> {
    context: Context,
    /// What the open tag has since its last value or white space.
    name: String,
    open: Vec<Piece<'a>>,
    parts: Vec<Part<'a>>,
}

impl<'a> Reader<'a> {
    fn literal(&mut self, text: &'a str) {
        let mut begin = 0;
        for (at, c) in text.char_indices() {
            let after = at + c.len_utf8();
            let (end, next) = match self.context {
                Context::Text if c == '<' && begins_tag(&text[after..]) => (at, Context::Tag),
                Context::Tag if c == '>' => (after, Context::Text),
                Context::Tag if matches!(c, '"' | '\'') && self.name.ends_with('=') => {
                    (after, Context::Value(c))
                }
                Context::Tag => {
                    if c.is_whitespace() && !self.name.ends_with('=') {
                        self.name.clear();
                    } else if !c.is_whitespace() {
                        self.name.push(c.to_ascii_lowercase());
                    }
                    continue;
                }
                Context::Value(quote) if c == quote => (at, Context::Tag),
                Context::Text | Context::Value(_) => continue,
            };
            self.push(&text[begin..end]);
            begin = end;
            self.close();
            if !matches!(next, Context::Value(_)) {
                self.name.clear();
            }
            self.context = next;
        }
        self.push(&text[begin..]);
    }

    fn push(&mut self, text: &'a str) {
        if !text.is_empty() {
            self.open.push(Piece::Literal(text));
        }
    }

    /// Ends the open part.
    fn close(&mut self) {
        let pieces = std::mem::take(&mut self.open);
        self.parts.push(match self.context {
            Context::Text => Part::Text(pieces),
            Context::Tag => Part::Tag(pieces),
            Context::Value(_) => {
                Part::Value(self.name.trim_end_matches('=').trim().to_owned(), pieces)
            }
        });
    }
}

/// Whether what follows a `<` makes it the beginning of a tag. A field that follows could.
fn begins_tag(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_alphabetic() || "/!?".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = r#"Order {no}: <a href="https://example.com/?p={p}">{p}</a>, thanks"#;

    fn filled(text: &str, value: &str) -> Result<String, String> {
        let fields = ["no", "p"].map(|name| (name.to_owned(), value.to_owned())).into();
        fill(text, &fields).map_err(|error| error.to_string())
    }

    /// Fault 77.
    #[test]
    fn field_is_encoded_for_where_it_stands() {
        assert_eq!(
            filled(LINK, r#"a"><b>&c="#).unwrap(),
            r#"Order a">＜b>&c=: <a href="https://example.com/?p=a%22%3E%3Cb%3E%26c%3D">a">＜b>&c=</a>, thanks"#
        );
        for value in ["</a><a href='https://evil.example'>x", "<script>", "<", "<!--", "a<\u{1}b>"]
        {
            let text = filled(LINK, value).unwrap();
            let opened = text.matches('<').count();
            assert_eq!(opened, 2, "only the template's own elements: {text}");
        }
        assert_eq!(filled("{no} > 3 < 5, <3", "1 < 2").unwrap(), "1 < 2 > 3 < 5, <3");
        assert_eq!(filled("a\u{b}{no}", "b\r\nc\u{8}").unwrap(), "a\nb\nc");
    }

    /// Fault 77.
    #[test]
    fn field_that_is_the_whole_address_stays_one() {
        let whole = r#"<a href="{p}">x</a>"#;
        let link = filled(whole, "https://example.com/?a=1&b='\"").unwrap();
        assert_eq!(link, r#"<a href="https://example.com/?a=1&b=%27%22">x</a>"#);
        for bad in ["javascript:alert(1)", "example.com", "https://a.example/ onclick=x", ""] {
            assert!(filled(whole, bad).unwrap_err().starts_with("as filled, its url"), "{bad}");
        }
        let page = r#"<a data-miniprogram-appid="wx1" data-miniprogram-path='{p}'>x</a>"#;
        let link = filled(page, "pages/a?x='1'").unwrap();
        assert!(link.contains("path='pages/a?x=%271%27'"), "{link}");
        for bad in ["https://evil.example/", "weixin:x", "", "pages/a b"] {
            assert!(filled(page, bad).unwrap_err().starts_with("as filled, its page"), "{bad}");
        }
    }

    /// Fault 77.
    #[test]
    fn link_that_a_field_could_change_is_refused() {
        for good in [
            LINK,
            r#"<a href="{p}">x</a>"#,
            r#"<A HREF = 'https://example.com/{p}'>x</A>"#,
            r#"<a href="weixin://bizmsgmenu?msgmenucontent={p}&msgmenuid=1">x</a>"#,
            r#"<a href="" data-miniprogram-path="pages/a?id={p}">x</a>"#,
            "{p} < {no}, 1<2, a <b> c",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, words) in [
            (r#"<a href="https://example.com{p}">x</a>"#, "could change the host"),
            (r#"<a href="https://example.com:{p}/">x</a>"#, "could change the host"),
            (r#"<a href="https://{p}@example.com/">x</a>"#, "could change the host"),
            (r#"<a href="https://example.com@evil.example/{p}">x</a>"#, "user name"),
            (r#"<a href="//example.com/{p}">x</a>"#, "must begin with"),
            (r#"<a href="https://example.com\{p}">x</a>"#, "could change the host"),
            (r#"<a href="example.com/{p}">x</a>"#, "must begin with"),
            (r#"<a href="javascript:x({p})">x</a>"#, "must begin with"),
            (r#"<a href="https://example.com/a b">x</a>"#, "white space"),
            (r#"<a href={p}>x</a>"#, "outside of a quoted value"),
            (r#"<{p}>"#, "outside of a quoted value"),
            (r#"<a {p}="x">x</a>"#, "outside of a quoted value"),
            (r#"<a data-miniprogram-path="https://a.example/">x</a>"#, "its page is a web address"),
        ] {
            let problem = check(bad).unwrap_err();
            assert!(problem.contains(words), "{bad}: {problem}");
        }
    }

    #[test]
    fn text_without_fields_stays() {
        for text in [LINK, "", "a<", "<a href=\"x", "<<a>>", "{{}", "<a b='\"'>"] {
            let literal = text.replace("{no}", "1").replace("{p}", "2");
            let expected = literal.replace("{{", "{");
            assert_eq!(filled(&literal, "").unwrap(), expected);
        }
        assert_eq!(filled("{q}", ""), Err("there is no field {q}".to_owned()));
    }
}
