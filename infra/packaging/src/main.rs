//! `packaging`: makes of each function's binary the zip that Lambda takes, if
//! Lambda's runtime can start it.

mod binary;

use binary::Architecture;
use clap::Parser;
use packaging::archive;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, iter};

/// Makes of each function's binary the zip that Lambda takes.
#[derive(Parser)]
#[command(name = "packaging")]
struct Arguments {
    /// What the binaries were built for.
    #[arg(long, value_enum)]
    architecture: Architecture,
    /// The folder with the binaries, as cargo ({from}/{function}) or cargo-lambda
    /// ({from}/{function}/bootstrap) leaves them.
    #[arg(long)]
    from: PathBuf,
    /// The folder for the zips: {to}/{function}/bootstrap.zip.
    #[arg(long)]
    to: PathBuf,
    /// The functions, called as their binaries are.
    #[arg(required = true)]
    functions: Vec<String>,
}

/// Why a function can't be packed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{path}: {error}", path = .0.display(), error = .1)]
    File(PathBuf, io::Error),
    #[error("{path}: {problem}", path = .0.display(), problem = .1)]
    Unfit(PathBuf, binary::Unfit),
}

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]
fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match pack_all(&arguments) {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Looks at all binaries before the first zip is written, so that there are never
/// zips of two builds beside each other. A line about each.
fn pack_all(arguments: &Arguments) -> Result<Vec<String>, Failure> {
    let mut packed = Vec::new();
    for function in &arguments.functions {
        let path = arguments.from.join(function);
        let path = if path.is_dir() { path.join("bootstrap") } else { path };
        let content = fs::read(&path).map_err(|error| Failure::File(path.clone(), error))?;
        let needs = binary::check(&content, arguments.architecture)
            .map_err(|problem| Failure::Unfit(path.clone(), problem))?;
        packed.push((function, content, needs));
    }
    let width = arguments.functions.iter().map(String::len).max().unwrap_or_default();
    packed
        .into_iter()
        .map(|(function, content, needs)| {
            let path = arguments.to.join(function).join("bootstrap.zip");
            let size = write(&path, &content).map_err(|error| Failure::File(path, error))?;
            let (binary, zip) = (megabytes(content.len()), megabytes(size));
            Ok(format!(
                "{function:width$}  {}  {binary} MB, zipped {zip} MB, {needs}",
                arguments.architecture
            ))
        })
        .chain(iter::once_with(|| {
            // What is deployed has to be told what it was built for.
            let path = arguments.to.join("architecture");
            fs::write(&path, arguments.architecture.to_string())
                .map_err(|error| Failure::File(path, error))?;
            Ok(format!("{} now holds what `make deploy` uploads.", arguments.to.display()))
        }))
        .collect()
}

/// Writes a zip in one step, and says how many bytes it has.
fn write(path: &Path, content: &[u8]) -> io::Result<usize> {
    let zip = archive::of(content)?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = path.with_extension("unfinished");
    fs::write(&unfinished, &zip)?;
    fs::rename(unfinished, path)?;
    Ok(zip.len())
}

/// As in `6.46`.
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
    fn nothing_is_written_if_one_of_them_can_not_be_packed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("binaries")).unwrap();
        fs::copy(std::env::current_exe().unwrap(), folder.path().join("binaries/one")).unwrap();
        fs::write(folder.path().join("binaries/two"), "#!/bin/sh\n").unwrap();

        let failure = pack_all(&arguments(folder.path(), &["one", "two"])).unwrap_err().to_string();
        assert!(failure.contains("binaries/two: it is no Linux program"), "{failure}");
        let failure =
            pack_all(&arguments(folder.path(), &["one", "three"])).unwrap_err().to_string();
        assert!(failure.contains("binaries/three: "), "{failure}");
        assert!(!folder.path().join("lambda").exists());
    }

    #[test]
    fn sizes_are_rounded() {
        assert_eq!(megabytes(6_455_344), "6.46");
        assert_eq!(megabytes(49_999), "0.05");
    }
}
