//! Pushes and answers that the makers of foreign implementations recorded: we read the
//! pushes as those do, and the answers as they are.
//!
//! They stand in tests and in documentation, as literals of some language. Nothing of them
//! is kept here: they are read where the registries' packages of sources lie.

mod answers;

use crate::known::{KnownReading, are_at};
use crate::peer::{Peer, PeerError};
use crate::sandbox::{Sandbox, SandboxError};
use crate::understood;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::wechat::id::AppId;
use shared::wechat::push::{Format, Push, PushKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

/// The names of files that may contain recordings end like this.
const SOURCES: [&str; 9] = ["java", "go", "rs", "py", "js", "php", "json", "xml", "md"];

/// How much was read, all of it without a fault.
#[derive(Debug, Default)]
pub struct Checked {
    pushes: usize,
    fields: usize,
    /// What the peer itself takes for an error.
    unread_there: usize,
}

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// A folder can't be read.
    #[error("the sources of the recordings can't be read: {0}")]
    Sources(#[from] io::Error),
    /// The peer can't be asked.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// The sandbox can't be asked.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Some recordings are lost or misread.
    #[error("{} recordings are lost or misread:\n{}", .0.len(), .0.join("\n"))]
    Misread(Vec<String>),
}

/// What the peer tells of a recording.
#[derive(Deserialize)]
struct Reading {
    understood: Value,
}

/// Reads every push that is recorded in the sources in `folders`, and compares with what
/// `peer` reads.
///
/// # Errors
///
/// For the recordings that we refuse, and those that both sides read otherwise.
pub fn check(peer: &mut Peer, folders: &[PathBuf]) -> Result<Checked, Failed> {
    let recordings = recordings(folders, pushes_in)?;
    let app = AppId::parse("wx0000000000000000").expect("an app id");
    let mut checked = Checked::default();
    let mut misread = Vec::new();
    for recording in &recordings {
        let push = match Push::read(&app, recording) {
            Ok(push) => push,
            Err(error) => {
                misread.push(format!("{error}: {recording}"));
                continue;
            }
        };
        if let PushKind::Malformed { name, problem } = &push.kind {
            misread.push(format!("{name}: {problem}: {recording}"));
        }
        checked.pushes += 1;
        let (format, kind) = match push.format {
            Format::Xml => ("xml", "official_account"),
            Format::Json => ("json", "mini_program"),
        };
        let read = peer.request("read", json!({ "kind": kind, "message": recording }));
        let Reading { understood } = match read {
            Ok(reading) => reading,
            Err(PeerError::Raised(_)) => {
                checked.unread_there += 1;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let known = KnownReading::for_push(peer.short_name(), format, &push.tree);
        match (understood::compare(&understood, &push), known) {
            (Ok(fields), _) => checked.fields += fields,
            (Err(lines), KnownReading::Misread(places)) if are_at(&lines, places) => {}
            (Err(lines), _) => misread.push(format!("{recording}\n  {}", lines.join("\n  "))),
        }
    }
    if misread.is_empty() { Ok(checked) } else { Err(Failed::Misread(misread)) }
}

/// Lets our client read every answer of a call of ours that is recorded in the sources in
/// `folders`, and gives their number.
///
/// # Errors
///
/// For the recordings that are read otherwise than they are.
pub async fn check_answers(sandbox: &Sandbox, folders: &[PathBuf]) -> Result<usize, Failed> {
    let (mut checked, mut misread) = (0, Vec::new());
    for recording in recordings(folders, answers_in)? {
        let answer = serde_json::from_str(&recording).expect("it was found as JSON");
        match answers::is_read(sandbox, &answer).await? {
            Some(true) => checked += 1,
            Some(false) => misread.push(recording),
            None => {}
        }
    }
    if misread.is_empty() { Ok(checked) } else { Err(Failed::Misread(misread)) }
}

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pushes, fields, unread_there } = self;
        write!(
            f,
            "{pushes} recorded pushes are read here, and {fields} of their fields as there; \
             {unread_there} are errors there"
        )
    }
}

/// What `find` finds in the sources in these folders.
fn recordings(folders: &[PathBuf], find: fn(&str) -> Vec<String>) -> io::Result<BTreeSet<String>> {
    let mut recordings = BTreeSet::new();
    for folder in folders {
        collect(folder, find, &mut recordings)?;
    }
    Ok(recordings)
}

