//! Reads a push in XML as the same tree that JSON gives.
//!
//! WeChat's XML is plain: one root named `xml`, no DOCTYPE, no comments, no prefixes, texts
//! in CDATA sections, numbers without. But WeChat's writer doesn't escape what users write:
//! a text with `]]>` in it ends its own CDATA section (silenceper/wechat #750,
//! nswbmw/node-wechat #13), so this XML needn't be well-formed, and a parser of XML would
//! let a text forge the fields behind it.
//!
//! # Where a text ends
//!
//! A text ends at `]]>` and the end tag of its own element, so `]]>` alone, other elements
//! and other CDATA sections in it are part of the text. The *plain* reading takes the first
//! such end. A text that holds its own end, `]]></Content>`, has to open `<Content>` again,
//! or the end tag that WeChat writes would close nothing. So the plain reading of such a
//! push fails, or an element with a text is there twice. Then the *guarded* reading decides
//! (see `guarded`): it reads what WeChat has filled from both sides, and what is left
//! between is the text.
//!
//! # Who may set which field
//!
//! WeChat writes the fields that identify a push in front of the users' texts, or behind
//! them (`MsgId` in most messages, `Encrypt` in compatible mode; JeffreySu/WeiXinMPSDK #1071,
//! offu/WeRoBot #420; a recording's `Recognition` follows its `MsgId`, node-webot/wechat
//! #167). Users reach neither place: their texts are between two tags of WeChat's. So of
//! these fields only those count that stand in front of the first such text, or behind the
//! last one, unless no text holds its own end: then nothing is forged. With several texts in one push, such as a link's title and description, one
//! text may still take a part of another: both are the same user's.

mod guarded;

use super::document::trimmed;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// WeChat's pushes are less deep.
const MAX_DEPTH: usize = 8;
/// WeChat's pushes have fewer elements.
const MAX_ELEMENTS: usize = 2048;
const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";
/// How the end of a CDATA section is written in a text by writers that escape it.
const ESCAPED_END: &str = "]]]]><![CDATA[>";

/// The fields that say what a push is, from whom and when. No user's text sets them.
const IDENTITY: [&str; 11] = [
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "Event",
    "MsgId",
    "MsgID",
    "OpenID",
    "OpenId",
    "openid",
    "Encrypt",
];
/// Fields that WeChat fills, never a user. They hold no markup.
const BY_WECHAT: [&str; 25] = [
    "AppID",
    "AppId",
    "ErrorCode",
    "ErrorStatus",
    "FileKey",
    "FileMd5",
    "Format",
    "KfAccount",
    "MediaId",
    "MediaId16K",
    "MenuId",
    "OpenPID",
    "PicMd5Sum",
    "PicUrl",
    "PluginID",
    "PopupScene",
    "RevokeInfo",
    "ScanType",
    "Status",
    "SubscribeStatusString",
    "TemplateId",
    "ThumbMediaId",
    "ThumbUrl",
    "Ticket",
    "UnionID",
];

/// The texts of users that are not directly under the root.
const BY_USER_INSIDE: [&str; 3] = ["ScanResult", "Label", "Poiname"];

/// An element.
pub(crate) struct Element<'d> {
    pub(crate) name: &'d str,
    pub(crate) content: ElementContent<'d>,
    /// Whether a user may have written it, or some of it.
    by_user: bool,
}

/// What an element holds.
pub(crate) enum ElementContent<'d> {
    Text(Cow<'d, str>),
    Elements(Vec<Element<'d>>),
}

/// Reads a document. Repeated elements become an array, as in WeChat's JSON.
pub(crate) fn read(document: &str) -> Result<Value, &'static str> {
    Ok(object(elements(document)?))
}

/// The elements directly under the root, without those that a user's text has forged.
pub(crate) fn elements(document: &str) -> Result<Vec<Element<'_>>, &'static str> {
    let mut elements = match plain(document) {
        // No text has an end of its own in it, so nothing is forged, in whatever order the
        // fields are.
        Ok((elements, false)) => return Ok(elements),
        Ok((elements, true)) if !is_text_repeated(&elements) => elements,
        // A list of texts directly under the root looks like a forgery, too.
        plain => guarded::elements(document).or(plain.map(|(elements, _)| elements))?,
    };
    drop_forged(&mut elements);
    Ok(elements)
}

