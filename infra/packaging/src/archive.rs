//! A zip with a function's `bootstrap` in it.

use std::io::{self, Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The zip of a binary. The same binary gives the same zip, to the byte, so that
/// what hasn't changed isn't uploaded, nor started anew.
///
/// # Errors
///
/// When the binary is too large for a zip, which Lambda wouldn't take anyway.
pub fn of(binary: &[u8]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        // Of no day: it would make a zip of its own each time.
        .last_modified_time(DateTime::default())
        // Lambda starts it as another user than the one it belongs to.
        .unix_permissions(0o755);
    zip.start_file("bootstrap", options)?;
    zip.write_all(binary)?;
    Ok(zip.finish()?.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn it_holds_one_program_that_everybody_may_start() {
        let packed = of(b"program").unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"program");
    }

    #[test]
    fn the_same_binary_gives_the_same_zip() {
        let packed = of(b"program").unwrap();
        assert_eq!(packed, of(b"program").unwrap());
        // A file's time of two seconds stands in the header.
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.by_index(0).unwrap().last_modified(), Some(DateTime::default()));
    }
}
