//! The guarded reading: of a push in which a user's text holds the end of its own element.
//!
//! Users reach neither the front nor the end of what WeChat writes. So the elements that
//! WeChat fills are read from both sides. What is left begins at the first text of a user's
//! and ends where the last one ends. If it is one element, all of it is that text. If
//! it is several, each text goes up to its last end behind which another element begins;
//! the sender, the type, the time and the id can't be among these.
//!
//! It fails on no push that WeChat has written, whatever the texts in it are.

use super::{
    CDATA, CDATA_END, Element, ElementContent, IDENTITY, MAX_DEPTH, MAX_ELEMENTS, Reader,
    after_end, after_end_tag, in_name, is_by_wechat, section, unescaped,
};
use crate::wechat::wire::document::trimmed;

const MALFORMED: &str = "the XML is not well-formed, and not by a user's text";
/// The elements of one push that may have texts of users.
const MAX_TEXTS: usize = 64;

/// The elements directly under the root.
pub(super) fn elements(document: &str) -> Result<Vec<Element<'_>>, &'static str> {
    let mut reader = Reader::new(trimmed(document));
    reader.open_root()?;
    let (inside, end) = reader.rest.rsplit_once("</").ok_or(MALFORMED)?;
    if after_end_tag(end, "xml") != Some("") {
        return Err(MALFORMED);
    }
    between(inside, 1)
}

/// The elements of a parent.
fn between(inside: &str, depth: usize) -> Result<Vec<Element<'_>>, &'static str> {
    if depth >= MAX_DEPTH {
        return Err(MALFORMED);
    }
    let mut reader = Reader::new(inside);
    let mut elements = Vec::new();
    let mut left = inside;
    while let Ok(Some(element)) = reader.next(depth)
        && !element.by_user
    {
        elements.push(element);
        left = reader.rest;
    }
    let mut behind = Vec::new();
    while let Some((before, element)) = last(left) {
        behind.push(element);
        left = before;
        if elements.len() + behind.len() >= MAX_ELEMENTS {
            return Err(MALFORMED);
        }
    }
    elements.extend(texts(left.trim_ascii(), depth, MAX_TEXTS)?);
    elements.extend(behind.into_iter().rev());
    Ok(elements)
}

/// The last element, if only WeChat can have filled it, and what stands in front of it.
fn last(elements: &str) -> Option<(&str, Element<'_>)> {
    let elements = elements.trim_ascii_end();
    if let Some(tag) = elements.strip_suffix("/>") {
        let (before, name) = tag.rsplit_once('<')?;
        let name = name.trim_ascii_end();
        let content = ElementContent::Text("".into());
        return is_name(name).then_some((before, Element { name, content, by_user: false }));
    }
    let (inside, name) = elements.strip_suffix('>')?.rsplit_once("</")?;
    let name = name.trim_ascii_end();
    let (before, text) = inside.rsplit_once(&format!("<{name}>"))?;
    let text = text.trim_ascii();
    let is_plain = |text: &str| !text.contains('<') && !text.contains(CDATA_END);
    let content = match text.strip_prefix(CDATA).and_then(|text| text.strip_suffix(CDATA_END)) {
        Some(text) if is_by_wechat(name) && is_plain(text) => section(text),
        None if is_plain(text) => ElementContent::Text(unescaped(text)),
        _ => return None,
    };
    is_name(name).then_some((before, Element { name, content, by_user: false }))
}

/// The elements from the first text of a user's to the end of the last one.
fn texts(elements: &str, depth: usize, max: usize) -> Result<Vec<Element<'_>>, &'static str> {
    if elements.is_empty() {
        return Ok(Vec::new());
    }
    let (name, inside) = start_tag(elements).ok_or(MALFORMED)?;
    let Some(text) = inside.trim_ascii_start().strip_prefix(CDATA) else {
        return containers(name, inside, depth, max);
    };
    let text_up_to = |end: usize| Element { name, content: section(&text[..end]), by_user: true };
    let mut ends = text.rmatch_indices(CDATA_END).filter_map(|(place, _)| {
        let behind = after_end(text, place, name)?.trim_ascii();
        (behind.is_empty() || is_beginning(behind)).then_some((place, behind))
    });
    let end = if is_by_wechat(name) { ends.last() } else { ends.next() };
    if let Some((end, behind)) = end
        && max > 0
        && let Ok(others) = texts(behind, depth, max - 1)
    {
        return Ok(std::iter::once(text_up_to(end)).chain(others).collect());
    }
    // What seemed to be another element was part of the text.
    let end = text.rfind(CDATA_END).filter(|end| is_end(&text[end + CDATA_END.len()..]));
    Ok(vec![text_up_to(end.ok_or(MALFORMED)?)])
}

/// Whether only end tags are left.
fn is_end(mut elements: &str) -> bool {
    while let Some((name, behind)) =
        elements.trim_ascii_start().strip_prefix("</").and_then(|tag| tag.split_once('>'))
        && is_name(name.trim_ascii_end())
    {
        elements = behind;
    }
    elements.trim_ascii().is_empty()
}

/// An element with others in it, in one of which a user may have written, and those behind.
fn containers<'d>(
    name: &'d str,
    inside: &'d str,
    depth: usize,
    max: usize,
) -> Result<Vec<Element<'d>>, &'static str> {
    let mut ends = inside.rmatch_indices("</");
    let end = ends.find_map(|(place, tag)| {
        Some((place, after_end_tag(&inside[place + tag.len()..], name)?.trim_ascii()))
    });
    let (end, behind) = end.filter(|_| max > 0).ok_or(MALFORMED)?;
    let content = ElementContent::Elements(between(&inside[..end], depth + 1)?);
    let element = Element { name, content, by_user: true };
    Ok(std::iter::once(element).chain(texts(behind, depth, max - 1)?).collect())
}

/// Whether another element that may have a user's text begins here.
fn is_beginning(elements: &str) -> bool {
    start_tag(elements).is_some_and(|(name, inside)| {
        !IDENTITY.contains(&name) && inside.trim_ascii_start().starts_with('<')
    })
}

fn start_tag(elements: &str) -> Option<(&str, &str)> {
    let (name, inside) = elements.strip_prefix('<')?.split_once('>')?;
    let name = name.trim_ascii_end();
    is_name(name).then_some((name, inside))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(in_name)
}
