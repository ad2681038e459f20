//! Media: files that an app uploads and refers to in its messages.
//!
//! Source: WeChat's documentation, "新增临时素材" (`media/upload`) and "获取临时素材"
//! (`media/get`).

use crate::api_error::{self, ApiError};
use crate::model::app_settings::AppKind;
use crate::random;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// Seconds for which an uploaded file is kept: three days.
const MEDIA_TTL: i64 = 3 * 86_400;

/// An uploaded file, or permanent material.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Media {
    pub(crate) media_id: String,
    #[serde(rename = "type")]
    pub(crate) kind: MediaKind,
    /// Upload time in Unix seconds. `None` for permanent material, which an operator uploads
    /// in WeChat's console.
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    name: String,
    /// Empty for permanent material: only its id is used.
    #[serde(default, serialize_with = "encode", deserialize_with = "decode")]
    bytes: Arc<[u8]>,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaKind {
    /// A picture.
    Image,
    /// A voice recording.
    Voice,
    /// A video.
    Video,
    /// The small picture on a card.
    Thumb,
    /// Articles, which exist in WeChat's console only.
    News,
}

impl MediaKind {
    /// The `type` in a query. A Mini Program uploads pictures only.
    pub(crate) fn parse(text: &str, app: AppKind) -> Option<Self> {
        match (text, app) {
            ("image", _) => Some(Self::Image),
            ("voice", AppKind::OfficialAccount) => Some(Self::Voice),
            ("video", AppKind::OfficialAccount) => Some(Self::Video),
            ("thumb", AppKind::OfficialAccount) => Some(Self::Thumb),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
            Self::News => "news",
        }
    }

    /// Maximum size in bytes.
    pub(crate) fn max_bytes(self) -> usize {
        match self {
            Self::Image | Self::Video => 10 << 20,
            Self::Voice => 2 << 20,
            Self::Thumb | Self::News => 64 << 10,
        }
    }

    /// File extensions with their content types.
    fn extensions(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Image => &[
                ("png", "image/png"),
                ("jpg", "image/jpeg"),
                ("jpeg", "image/jpeg"),
                ("gif", "image/gif"),
                ("bmp", "image/bmp"),
            ],
            Self::Voice => &[("amr", "audio/amr"), ("mp3", "audio/mpeg")],
            Self::Video => &[("mp4", "video/mp4")],
            Self::Thumb => &[("jpg", "image/jpeg"), ("jpeg", "image/jpeg")],
            Self::News => &[],
        }
    }

    /// The content type by the extension, if this type of file allows the extension. The
    /// sandbox does not examine the content.
    pub(crate) fn content_type(self, name: &str) -> Option<&'static str> {
        let (_, extension) = name.rsplit_once('.')?;
        let found =
            self.extensions().iter().find(|(known, _)| known.eq_ignore_ascii_case(extension));
        found.map(|(_, content_type)| *content_type)
    }
}

impl Media {
    fn exists(&self, now: i64) -> bool {
        self.created_at.is_none_or(|at| now < at + MEDIA_TTL)
    }
}

/// Permanent material, as if uploaded in WeChat's console.
pub(crate) fn permanent(media_id: &str, kind: MediaKind) -> Media {
    Media {
        media_id: media_id.to_owned(),
        kind,
        created_at: None,
        name: String::new(),
        bytes: Arc::default(),
    }
}

/// Adds an uploaded file, and drops expired ones.
pub(crate) fn add_upload(
    all: &mut Vec<Media>,
    kind: MediaKind,
    name: String,
    bytes: Arc<[u8]>,
    now: i64,
) -> String {
    all.retain(|it| it.exists(now));
    let media_id = random::text(64);
    all.push(Media { media_id: media_id.clone(), kind, created_at: Some(now), name, bytes });
    media_id
}

/// Fails unless a message may refer to this file as one of these types.
pub(crate) fn check(
    all: &[Media],
    id: &str,
    kinds: &[MediaKind],
    now: i64,
) -> Result<(), ApiError> {
    let matches = |it: &Media| it.media_id == id && kinds.contains(&it.kind) && it.exists(now);
    if all.iter().any(matches) { Ok(()) } else { Err(api_error::INVALID_MEDIA) }
}

/// The uploaded file with this id.
pub(crate) fn find_upload<'a>(all: &'a [Media], id: &str, now: i64) -> Option<&'a Media> {
    all.iter().find(|it| it.media_id == id && it.created_at.is_some() && it.exists(now))
}

/// A file to download.
pub(crate) struct MediaFile {
    pub(crate) name: String,
    pub(crate) content_type: &'static str,
    pub(crate) bytes: Arc<[u8]>,
}

impl MediaFile {
    pub(crate) fn new(media: &Media) -> Self {
        let content_type = media.kind.content_type(&media.name);
        Self {
            name: media.name.clone(),
            content_type: content_type.unwrap_or("application/octet-stream"),
            bytes: media.bytes.clone(),
        }
    }
}

fn encode<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn decode<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Arc::from).map_err(serde::de::Error::custom)
}
