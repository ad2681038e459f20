//! The zip with a function's `bootstrap`.

use std::io::{self, Cursor, Write as _};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// The zip of a binary. The same binary gives the same bytes, so that an unchanged function
/// is neither uploaded nor restarted.
///
/// # Errors
///
/// The binary is too large for a zip, and thereby for Lambda.
pub fn zip_bootstrap(binary: &[u8]) -> io::Result<Vec<u8>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        // A constant, so that the bytes are the same each time.
        .last_modified_time(DateTime::default())
        // Lambda runs it as another user than its owner.
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
    fn zip_has_one_executable_file() {
        let packed = zip_bootstrap(b"program").unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.len(), 1);
        let mut entry = archive.by_name("bootstrap").unwrap();
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        assert_eq!(content, b"program");
    }

    #[test]
    fn same_binary_gives_the_same_zip() {
        let packed = zip_bootstrap(b"program").unwrap();
        assert_eq!(packed, zip_bootstrap(b"program").unwrap());
        // Zip timestamps have a resolution of two seconds, so the bytes alone prove little.
        let mut archive = zip::ZipArchive::new(Cursor::new(&packed)).unwrap();
        assert_eq!(archive.by_index(0).unwrap().last_modified(), Some(DateTime::default()));
    }
}
