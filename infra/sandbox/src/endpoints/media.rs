//! Uploads and downloads of media.
//!
//! Source: WeChat's documentation, "新增临时素材" (`media/upload`) and "获取临时素材"
//! (`media/get`).

use crate::api_error::{self, ApiError};
use crate::endpoints::call::Call;
use crate::endpoints::multipart;
use crate::model::media::{self, MediaFile, MediaKind};
use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// `POST /cgi-bin/media/upload`.
pub(super) fn upload(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let now = call.now;
    let kind = call.parameter("type");
    let kind = kind.and_then(|text| MediaKind::parse(text, call.app(at).kind));
    let kind = kind.ok_or(api_error::INVALID_MEDIA_TYPE)?;
    let (content_type, form) = call.form;
    let part = multipart::file(content_type, form, "media").ok_or(api_error::MEDIA_MISSING)?;
    if part.bytes.is_empty() {
        return Err(api_error::EMPTY_MEDIA);
    }
    kind.content_type(&part.name).ok_or(api_error::INVALID_FILE_TYPE)?;
    if part.bytes.len() > kind.max_bytes() {
        return Err(api_error::MEDIA_TOO_LARGE);
    }
    let all = &mut call.world.apps[at].media;
    let media_id = media::add_upload(all, kind, part.name, part.bytes.into(), now);
    Ok(json!({ "type": kind.name(), "media_id": media_id, "created_at": now }))
}

/// `GET /cgi-bin/media/get`: the file, or the URL of a video.
pub(super) fn get(call: &mut Call<'_>, at: usize) -> Result<Value, ApiError> {
    let id = call.parameter("media_id").ok_or(api_error::INVALID_MEDIA)?;
    let found = media::find_upload(&call.app(at).media, id, call.now);
    let found = found.ok_or(api_error::INVALID_MEDIA)?;
    if found.kind == MediaKind::Video {
        let url = format!("http://{}/sandbox/media/{id}", call.host);
        return Ok(json!({ "video_url": url }));
    }
    let file = MediaFile::new(found);
    let logged = json!(format!("… ({} bytes of {})", file.bytes.len(), file.content_type));
    call.file = Some(file);
    Ok(logged)
}

/// A file as an HTTP response.
pub(crate) struct MediaResponse(pub(crate) MediaFile);

impl IntoResponse for MediaResponse {
    fn into_response(self) -> Response {
        let Self(file) = self;
        let mut response = Response::new(Body::from(file.bytes.to_vec()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        // Drops characters that a header cannot contain.
        let name: String =
            file.name.chars().filter(|c| c.is_ascii_graphic() && *c != '"').collect();
        let disposition = format!("attachment; filename=\"{name}\"");
        if let Ok(disposition) = HeaderValue::from_str(&disposition) {
            headers.insert(header::CONTENT_DISPOSITION, disposition);
        }
        response
    }
}
