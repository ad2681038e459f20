//! Input from a file or from the standard input.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Maximum size of an input, in bytes; requests and parameters are smaller.
const MAX_BYTES: u64 = 64 * 1024;

/// Reads a file, or the standard input if `path` is `-`.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        io::stdin().take(MAX_BYTES).read_to_string(&mut text)?;
    } else {
        File::open(path)?.take(MAX_BYTES).read_to_string(&mut text)?;
    }
    Ok(text)
}
