//! Reads bodies of requests and responses whole.

use axum::body::{Body, Bytes, to_bytes};
use axum::http::StatusCode;

use super::refusal::Refusal;

/// Maximum size of a body: no service accepts more (DynamoDB: 16 MB for a
/// `BatchWriteItem`). Services with a lower limit check it themselves.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Reads all of it.
pub(crate) async fn whole(body: Body) -> Result<Bytes, Refusal> {
    to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| Refusal {
        status: StatusCode::PAYLOAD_TOO_LARGE,
        code: "RequestTooLargeException".into(),
        message: format!("the request is larger than {MAX_BODY_BYTES} bytes, or broke off"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn oversized_body_is_refused() {
        assert!(whole(Body::from(vec![0; MAX_BODY_BYTES])).await.is_ok());
        let refusal = whole(Body::from(vec![0; MAX_BODY_BYTES + 1])).await.unwrap_err();
        assert_eq!(refusal.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
