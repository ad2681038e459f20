//! A user's messages.
//!
//! Source: WeChat's documentation, ["接收普通消息"] (receiving messages), and for mini programs
//! "接收消息和事件" (customer service).
//!
//! ["接收普通消息"]: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Receiving_standard_messages.html

use crate::wechat::wire::fields::{Fields, short_name};

/// A user's message. It renews the 48 hours of the customer-service window. A field that
/// WeChat left out is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A text.
    Text {
        /// What the user wrote.
        content: String,
        /// The item that the user tapped, if it was one of a menu message of
        /// customer service.
        menu_id: Option<String>,
    },
    /// A picture.
    Image {
        /// Where WeChat keeps it.
        picture_url: String,
        /// WeChat's name of the file, for three days.
        media_id: String,
    },
    /// A recording.
    Voice {
        /// WeChat's name of the file, for three days.
        media_id: String,
        /// `amr` or `speex`.
        format: String,
        /// The same recording at 16 kHz.
        media_id_16k: Option<String>,
        /// What WeChat understood, where it still says so.
        recognition: Option<String>,
    },
    /// A video.
    Video {
        /// WeChat's name of the file, for three days.
        media_id: String,
        /// WeChat's name of its still picture.
        thumb_media_id: String,
    },
    /// A video taken in the chat.
    ShortVideo {
        /// WeChat's name of the file, for three days.
        media_id: String,
        /// WeChat's name of its still picture.
        thumb_media_id: String,
    },
    /// A place on the map.
    Location {
        /// In decimal degrees, as WeChat writes it.
        latitude: String,
        /// In decimal degrees, as WeChat writes it.
        longitude: String,
        /// How far the map was zoomed in.
        scale: Option<u64>,
        /// The place in words.
        label: String,
    },
    /// An article.
    Link {
        /// Its title.
        title: String,
        /// Below the title.
        description: String,
        /// Where it is.
        url: String,
    },
    /// A page of the mini program.
    MiniProgramPage {
        /// Its title.
        title: String,
        /// The mini program's app id.
        app_id: String,
        /// The page, with its query.
        page_path: String,
        /// Where WeChat keeps the picture on the card.
        thumb_url: String,
        /// WeChat's name of that picture, for three days.
        thumb_media_id: String,
    },
    /// A message of another type: WeChat adds types, and documents not all of them, such as
    /// `file` (JeffreySu/WeiXinMPSDK #1071).
    Other {
        /// WeChat's `MsgType`, in lower case, and cut if it is long.
        message_type: String,
    },
}

/// The types that are known here.
const TYPES: [&str; 8] =
    ["text", "image", "voice", "video", "shortvideo", "location", "link", "miniprogrampage"];

impl Message {
    /// Whether this is the type of a message that is known here.
    pub(super) fn is_known_type(message_type: &str) -> bool {
        TYPES.contains(&message_type)
    }

