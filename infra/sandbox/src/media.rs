//! Files that an app has uploaded, and that its messages name.
//!
//! Source: WeChat's documentation, "新增临时素材" (`media/upload`) and "获取临时素材"
//! (`media/get`).

use crate::api::Call;
use crate::app::{App, Kind};
use crate::control::Problem;
use crate::multipart;
use crate::random;
use crate::refusal::{self, Refusal};
use crate::world::World;
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use std::sync::Arc;

/// Where files are sent to.
pub(crate) const UPLOAD: &str = "/cgi-bin/media/upload";
/// The largest form that is read: the largest file, and what stands around it.
pub(crate) const LARGEST_FORM: usize = (10 << 20) + (64 << 10);
/// How long a file is kept, in seconds: three days.
const LIFE: i64 = 3 * 86_400;

/// A file that an app has uploaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Media {
    media_id: String,
    #[serde(rename = "type")]
    kind: MediaKind,
    /// When it was uploaded, in Unix seconds; none of material that stays, which is
    /// uploaded in WeChat's console.
    #[serde(default)]
    created_at: Option<i64>,
    #[serde(default)]
    name: String,
    /// Nothing of material that stays: only its id is ever asked for.
    #[serde(default, serialize_with = "write", deserialize_with = "read")]
    bytes: Arc<[u8]>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum MediaKind {
    /// A picture.
    Image,
    /// Something said.
    Voice,
    /// A film.
    Video,
    /// The small picture on a card.
    Thumb,
    /// Articles, which are only ever made in WeChat's console.
    News,
}

impl MediaKind {
    /// What `type` in a query means to this kind of app: a Mini Program uploads
    /// pictures only.
    fn parse(text: &str, app: Kind) -> Option<Self> {
        match (text, app) {
            ("image", _) => Some(Self::Image),
            ("voice", Kind::OfficialAccount) => Some(Self::Voice),
            ("video", Kind::OfficialAccount) => Some(Self::Video),
            ("thumb", Kind::OfficialAccount) => Some(Self::Thumb),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::Thumb => "thumb",
            Self::News => "news",
        }
    }

    /// A file's most bytes.
    fn most(self) -> usize {
        match self {
            Self::Image | Self::Video => 10 << 20,
            Self::Voice => 2 << 20,
            Self::Thumb | Self::News => 64 << 10,
        }
    }

    /// How a file's name ends, and what a browser calls it.
    fn endings(self) -> &'static [(&'static str, &'static str)] {
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

    /// What a file of this name is called by a browser, if it may be of this kind.
    /// What is in it, nobody looks at.
    fn content_type(self, name: &str) -> Option<&'static str> {
        let (_, ending) = name.rsplit_once('.')?;
        let found = self.endings().iter().find(|(known, _)| known.eq_ignore_ascii_case(ending));
        found.map(|(_, content_type)| *content_type)
    }
}

impl Media {
    fn is_there(&self, now: i64) -> bool {
        self.created_at.is_none_or(|at| now < at + LIFE)
    }
}

/// Whether the app's messages may name this file as one of these kinds.
pub(crate) fn check(app: &App, id: &str, kinds: &[MediaKind], now: i64) -> Result<(), Refusal> {
    let fits = |it: &Media| it.media_id == id && kinds.contains(&it.kind) && it.is_there(now);
    if app.media.iter().any(fits) { Ok(()) } else { Err(refusal::INVALID_MEDIA) }
}

/// Material that stays, as if uploaded in WeChat's console.
pub(crate) fn permanent(media_id: &str, kind: MediaKind) -> Media {
    Media {
        media_id: media_id.to_owned(),
        kind,
        created_at: None,
        name: String::new(),
        bytes: Arc::default(),
    }
}

/// What somebody uploads in WeChat's console.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Uploaded {
    media_id: String,
    #[serde(rename = "type")]
    kind: MediaKind,
}

/// Keeps material for good, under an id of one's own choosing.
pub(crate) fn keep(app: &mut App, it: &Uploaded) -> Result<(), Problem> {
    if it.media_id.is_empty() {
        return Err(Problem::wants("media_id", "what messages call it"));
    }
    app.media.retain(|old| old.media_id != it.media_id);
    app.media.push(permanent(&it.media_id, it.kind));
    Ok(())
}

/// Answers `POST /cgi-bin/media/upload`.
pub(crate) fn upload(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let now = call.now;
    let kind = call.parameter("type");
    let kind = kind.and_then(|text| MediaKind::parse(text, call.world.apps[at].kind));
    let kind = kind.ok_or(refusal::INVALID_MEDIA_TYPE)?;
    let (content_type, form) = call.form;
    let part = multipart::file(content_type, form, "media").ok_or(refusal::MEDIA_MISSING)?;
    if part.bytes.is_empty() {
        return Err(refusal::EMPTY_MEDIA);
    }
    kind.content_type(&part.name).ok_or(refusal::INVALID_FILE_TYPE)?;
    if part.bytes.len() > kind.most() {
        return Err(refusal::MEDIA_TOO_LARGE);
    }
    let media = &mut call.world.apps[at].media;
    media.retain(|it| it.is_there(now));
    let media_id = random::text(64);
    media.push(Media {
        media_id: media_id.clone(),
        kind,
        created_at: Some(now),
        name: part.name,
        bytes: part.bytes.into(),
    });
    Ok(json!({ "type": kind.name(), "media_id": media_id, "created_at": now }))
}

/// Answers `GET /cgi-bin/media/get`: with the file itself, or, of a film, with where
/// it is.
pub(crate) fn get(call: &mut Call<'_>, at: usize) -> Result<Value, Refusal> {
    let id = call.parameter("media_id").ok_or(refusal::INVALID_MEDIA)?;
    let found = find(&call.world.apps[at], id, call.now).ok_or(refusal::INVALID_MEDIA)?;
    if found.kind == MediaKind::Video {
        let url = format!("http://{}/sandbox/media/{id}", call.host);
        return Ok(json!({ "video_url": url }));
    }
    let file = File::of(found);
    // What the record of calls keeps of it.
    let answer = json!(format!("… ({} bytes of {})", file.bytes.len(), file.content_type));
    call.file = Some(file);
    Ok(answer)
}

fn find<'a>(app: &'a App, id: &str, now: i64) -> Option<&'a Media> {
    let uploaded = |it: &&Media| it.created_at.is_some() && it.is_there(now);
    app.media.iter().filter(uploaded).find(|it| it.media_id == id)
}

/// Any app's file with this id, for whoever looks at the world from outside.
pub(crate) fn any(world: &World, id: &str) -> Option<File> {
    let now = world.now();
    world.apps.iter().find_map(|app| find(app, id, now)).map(File::of)
}

/// A file on its way to somebody.
pub(crate) struct File {
    name: String,
    content_type: &'static str,
    bytes: Arc<[u8]>,
}

impl File {
    fn of(media: &Media) -> Self {
        let content_type = media.kind.content_type(&media.name);
        Self {
            name: media.name.clone(),
            content_type: content_type.unwrap_or("application/octet-stream"),
            bytes: media.bytes.clone(),
        }
    }
}

impl IntoResponse for File {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.bytes.to_vec()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        // What a header can't hold, the name does without.
        let name: String =
            self.name.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
        let disposition = format!("attachment; filename=\"{name}\"");
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response
    }
}

fn write<S: Serializer>(bytes: &Arc<[u8]>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    STANDARD.decode(text).map(Arc::from).map_err(serde::de::Error::custom)
}