/// The plain reading of the whole document, and whether a text may have ended too early.
fn plain(document: &str) -> Result<(Vec<Element<'_>>, bool), &'static str> {
    let mut reader = Reader::new(trimmed(document));
    reader.open_root()?;
    let elements = reader.children("xml", 1)?;
    if !reader.rest.trim_ascii().is_empty() {
        return Err("the XML has more after its root");
    }
    Ok((elements, reader.is_ambiguous))
}

/// The sender of a document that can't be read completely: `FromUserName`, if it stands in
/// front of all that a user may have written.
pub(crate) fn sender(document: &str) -> Option<Cow<'_, str>> {
    let mut reader = Reader::new(trimmed(document));
    reader.open_root().ok()?;
    loop {
        let element = reader.next(1).ok()??;
        match element.content {
            ElementContent::Text(text) if element.name == "FromUserName" => return Some(text),
            _ if element.by_user => return None,
            _ => {}
        }
    }
}

/// Drops the fields of a push's identity that stand between the texts of users.
fn drop_forged(elements: &mut Vec<Element<'_>>) {
    let first = elements.iter().position(|element| element.by_user);
    let last = elements.iter().rposition(|element| element.by_user);
    let Some((first, last)) = first.zip(last) else { return };
    let mut place = 0..;
    elements.retain(|element| {
        let place = place.next().unwrap_or_default();
        !(first..=last).contains(&place) || !IDENTITY.contains(&element.name)
    });
}

/// Whether an element in which a user may have written is there twice: directly under the
/// root, where WeChat repeats nothing, or as one of [`BY_USER_INSIDE`].
fn is_text_repeated(elements: &[Element<'_>]) -> bool {
    elements.iter().enumerate().any(|(place, element)| {
        let mut before = elements[..place].iter();
        before.any(|it| it.name == element.name && (it.by_user || element.by_user))
            || is_repeated_inside(element)
    })
}

fn is_repeated_inside(element: &Element<'_>) -> bool {
    let ElementContent::Elements(elements) = &element.content else { return false };
    let is_repeated = |name: &str| elements.iter().filter(|it| it.name == name).count() > 1;
    BY_USER_INSIDE.into_iter().any(is_repeated) || elements.iter().any(is_repeated_inside)
}

fn object(elements: Vec<Element<'_>>) -> Value {
    let mut fields = Map::new();
    for element in elements {
        let value = match element.content {
            ElementContent::Text(text) => Value::String(text.into_owned()),
            ElementContent::Elements(elements) => object(elements),
        };
        match fields.get_mut(element.name) {
            None => {
                fields.insert(element.name.to_owned(), value);
            }
            Some(Value::Array(several)) => several.push(value),
            Some(one) => *one = Value::Array(vec![one.take(), value]),
        }
    }
    Value::Object(fields)
}

/// Reads the document from its beginning.
struct Reader<'d> {
    rest: &'d str,
    /// The number of elements so far.
    count: usize,
    /// Whether the push is about a menu item that asks the user for something: then
    /// `EventKey` is the item's key, and what the user chose follows it.
    is_choice: bool,
    /// Whether a user's text may have ended too early: its end is there more than once.
    is_ambiguous: bool,
}

impl<'d> Reader<'d> {
    fn new(rest: &'d str) -> Self {
        Self { rest, count: 1, is_choice: false, is_ambiguous: false }
    }

