//! Whether Lambda's runtime can start a binary.
//!
//! Sources: the runtime's container image (`/lib64`); AWS, "OS-only runtimes" (`provided.al2023`),
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html>, and "Core toolchain
//! packages glibc, gcc, binutils",
//! <https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html>.

use clap::ValueEnum;
use object::read::elf::{ElfFile64, FileHeader as _, Sym as _};
use object::{Endianness, elf};
use std::fmt;

/// The runtime's glibc.
const GLIBC: Version = Version(2, 34);
/// The GCC version of the runtime's libgcc.
const LIBGCC: Version = Version(11, 0);
/// The libraries with which the runtime can link a binary.
const LIBRARIES: [&str; 9] = [
    "ld-linux-aarch64.so.1",
    "ld-linux-x86-64.so.2",
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "librt.so.1",
    "libutil.so.1",
];

/// A function's architecture, by Lambda's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Architecture {
    /// AWS Graviton.
    Arm64,
    /// Intel and AMD.
    #[value(name = "x86_64")]
    X86_64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        })
    }
}

/// Why Lambda's runtime can't start a binary.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BinaryError {
    #[error("it is no 64-bit Linux program ({0})")]
    Unreadable(#[from] object::Error),
    #[error("it isn't built for {0}")]
    Architecture(Architecture),
    #[error("it needs {0}, which the runtime provided.al2023 doesn't have")]
    Library(String),
    #[error(
        "it needs {symbols} of {version}, and the runtime provided.al2023 has {has}; \
         `make setup` installs what links it against an older one"
    )]
    Version { version: String, symbols: String, has: String },
}

/// What a binary requires of the runtime.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Requirements {
    /// The newest version of glibc that it needs, if any.
    glibc: Option<Version>,
}

