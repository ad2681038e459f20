//! The business's own servers, which people's phones and the page call.

/// The URLs of the business's servers, as far as there are any.
#[derive(Clone, Debug, Default)]
pub struct Business {
    /// The server of the Mini Programs, `http://127.0.0.1:8080`. Opening a Mini Program logs
    /// in at `POST /login/{alias}` there.
    pub api: Option<String>,
    /// The URL that takes a request for a notification, as Lambda's Invoke does.
    pub send: Option<String>,
}

impl Business {
    /// Without a slash at the end of `api`.
    pub(crate) fn normalized(self) -> Self {
        Self { api: self.api.map(|api| api.trim_end_matches('/').to_owned()), ..self }
    }
}