    /// Skips the declaration and the root's start tag.
    fn open_root(&mut self) -> Result<(), &'static str> {
        if let Some(declaration) = self.rest.strip_prefix("<?xml ") {
            let (_, rest) = declaration.split_once("?>").ok_or("the XML ends early")?;
            self.rest = rest.trim_ascii_start();
        }
        let (tag, rest) = self
            .rest
            .strip_prefix("<xml")
            .and_then(|tag| tag.split_once('>'))
            .ok_or("the root of the XML is not <xml>")?;
        let attributes = tag.trim_ascii_start();
        if attributes.len() == tag.len() && !tag.is_empty() || attributes.ends_with('/') {
            return Err("the root of the XML is not <xml>, or is empty");
        }
        self.rest = rest;
        Ok(())
    }

    /// The elements up to the end tag of their parent.
    fn children(&mut self, parent: &str, depth: usize) -> Result<Vec<Element<'d>>, &'static str> {
        let mut elements = Vec::new();
        while let Some(element) = self.next(depth)? {
            elements.push(element);
        }
        self.end_tag(parent)?;
        Ok(elements)
    }

    /// The next element; none in front of an end tag.
    fn next(&mut self, depth: usize) -> Result<Option<Element<'d>>, &'static str> {
        let (between, _) = self.rest.split_once('<').ok_or("the XML ends before its root does")?;
        // Between the elements of its root, WeChat's web client left a mark of its own
        // (node-webot/wechat #121).
        if depth > 1 && !between.trim_ascii().is_empty() {
            return Err("the XML mixes text and elements");
        }
        self.rest = &self.rest[between.len()..];
        if self.rest.starts_with("</") {
            return Ok(None);
        }
        let (tag, rest) = self.rest[1..].split_once('>').ok_or("the XML ends early")?;
        self.rest = rest;
        let (name, is_empty) = match tag.strip_suffix('/') {
            Some(name) => (name.trim_ascii_end(), true),
            None => (tag.trim_ascii_end(), false),
        };
        if name.is_empty() || !name.bytes().all(in_name) {
            return Err("the XML has more in it than elements and text");
        }
        self.count += 1;
        if self.count > MAX_ELEMENTS || depth >= MAX_DEPTH {
            return Err("the XML has too many levels or too many elements");
        }
        if is_empty {
            let content = ElementContent::Text(Cow::Borrowed(""));
            return Ok(Some(Element { name, content, by_user: false }));
        }
        let element = self.content(name, depth)?;
        if depth == 1
            && name == "Event"
            && let ElementContent::Text(event) = &element.content
        {
            self.is_choice = is_choice(event);
        }
        Ok(Some(element))
    }

    /// What follows a start tag, up to the end tag.
    fn content(&mut self, name: &'d str, depth: usize) -> Result<Element<'d>, &'static str> {
        if let Some(text) = self.rest.trim_ascii_start().strip_prefix(CDATA) {
            let by_user = !self.is_by_wechat(name);
            let mut ends = text.match_indices(CDATA_END);
            let end = ends.find_map(|(place, _)| Some((place, after_end(text, place, name)?)));
            let (end, rest) = end.ok_or("the XML has a text without an end")?;
            self.rest = rest;
            self.is_ambiguous |=
                by_user && ends.any(|(place, _)| after_end(text, place, name).is_some());
            return Ok(Element { name, content: section(&text[..end]), by_user });
        }
        let (text, rest) = self.rest.split_once('<').ok_or("the XML ends early")?;
        if !rest.starts_with('/') {
            if !text.trim_ascii().is_empty() {
                return Err("the XML mixes text and elements");
            }
            let elements = self.children(name, depth + 1)?;
            let by_user = elements.iter().any(|element| element.by_user);
            return Ok(Element { name, content: ElementContent::Elements(elements), by_user });
        }
        self.rest = &self.rest[text.len()..];
        self.end_tag(name)?;
        // No text has this, unless a user's text has opened the element.
        let by_user = text.contains(CDATA_END) && !self.is_by_wechat(name);
        self.is_ambiguous |= by_user;
        let content = ElementContent::Text(unescaped(text.trim_ascii()));
        Ok(Element { name, content, by_user })
    }

    fn end_tag(&mut self, name: &str) -> Result<(), &'static str> {
        let rest = self.rest.strip_prefix("</").and_then(|rest| after_end_tag(rest, name));
        self.rest = rest.ok_or("the XML closes what isn't open")?;
        Ok(())
    }

    fn is_by_wechat(&self, name: &str) -> bool {
        is_by_wechat(name) || (name == "EventKey" && self.is_choice)
    }
}

fn is_by_wechat(name: &str) -> bool {
    IDENTITY.contains(&name) || BY_WECHAT.contains(&name)
}

/// Whether a menu event with this name tells what the user chose, beside the item's key.
fn is_choice(event: &str) -> bool {
    let event = event.trim_ascii().to_ascii_lowercase();
    ["scancode_", "pic_", "location_select"].iter().any(|prefix| event.starts_with(prefix))
}

/// The text of a CDATA section.
fn section(text: &str) -> ElementContent<'_> {
    ElementContent::Text(if text.contains(ESCAPED_END) {
        Cow::Owned(text.replace(ESCAPED_END, CDATA_END))
    } else {
        Cow::Borrowed(text)
    })
}

/// What follows the element, if its text ends at this end of a CDATA section.
fn after_end<'d>(text: &'d str, place: usize, name: &str) -> Option<&'d str> {
    let tag = text[place + CDATA_END.len()..].trim_ascii_start().strip_prefix("</")?;
    after_end_tag(tag, name)
}

/// What follows an end tag, if it is this element's.
fn after_end_tag<'d>(tag: &'d str, name: &str) -> Option<&'d str> {
    tag.strip_prefix(name)?.trim_ascii_start().strip_prefix('>')
}

fn in_name(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')
}

/// A text outside of a CDATA section. A reference to an entity that XML doesn't define is
/// text.
fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut unescaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once('&') {
        unescaped.push_str(before);
        let known =
            reference.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        match known {
            Some((character, after)) => {
                unescaped.push(character);
                rest = after;
            }
            None => {
                unescaped.push('&');
                rest = reference;
            }
        }
    }
    unescaped.push_str(rest);
    Cow::Owned(unescaped)
}

fn entity(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
    })
}

#[cfg(test)]
mod tests;