/// Adds the recordings in this folder, and in those within.
fn collect(
    folder: &Path,
    find: fn(&str) -> Vec<String>,
    recordings: &mut BTreeSet<String>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, find, recordings)?;
        } else if path.extension().is_some_and(|end| SOURCES.iter().any(|it| end == *it)) {
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            // Java has no literal of several lines that would be a recording as it stands.
            if path.extension().is_none_or(|end| end != "java") {
                recordings.extend(find(&text));
            }
            recordings.extend(find(&without_quotes(&text)));
        }
    }
    Ok(())
}

/// The text of a program, in which a literal of several parts has become one, without what
/// stands in front of quotes and line ends.
fn without_quotes(text: &str) -> String {
    let mut joined = String::new();
    let mut rest = text;
    while let Some((part, after)) = rest.split_once('"') {
        joined.push_str(part);
        // `" + "`, with any space.
        let next = after.trim_start().strip_prefix('+').map(str::trim_start);
        rest = match next.and_then(|next| next.strip_prefix('"')) {
            Some(continued) if !part.ends_with('\\') => continued,
            _ => {
                joined.push('"');
                after
            }
        };
    }
    joined.push_str(rest);
    joined.replace("\\n", "\n").replace("\\t", "\t").replace("\\\"", "\"")
}

/// The pushes that stand somewhere in this text, in either format.
fn pushes_in(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices("<xml>") {
        let rest = &text[start..];
        if let Some(end) = rest.find("</xml>") {
            let document = &rest[..end + "</xml>".len()];
            // A pattern that a program fills in is no recording.
            let is_pattern = ["{}", "%s", "%d", "%1$s"].iter().any(|it| document.contains(it));
            if document.contains("<MsgType>") && document.contains("<CreateTime>") && !is_pattern {
                found.push(document.to_owned());
            }
        }
    }
    found.extend(objects_in(text).into_iter().filter_map(|(value, written)| {
        let is_push = value.get("MsgType").is_some() && value.get("CreateTime").is_some();
        is_push.then_some(written)
    }));
    found
}

/// The answers that stand somewhere in this text.
fn answers_in(text: &str) -> Vec<String> {
    let names = ["errcode", "session_key", "access_token"];
    let objects = objects_in(text).into_iter();
    let answers = objects.filter(|(value, _)| names.iter().any(|it| value.get(it).is_some()));
    answers.map(|(_, written)| written).collect()
}

/// The objects in JSON that stand somewhere in this text, and how they are written.
fn objects_in(text: &str) -> Vec<(Value, String)> {
    let object_at = |(start, _): (usize, &str)| {
        let mut values = serde_json::Deserializer::from_str(&text[start..]).into_iter::<Value>();
        let value = values.next()?.ok()?;
        Some((value, text[start..start + values.byte_offset()].to_owned()))
    };
    text.match_indices('{').filter_map(object_at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const XML: &str = "<xml>\n<CreateTime>1</CreateTime><MsgType><![CDATA[text]]></MsgType></xml>";

    #[test]
    fn literals_of_all_languages_are_found() {
        let java = r#"String xml = "<xml>\n" +
            "<CreateTime>1</CreateTime>"
            + "<MsgType><![CDATA[text]]></MsgType></xml>"; assertEquals(a, "b");"#;
        assert_eq!(pushes_in(&without_quotes(java)), [XML]);
        let go = format!("func x() {{ push := `{XML}` }}");
        assert_eq!(pushes_in(&go), [XML]);

        let json = r#"{"MsgType":"event","CreateTime":"1","List":{"a":[1]}}"#;
        let escaped = json.replace('"', "\\\"");
        let (one, two) = escaped.split_once(":[").unwrap();
        let java = format!("class A {{ String json = \"{one}\" +\n \":[{two}\"; }}");
        assert_eq!(pushes_in(&without_quotes(&java)), [json]);
        assert_eq!(pushes_in(&format!("before {{ {json} }} after")), [json]);
    }

    #[test]
    fn envelopes_and_answers_are_no_pushes() {
        for other in [
            "<xml><Encrypt><![CDATA[a]]></Encrypt></xml>",
            "<xml><CreateTime>{}</CreateTime><MsgType>text</MsgType></xml>",
            r#"{"errcode":0,"errmsg":"ok"}"#,
            "{ not json",
        ] {
            assert_eq!(pushes_in(other), Vec::<String>::new(), "{other}");
        }
        let answer = r#"{"errcode":40029,"errmsg":"invalid code"}"#;
        assert_eq!(answers_in(&format!("x {{ let a = `{answer}`; }}")), [answer]);
        assert_eq!(answers_in(r#"{"MsgType":"text","CreateTime":1}"#), Vec::<String>::new());
    }
}
