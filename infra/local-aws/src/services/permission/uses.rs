//! The permissions that functions have used.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// A permission that a function has used.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    /// The function's name.
    pub function: String,
    /// As in `dynamodb:PutItem`.
    pub action: String,
    /// The ARN.
    pub resource: String,
}

/// A permission that no function has used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unused {
    /// Where its statement stands in the template, counted from 1.
    pub line: usize,
    /// As the policy writes it.
    pub action: String,
    /// As the policy writes it, worked out.
    pub resource: String,
}

impl fmt::Display for Unused {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "line {}: {} on {}", self.line, self.action, self.resource)
    }
}

/// All uses, and the file that they are written to as they happen.
#[derive(Default)]
pub(super) struct Uses {
    seen: BTreeSet<Use>,
    file: Option<File>,
}

impl Uses {
    pub(super) fn write_to(&mut self, file: &Path) -> io::Result<()> {
        let mut file = persisted::private::open(file)?;
        for used in &self.seen {
            file.write_all(line(used).as_bytes())?;
        }
        self.file = Some(file);
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<Use> {
        self.seen.iter().cloned().collect()
    }

    pub(super) fn note(&mut self, function: &str, action: &str, resource: &str) {
        let used = Use {
            function: function.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        };
        if self.seen.contains(&used) {
            return;
        }
        // A line is one write, so that several processes can append to one file.
        if let Some(file) = &mut self.file
            && let Err(error) = file.write_all(line(&used).as_bytes())
        {
            tracing::error!(%error, "the use of a permission can't be written to the file");
        }
        self.seen.insert(used);
    }
}

fn line(used: &Use) -> String {
    format!("{}\t{}\t{}\n", used.function, used.action, used.resource)
}

/// Reads the file that uses were written to, in any number of runs.
pub fn read(file: &Path) -> io::Result<BTreeSet<Use>> {
    let text = std::fs::read_to_string(file)?;
    let uses = text.lines().map(|line| match line.split('\t').collect::<Vec<_>>()[..] {
        [function, action, resource] => Ok(Use {
            function: function.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        }),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("not a use: {line}"))),
    });
    uses.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_of_two_clouds_in_one_file_are_merged() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("uses");
        let (mut one, mut other) = (Uses::default(), Uses::default());
        one.note("send", "sqs:SendMessage", "arn:early");
        one.write_to(&file).unwrap();
        other.write_to(&file).unwrap();
        for uses in [&mut one, &mut other] {
            uses.note("send", "sqs:SendMessage", "arn:both");
            uses.note("send", "sqs:SendMessage", "arn:both");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 3);
        let uses = read(&file).unwrap();
        let resources: Vec<_> = uses.iter().map(|it| it.resource.as_str()).collect();
        assert_eq!(resources, ["arn:both", "arn:early"]);
        assert_eq!(one.all(), uses.into_iter().collect::<Vec<_>>());
        assert!(read(&folder.path().join("none")).is_err());
        std::fs::write(&file, "half a li").unwrap();
        assert!(read(&file).is_err());
    }
}
