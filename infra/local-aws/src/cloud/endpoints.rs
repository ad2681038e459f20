//! The addresses of a cloud, bound before anything answers there.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use super::Error;

/// The listeners of the HTTP API and of AWS. Templates and parameters can refer to their
/// addresses before they are served; a client that connects earlier waits.
#[derive(Debug)]
pub struct Endpoints {
    pub(super) http: (TcpListener, SocketAddr),
    pub(super) aws: (TcpListener, SocketAddr),
}

impl Endpoints {
    /// Binds both ports; 0 chooses a free one.
    pub fn bind(http_port: u16, aws_port: u16) -> Result<Self, Error> {
        let http = bind("the HTTP API", http_port, "--http-port")?;
        let aws = bind("AWS", aws_port, "--aws-port")?;
        Ok(Self { http, aws })
    }

    /// The URL of the HTTP API, without a slash at its end.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.http.1)
    }

    /// The URL of AWS, without a slash at its end.
    pub fn aws_url(&self) -> String {
        format!("http://{}", self.aws.1)
    }
}

/// Binds a port of this machine for `what`; `option` chooses another port.
pub fn bind(
    what: &'static str,
    port: u16,
    option: &'static str,
) -> Result<(TcpListener, SocketAddr), Error> {
    let failed = |source| Error::Port { what, port, option, source };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
