//! A push as it is sent: the query and the body, signed and encrypted.

use crate::clock;
use crate::model::app_settings::{Format, Mode};
use crate::oddities::catalog::Oddity;
use crate::oddities::draw::Draw;
use crate::oddities::{message, text};
use crate::push::deliver::Recipient;
use crate::push::document::{Style, document};
use crate::push::event::{Envelope, Event, Field, ListStyle, ListWrapper};
use crate::random;
use shared::wechat::crypto::{self, EncodingAesKey};
use shared::wechat::signature;

/// The query and the body of a push. The signed timestamp is that of the system clock: it is
/// the time of this delivery, and a callback that rejects old ones cannot know the sandbox's
/// clock.
pub(super) fn write(
    to: &Recipient,
    envelope: &Envelope,
    event: &Event,
    draw: &mut Draw,
) -> Result<(String, Vec<u8>), String> {
    let app = &to.app;
    let token = app.callback_token.expose();
    let timestamp = clock::wall_seconds().to_string();
    let nonce = (u32::from_le_bytes(random::bytes()) % 1_000_000_000).to_string();
    let mut query = vec![
        ("signature", signature::sign(&[token, &timestamp, &nonce])),
        ("timestamp", timestamp.clone()),
        ("nonce", nonce.clone()),
    ];
    let fields = fields(to, envelope, event, draw);
    let names_sender = fields.iter().any(|(name, _)| name == "FromUserName");
    if names_sender && !draw.applies(Oddity::QueryWithoutOpenid) {
        query.push(("openid", percent_encode(&envelope.from)));
    }
    let style = style(&fields, to.format, draw);
    let byte_order_mark = draw.applies(Oddity::ByteOrderMark);
    let half: &[u8] = match to.format {
        Format::Xml => b"\xed\xa0\xbd",
        Format::Json => b"\\ud83d",
    };
    let bytes = |fields: &[(String, Field)]| {
        text::bytes(&document(fields, to.format, style), half, byte_order_mark)
    };
    let plain = bytes(&fields);
    let body = if to.mode == Mode::Plaintext {
        plain
    } else {
        let key = EncodingAesKey::parse(app.encoding_aes_key.expose())
            .map_err(|error| error.to_string())?;
        // WeChat's random bytes are printable.
        let mut random = [0; 16];
        random.copy_from_slice(format!("{}{}", random::hex8(), random::hex8()).as_bytes());
        let encrypt = crypto::encrypt(&key, &app.app_id, random, &plain);
        query.push(("encrypt_type", "aes".to_owned()));
        query.push(("msg_signature", signature::sign(&[token, &timestamp, &nonce, &encrypt])));
        let mut outer = match to.mode {
            Mode::Compatible => fields,
            _ => vec![("ToUserName".to_owned(), Field::text(&envelope.to))],
        };
        outer.push(("Encrypt".to_owned(), Field::Text(encrypt)));
        bytes(&outer)
    };
    draw.try_to(Oddity::ShuffledQuery, |random| {
        query.push(("sandbox", "%E9%9B%81".to_owned()));
        random.shuffle(&mut query);
        true
    });
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    Ok((query.join("&"), body))
}

/// The fields of the message.
fn fields(
    to: &Recipient,
    envelope: &Envelope,
    event: &Event,
    draw: &mut Draw,
) -> Vec<(String, Field)> {
    let mut event = event.clone();
    message::change_event(draw, &mut event);
    let is_json = to.format == Format::Json;
    let (one, some) = (event.items.len() == 1, !event.items.is_empty());
    let mut list = ListStyle {
        single_item_as_list: to.pushing.single_item_as_list
            || draw.try_to(Oddity::OneItemList, |_| is_json && one),
        ..ListStyle::default()
    };
    draw.try_to(Oddity::WrappedList, |random| {
        let wrapper = random.pick(&[ListWrapper::Name, ListWrapper::Object]);
        list.wrapper = wrapper.filter(|_| is_json && some).unwrap_or_default();
        is_json && some
    });
    let mut fields = event.fields_in(to.format, envelope, list);
    message::change_fields(draw, &mut fields, to.format);
    fields
}

fn style(fields: &[(String, Field)], format: Format, draw: &mut Draw) -> Style {
    let has_end = |field: &Field| matches!(field, Field::Text(text) if text.contains("]]>"));
    let has_end = format == Format::Xml && fields.iter().any(|(_, field)| has_end(field));
    Style {
        white_space: draw.applies(Oddity::WhiteSpace),
        nested_cdata: draw.try_to(Oddity::NestedCdata, |_| has_end),
    }
}

/// A value of a query. An openid needs no encoding, but the control API accepts any sender.
fn percent_encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