impl fmt::Display for Requirements {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.glibc {
            Some(version) => write!(out, "needs glibc {version}"),
            None => out.write_str("needs no glibc"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Version(u32, u32);

impl Version {
    /// Parses `2.34`, or `2.2.5`, whose third part is irrelevant here.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(|part| part.parse().ok());
        Some(Self(parts.next()??, parts.next().unwrap_or(Some(0))?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.0, self.1)
    }
}

/// Checks that Lambda's runtime can start a binary, and returns what the binary requires.
pub(crate) fn check(
    content: &[u8],
    architecture: Architecture,
) -> Result<Requirements, BinaryError> {
    check_against(content, architecture, GLIBC)
}

fn check_against(
    content: &[u8],
    architecture: Architecture,
    has: Version,
) -> Result<Requirements, BinaryError> {
    let file = ElfFile64::<Endianness>::parse(content)?;
    let machine = match architecture {
        Architecture::Arm64 => elf::EM_AARCH64,
        Architecture::X86_64 => elf::EM_X86_64,
    };
    if file.elf_header().e_machine(file.endian()) != machine {
        return Err(BinaryError::Architecture(architecture));
    }
    check_libraries(&file, content)?;
    Ok(Requirements { glibc: check_versions(&file, content, has)? })
}

fn check_libraries(file: &ElfFile64<'_, Endianness>, content: &[u8]) -> Result<(), BinaryError> {
    let dynamic = file.elf_section_table().dynamic_table(file.endian(), content)?;
    for entry in dynamic.iter().filter(|entry| entry.tag == elf::DT_NEEDED) {
        let library = String::from_utf8_lossy(dynamic.string(entry)?);
        if !LIBRARIES.contains(&library.as_ref()) {
            return Err(BinaryError::Library(library.into_owned()));
        }
    }
    Ok(())
}

/// The newest version of glibc that the binary needs.
fn check_versions(
    file: &ElfFile64<'_, Endianness>,
    content: &[u8],
    has: Version,
) -> Result<Option<Version>, BinaryError> {
    let (endian, sections) = (file.endian(), file.elf_section_table());
    let Some((needs, strings)) = sections.gnu_verneed(endian, content)? else { return Ok(None) };
    let strings = sections.strings(endian, content, strings)?;
    let mut newest = None;
    for need in needs {
        for version in need?.1 {
            let name = String::from_utf8_lossy(version?.name(endian, strings)?);
            let (library, number) = name.split_once('_').unwrap_or((&name, ""));
            let (limit, number) = match (library, Version::parse(number)) {
                // The libraries of glibc have its version.
                ("GLIBC", number) => (has, number),
                (_, number) => (LIBGCC, number),
            };
            // A version without a number (GLIBC_PRIVATE, GLIBC_ABI_DT_RELR) is not a stable
            // interface, or newer than this runtime.
            if number.is_none_or(|number| number > limit) {
                let symbols = symbols_of(file, content, &name)?;
                let has = format!("{library} {limit}");
                return Err(BinaryError::Version { version: name.into_owned(), symbols, has });
            }
            if library == "GLIBC" {
                newest = newest.max(number);
            }
        }
    }
    Ok(newest)
}

/// The symbols of one version that a binary needs, for an error message.
fn symbols_of(
    file: &ElfFile64<'_, Endianness>,
    content: &[u8],
    version: &str,
) -> Result<String, BinaryError> {
    let Some(versions) = file.elf_section_table().versions(file.endian(), content)? else {
        return Ok("something".to_owned());
    };
    let symbols = file.elf_dynamic_symbol_table();
    let mut names = Vec::new();
    for (index, symbol) in symbols.enumerate() {
        let of = versions.version(versions.version_index(file.endian(), index).index())?;
        if of.is_some_and(|of| of.name() == version.as_bytes()) {
            names.push(String::from_utf8_lossy(symbol.name(file.endian(), symbols.strings())?));
        }
    }
    Ok(if names.is_empty() { "something".to_owned() } else { names.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Architecture =
        if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 };
    const OTHER: Architecture =
        if cfg!(target_arch = "aarch64") { Architecture::X86_64 } else { Architecture::Arm64 };

    /// The test program itself: for Linux, linked with glibc.
    fn program() -> Vec<u8> {
        std::fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    #[test]
    fn program_of_this_machine_requires_no_newer_glibc_than_it_has() {
        let requirements = check_against(&program(), OURS, Version(2, 999)).unwrap();
        let Some(newest) = requirements.glibc else { panic!("{requirements}") };
        assert!(newest >= Version(2, 17), "{requirements}");
        assert_eq!(check_against(&program(), OURS, newest).unwrap(), requirements);
    }

    #[test]
    fn symbols_newer_than_the_runtime_are_named() {
        let problem = check_against(&program(), OURS, Version(2, 1)).unwrap_err();
        let BinaryError::Version { version, symbols, has } = &problem else { panic!("{problem}") };
        assert!(version.starts_with("GLIBC_2."), "{problem}");
        assert!(!symbols.is_empty() && symbols != "something", "{problem}");
        assert_eq!(has, "GLIBC 2.1");
        assert!(problem.to_string().contains("make setup"), "{problem}");
    }

    #[test]
    fn binary_of_another_architecture_is_rejected() {
        let problem = check(&program(), OTHER).unwrap_err();
        assert_eq!(problem.to_string(), format!("it isn't built for {OTHER}"));
    }

    #[test]
    fn file_that_is_no_program_is_rejected() {
        for content in [b"#!/bin/sh\nexit 1\n".as_slice(), b"", &program()[..100]] {
            let problem = check(content, OURS).unwrap_err().to_string();
            assert!(problem.starts_with("it is no 64-bit Linux program"), "{problem}");
        }
    }

    #[test]
    fn library_that_the_runtime_lacks_is_rejected() {
        let mut other = program();
        let name = b"\0libgcc_s.so.1\0";
        let places: Vec<_> =
            (0..other.len() - name.len()).filter(|at| other[*at..].starts_with(name)).collect();
        assert!(!places.is_empty(), "this program doesn't name libgcc");
        for at in places {
            other[at + 1..at + 7].copy_from_slice(b"libssl");
        }
        let problem = check_against(&other, OURS, Version(2, 999)).unwrap_err().to_string();
        assert!(problem.contains("libssl_s.so.1"), "{problem}");
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Version::parse("2.4") < Version::parse("2.34"));
        assert_eq!(Version::parse("2.2.5"), Some(Version(2, 2)));
        assert_eq!(Version::parse("PRIVATE"), None);
        assert_eq!(Version::parse("3"), Some(Version(3, 0)));
    }
}
