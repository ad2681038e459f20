//! The URLs to which WeChat pushes, and the secret that makes their keys.

use super::connection::Deployment;
use crate::error::{Error, ErrorKind};
use crate::random;
use shared::parameters::URL_SECRET;
use shared::secret::Secret;
use shared::url_key::UrlSecret;
use std::fmt;
use std::fmt::Write as _;

/// The URL to which WeChat pushes an app's messages. Shown without its key, which is a
/// secret.
#[derive(Clone, Debug)]
pub(crate) struct CallbackUrl {
    without_key: String,
    key: Option<Secret>,
}

impl CallbackUrl {
    /// Without a secret of the stage, the URL has no key.
    pub(crate) fn new(base: &str, alias: &str, secret: Option<&UrlSecret>, version: u32) -> Self {
        Self {
            without_key: format!("{base}/callback/{alias}"),
            key: secret.map(|secret| secret.key(alias, version)),
        }
    }

    /// The URL with its key, to paste into WeChat's console and to call.
    pub(crate) fn expose(&self) -> String {
        match &self.key {
            Some(key) => format!("{}/{}", self.without_key, key.expose()),
            None => self.without_key.clone(),
        }
    }

    pub(crate) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The URL that every stranger can guess.
    pub(crate) fn without_key(&self) -> Self {
        Self { key: None, ..self.clone() }
    }
}

impl fmt::Display for CallbackUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.without_key, if self.has_key() { "/…" } else { "" })
    }
}

impl Deployment {
    /// The URL to which WeChat pushes an app's messages, with the key of this version.
    pub(crate) async fn callback_url(
        &self,
        alias: &str,
        version: u32,
    ) -> Result<CallbackUrl, Error> {
        let (info, secret) = tokio::try_join!(self.info(), self.url_secret())?;
        Ok(CallbackUrl::new(info.callback_base(), alias, secret.as_ref(), version))
    }

    /// The stage's secret, if there is one.
    pub(crate) async fn url_secret(&self) -> Result<Option<UrlSecret>, Error> {
        let Some(stored) = self.parameter(URL_SECRET).await? else { return Ok(None) };
        UrlSecret::new(stored.value).map(Some).map_err(|error| {
            let name = self.parameter_name(URL_SECRET);
            let advice = "restore the parameter's former version; with another secret each app has \
                          another URL";
            Error::new(ErrorKind::Invalid, format!("the parameter {name}: {error}"), advice)
        })
    }

    /// Creates the stage's secret, if there is none.
    pub(crate) async fn create_url_secret(&self) -> Result<(), Error> {
        if self.url_secret().await?.is_some() {
            return Ok(());
        }
        let mut text = String::new();
        for byte in random::bytes::<32>()? {
            let _ = write!(text, "{byte:02x}");
        }
        // Never over one that exists: the URLs in WeChat's consoles depend on it.
        self.create_secret_parameter(URL_SECRET, &Secret::new(text)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_shown_without_its_key() {
        let secret = UrlSecret::new(Secret::new("x".repeat(32))).unwrap();
        let url = CallbackUrl::new("https://a.example", "shop", Some(&secret), 1);
        let key = secret.key("shop", 1);
        assert_eq!(url.to_string(), "https://a.example/callback/shop/…");
        assert_eq!(url.expose(), format!("https://a.example/callback/shop/{}", key.expose()));
        assert!(!format!("{url:?}").contains(key.expose()));
        for url in [url.without_key(), CallbackUrl::new("https://a.example", "shop", None, 1)] {
            assert_eq!(url.to_string(), "https://a.example/callback/shop");
            assert_eq!(url.expose(), url.to_string());
        }
    }
}
