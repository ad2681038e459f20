//! The body of a request or an answer, in one piece.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;

use super::Refusal;

/// The most that is read, in bytes: no service takes more (`DynamoDB`: 16 MB for a
/// `BatchWriteItem`). Those that take less say so themselves.
const LARGEST: usize = 16 * 1024 * 1024;

/// Reads all of it.
///
/// # Errors
///
/// When it is larger than any service takes, or breaks off.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, LARGEST).await.map_err(|_| Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "RequestTooLargeException".into(),
        message: format!("the request is larger than {LARGEST} bytes, or broke off"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_no_service_takes_is_refused() {
        assert!(whole(Body::from(vec![0; LARGEST])).await.is_ok());
        let refusal = whole(Body::from(vec![0; LARGEST + 1])).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
