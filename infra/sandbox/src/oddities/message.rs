//! Oddities of pushed messages.

use crate::model::app_settings::Format;
use crate::oddities::answer::plain_number;
use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::oddities::text::{HALF_SURROGATE, INVALID_BYTE, raw};
use crate::push::event::{Event, Field};
use serde_json::json;

/// The words for a consent with a louder notice.
const ACCEPT_WORDS: [&str; 3] = ["acceptWithAudio", "acceptWithAlert", "acceptWithForcePush"];
/// Words that no documentation has for the answer about consent.
const UNKNOWN_CONSENT_WORDS: [&str; 3] = ["acceptWithSandboxTest", "undecided", ""];

/// The fields of a message, in order.
type Fields = Vec<(String, Field)>;

/// Changes what happened.
pub(crate) fn change_event(draw: &mut Draw, event: &mut Event) {
    let is_event = event.kind == "event";
    if event.kind == "text" && draw.applies(Oddity::FileMessage) {
        // As captured in the reported message.
        "file".clone_into(&mut event.kind);
        event.fields.retain(|(name, _)| name != "Content");
        for (name, text) in [
            ("Title", "order.pdf"),
            ("Description", ""),
            ("FileKey", "sandbox"),
            ("FileMd5", "d41d8cd98f00b204e9800998ecf8427e"),
            ("FileTotalLen", "1024"),
        ] {
            event.fields.push((name.to_owned(), Field::text(text)));
        }
    } else if !is_event && draw.applies(Oddity::UnknownMessageType) {
        "sandbox_type".clone_into(&mut event.kind);
    }
    if is_event && draw.applies(Oddity::UnknownEvent) {
        "sandbox_unknown_event".clone_into(&mut event.name);
    }
    for (name, field) in event.items.iter_mut().flatten() {
        let Field::Text(text) = field else { continue };
        if name != "SubscribeStatusString" {
            continue;
        }
        draw.try_to(Oddity::UnknownConsentWord, |random| {
            *text = random.pick(&UNKNOWN_CONSENT_WORDS).unwrap_or_default().to_owned();
            true
        });
        draw.try_to(Oddity::AcceptWords, |random| {
            let accepted = text == "accept";
            if accepted {
                *text = random.pick(&ACCEPT_WORDS).unwrap_or_default().to_owned();
            }
            accepted
        });
    }
}

/// Changes how it is written.
pub(crate) fn change_fields(draw: &mut Draw, fields: &mut Fields, format: Format) {
    draw.try_to(Oddity::EventWithoutSender, |_| {
        let is_event = fields.iter().any(|(name, _)| name == "Event");
        if is_event {
            fields.retain(|(name, _)| name != "FromUserName");
        }
        is_event
    });
    draw.try_to(Oddity::PopupWrapper, |_| {
        let wrapper = fields.iter_mut().find(|(name, _)| name == "SubscribeMsgChangeEvent");
        wrapper.is_some_and(|(name, _)| {
            "SubscribeMsgPopupEvent".clone_into(name);
            true
        })
    });
    let is_empty = |field: &Field| matches!(field, Field::Text(text) if text.is_empty());
    draw.try_to(Oddity::NullFields, |_| {
        each(fields, &|field| is_empty(field).then_some(Field::Null))
    });
    draw.try_to(Oddity::MissingFields, |_| {
        let before = fields.len();
        fields.retain(|(_, field)| !is_empty(field));
        fields.len() != before
    });
    draw.try_to(Oddity::NumbersAsStrings, |_| {
        each(fields, &|field| match field {
            Field::Number(number) => Some(Field::text(number.to_string())),
            _ => None,
        })
    });
    draw.try_to(Oddity::StringsAsNumbers, |_| {
        each(fields, &|field| match field {
            Field::Text(text) => plain_number(text).map(|number| Field::Number(number.into())),
            _ => None,
        })
    });
    draw.try_to(Oddity::UnknownFields, |_| {
        let odd = json!({"List": ["", {"Event": "sandbox"}], "FromUserName": "sandbox"});
        fields.push(("SandboxGroup".to_owned(), Field::from_json(&odd)));
        fields.push(("SandboxText".to_owned(), Field::text("<MsgType>雁</MsgType>")));
        true
    });
    for (oddity, character) in [
        (Oddity::RawControlCharacters, raw('\u{b}')),
        (Oddity::HalfSurrogates, HALF_SURROGATE),
        (Oddity::InvalidUtf8, INVALID_BYTE),
    ] {
        draw.try_to(oddity, |_| {
            let remark = Field::text(format!("雁{character}"));
            fields.push((format!("Sandbox{}", fields.len()), remark));
            // Nothing is escaped, what people typed neither.
            if oddity == Oddity::RawControlCharacters {
                each(fields, &|field| match field {
                    Field::Text(text) => Some(Field::Text(text.chars().map(raw).collect())),
                    _ => None,
                });
            }
            true
        });
    }
    // In XML a reader needs the order: what people type can look like a field.
    draw.try_to(Oddity::ShuffledFields, |random| {
        let is_json = format == Format::Json;
        if is_json {
            random.shuffle(fields);
        }
        is_json
    });
}

/// Replaces values at any depth. Returns whether there was one to replace.
fn each(fields: &mut Fields, change: &impl Fn(&Field) -> Option<Field>) -> bool {
    fields.iter_mut().fold(false, |any, (_, field)| each_within(field, change) | any)
}

fn each_within(field: &mut Field, change: &impl Fn(&Field) -> Option<Field>) -> bool {
    match field {
        Field::Group(fields) => each(fields, change),
        Field::List(fields) => {
            fields.iter_mut().fold(false, |any, it| each_within(it, change) | any)
        }
        _ => match change(field) {
            Some(changed) => {
                *field = changed;
                true
            }
            None => false,
        },
    }
}