    /// The words of the user: a text, or what WeChat understood of a recording.
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text { content, .. } => Some(content),
            Self::Voice { recognition, .. } => recognition.as_deref(),
            _ => None,
        }
    }

    /// Reads a message; `message_type` is WeChat's `MsgType` in lower case.
    pub(super) fn read(message_type: &str, fields: Fields<'_>) -> Self {
        let media_id = || fields.text("MediaId");
        let thumb_media_id = || fields.text("ThumbMediaId");
        match message_type {
            "text" => {
                Self::Text { content: fields.text("Content"), menu_id: fields.word("bizmsgmenuid") }
            }
            "image" => Self::Image { picture_url: fields.text("PicUrl"), media_id: media_id() },
            "voice" => Self::Voice {
                media_id: media_id(),
                format: fields.text("Format"),
                media_id_16k: fields.word("MediaId16K"),
                recognition: fields.word("Recognition"),
            },
            "video" => Self::Video { media_id: media_id(), thumb_media_id: thumb_media_id() },
            "shortvideo" => {
                Self::ShortVideo { media_id: media_id(), thumb_media_id: thumb_media_id() }
            }
            "location" => Self::Location {
                latitude: fields.text("Location_X"),
                longitude: fields.text("Location_Y"),
                scale: fields.number("Scale"),
                label: fields.text("Label"),
            },
            "link" => Self::Link {
                title: fields.text("Title"),
                description: fields.text("Description"),
                url: fields.text("Url"),
            },
            "miniprogrampage" => Self::MiniProgramPage {
                title: fields.text("Title"),
                app_id: fields.text("AppId"),
                page_path: fields.text("PagePath"),
                thumb_url: fields.text("ThumbUrl"),
                thumb_media_id: thumb_media_id(),
            },
            other => Self::Other { message_type: short_name(other) },
        }
    }

    /// WeChat's `MsgType` of it.
    pub fn name(&self) -> &str {
        match self {
            Self::Text { .. } => "text",
            Self::Image { .. } => "image",
            Self::Voice { .. } => "voice",
            Self::Video { .. } => "video",
            Self::ShortVideo { .. } => "shortvideo",
            Self::Location { .. } => "location",
            Self::Link { .. } => "link",
            Self::MiniProgramPage { .. } => "miniprogrampage",
            Self::Other { message_type } => message_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(message_type: &str, tree: &Value) -> Message {
        let message = Message::read(message_type, Fields(tree));
        assert_eq!(message.name(), message_type);
        message
    }

    fn s(text: &str) -> String {
        text.to_owned()
    }

    #[test]
    fn every_kind_of_message_is_read() {
        assert_eq!(
            read("text", &json!({ "Content": " ping ", "bizmsgmenuid": 101 })),
            Message::Text { content: s(" ping "), menu_id: Some(s("101")) }
        );
        assert_eq!(
            read("image", &json!({ "PicUrl": "https://p", "MediaId": "M" })),
            Message::Image { picture_url: s("https://p"), media_id: s("M") }
        );
        assert_eq!(
            read("voice", &json!({ "MediaId": "M", "Format": "amr", "MediaId16K": "N" })),
            Message::Voice {
                media_id: s("M"),
                format: s("amr"),
                media_id_16k: Some(s("N")),
                recognition: None,
            }
        );
        let film = json!({ "MediaId": "M", "ThumbMediaId": "T" });
        let (media_id, thumb_media_id) = (s("M"), s("T"));
        assert_eq!(
            read("video", &film),
            Message::Video { media_id: media_id.clone(), thumb_media_id: thumb_media_id.clone() }
        );
        assert_eq!(read("shortvideo", &film), Message::ShortVideo { media_id, thumb_media_id });
        let place = json!({
            "Location_X": 31.230_416, "Location_Y": "121.473701", "Scale": "16", "Label": "Somewhere",
        });
        assert_eq!(
            read("location", &place),
            Message::Location {
                latitude: s("31.230416"),
                longitude: s("121.473701"),
                scale: Some(16),
                label: s("Somewhere"),
            }
        );
        assert_eq!(
            read("link", &json!({ "Title": "T", "Description": "D", "Url": "https://u" })),
            Message::Link { title: s("T"), description: s("D"), url: s("https://u") }
        );
        let page = json!({
            "Title": "Order 17", "AppId": "wx1", "PagePath": "pages/order?id=17",
            "ThumbUrl": "https://t", "ThumbMediaId": "T",
        });
        assert_eq!(
            read("miniprogrampage", &page),
            Message::MiniProgramPage {
                title: s("Order 17"),
                app_id: s("wx1"),
                page_path: s("pages/order?id=17"),
                thumb_url: s("https://t"),
                thumb_media_id: s("T"),
            }
        );
    }

    #[test]
    fn message_may_lack_fields() {
        for name in TYPES {
            read(name, &json!({}));
        }
        read("hologram", &json!({}));
    }

    #[test]
    fn words_of_a_user_are_a_text_or_a_recognised_recording() {
        let words =
            |message_type: &str, tree: &Value| read(message_type, tree).words().map(str::to_owned);
        assert_eq!(words("text", &json!({ "Content": "hi" })), Some(s("hi")));
        assert_eq!(words("voice", &json!({ "Recognition": "hi" })), Some(s("hi")));
        assert_eq!(words("voice", &json!({ "Recognition": "" })), None);
        assert_eq!(words("link", &json!({ "Title": "hi" })), None);
    }
}
