//! Why a sandbox does not start.

/// Why a sandbox does not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The listener is not usable.
    #[error("the sandbox cannot listen: {0}")]
    Listen(#[source] std::io::Error),
    /// The HTTP client that pushes events cannot be created.
    #[error("the HTTP client for pushes cannot be created: {0}")]
    Client(String),
    /// The data file cannot be read or written.
    #[error(
        "the sandbox cannot use its data file: {0}; repair the file, or remove it to start from the example"
    )]
    Data(#[from] persisted::Error),
    /// The initial world is invalid.
    #[error("the sandbox's world is invalid: {0}")]
    World(String),
}
