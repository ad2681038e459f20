//! `packaging`: checks that Lambda's runtime can start each function's binary, and zips it.

mod binary;

use binary::Architecture;
use clap::Parser;
use packaging::archive;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, iter};

/// Zips each function's binary for Lambda.
#[derive(Parser)]
#[command(name = "packaging")]
struct Arguments {
    /// The architecture of the binaries.
    #[arg(long, value_enum)]
    architecture: Architecture,
    /// The folder with the binaries, as written by cargo ({from}/{function}) or cargo-lambda
    /// ({from}/{function}/bootstrap).
    #[arg(long)]
    from: PathBuf,
    /// The folder for the zips: {to}/{function}/bootstrap.zip.
    #[arg(long)]
    to: PathBuf,
    /// The functions, by their binaries' names.
    #[arg(required = true)]
    functions: Vec<String>,
}

/// Why a function can't be packaged.
#[derive(Debug, thiserror::Error)]
enum PackagingError {
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    #[error("{path}: {problem}", path = .0.display(), problem = .1)]
    Binary(PathBuf, binary::BinaryError),
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match package_all(&arguments) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Packages the functions, and returns a line about each. Checks all binaries before it
/// writes the first zip, so that the zips are always of one build.
fn package_all(arguments: &Arguments) -> Result<Vec<String>, PackagingError> {
    let mut checked = Vec::new();
    for function in &arguments.functions {
        let path = arguments.from.join(function);
        let path = if path.is_dir() { path.join("bootstrap") } else { path };
        let content = fs::read(&path).map_err(|error| PackagingError::File(path.clone(), error))?;
        let requirements = binary::check(&content, arguments.architecture)
            .map_err(|problem| PackagingError::Binary(path.clone(), problem))?;
        checked.push((function, content, requirements));
    }
    let width = arguments.functions.iter().map(String::len).max().unwrap_or_default();
    checked
        .into_iter()
        .map(|(function, content, requirements)| {
            let path = arguments.to.join(function).join("bootstrap.zip");
            let size =
                write_zip(&path, &content).map_err(|error| PackagingError::File(path, error))?;
            let (binary, zip) = (megabytes(content.len()), megabytes(size));
            Ok(format!(
                "{function:width$}  {}  {binary} MB, zipped {zip} MB, {requirements}",
                arguments.architecture
            ))
        })
        .chain(iter::once_with(|| {
            // `make deploy` passes it to the template.
            let path = arguments.to.join("architecture");
            fs::write(&path, arguments.architecture.to_string())
                .map_err(|error| PackagingError::File(path, error))?;
            Ok(format!("{} now has what `make deploy` uploads.", arguments.to.display()))
        }))
        .collect()
}

/// Writes a zip atomically, and returns its size in bytes.
fn write_zip(path: &Path, content: &[u8]) -> io::Result<usize> {
    let zip = archive::zip_bootstrap(content)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, &zip)?;
    fs::rename(temporary, path)?;
    Ok(zip.len())
}

/// With two decimals, as in `6.46`.
fn megabytes(bytes: usize) -> String {
    let hundredths = (bytes + 5_000) / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(folder: &Path, functions: &[&str]) -> Arguments {
        let ours =
            if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
        Arguments {
            architecture: ours,
            from: folder.join("binaries"),
            to: folder.join("lambda"),
            functions: functions.iter().copied().map(str::to_owned).collect(),
        }
    }

    #[test]
    fn nothing_is_written_when_one_binary_is_invalid() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("binaries")).unwrap();
        fs::copy(std::env::current_exe().unwrap(), folder.path().join("binaries/one")).unwrap();
        fs::write(folder.path().join("binaries/two"), "#!/bin/sh\n").unwrap();

        let error =
            package_all(&arguments(folder.path(), &["one", "two"])).unwrap_err().to_string();
        assert!(error.contains("binaries/two: it is no 64-bit Linux program"), "{error}");
        let error =
            package_all(&arguments(folder.path(), &["one", "three"])).unwrap_err().to_string();
        assert!(error.contains("binaries/three: "), "{error}");
        assert!(!folder.path().join("lambda").exists());
    }

    #[test]
    fn sizes_are_rounded() {
        assert_eq!(megabytes(6_455_344), "6.46");
        assert_eq!(megabytes(49_999), "0.05");
    }
}
